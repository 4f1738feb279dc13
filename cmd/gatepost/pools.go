package main

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gatepost/client"
)

func poolsCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pools",
		Short: "Pools of accounts that send for the same mail: list, create, change, remove",
		Long: `A pool is accounts that may send for the same mail. A message names the pool where
it would name an account, and one that may send as its From takes it.`,
	}
	cmd.AddCommand(poolsListCommand(env), poolsShowCommand(env), poolsCreateCommand(env), poolsChangeCommand(env), poolsRemoveCommand(env))
	return cmd
}

func poolsListCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "List the pools", Args: cobra.NoArgs}
	return overAPI(env, cmd, func(ctx context.Context, r *remote, _ []string) error {
		list, err := r.Pools(ctx)
		if err != nil {
			return err
		}
		return r.show(list, func() {
			if len(list.Data) == 0 {
				r.line("There is no pool yet. Make one: gatepost pools create --help")
				return
			}
			var rows [][]string
			for _, p := range list.Data {
				rows = append(rows, []string{p.Name, p.Strategy, strconv.Itoa(len(p.Members)), p.ID})
			}
			r.table([]string{"NAME", "STRATEGY", "ACCOUNTS", "ID"}, rows)
		})
	})
}

// onPool is a command about one pool.
func onPool(env environment, cmd *cobra.Command, do func(ctx context.Context, r *remote, p client.Pool) error) *cobra.Command {
	name := cmd.Use
	cmd.Use = name + " POOL"
	cmd.Args = oneArg("the pool's name or id; gatepost pools list shows them")
	if cmd.Example == "" {
		cmd.Example = "  gatepost pools " + name + " shop"
	}
	return overAPI(env, cmd, func(ctx context.Context, r *remote, args []string) error {
		p, err := r.pool(ctx, args[0])
		if err != nil {
			return err
		}
		return do(ctx, r, p)
	})
}

// pool finds a pool by name or id.
func (r *remote) pool(ctx context.Context, which string) (client.Pool, error) {
	list, err := r.Pools(ctx)
	if err != nil {
		return client.Pool{}, err
	}
	i := slices.IndexFunc(list.Data, func(p client.Pool) bool { return p.ID == which || strings.EqualFold(p.Name, which) })
	if i < 0 {
		return client.Pool{}, usagef("there is no pool %s: gatepost pools list shows all", which)
	}
	return list.Data[i], nil
}

func (r *remote) poolFacts(ctx context.Context, p client.Pool) error {
	accounts, err := r.Accounts(ctx)
	if err != nil {
		return err
	}
	return r.show(p, func() {
		what := p.Strategy
		if what == "sticky" {
			what += ", by " + p.StickyBy
		}
		r.line("%s  %s  %s", r.in(bold, p.Name), what, r.in(dim, p.ID))
		if len(p.PausedLanes) > 0 {
			r.line("%s", r.in(yellow, pausedLanes(p.PausedLanes)))
		}
		var rows [][]string
		for _, m := range p.Members {
			a := client.Account{Address: m.Account}
			if i := slices.IndexFunc(accounts.Data, func(a client.Account) bool { return a.ID == m.Account }); i >= 0 {
				a = accounts.Data[i]
			}
			rows = append(rows, []string{a.Address, memberStatus(a), strconv.Itoa(m.Weight), strings.Join(m.Domains, " ")})
		}
		r.table([]string{"ACCOUNT", "STATUS", "WEIGHT", "DOMAINS"}, rows)
	})
}

// memberStatus tells how an account is, and which of its lanes the others send.
func memberStatus(a client.Account) string {
	if len(a.PausedLanes) == 0 || a.Status == "paused" {
		return a.Status
	}
	return a.Status + ", " + pausedLanes(a.PausedLanes)
}

func poolsShowCommand(env environment) *cobra.Command {
	return onPool(env, &cobra.Command{Use: "show", Short: "Show a pool and how its accounts are"}, func(ctx context.Context, r *remote, p client.Pool) error {
		return r.poolFacts(ctx, p)
	})
}

// poolFlags are what a pool is made of.
type poolFlags struct {
	strategy, stickyBy string
	members            []string
}

