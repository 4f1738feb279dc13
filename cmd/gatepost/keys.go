package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gatepost/client"
	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/email"
	"gatepost/internal/store"
)

func keysCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "API keys: create, list, remove",
		Long: `API keys let programs, and these commands, use gatepost. A key is shown once; only
its hash is kept. What a key may do are its scopes:

  messages:send     hand over messages
  messages:read     see messages and what became of them
  accounts:read     see accounts
  accounts:write    connect and change accounts and credentials
  keys:write        make and remove keys
  *                 all of it`,
	}
	cmd.AddCommand(keysCreateCommand(env), keysListCommand(env), keysRemoveCommand(env))
	return cmd
}

func keysCreateCommand(env environment) *cobra.Command {
	var n client.NewKey
	var expires string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "create --name NAME",
		Short: "Make an API key and print it, once",
		Long: `Make an API key and print it, once. Only its hash is kept.

Without GATEPOST_KEY the command opens the data folder (or the database) itself,
so that it works before the server has ever been started, and while it runs. With
GATEPOST_KEY it asks the gatepost at --url, and the new key can do no more than
that one. --data or --database always mean the folder.

A key can be bound, for as long as it is there: to senders, to the networks that
it may be used from, to one account or pool, and to so many recipients a minute or
a day. Behind a proxy the network is the proxy's.`,
		Example: `  gatepost keys create --name me --data gatepost-data
  gatepost keys create --name shop --scopes messages:send
  gatepost keys create --name scanner --scopes messages:send --senders scans@example.com --networks 192.0.2.0/24 --daily 500
  export GATEPOST_KEY=$(gatepost keys create --name me)`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(cmd.Flags(), env, forStore|forClient)
			if err != nil {
				return err
			}
			if n.Name == "" {
				return usagef("--name: say what the key is for, for instance --name shop")
			}
			if n.ExpiresAt, err = moment("--expires", expires); err != nil {
				return err
			}
			return makeKey(cmd, env, s, n, asJSON)
		},
	}
	defineFlags(cmd.Flags(), forStore|forClient)
	cmd.Flags().StringVar(&n.Name, "name", "", "what the key is for, its `name`")
	cmd.Flags().StringSliceVar(&n.Scopes, "scopes", []string{"*"}, "`scopes`, what it may do: messages:send, messages:read, messages:write, accounts:read, accounts:write, keys:write, or * for all")
	complete(cmd, "scopes", listOf(access.Scopes()))
	cmd.Flags().StringVar(&expires, "expires", "", "when it ends: a `time` or a duration such as 720h (default never)")
	keyBoundFlags(cmd.Flags(), &n)
	complete(cmd, "account", accountNames(env))
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// keyBoundFlags are those that say what a key is bound to.
func keyBoundFlags(flags *pflag.FlagSet, n *client.NewKey) {
	flags.StringSliceVar(&n.Senders, "senders", nil, "`addresses` that From may be, or @domain for all of one (default what the account allows)")
	flags.StringSliceVar(&n.Networks, "networks", nil, "`networks` that it may be used from: 192.0.2.0/24, or single addresses (default all)")
	flags.StringVar(&n.Account, "account", "", "the one `account` or pool that it may send by: id, address or name (default all)")
	flags.IntVar(&n.Rate, "rate", 0, "at most so many `recipients` a minute (default no limit)")
	flags.IntVar(&n.Daily, "daily", 0, "at most so many `recipients` in 24 hours (default no limit)")
	flags.BoolVar(&n.RewriteFrom, "rewrite-from", false, "SMTP: replace a From that may not be by the account's address, and put the old one into Reply-To (default refuse the mail)")
}

func makeKey(cmd *cobra.Command, env environment, s *settings, n client.NewKey, asJSON bool) error {
	p := newPrinter(env, asJSON)
	at, err := keysOf(cmd, s)
	if err != nil {
		return err
	}
	key, err := at.create(cmd.Context(), n)
	if err != nil {
		return keyInFlags(err, cmd)
	}
	print := func() error {
		return p.show(key, func() {
			p.errLine("A key for the gatepost in %s. This is the only time it is shown:", at.where)
			p.line("%s", key.Key)
		})
	}
	return p.shown("the key "+key.ID, "gatepost keys remove "+key.ID, print, func() error { return at.end(context.WithoutCancel(cmd.Context()), key.ID) })
}

// keyPlace is where a key is made: in the data folder, or by a running gatepost.
type keyPlace struct {
	where  string
	create func(context.Context, client.NewKey) (client.Key, error)
	end    func(ctx context.Context, id string) error
}

func keysOf(cmd *cobra.Command, s *settings) (keyPlace, error) {
	local := cmd.Flags().Changed("data") || cmd.Flags().Changed("database") || cmd.Flags().Changed("database-file")
	if s.key.Empty() || local {
		return keyPlace{
			where:  s.where(),
			create: func(ctx context.Context, n client.NewKey) (client.Key, error) { return firstKey(ctx, s, n) },
			end:    func(ctx context.Context, id string) error { return endKey(ctx, s, id) },
		}, nil
	}
	c, err := s.client()
	if err != nil {
		return keyPlace{}, err
	}
	return keyPlace{where: s.url, create: c.CreateKey, end: c.DeleteKey}, nil
}

