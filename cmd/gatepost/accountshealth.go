package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatepost/client"
)

func accountsHealthCommand(env environment) *cobra.Command {
	since := age(7 * day)
	cmd := &cobra.Command{
		Use: "health", Short: "Tell when an account could not send, and why",
		Example: "  gatepost accounts health app@example.com --since 30d",
	}
	cmd.Flags().Var(&since, "since", "how far back: 90s, 2h, 30d")
	return onAccount(env, cmd, func(ctx context.Context, r *remote, a client.Account) error {
		h, err := r.AccountHealth(ctx, a.ID, time.Now().Add(-time.Duration(since)))
		if err != nil {
			return err
		}
		return r.show(h, func() { r.health(h) })
	})
}

func (r *remote) health(h client.AccountHealth) {
	r.line("%s could send for %s of the time from %s to %s.", h.Address, percent(h.Well), when(h.From.Time), when(h.Until.Time))
	for _, t := range h.Trouble {
		line := []string{lasted(t)}
		if t.Times > 1 {
			line = append(line, fmt.Sprintf("%d times in a row", t.Times))
		}
		if t.Lane != "" {
			line = append(line, "lane "+t.Lane)
		}
		if t.Cause != t.State {
			line = append(line, t.Cause)
		}
		r.line("\n%s  %s  %s", r.in(dim, when(t.From.Time)), r.state(t.State), strings.Join(line, " · "))
		r.indented(t.Text, inCommands(t.Fix))
	}
	for _, w := range h.Warned {
		r.line("\n%s  %s", r.in(dim, when(w.At.Time)), r.state(w.Event))
		r.indented(w.Text, inCommands(w.Fix))
	}
}

// percent never says 100 % of what was not whole.
func percent(share float64) string {
	if share >= 1 {
		return "100 %"
	}
	return fmt.Sprintf("%.2f %%", min(99.99, 100*share))
}

func lasted(t client.Trouble) string {
	switch {
	case t.Goes && t.Until == nil:
		return "since then"
	case t.Goes:
		return "until " + when(t.Until.Time)
	}
	if took := t.Until.Sub(t.From.Time).Round(time.Second); took > 0 {
		return "for " + took.String()
	}
	return "for less than a second"
}
