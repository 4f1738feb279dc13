package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"gatepost/client"
)

func errorsCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "errors", Short: "See what providers said that gatepost does not know", Args: cobra.NoArgs,
		Long: `See what providers said that gatepost does not know. It did what is safe at that
step, and kept the words without addresses, hosts, ids and tokens: they can be
reported as they stand, so that the next version knows them.

What is known: docs/errors.md, and  gatepost explain TEXT`,
		Example: "  gatepost errors\n  gatepost errors --json",
	}
	return overAPI(env, cmd, func(ctx context.Context, r *remote, _ []string) error {
		list, err := r.UnlistedErrors(ctx)
		if err != nil {
			return err
		}
		return r.show(list, func() { r.unlisted(list.Data) })
	})
}

func (r *remote) unlisted(list []client.UnlistedError) {
	if len(list) == 0 {
		r.line("Nothing: gatepost knew all that providers said.")
		return
	}
	for _, u := range list {
		r.line("%s  %s", r.in(bold, u.Provider+" "+stageWords[u.Stage]), r.in(dim, fmt.Sprintf("%s, last %s", timesWords(u.Count), u.LastAt.UTC().Format(time.DateTime))))
		for _, line := range wrap(u.Sample, 90) {
			r.line("  %s", line)
		}
	}
}

func timesWords(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
