package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatepost/client"
	"gatepost/internal/queue"
)

// queued is which messages a command is about.
type queued struct {
	account, lane, kind, cause, state string
	olderThan                         time.Duration
}

func (q *queued) flags(cmd *cobra.Command, env environment, states ...string) {
	f := cmd.Flags()
	f.StringVar(&q.account, "account", "", "only mail of this `account`, address or id, or of a pool")
	f.StringVar(&q.lane, "lane", "", "only this `lane`: urgent, normal or bulk")
	f.StringVar(&q.kind, "type", "", "only messages of this `type`")
	f.StringVar(&q.cause, "cause", "", "only what the last attempt ended with: this `word`")
	f.Var((*age)(&q.olderThan), "older-than", "only what was submitted longer `ago` than this: 90s, 2h, 3d")
	if len(states) > 0 {
		f.StringVar(&q.state, "state", "", "only this `state`: "+strings.Join(states, ", "))
	}
	completeQueue(cmd, env, states)
}

// completeQueue offers the values of flags at a shell's Tab.
func completeQueue(cmd *cobra.Command, env environment, states []string) {
	const all = cobra.ShellCompDirectiveNoFileComp
	accounts := func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return senders(cmd, env, false), all
	}
	for flag, values := range map[string]cobra.CompletionFunc{
		"lane": cobra.FixedCompletions([]string{"urgent", "normal", "bulk"}, all), "account": accounts, "to": accounts,
		"type": cobra.FixedCompletions(queue.Types(), all), "state": cobra.FixedCompletions(states, all),
		"cause": cobra.FixedCompletions(queue.Causes(), all),
	} {
		if cmd.Flags().Lookup(flag) != nil {
			_ = cmd.RegisterFlagCompletionFunc(flag, values) // the flag is there
		}
	}
}

// notEmpty refuses flags that were given without a value: a variable of a script that
// is empty would select everything.
func notEmpty(cmd *cobra.Command) error {
	for _, flag := range []string{"account", "pool", "lane", "type", "cause", "state"} {
		if f := cmd.Flags().Lookup(flag); f != nil && f.Changed && f.Value.String() == "" {
			return usagef("--%s: is empty: write a value, or leave the flag out, which stands for all", flag)
		}
	}
	return nil
}

// ofQueue is a command about what waits.
func ofQueue(env environment, cmd *cobra.Command, do func(ctx context.Context, r *remote, args []string) error) *cobra.Command {
	overAPI(env, cmd, do)
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return notEmpty(cmd) }
	return cmd
}

// before is the time that --older-than means, zero where it was not given.
func (q *queued) before() time.Time {
	if q.olderThan == 0 {
		return time.Time{}
	}
	return time.Now().Add(-q.olderThan)
}

func queueCommand(env environment) *cobra.Command {
	q := &queued{}
	cmd := &cobra.Command{
		Use:   "queue",
		Short: "See who waits for what and until when; pause, hold, move, cancel many",
		Long: `See who waits for what and until when, and decide about many messages at once:

  pause, resume    no attempt begins, nothing is changed
  hold, release    each message waits for a person, then goes on
  retry            what failed is tried again
  move             another account sends what waits
  cancel           what waits is not sent

Each of these counts first and asks; --yes does not ask, --dry-run only counts.`,
		Args: cobra.NoArgs,
		Example: `  gatepost queue
  gatepost queue --account app@example.com --lane bulk
  gatepost queue pause --lane bulk --reason "a wrong price"
  gatepost queue retry --cause gave_up --dry-run
  gatepost queue move --account old@example.com --to new@example.com`,
	}
	q.flags(cmd, env, "scheduled", "queued", "sending", "unknown", "held")
	ofQueue(env, cmd, func(ctx context.Context, r *remote, _ []string) error {
		if q.state == "failed" {
			return usagef("--state: what failed waits no more. It is counted, and may be tried again, by gatepost queue retry --dry-run")
		}
		found, err := r.Queue(ctx, client.QueueQuery{
			Account: q.account, Lane: q.lane, Type: q.kind, Cause: q.cause, State: q.state, SubmittedBefore: q.before(),
		})
		if err != nil {
			return err
		}
		return r.show(found, func() {
			r.waiting(found.Waiting, "Nothing waits.")
			r.paused(found.Pauses)
		})
	})
	cmd.AddCommand(queuePauseCommand(env), queueResumeCommand(env))
	for _, v := range verbs() {
		cmd.AddCommand(queueVerbCommand(env, v))
	}
	return cmd
}

func (r *remote) waiting(list []client.Waiting, none string) {
	if len(list) == 0 {
		r.line("%s", none)
		return
	}
	var rows [][]string
	for _, w := range list {
		if w.Text = inLocal(w.Text); isTerminal(r.out) {
			w.Text = short(w.Text, 72)
		}
		account, oldest := w.Address, ""
		if account == "" {
			account = w.Account
		}
		if w.OldestAt != nil {
			oldest = when(w.OldestAt.Time)
		}
		rows = append(rows, []string{strconv.FormatInt(w.Messages, 10), account, w.Lane, w.State, w.Cause, oldest, whenAt(w.Until), w.Text})
	}
	r.table([]string{"MESSAGES", "ACCOUNT", "LANE", "STATE", "CAUSE", "OLDEST", "UNTIL", "WAITS"}, rows)
}

// paused tells what is paused, and how to end it.
func (r *remote) paused(list []client.Pause) {
	for _, p := range list {
		r.line("%s%s. To end it: %s", r.in(yellow, "paused  "), pauseWords(p), resumeCommand(pausedName(p), p.Lane))
	}
}

// pausedName is whose mail is paused; empty: everybody's.
func pausedName(p client.Pause) string {
	if p.Address != "" {
		return p.Address
	}
	return p.Account
}

// pauseWords tells of a pause what it is about, why and since when.
func pauseWords(p client.Pause) string {
	what := pausedMail(pausedName(p), p.Lane)
	if p.Reason != "" {
		what += ": " + p.Reason
	}
	return what + ", since " + when(p.Since.Time)
}

// pausedMail names what a pause is about.
func pausedMail(account, lane string) string {
	switch {
	case account == "" && lane == "":
		return "everything"
	case account == "":
		return "everything, lane " + lane
	case lane == "":
		return account
	}
	return account + ", lane " + lane
}
