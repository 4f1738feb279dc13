package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/email"
	"gatepost/internal/store"
)

func keysCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "keys", Short: "API keys"}
	cmd.AddCommand(keysCreateCommand(env))
	return cmd
}

func keysCreateCommand(env environment) *cobra.Command {
	s := &settings{}
	var name string
	var scopes []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make an API key and print it, once",
		Long: `Make an API key and print it, once. Only its hash is kept.

The command opens the data folder (or the database) itself, so it also works
before the server has ever been started, and while it runs.`,
		Example: "  gatepost keys create --data gatepost-data --name shop",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.fromEnvironment(cmd, env); err != nil {
				return err
			}
			key, err := createKey(cmd.Context(), s, name, scopes)
			if err != nil {
				return err
			}
			return printKey(env, key, s.data, asJSON)
		},
	}
	s.storeFlags(cmd.Flags())
	cmd.Flags().StringVar(&name, "name", "", "what the key is for")
	cmd.Flags().StringSliceVar(&scopes, "scopes", []string{"*"}, "what it may do: messages:send, messages:read, accounts:read, accounts:write, or * for all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

// createKey makes a key beside a running server too: SQLite lets a second process
// write, and only the queue needs the folder for itself. The schema is brought
// up to date only where no server is using it.
func createKey(ctx context.Context, s *settings, name string, scopes []string) (email.Secret, error) {
	if name == "" {
		return email.Secret{}, usageError{errors.New("--name: say what the key is for, for instance --name shop")}
	}
	dir, err := s.folder()
	if err != nil {
		return email.Secret{}, err
	}
	if lock, err := store.LockFolder(dir); err == nil {
		defer lock.Unlock() //nolint:errcheck // the process is about to end
	} else if !errors.Is(err, store.ErrLocked) {
		return email.Secret{}, err
	}
	st, err := store.Open(ctx, storeOptions(s, dir, slog.New(slog.DiscardHandler)))
	if err != nil {
		return email.Secret{}, err
	}
	defer st.Close() //nolint:errcheck // what was written is committed
	c := control.New(control.Config{Store: st, Now: time.Now, Random: rand.Reader})
	team, err := c.FirstTeam(ctx)
	if err != nil {
		return email.Secret{}, err
	}
	key, _, err := c.CreateKey(ctx, team, name, scopes)
	var invalid *control.Invalid
	if errors.As(err, &invalid) {
		return key, usageError{err}
	}
	return key, err
}

func printKey(env environment, key email.Secret, folder string, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(env.stdout).Encode(map[string]string{"key": key.Reveal()})
	}
	fmt.Fprintf(env.stderr, "A key for the gatepost in %s. This is the only time it is shown:\n", folder)
	_, err := fmt.Fprintln(env.stdout, key.Reveal())
	return err
}