// keyInFlags names wrong fields as the command line does, whoever found them.
func keyInFlags(err error, cmd *cobra.Command) error {
	var invalid *control.Invalid
	if errors.As(err, &invalid) {
		for i, p := range invalid.Problems {
			if flag := flagOf(p.Field, cmd); flag != "" {
				invalid.Problems[i].Field = flag
			}
		}
	}
	return inFlags(err, cmd)
}

// inFolder opens the data folder beside a running server too: SQLite lets a second
// process write, and only the queue needs the folder for itself. The schema is
// brought up to date only where no server is using it.
func inFolder(ctx context.Context, s *settings, do func(st *store.Store, c *control.Control, team email.ID) error) error {
	dir, err := s.folder()
	if err != nil {
		return err
	}
	if lock, err := store.LockFolder(dir); err == nil {
		defer lock.Unlock() //nolint:errcheck // the process is about to end
	} else if !errors.Is(err, store.ErrLocked) {
		return err
	}
	st, err := store.Open(ctx, storeOptions(s, dir, quiet()))
	if err != nil {
		return s.withoutDatabase(err)
	}
	defer st.Close() //nolint:errcheck // what was written is committed
	c := control.New(control.Config{Store: st, Now: time.Now, Random: rand.Reader})
	team, err := c.FirstTeam(ctx)
	if err != nil {
		return err
	}
	return do(st, c, team)
}

func firstKey(ctx context.Context, s *settings, n client.NewKey) (made client.Key, err error) {
	if n.ExpiresAt != nil {
		return made, usagef("--expires: a key made without a server does not end; use it to make one that does, over the API")
	}
	err = inFolder(ctx, s, func(_ *store.Store, c *control.Control, team email.ID) error {
		secret, key, err := c.FirstKey(ctx, team, control.NewKey{
			Name: n.Name, Scopes: n.Scopes,
			KeyBounds: control.KeyBounds{Senders: n.Senders, Networks: n.Networks, Account: n.Account, Rate: n.Rate, Daily: n.Daily, RewriteFrom: n.RewriteFrom},
		})
		var invalid *control.Invalid
		if errors.As(err, &invalid) {
			return usageError{err}
		}
		made = wireKey(secret, key)
		return err
	})
	return made, err
}

func endKey(ctx context.Context, s *settings, id string) error {
	return inFolder(ctx, s, func(st *store.Store, _ *control.Control, team email.ID) error {
		return st.DeleteAPIKey(ctx, team, email.ID(id))
	})
}

func wireKey(secret email.Secret, k control.Key) client.Key {
	return client.Key{
		ID: string(k.ID), Key: secret.Reveal(), Name: k.Name, Hint: k.Hint, Scopes: k.Scopes, CreatedAt: client.Time{Time: k.CreatedAt},
		Senders: k.Senders, Networks: k.Networks, Account: k.Account, Rate: k.Rate, Daily: k.Daily, RewriteFrom: k.RewriteFrom,
	}
}

func keysListCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "List the API keys", Args: cobra.NoArgs}
	return overAPI(env, cmd, func(ctx context.Context, r *remote, _ []string) error {
		list, err := r.Keys(ctx)
		if err != nil {
			return err
		}
		return r.show(list, func() {
			var rows [][]string
			for _, k := range list.Data {
				rows = append(rows, []string{k.ID, k.Name, k.Hint, strings.Join(k.Scopes, " "), keyLimits(k), when(k.CreatedAt.Time), whenAt(k.ExpiresAt)})
			}
			r.table([]string{"ID", "NAME", "KEY", "SCOPES", "LIMITS", "MADE", "ENDS"}, rows)
		})
	})
}

// keyLimits says in short what a key is bound to; --json tells all of it.
func keyLimits(k client.Key) string {
	var out []string
	some := func(word string, list []string) {
		switch n := len(list); {
		case n == 1:
			out = append(out, word+" "+list[0])
		case n > 1:
			out = append(out, fmt.Sprintf("%s %s and %d more", word, list[0], n-1))
		}
	}
	some("as", k.Senders)
	some("from", k.Networks)
	if k.Account != "" {
		out = append(out, "by "+k.Account)
	}
	if k.Rate > 0 {
		out = append(out, fmt.Sprintf("%d/min", k.Rate))
	}
	if k.Daily > 0 {
		out = append(out, fmt.Sprintf("%d/day", k.Daily))
	}
	if k.RewriteFrom {
		out = append(out, "rewrites From")
	}
	return strings.Join(out, ", ")
}

func keysRemoveCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "remove KEY-ID", Aliases: []string{"rm"}, Short: "End an API key at once", Args: oneArg("the key's id; gatepost keys list shows them"),
		Example: "  gatepost keys remove key_01k…",
	}
	return overAPI(env, cmd, func(ctx context.Context, r *remote, args []string) error {
		if err := r.DeleteKey(ctx, args[0]); err != nil {
			return err
		}
		return r.show(removed{args[0], true}, func() { r.line("The key %s is no longer accepted.", args[0]) })
	})
}

// removed is the JSON of a removal.
type removed struct {
	ID      string `json:"id"`
	Removed bool   `json:"removed"`
}

// removedConsent is one with what became of a user's consent.
type removedConsent struct {
	removed
	client.Removed
}

// oneArg asks for exactly one argument and says which.
func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return usagef("%s: give %s", cmd.CommandPath(), what)
	}
}
