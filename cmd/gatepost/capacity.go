package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"gatepost/client"
)

func capacityCommand(env environment) *cobra.Command {
	var q client.CapacityQuery
	cmd := &cobra.Command{
		Use: "capacity", Short: "See what accounts and pools can still send, now and today", Args: cobra.NoArgs,
		Long: `See how many messages to one recipient each account and each pool can send at once
(NOW, and urgent ones), how many of the limits of a day are left beside what is kept
for urgent mail, and when more may leave than now (NEXT FREE). Mail that is not
urgent leaves evenly, so NOW is small where a limit is of a minute. "-" stands where
no limit is known. The limits one by one: gatepost accounts show ACCOUNT`,
		Example: "  gatepost capacity\n  gatepost capacity --pool shop\n  gatepost capacity --json",
	}
	cmd.Flags().StringVar(&q.Account, "account", "", "only this `account`, address or id, and the pools that it is in")
	cmd.Flags().StringVar(&q.Pool, "pool", "", "only this `pool`, name or id, and the accounts that are in it")
	completeQueue(cmd, env, nil)
	return ofQueue(env, cmd, func(ctx context.Context, r *remote, _ []string) error {
		all, err := r.CapacityOf(ctx, q)
		if err != nil {
			return err
		}
		return r.show(all, func() { r.capacity(all) })
	})
}

func (r *remote) capacity(all client.CapacityList) {
	if len(all.Data) == 0 {
		r.line("No mailbox is connected yet. Connect one: gatepost connect --help")
		return
	}
	var rows [][]string
	for _, c := range all.Data {
		rows = append(rows, []string{c.Address, c.Status, counted(c.Now), counted(c.Urgent), counted(c.Today), whenAt(c.NextAt)})
	}
	for _, p := range all.Pools {
		rows = append(rows, []string{p.Name, "pool of " + strconv.Itoa(len(p.Accounts)), counted(p.Now), counted(p.Urgent), counted(p.Today), whenAt(p.NextAt)})
	}
	r.table([]string{"ACCOUNT OR POOL", "STATUS", "NOW", "URGENT", "TODAY", "NEXT FREE"}, rows)
	for _, c := range all.Data {
		for _, l := range c.Limits {
			if l.LearnedUntil != nil {
				r.line("%s%s: %d %s, %s; until %s. To forget it: gatepost accounts release %s",
					r.in(yellow, "lower  "), c.Address, l.Max, l.Name, l.Source, whenAt(l.LearnedUntil), c.Address)
			}
		}
	}
}

// counted is how many there are, or that nobody knows.
func counted(n *int64) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatInt(*n, 10)
}
