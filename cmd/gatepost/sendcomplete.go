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
	for flag, values := range map[string]cobra.CompletionFunc{
		"type":       oneOf(types()),
		"lane":       oneOf([]string{"normal", "bulk"}),
		"on-unknown": oneOf([]string{"reconcile", "retry", "hold"}),
		"account":    accountNames(env),
		"from": func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return senders(cmd, env, true), cobra.ShellCompDirectiveNoFileComp
		},
	} {
		complete(cmd, flag, values)
	}
}

// types are the types of mail.
func types() (list []string) {
	for _, p := range queue.Policies() {
		list = append(list, p.Type)
	}
	return list
}

// accountNames offers the addresses of accounts, for one.
func accountNames(env environment) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) (list []string, _ cobra.ShellCompDirective) {
		if len(args) == 0 {
			list = senders(cmd, env, false)
		}
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}

// tabTime is how long somebody who pressed Tab waits for gatepost.
const tabTime = 2 * time.Second

// senders asks gatepost for the addresses of accounts, and for those that they
// may send as.
func senders(cmd *cobra.Command, env environment, aliases bool) (list []string) {
	asked(cmd, env, func(ctx context.Context, r *remote) error {
		accounts, err := r.Accounts(ctx)
		for _, a := range accounts.Data {
			list = append(list, a.Address)
			for _, sender := range a.Senders {
				if aliases && sender != a.Address && !strings.HasPrefix(sender, "@") {
					list = append(list, sender)
				}
			}
		}
		return err
	})
	return list
}
