package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"gatepost/client"
	"gatepost/internal/email"
)

// guide leads a person through connecting. Where nobody sits at a terminal, all
// has to be given by flags.
type guide struct {
	*remote
	lines       *bufio.Reader
	interactive bool
	way         string // the command that connects: gmail, microsoft --consent; empty: gmail
	made        string // the credential that this run stored and nothing uses yet
}

func newGuide(r *remote) *guide {
	return &guide{remote: r, lines: bufio.NewReader(r.env.stdin), interactive: isTerminal(r.env.stdin) && !r.asJSON}
}

// connected is the JSON that connecting ends with.
type connected struct {
	Account client.Account  `json:"account"`
	Missing []string        `json:"missing,omitempty"`
	Proof   client.Proof    `json:"proof"`
	Test    *client.Message `json:"test,omitempty"`
}

// ask gets a line from a person.
func (g *guide) ask(flag, question string) (string, error) {
	if !g.interactive {
		return "", usagef("%s: %s", flag, question)
	}
	fmt.Fprintf(g.err, "\n%s: ", question)
	line, err := g.lines.ReadString('\n')
	if line = strings.TrimSpace(line); line == "" {
		if err != nil {
			return "", fmt.Errorf("nothing was typed: %w", err)
		}
		return "", usagef("%s: nothing was typed", flag)
	}
	return line, nil
}

// askOr gets a line from a person at a terminal; an empty one means otherwise.
func (g *guide) askOr(question, otherwise string) string {
	fmt.Fprintf(g.err, "%s [%s]: ", question, nameOr(otherwise, "none"))
	line, _ := g.lines.ReadString('\n') // the end of input is an empty line
	if line = strings.TrimSpace(line); line == "" {
		return otherwise
	}
	return line
}

// addressOf is the address that a command was given, empty where there is none. It
// is looked at before a person is told to do anything.
func addressOf(args []string) (string, error) {
	if len(args) == 0 {
		return "", nil
	}
	a, err := email.ParseAddress(args[0])
	if err != nil {
		return "", usagef("ADDRESS %q: %w", args[0], err)
	}
	if strings.Contains(args[0], "<") {
		return "", usagef("ADDRESS %q: write the address alone: %s", args[0], a.Addr())
	}
	return args[0], nil
}

// unused ends a run that connected nothing: what it stored is removed again. A
// signal to stop does not keep it from that.
func (g *guide) unused(ctx context.Context, err error) error {
	if err == nil || g.made == "" {
		return err
	}
	var refused *client.Error
	_, failed := g.DeleteCredential(context.WithoutCancel(ctx), g.made)
	switch {
	case failed == nil:
		g.errLine("The credential %s, which this command had stored, is removed again.", g.made)
	case errors.As(failed, &refused) && refused.Kind() == "in_use":
		g.errLine("The credential %s is in use and stays.", g.made)
	default:
		g.errLine("The credential %s stays, and nothing uses it (%v). To remove it: gatepost credentials remove %s", g.made, failed, g.made)
	}
	return err
}

func (g *guide) askAddress(question string) (string, error) {
	given, err := g.ask("ADDRESS", question)
	if err != nil {
		return "", err
	}
	return addressOf([]string{given})
}

// pause says what to do and waits until a person has done it.
func (g *guide) pause(what string) {
	if g.interactive {
		fmt.Fprintf(g.err, "\n%s ", what)
		_, _ = g.lines.ReadString('\n') // the end of input is an answer too
	}
}

// setup tells what to do at the provider.
func (g *guide) setup(ctx context.Context, q client.SetupQuery) error {
	s, err := g.Setup(ctx, q)
	if err != nil {
		return err
	}
	g.tellSteps(s.Steps)
	return nil
}

func (g *guide) tellSteps(steps []client.SetupStep) {
	for i, step := range steps {
		g.note("")
		g.note("%s", g.in(bold, fmt.Sprintf("%d. %s", i+1, step.Title)))
		for _, line := range wrap(step.Text, 76) {
			g.note("   %s", line)
		}
		if step.URL != "" {
			g.note("   %s", step.URL)
		}
		for _, v := range step.Values {
			g.note("     %s  %s", g.in(dim, fmt.Sprintf("%-12s", v.Name)), v.Value)
		}
		for _, line := range step.Commands {
			g.note("     %s", line)
		}
	}
	if len(steps) > 0 {
		g.note("")
	}
}

