package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"gatepost/client"
)

func accountsTraceCommand(env environment) *cobra.Command {
	span := 5 * time.Minute
	cmd := &cobra.Command{
		Use: "trace", Short: "Show what an account and its provider say to each other, as they say it",
		Long: `Show what an account and its provider say to each other, as they say it, for a
while: calls with their status and time, lines of SMTP, what refusals say, the
version of TLS, and how tokens are asked for. Addresses are shown; tokens,
passwords, subjects and what mail contains are not.

It shows the gatepost that answers, and says so where another node sends for the
account. What was begun before is not shown: the next message is.`,
		Example: `  gatepost accounts trace app@acme.example --for 10m
  gatepost accounts check app@acme.example      # meanwhile, in another window`,
	}
	cmd.Flags().DurationVar(&span, "for", span, "for how long, at most an hour")
	return onAccount(env, cmd, func(ctx context.Context, r *remote, a client.Account) error {
		if span < time.Second || span > time.Hour {
			return usagef("--for %s: from 1s to 1h", span)
		}
		r.errLine("Watching %s for %s; Ctrl-C ends it.", a.Address, span)
		return r.accountLines(ctx, a.ID, span)
	})
}

func (r *remote) accountLines(ctx context.Context, id string, span time.Duration) error {
	arrows := map[string]string{"gatepost": ">", "provider": "<", "note": "*"}
	for l, err := range r.TraceAccount(ctx, id, span) {
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		}
		if err := r.show(l, func() { r.line("%s %s %s", l.At.Format("15:04:05.000"), arrows[l.Who], l.Text) }); err != nil {
			return err
		}
	}
	return nil
}
