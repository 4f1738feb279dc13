package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"gatepost/client"
)

// verb is something that a command does to many messages.
type verb struct {
	name, about, done, example string
	states                     []string
}

func verbs() []verb {
	waits := []string{"scheduled", "queued", "held"}
	return []verb{
		{client.VerbHold, "Hold what waits, until it is released", "held", "--type invoice --reason \"a wrong price\"", waits[:2]},
		{client.VerbRelease, "Let held messages go on; what may have left already is counted first", "released", "--cause by_hand", nil},
		{client.VerbRetry, "Try again what failed, to those for whom it failed", "queued again", "--cause gave_up", nil},
		{client.VerbMove, "Have what waits sent by another account", "moved", "--account old@example.com --to new@example.com", waits},
		{client.VerbCancel, "Cancel what waits", "canceled", "--lane bulk --older-than 24h", waits},
	}
}

// ordering is a verb on its way.
type ordering struct {
	verb
	queued
	to, reason  string
	yes, dryRun bool
}

func queueVerbCommand(env environment, v verb) *cobra.Command {
	o := &ordering{verb: v}
	cmd := &cobra.Command{
		Use: v.name, Short: v.about, Args: cobra.NoArgs,
		Example: "  gatepost queue " + v.name + " " + v.example + "\n  gatepost queue " + v.name + " --dry-run",
	}
	f := cmd.Flags()
	if v.name == client.VerbMove {
		f.StringVar(&o.to, "to", "", "the `account` that sends from now on, address or id")
	}
	o.flags(cmd, env, v.states...)
	f.StringVar(&o.reason, "reason", "", "`why`; it stands in what is told of each message")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	f.BoolVar(&o.dryRun, "dry-run", false, "count, and do nothing")
	return ofQueue(env, cmd, func(ctx context.Context, r *remote, _ []string) error { return o.run(ctx, r) })
}

func (o *ordering) order() client.QueueOrder {
	order := client.QueueOrder{
		Account: o.account, Lane: o.lane, Type: o.kind, Cause: o.cause, State: o.state, To: o.to, Reason: o.reason, DryRun: o.dryRun,
	}
	if before := o.before(); !before.IsZero() {
		order.SubmittedBefore = client.At(before)
	}
	return order
}

// run counts, asks, and does it.
func (o *ordering) run(ctx context.Context, r *remote) error {
	order := o.order()
	if !o.yes || o.dryRun {
		count := order
		count.DryRun = true
		found, err := r.OrderQueue(ctx, o.name, count, nil)
		if err != nil {
			return err
		}
		if o.dryRun || found.Messages == 0 {
			return errors.Join(r.show(found, func() { o.counted(r, found) }), o.nothing(found))
		}
		if err := r.agreed(o.would(found), func() { o.counted(r, found) }); err != nil {
			return err
		}
	}
	done, err := r.OrderQueue(ctx, o.name, order, func(done client.QueueOrdered) { r.progress("%d messages are %s …", done.Messages, o.done) })
	r.progressEnd()
	if err != nil {
		if done.Messages > 0 {
			r.errLine("%s before it broke off; the same command does the rest.", o.sum(done))
		}
		return err
	}
	return errors.Join(r.show(done, func() { o.told(r, done) }), o.nothing(done))
}

// nothing ends a command that was to do something and found nothing to do: it has
// said so, and a script is not to take it for done.
func (o *ordering) nothing(done client.QueueOrdered) error {
	if o.dryRun || done.Messages > 0 {
		return nil
	}
	return toldError{exitFailed}
}

// told says what was done.
func (o *ordering) told(r *remote, done client.QueueOrdered) {
	if done.Messages == 0 && len(done.Skipped) == 0 {
		r.line(noneFits)
		return
	}
	r.line("%s.", o.sum(done))
	r.skipped(done)
}

// noneFits is said where nothing was selected.
const noneFits = "No message fits."

// would is what is asked for.
func (o *ordering) would(found client.QueueOrdered) string {
	text := fmt.Sprintf("%s would be %s", plural(found.Messages, "message"), o.done)
	switch {
	case found.Twice == 1:
		text += "; 1 of them may arrive twice, as its last attempt ended without an answer"
	case found.Twice > 1:
		text += fmt.Sprintf("; %d of them may arrive twice, as their last attempt ended without an answer", found.Twice)
	}
	return text
}

// sum is how many messages it was done to.
func (o *ordering) sum(done client.QueueOrdered) string {
	is := "are"
	if done.Messages == 1 {
		is = "is"
	}
	return fmt.Sprintf("%s %s %s", plural(done.Messages, "message"), is, o.done)
}

func (o *ordering) counted(r *remote, found client.QueueOrdered) {
	r.waiting(found.Waiting, noneFits)
	r.skipped(found)
	if found.Messages > 0 {
		r.line("%s.", o.would(found))
	}
}

func (r *remote) skipped(o client.QueueOrdered) {
	for _, s := range o.Skipped {
		as := "left as it is"
		if s.Messages != 1 {
			as = "left as they are"
		}
		r.line("%s %s: %s", plural(s.Messages, "message"), as, s.Why)
	}
}

// agreed asks a person; without one it has to be said beforehand.
func (r *remote) agreed(would string, counted func()) error {
	if r.asJSON || !isTerminal(r.env.stdin) {
		return usagef("%s: give --yes to do it, --dry-run to see which", would)
	}
	counted()
	return r.answered(bufio.NewReader(r.env.stdin))
}

// answered takes anything but a yes for a no.
func (r *remote) answered(from *bufio.Reader) error {
	fmt.Fprint(r.err, "Go on? [y/N]: ")
	line, _ := from.ReadString('\n') // the end of input is no yes
	if s := strings.ToLower(strings.TrimSpace(line)); s != "y" && s != "yes" {
		return usagef("nothing was done")
	}
	return nil
}