// wrap breaks a text into lines at blanks.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// keyFile reads a file that Google gave: named by a flag, or asked for.
func (g *guide) keyFile(flag, given, question string) ([]byte, error) {
	path := given
	if path == "" {
		var err error
		if path, err = g.ask(flag, question); err != nil {
			return nil, err
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("%s: %w", flag, err)
	}
	return textOf(b), nil
}

// stored finds a credential of a kind by what is public of it.
func (g *guide) stored(ctx context.Context, kind, name, value string) (client.Credential, bool, error) {
	list, err := g.Credentials(ctx)
	if err != nil {
		return client.Credential{}, false, err
	}
	i := slices.IndexFunc(list.Data, func(c client.Credential) bool { return c.Kind == kind && (name == "" || c.Public[name] == value) })
	if i < 0 || value == "" && name != "" {
		return client.Credential{}, false, nil
	}
	return list.Data[i], true, nil
}

// known checks the credential that a flag names before anything is told to do.
func (g *guide) known(ctx context.Context, id string, kinds ...string) error {
	c, err := g.Credential(ctx, id)
	var refused *client.Error
	switch {
	case errors.As(err, &refused) && refused.Kind() == "not_found":
		return usagef("--credential: there is no credential %s: gatepost credentials list shows them", id)
	case err == nil && !slices.Contains(kinds, c.Kind):
		return usagef("--credential: %s is of the kind %s, and this needs a %s: gatepost credentials list shows them", id, c.Kind, strings.Join(kinds, " or a "))
	}
	return err
}

// another refuses an address that is connected by another transport, before a person
// does anything for it; way is the command to connect by.
func (g *guide) another(ctx context.Context, address, transport, way string) error {
	if address == "" {
		return nil // the user chooses it later
	}
	list, err := g.Accounts(ctx)
	if err != nil {
		return err
	}
	for _, a := range list.Data {
		if strings.EqualFold(a.Address, address) && a.Transport != transport {
			again := way + " " + a.Address
			if strings.HasSuffix(transport, "_smtp") {
				again += " --smtp"
			}
			return usagef("%s is connected already, by %s, and an address is connected one way at a time:\n  gatepost accounts remove %s\n  gatepost connect %s",
				a.Address, a.Transport, a.Address, again)
		}
	}
	return nil
}

// place puts an account where it belongs: a new one, or the one of this address
// with its new credential.
func (g *guide) place(ctx context.Context, n client.NewAccount) (client.Account, error) {
	list, err := g.Accounts(ctx)
	if err != nil {
		return client.Account{}, err
	}
	i := slices.IndexFunc(list.Data, func(a client.Account) bool { return strings.EqualFold(a.Address, n.Address) })
	if i < 0 {
		return g.CreateAccount(ctx, n)
	}
	old := list.Data[i]
	change := client.ChangeAccount{Gmail: n.Gmail, GmailSMTP: n.GmailSMTP, Microsoft: n.Microsoft, MicrosoftSMTP: n.MicrosoftSMTP, SMTP: n.SMTP}
	if n.Credential != "" {
		change.Credential = &n.Credential
	}
	if n.Senders != nil {
		change.Senders = &n.Senders
	}
	a, err := g.ChangeAccount(ctx, old.ID, change)
	if err != nil || a.Status != "held" {
		return a, err
	}
	return g.ReleaseAccount(ctx, a.ID)
}

// finish proves an account, unless that is done, sends it a test message and says what to do next.
func (g *guide) finish(ctx context.Context, done connected, test bool) error {
	if !done.Proof.OK {
		g.note("\nTrying %s live:", done.Account.Address)
		var err error
		if done.Proof, err = g.checkAccount(ctx, done.Account.ID); err != nil {
			return err
		}
		g.steps(done.Proof)
	}
	if !done.Proof.OK {
		return g.unfinished(done)
	}
	if test {
		if err := g.test(ctx, &done); err != nil {
			return err
		}
	}
	if g.asJSON {
		return g.json(done)
	}
	g.line("\n%s is connected. Send from it:\n", g.in(bold, done.Account.Address))
	g.line("  gatepost send --from %s --to you@example.org --subject Hello --text \"It works.\"", done.Account.Address)
	return nil
}

func (g *guide) unfinished(done connected) error {
	if g.asJSON {
		if err := g.json(done); err != nil {
			return err
		}
	}
	g.errLine("\n%s is kept, but cannot send yet. Mend what is marked ✗, then:  gatepost accounts check %s", done.Account.Address, done.Account.Address)
	return toldError{exitFailed}
}

// testWait is how long connecting waits for its test message.
const testWait = time.Minute

func (g *guide) test(ctx context.Context, done *connected) error {
	submitted, err := g.TestAccount(ctx, done.Account.ID, client.Test{})
	if err != nil {
		return g.untested(*done, "not sent", err)
	}
	m, err := g.settled(ctx, submitted.ID, testWait)
	if err != nil {
		return g.untested(*done, "handed over as "+submitted.ID, err)
	}
	done.Test = &m
	if overall(m.Recipients) == "accepted" {
		g.note("  %s %-22s  %s", g.in(green, "✓"), "test message", g.in(dim, "sent: look into the inbox of "+done.Account.Address))
		return nil
	}
	g.note("  %s %-22s  it is %s so far", g.in(red, "✗"), "test message", g.state(overall(m.Recipients)))
	g.note("      gatepost messages explain %s", m.ID)
	return g.unfinished(*done)
}

// untested ends a connection whose test message could not be sent or watched. What
// the API key may not do says nothing against the account.
func (g *guide) untested(done connected, how string, err error) error {
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Kind() != "forbidden" {
		return fmt.Errorf("%s is connected; the test message was %s: %w", done.Account.Address, how, err)
	}
	g.note("  %s %-22s  %s: %v", g.in(yellow, "–"), "test message", how, err)
	return nil
}
