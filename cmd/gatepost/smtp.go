package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"gatepost/client"
)

func smtpCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "smtp",
		Short: "The SMTP door: watch what a program says there",
		Long: `The SMTP door takes mail of programs that can only speak SMTP: serve --smtp-listen
and --smtps-listen open it. The password is an API key, the user its name or an
account's address.`,
	}
	cmd.AddCommand(smtpTraceCommand(env))
	return cmd
}

func smtpTraceCommand(env environment) *cobra.Command {
	q := client.TraceQuery{}
	cmd := &cobra.Command{
		Use:   "trace",
		Short: "Show what clients and gatepost say to each other, as they say it",
		Long: `Show what SMTP clients and gatepost say to each other, as they say it, for a while.
Keys and passwords are not shown, nor what mail contains; addresses are.

It shows connections to the gatepost that answers: of several nodes ask the one
that the client reaches. Lines before the login belong to no key yet: give
--client to see why somebody cannot log in.`,
		Example: `  gatepost smtp trace --client 192.0.2.7
  gatepost smtp trace --key shop --for 30m
  gatepost smtp trace --json | jq -r .text`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&q.Client, "client", "", "only this `address` or network")
	f.StringVar(&q.Key, "key", "", "only this API key, its `name` or id, from the login on")
	f.DurationVar(&q.For, "for", 5*time.Minute, "for how long, at most an hour")
	return overAPI(env, cmd, func(ctx context.Context, r *remote, _ []string) error {
		if q.For < time.Second || q.For > time.Hour {
			return usagef("--for %s: from 1s to 1h", q.For)
		}
		return showTrace(ctx, r, q)
	})
}

func showTrace(ctx context.Context, r *remote, q client.TraceQuery) error {
	r.errLine("Watching the SMTP door for %s; Ctrl-C ends it.", q.For)
	lines := 0
	for l, err := range r.TraceSMTP(ctx, q) {
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, context.Canceled) {
				break
			}
			return err
		}
		lines++
		show := func() {
			arrow := "<"
			if l.Who == "client" {
				arrow = ">"
			}
			r.line("%s %s %s %s %s", l.At.Format("15:04:05.000"), l.Session, l.Client, arrow, l.Text)
		}
		if err := r.show(l, show); err != nil {
			return err
		}
	}
	if lines == 0 {
		r.errLine("Nothing was said. Does the client reach this gatepost? Is --smtp-listen set?")
	}
	return nil
}
