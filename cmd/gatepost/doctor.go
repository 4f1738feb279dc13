package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"gatepost/client"
)

// examining is what the doctor's command line says.
type examining struct {
	client.Examine
	bundle string
	strict bool
	asJSON bool
}

// doctorPatience is longer than an examination takes, whatever does not answer it.
const doctorPatience = 30 * time.Second

func doctorCommand(env environment) *cobra.Command {
	x := &examining{}
	cmd := &cobra.Command{
		Use: "doctor [ACCOUNT]", Short: "Say why mail does not leave, what to do, and who can do it",
		Long: `Say why mail does not leave. Every account, or the one that is named, is tried
live; gatepost itself is looked at, and the way to the providers. Nothing is sent
and nothing is changed. What is wrong is told with its cause first, what came of it
beneath, the exact fix, and who can do it. It takes half a minute at most.

It also works where gatepost cannot be reached, or the key is wrong: it says so and
looks at what can be seen from here.

--bundle writes a zip file for somebody who helps: version, settings, findings,
health, capacity, queue. It has no secrets, no mail and no subjects, and in place
of each address a name that stands for it.

Exit codes, for monitoring:
  0   mail can leave; with --strict, and nothing needs mending
  1   something is broken; with --strict, or needs mending
  2   what was given is wrong`,
		Example: `  gatepost doctor
  gatepost doctor app@example.com
  gatepost doctor --from billing@example.com
  gatepost doctor --bundle support.zip
  gatepost doctor --json --strict`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: accountNames(env),
	}
	f := cmd.Flags()
	f.StringVar(&x.From, "from", "", "an `address`: is there an account that sends for it?")
	f.StringVar(&x.bundle, "bundle", "", "write a `file` (zip) for support, without secrets and addresses")
	f.BoolVar(&x.strict, "strict", false, "warnings make the exit code 1, too")
	f.BoolVar(&x.asJSON, "json", false, "print JSON")
	defineFlags(f, forClient)
	f.Duration("timeout", doctorPatience, "give up after this `time` without an answer")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			x.Account = args[0]
		}
		return x.run(cmd, env)
	}
	return cmd
}

// run asks the gatepost that the settings name. Where that cannot be asked, what can be
// seen from here is told.
func (x *examining) run(cmd *cobra.Command, env environment) error {
	p := newPrinter(env, x.asJSON)
	r, err := dial(cmd, env, forClient)
	var d client.Diagnosis
	if err == nil {
		r.asJSON, p = x.asJSON, r.printer
		p.progress("trying every account …")
		d, err = r.Doctor(cmd.Context(), x.Examine)
		p.progressEnd()
	}
	if x.wrong(err) {
		return inFlags(err, cmd)
	}
	if err != nil {
		s, loadErr := load(cmd.Flags(), env, forClient)
		if loadErr != nil {
			return loadErr
		}
		d = s.fromHere(cmd.Context(), err)
	}
	if err := p.show(d, func() { p.diagnosis(d) }); err != nil {
		return err
	}
	if x.bundle != "" {
		if err := writeBundle(cmd, env, r, x.bundle, d); err != nil {
			return err
		}
		p.errLine("%s has what somebody who helps needs to know: no secrets, no mail, and names in place of addresses.", x.bundle)
	}
	if d.Worst == "broken" || x.strict && d.Worst == "warning" {
		return toldError{exitFailed}
	}
	return nil
}

// wrong tells whether an error is about what was given, so that there is nothing to
// examine. A missing key is one of those things that the doctor tells of.
func (x *examining) wrong(err error) bool {
	var refused *client.Error
	var usage usageError
	switch {
	case errors.As(err, &refused):
		return refused.Status == http.StatusUnprocessableEntity || refused.Status == http.StatusBadRequest
	case errors.As(err, &usage):
		return !errors.Is(err, errNoKey)
	}
	return false
}

// fromHere is what can be told without the gatepost that was asked.
func (s *settings) fromHere(ctx context.Context, why error) client.Diagnosis {
	d := localExam{s: s, why: why}.examine(ctx)
	d.Worst = "broken"
	if d.Tokens == nil {
		d.Tokens = []client.Token{}
	}
	if d.Checked == nil {
		d.Checked = []client.Checked{}
	}
	return d
}
