package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatepost/client"
)

func messagesExplainCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain MESSAGE-ID", Short: "Tell where a message is and why, what was tried, and what comes next", Args: messageID(), ValidArgsFunction: recentMessages(env),
		Example: "  gatepost messages explain msg_01k…",
	}
	return overAPI(env, cmd, func(ctx context.Context, r *remote, args []string) error {
		e, err := r.Explain(ctx, args[0])
		if err != nil {
			return err
		}
		return r.show(e, func() { r.explanation(e) })
	})
}

func (r *remote) explanation(e client.Explanation) {
	r.line("%s  %s", r.in(bold, e.ID), r.state(e.Status))
	for _, line := range wrap(inLocal(e.Summary), 92) {
		r.line("%s", line)
	}
	r.line("")
	if e.Account.Status == "" {
		r.line("%snone takes it", r.in(dim, "account   "))
	} else {
		r.line("%s%s (%s), %s", r.in(dim, "account   "), e.Account.Address, e.Account.Transport, r.state(e.Account.Status))
	}
	if r.indented(e.Account.Why); e.Account.Reason != e.Fix { // it stands below, as what to do
		r.indented(inLocal(e.Account.Reason))
	}
	if e.Account.ParkedUntil != nil {
		r.indented("It waits until " + whenAt(e.Account.ParkedUntil) + ".")
	}
	r.line("%s%s: lane %s; without an answer: %s", r.in(dim, "type      "), e.Policy.Type, e.Policy.Lane, e.Policy.OnUnknown)
	r.indented("content kept: " + inLocal(e.Policy.Kept))
	for _, l := range e.Limits {
		r.line("%s%s: %s", r.in(dim, "limit     "), l.Name, limitText(l))
	}
	for _, a := range e.Attempts {
		if a.Fix == e.Fix {
			a.Fix = "" // it stands below, as what to do
		}
		r.attempt(a)
	}
	if e.Next != "" {
		r.line("%s%s", r.in(dim, "next      "), strings.TrimSpace(whenAt(e.NextAt)+"  "+inLocal(e.Next)))
	}
	if e.Fix != "" {
		r.line("%s%s", r.in(bold, "to do     "), inCommands(e.Fix))
	}
}

// limitText tells how a limit stands, and what the message takes of it.
func limitText(l client.ExplainedLimit) string {
	if l.InUse == nil {
		return fmt.Sprintf("it takes %d, %d allowed", l.Used, l.Limit)
	}
	return fmt.Sprintf("it takes %d, %d allowed, %d of these used", l.Used, l.Limit, *l.InUse)
}

func (r *remote) attempt(a client.Attempt) {
	line := when(a.At.Time)
	if a.Address != "" {
		line += "  by " + a.Address
	}
	if len(a.Recipients) > 0 {
		line += "  to " + strings.Join(a.Recipients, ", ")
	}
	r.line("%s%s  %s", r.in(dim, fmt.Sprintf("try %-6d", a.Number)), r.state(fmt.Sprintf("%-9s", a.Outcome)), line)
	r.indented(a.Text, a.Reply, inCommands(a.Fix))
	if a.PossibleDuplicate {
		r.indented("Recipients may have got it twice.")
	}
}

// indented writes what is said of the line above.
func (r *remote) indented(lines ...string) {
	for _, l := range lines {
		if l != "" {
			r.line("          %s", l)
		}
	}
}

func (r *remote) types(list client.PolicyList) {
	var rows [][]string
	for _, t := range list.Data {
		rows = append(rows, typeRow(t))
	}
	r.table([]string{"TYPE", "LANE", "LIFE", "CONTENT KEPT", "WITHOUT AN ANSWER"}, rows)
}

func typeRow(t client.Policy) []string {
	life, kept := "no end", "shredded at once"
	if t.Life > 0 {
		life = span(t.Life)
	}
	if t.Keep > 0 {
		kept = span(t.Keep)
	}
	return []string{t.Type, t.Lane, life, kept, t.OnUnknown}
}

// span writes seconds in the largest whole unit.
func span(seconds int64) string {
	for _, u := range []struct {
		seconds int64
		name    string
	}{{24 * 3600, "day"}, {3600, "hour"}, {60, "minute"}} {
		if n := seconds / u.seconds; n > 0 && seconds%u.seconds == 0 {
			return plural(n, u.name)
		}
	}
	return (time.Duration(seconds) * time.Second).String()
}

func plural(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
