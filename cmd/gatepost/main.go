// Command gatepost turns the mailboxes that an organisation has into a
// transactional email service. This package holds flags, settings and the wiring
// of the parts, bottom up; what they do is in internal.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], environment{os.LookupEnv, os.Stdout, os.Stderr}))
}

// environment is what a command is given from outside.
type environment struct {
	lookup         func(name string) (string, bool)
	stdout, stderr io.Writer
}

// Exit codes: 2 when what the user gave is wrong, 1 when anything else failed.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a mistake of the user.
type usageError struct{ error }

// Unwrap returns the underlying error.
func (u usageError) Unwrap() error { return u.error }

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, env environment) int {
	root := &cobra.Command{
		Use:   "gatepost",
		Short: "Send transactional email through the mailboxes you already have",
		Long: `gatepost sends transactional email through mailboxes that you already have.
Programs hand it mail over HTTP; it keeps the mail durably and sends it through
the Gmail API or an SMTP relay.

Start with:  gatepost sandbox`,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetArgs(args)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(serveCommand(env), sandboxCommand(env), keysCommand(env), mailboxCommand(env), versionCommand(env))
	understood := false
	root.PersistentPreRun = func(*cobra.Command, []string) { understood = true }
	syscall.Umask(0o077) // what gatepost writes is for its own user alone
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(env.stderr, "gatepost:", err)
	var usage usageError
	if !understood || errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}
