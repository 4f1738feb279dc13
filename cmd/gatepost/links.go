package main

import (
	"context"

	"github.com/spf13/cobra"
)

func linksCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "links",
		Short: "Connect links: list, cancel",
		Long: `Connect links let a colleague connect a mailbox in a browser, without a login here.
New ones: gatepost connect link`,
	}
	cmd.AddCommand(linksListCommand(env), linksCancelCommand(env))
	return cmd
}

func linksListCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "List connect links, newest first", Args: cobra.NoArgs}
	return overAPI(env, cmd, func(ctx context.Context, r *remote, _ []string) error {
		list, err := r.Links(ctx)
		if err != nil {
			return err
		}
		return r.show(list, func() {
			var rows [][]string
			for _, l := range list.Data {
				rows = append(rows, []string{l.ID, l.Address, l.Status, when(l.ExpiresAt.Time), l.Problem})
			}
			r.table([]string{"ID", "MAILBOX", "STATUS", "ENDS", "LAST PROBLEM"}, rows)
		})
	})
}

func linksCancelCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "cancel LINK-ID", Aliases: []string{"remove", "rm"}, Short: "End a connect link that was not used", Args: oneArg("the link's id; gatepost links list shows them"),
		Example: "  gatepost links cancel link_01k…",
	}
	return overAPI(env, cmd, func(ctx context.Context, r *remote, args []string) error {
		if err := r.CancelLink(ctx, args[0]); err != nil {
			return err
		}
		return r.show(removed{args[0], true}, func() { r.line("The link %s leads nowhere any more.", args[0]) })
	})
}
