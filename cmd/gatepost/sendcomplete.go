package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatepost/internal/queue"
)

// completion offers the values of flags at a shell's Tab.
func (s *sending) completion(cmd *cobra.Command, env environment) {
	var types []string
	for _, p := range queue.Policies() {
		types = append(types, p.Type)
	}
	const all = cobra.ShellCompDirectiveNoFileComp
	for flag, values := range map[string]cobra.CompletionFunc{
		"type":       cobra.FixedCompletions(types, all),
		"lane":       cobra.FixedCompletions([]string{"normal", "bulk"}, all),
		"on-unknown": cobra.FixedCompletions([]string{"reconcile", "retry", "hold"}, all),
		"account": func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return senders(cmd, env, false), all
		},
		"from": func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return senders(cmd, env, true), all
		},
	} {
		_ = cmd.RegisterFlagCompletionFunc(flag, values) // it fails for a flag that is not there; a test presses Tab at each
	}
}

// tabTime is how long somebody who pressed Tab waits for gatepost.
const tabTime = 2 * time.Second

// senders asks gatepost for the addresses of accounts, and for those that they
// may send as. Where it cannot be asked there is nothing to offer, and nothing to
// say in the middle of a command line.
func senders(cmd *cobra.Command, env environment, aliases bool) (list []string) {
	ctx, cancel := context.WithTimeout(cmd.Context(), tabTime)
	defer cancel()
	r, err := dial(cmd, env, forClient)
	if err != nil {
		return nil
	}
	accounts, err := r.Accounts(ctx)
	if err != nil {
		return nil
	}
	for _, a := range accounts.Data {
		list = append(list, a.Address)
		for _, sender := range a.Senders {
			if aliases && sender != a.Address && !strings.HasPrefix(sender, "@") {
				list = append(list, sender)
			}
		}
	}
	return list
}
