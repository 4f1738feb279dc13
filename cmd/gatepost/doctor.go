package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
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

// diagnosis prints what the doctor says.
func (p *printer) diagnosis(d client.Diagnosis) {
	for i, f := range d.Findings {
		if i > 0 {
			p.line("")
		}
		p.finding(f, "")
	}
	if len(d.Findings) > 0 {
		p.line("")
	}
	switch d.Worst {
	case "well":
		p.line("%s  Nothing is wrong. What was looked at:", p.in(green, "All is well."))
	case "warning":
		p.line("%s  Mail can leave. Well, too:", p.in(yellow, "Something should be mended."))
	default:
		p.line("%s  What is well:", p.in(red, "Mend the first thing first, then ask again."))
	}
	for _, c := range shortened(d.Checked) {
		if c.Not == "" {
			p.line("  %s %-12s %s", p.in(green, "✓"), c.Check, c.Seen)
		} else {
			p.line("  %s %-12s not looked at: %s", p.in(yellow, "–"), c.Check, c.Not)
		}
	}
	if n := len(d.Tokens); n > manyLines {
		p.line("  %s %-12s %d were read: name an account to see its own", p.in(dim, "·"), "token", n)
		return
	}
	for _, t := range d.Tokens {
		p.line("  %s %-12s %s (%s): %s", p.in(dim, "·"), "token", t.Address, t.For, tokenWords(t))
	}
}

func (p *printer) finding(f client.Finding, indent string) {
	mark := p.in(red, "✗")
	if f.Severity == "warning" {
		mark = p.in(yellow, "!")
	}
	for i, line := range wrap(f.What, 92-len(indent)) {
		if i == 0 {
			p.line("%s%s %s", painted(indent), mark, p.in(bold, line))
			continue
		}
		p.line("%s  %s", painted(indent), p.in(bold, line))
	}
	tell := func(name, text string) {
		for i, line := range wrap(inCommands(text), 80-len(indent)) {
			if i > 0 {
				name = ""
			}
			p.line("%s    %-8s %s", painted(indent), name, line)
		}
	}
	tell("why", f.Why)
	if f.Reply != "" {
		tell("said", f.Reply)
	}
	tell("to do", f.Fix)
	for i, c := range f.Commands {
		if i == manyCommands {
			p.line("%s    %-8s … and so for the other accounts, %d lines more: --json has them", painted(indent), "", len(f.Commands)-i)
			break
		}
		p.line("%s    %-8s %s", painted(indent), "", p.in(bold, "$ "+c))
	}
	tell("who", f.Who)
	tell("page", f.Link)
	switch list := addressesOf(f.Accounts); {
	case len(list) > 1:
		tell("accounts", someOf(list))
	case len(list) == 1 && !strings.Contains(f.What, list[0]):
		tell("account", list[0])
	}
	for i, x := range f.Follows {
		if i == manyFollow {
			p.line("%s    %s", painted(indent), p.in(dim, fmt.Sprintf("and %d things more follow from it", len(f.Follows)-i)))
			break
		}
		p.line("%s    %s", painted(indent), p.in(dim, "follows from it, and is well once it is mended: "+x.What))
	}
}

// How much is shown of what there can be hundreds of; --json has all of it.
const (
	manyLines    = 12 // of one check, and of tokens
	manyCommands = 6
	manyFollow   = 5
	manyNames    = 8
)

// shortened counts what was looked at, or was not, where there is much of a kind.
func shortened(all []client.Checked) (out []client.Checked) {
	type kind struct {
		check string
		not   bool
	}
	count := map[kind]int{}
	for _, c := range all {
		count[kind{c.Check, c.Not != ""}]++
	}
	for _, c := range all {
		of := kind{c.Check, c.Not != ""}
		switch n := count[of]; {
		case n == 0: // told already
		case n <= manyLines:
			out = append(out, c)
		case of.not:
			count[of] = 0
			out = append(out, client.Checked{Check: c.Check, Not: fmt.Sprintf("%d of them; --json names them", n)})
		default:
			count[of] = 0
			out = append(out, client.Checked{Check: c.Check, Seen: fmt.Sprintf("%d are well; --json names them", n)})
		}
	}
	return out
}

// someOf are names, the first of many.
func someOf(list []string) string {
	if len(list) <= manyNames {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:manyNames], ", "), len(list)-manyNames)
}

func addressesOf(list []client.Patient) (words []string) {
	for _, a := range list {
		if !slices.Contains(words, a.Address) {
			words = append(words, a.Address)
		}
	}
	return words
}

// tokenWords are what a token says of itself.
func tokenWords(t client.Token) string {
	var words []string
	for _, w := range [][2]string{
		{"audience ", t.Audience},
		{"app ", t.App},
		{"tenant ", t.Tenant},
		{"user ", t.User},
		{"object id ", t.Object},
		{"scopes ", strings.Join(t.Scopes, " ")},
		{"roles ", strings.Join(t.Roles, " ")},
	} {
		if w[1] != "" && w != [2]string{"app ", t.Audience} {
			words = append(words, w[0]+w[1])
		}
	}
	return strings.Join(words, ", ")
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