func (p *poolFlags) define(f *pflag.FlagSet) {
	f.StringVar(&p.strategy, "strategy", "", "headroom, random, weighted, sticky or failover (default headroom)")
	f.StringVar(&p.stickyBy, "sticky-by", "", "recipient or thread, for the strategy sticky (default recipient)")
	f.StringArrayVar(&p.members, "members", nil, "an `account`: its address or id, then its weight and the domains it is for, as address:3:example.org,example.net; repeat it")
}

// maxWeight is the largest weight that gatepost takes. A zero would be taken for
// none given, so the command refuses what is outside itself.
const maxWeight = 1000

func (p *poolFlags) list() ([]client.PoolMember, error) {
	var out []client.PoolMember
	for _, text := range p.members {
		parts := strings.SplitN(text, ":", 3)
		m := client.PoolMember{Account: parts[0]}
		if m.Account == "" {
			return nil, usagef("--members %q: begin with the account's address or id; gatepost accounts list shows them", text)
		}
		if strings.Contains(m.Account, ",") {
			return nil, usagef("--members %q: names several; give --members once for each", text)
		}
		if len(parts) > 1 && parts[1] != "" {
			w, err := strconv.Atoi(parts[1])
			if err != nil || w < 1 || w > maxWeight {
				return nil, usagef("--members %q: %s is no weight: write a whole number from 1 to %d, or leave it out for 1", text, parts[1], maxWeight)
			}
			m.Weight = w
		}
		if len(parts) > 2 {
			m.Domains = strings.Split(parts[2], ",")
		}
		out = append(out, m)
	}
	return out, nil
}

func poolsCreateCommand(env environment) *cobra.Command {
	var p poolFlags
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a pool", Args: oneArg("the pool's name, which messages give"),
		Example: `  gatepost pools create shop --members app@example.com --members billing@example.com
  gatepost pools create news --strategy weighted --members app@example.com:3 --members billing@example.com:1
  gatepost send --account shop --from shop@example.com --to maria@example.org --subject Hello --text "It works."`,
	}
	p.define(cmd.Flags())
	return overAPI(env, cmd, func(ctx context.Context, r *remote, args []string) error {
		members, err := p.list()
		if err != nil {
			return err
		}
		made, err := r.CreatePool(ctx, client.NewPool{Name: args[0], Strategy: p.strategy, StickyBy: p.stickyBy, Members: members})
		if err != nil {
			return err
		}
		return r.poolFacts(ctx, made)
	})
}

func poolsChangeCommand(env environment) *cobra.Command {
	var p poolFlags
	var name string
	cmd := &cobra.Command{
		Use: "change", Short: "Change a pool's name, strategy or accounts; mail that waits goes by the new ones",
		Example: "  gatepost pools change shop --strategy failover\n  gatepost pools change shop --members billing@example.com --members app@example.com",
	}
	cmd.Flags().StringVar(&name, "name", "", "a new `name`")
	p.define(cmd.Flags())
	f := cmd.Flags()
	return onPool(env, cmd, func(ctx context.Context, r *remote, old client.Pool) error {
		var change client.ChangePool
		for flag, to := range map[string]struct {
			field **string
			value *string
		}{"name": {&change.Name, &name}, "strategy": {&change.Strategy, &p.strategy}, "sticky-by": {&change.StickyBy, &p.stickyBy}} {
			if f.Changed(flag) {
				*to.field = to.value
			}
		}
		members, err := p.list()
		if err != nil {
			return err
		}
		if f.Changed("members") {
			change.Members = &members
		}
		if change == (client.ChangePool{}) {
			return usagef("nothing to change: give --name, --strategy, --sticky-by or --members")
		}
		made, err := r.ChangePool(ctx, old.ID, change)
		if err != nil {
			return err
		}
		return r.poolFacts(ctx, made)
	})
}

func poolsRemoveCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "remove", Aliases: []string{"rm"}, Short: "Remove a pool; its accounts stay"}
	return onPool(env, cmd, func(ctx context.Context, r *remote, p client.Pool) error {
		if err := r.DeletePool(ctx, p.ID); err != nil {
			return err
		}
		return r.show(removed{p.ID, true}, func() { r.line("The pool %s is removed. Its accounts stay: gatepost accounts list", p.Name) })
	})
}
