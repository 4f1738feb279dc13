package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gatepost/client"
)

// completeAll gives every command that says nothing of its own about Tab the usual:
// files where a flag takes one, nothing anywhere else.
func completeAll(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		completeAll(c)
	}
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if _, has := cmd.GetFlagCompletionFunc(f.Name); !has && !takesFile(f) {
			complete(cmd, f.Name, cobra.NoFileCompletions)
		}
	})
}

func takesFile(f *pflag.Flag) bool {
	what, _ := pflag.UnquoteUsage(f)
	return what == "file" || what == "folder"
}

// complete says what Tab offers for a flag.
func complete(cmd *cobra.Command, flag string, values cobra.CompletionFunc) {
	_ = cmd.RegisterFlagCompletionFunc(flag, values) // it fails for a flag that is not there; a test presses Tab at each
}

// statuses are the states of a recipient.
func statuses() []string {
	return []string{"scheduled", "queued", "sending", "unknown", "held", "accepted", "failed", "canceled", "expired"}
}

// oneOf offers words, each once.
func oneOf(words []string) cobra.CompletionFunc {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

// listOf offers words for a list with commas, but for those that it has.
func listOf(words []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		before := typed[:strings.LastIndex(typed, ",")+1]
		var offered []string
		for _, w := range words {
			if !slices.Contains(strings.Split(before, ","), w) {
				offered = append(offered, before+w)
			}
		}
		return offered, cobra.ShellCompDirectiveNoFileComp
	}
}

// fewMessages is how many messages Tab offers.
const fewMessages = 20

// recentMessages offers the latest messages, or those in some states, with their subjects.
func recentMessages(env environment) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		const order = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
		if len(args) > 0 {
			return nil, order
		}
		var list []string
		asked(cmd, env, func(ctx context.Context, r *remote) error {
			page, err := r.Messages(ctx, client.MessageQuery{Limit: fewMessages})
			for _, m := range page.Data {
				list = append(list, cobra.CompletionWithDesc(m.ID, strings.Join(strings.Fields(overall(m.Recipients)+" "+short(clean(m.Subject), 48)), " ")))
			}
			return err
		})
		return list, order
	}
}

// asked asks gatepost for what Tab offers. Where it cannot be asked there is nothing
// to offer, and nothing to say in the middle of a command line.
func asked(cmd *cobra.Command, env environment, do func(context.Context, *remote) error) {
	ctx, cancel := context.WithTimeout(cmd.Context(), tabTime)
	defer cancel()
	if r, err := dial(cmd, env, forClient); err == nil {
		_ = do(ctx, r)
	}
}
