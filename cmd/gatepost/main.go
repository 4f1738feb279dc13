// Command gatepost turns the mailboxes that an organisation has into a
// transactional email service. This package holds flags, settings, the wiring of
// the parts, bottom up, and the commands, which speak the HTTP API through package
// client; what gatepost does is in internal.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(mainCode()) }

func mainCode() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	return run(ctx, os.Args[1:], environment{os.Args[0], os.Environ, os.Stdin, os.Stdout, os.Stderr})
}

// environment is what a command is given from outside.
type environment struct {
	program        string // as it was called
	environ        func() []string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// calledAs is what to type to call the program again in the same folder.
func (e environment) calledAs() string {
	if strings.Contains(e.program, "go-build") { // by go run, in a folder that is gone afterwards
		return "go run ./cmd/gatepost"
	}
	return e.program
}

// lookup gives a variable.
func (e environment) lookup(name string) (string, bool) {
	for _, v := range e.environ() {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// Exit codes: 2 when what the user gave is wrong, whoever found that (a 4xx answer,
// a sign-in that was refused), 1 when anything else failed: no connection, a time
// limit, a 5xx answer, a message that did not leave.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a mistake of the user.
type usageError struct{ error }

// Unwrap returns the underlying error.
func (u usageError) Unwrap() error { return u.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, env environment) int {
	out := &output{to: env.stdout}
	env.stdout = out
	root := rootCommand(env)
	root.SetArgs(args)
	understood := false
	root.PersistentPreRun = func(*cobra.Command, []string) { understood = true }
	syscall.Umask(0o077) // what gatepost writes is for its own user alone
	cmd, err := unknownCommand(root, args)
	if err == nil {
		cmd, err = root.ExecuteContextC(ctx)
	}
	code := exitCode(err)
	if err != nil && !understood {
		code = exitUsage
	}
	if lost := out.failed(); lost != nil && (err == nil || errors.As(err, new(toldError))) {
		code, err = exitFailed, lost
	}
	if err != nil {
		tell(env, cmd, err, code)
	}
	return code
}

// unknownCommand is a name within a group of commands, such as connect, that the
// group has not: cobra would answer with its help, as if nothing were wrong.
func unknownCommand(root *cobra.Command, args []string) (*cobra.Command, error) {
	root.InitDefaultCompletionCmd(args...)
	group, rest, err := root.Find(args)
	if paths := elsewhere(root, args); err != nil && len(paths) > 0 {
		return root, usagef("unknown command %q for %q: did you mean %s?", args[0], root.Name(), strings.Join(paths, " or "))
	}
	if err != nil || !group.HasSubCommands() || group == root || len(rest) == 0 || strings.HasPrefix(rest[0], "-") {
		return nil, nil // cobra has the word
	}
	var names []string
	for _, c := range group.Commands() {
		names = append(names, c.Name())
	}
	hint := "it has " + strings.Join(names, ", ")
	if near := nearest(rest[0], names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return group, usagef("unknown command %q for %q: %s", rest[0], group.CommandPath(), hint)
}

// elsewhere is the commands of groups that have the name which the root has not.
func elsewhere(root *cobra.Command, args []string) (paths []string) {
	for _, group := range root.Commands() {
		for _, c := range group.Commands() {
			if len(args) > 0 && c.Name() == args[0] {
				paths = append(paths, c.CommandPath())
			}
		}
	}
	return paths
}

// tell prints why a command failed, beside --json as JSON.
func tell(env environment, cmd *cobra.Command, err error, code int) {
	var told toldError
	if errors.As(err, &told) {
		return
	}
	if f := cmd.Flags().Lookup("json"); f != nil && f.Value.String() == "true" {
		p := printer{out: env.stderr}
		_ = p.json(failureOf(err, code)) // there is nowhere else to say it
		return
	}
	fmt.Fprintln(env.stderr, "gatepost:", clean(explain(err)))
	if strings.HasPrefix(err.Error(), "unknown ") {
		fmt.Fprintf(env.stderr, "Help: %s --help\n", cmd.CommandPath())
	}
}

func rootCommand(env environment) *cobra.Command {
	root := &cobra.Command{
		Use:   "gatepost",
		Short: "Send transactional email through the mailboxes you already have",
		Long: `gatepost sends transactional email through mailboxes that you already have.
Programs hand it mail over HTTP or SMTP; it keeps the mail durably and sends it
through Gmail and Google Workspace, Microsoft 365 or any SMTP relay.

Exit codes, for scripts:
  0   it worked
  1   it did not, and not by your mistake: no connection, a provider that does not
      answer, a live check or a message that failed
  2   what was given is wrong: a flag, a setting, a field, an address without a
      mailbox, a relay's user or password

New here?  gatepost sandbox  shows all of it on this machine; no mail leaves.`,
		Example: `  gatepost serve                                       run the server
  gatepost keys create --name me                       make an API key
  export GATEPOST_KEY=gp_live_…                        use it
  gatepost connect gmail you@gmail.com                 connect a mailbox
  gatepost send --to you@example.org --subject Hello --text "It works."
  gatepost messages tail                               watch what happens
  gatepost doctor                                      when it does not leave`,
		SilenceUsage: true, SilenceErrors: true,
	}
	root.SetIn(env.stdin)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	root.SetFlagErrorFunc(flagMistake)
	root.AddGroup(&cobra.Group{ID: groupRun, Title: "Run it:"}, &cobra.Group{ID: groupUse, Title: "Use it:"}, &cobra.Group{ID: groupSetUp, Title: "Set it up:"})
	root.SetHelpCommandGroupID(groupRun)
	root.SetCompletionCommandGroupID(groupSetUp)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(groupRun, serveCommand(env), sandboxCommand(env), mailboxCommand(env), versionCommand(env))
	add(groupUse, sendCommand(env), messagesCommand(env), queueCommand(env), capacityCommand(env), expiriesCommand(env), changesCommand(env), smtpCommand(env), doctorCommand(env), explainCommand(env), errorsCommand(env))
	add(groupSetUp, connectCommand(env), accountsCommand(env), poolsCommand(env), credentialsCommand(env), linksCommand(env), keysCommand(env), configCommand(env))
	completeAll(root)
	return root
}

// The groups of commands in help.
const (
	groupRun   = "run"
	groupUse   = "use"
	groupSetUp = "setup"
)
