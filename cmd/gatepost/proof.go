package main

import (
	"context"
	"fmt"
	"strings"

	"gatepost/client"
)

// checkAccount asks the provider, which can take a while.
func (r *remote) checkAccount(ctx context.Context, id string) (client.Proof, error) {
	r.progress("asking the provider …")
	defer r.progressEnd()
	return r.CheckAccount(ctx, id)
}

// proof shows what a live check found. A step that is needed and failed makes the
// command fail.
func (r *remote) proof(p client.Proof, err error) error {
	if err != nil {
		return err
	}
	if err := r.show(p, func() { r.steps(p) }); err != nil {
		return err
	}
	if !p.OK {
		return toldError{exitFailed}
	}
	return nil
}

// steps tells of each step. What sending works without is one line, and so is what
// could not be tried because there was no token: the reason is told once.
func (r *remote) steps(p client.Proof) {
	noToken := false
	for _, s := range p.Steps {
		switch {
		case s.OK:
		case noToken:
			s = client.Step{Name: s.Name, Optional: s.Optional, Text: "not tried: no token"}
		case s.Optional && s.Name != "senders" && lacksConsent(s.Cause): // senders says itself what was not checked
			s = client.Step{Name: s.Name, Optional: true, Text: "not allowed; sending works without"}
		}
		r.step(s)
		noToken = noToken || s.Name == "token" && !s.OK && !s.Optional
	}
}

// lacksConsent tells whether a step failed for a scope that was not given.
func lacksConsent(cause string) bool {
	return cause == "scope_missing" || cause == "delegation_missing"
}

func (r *remote) step(s client.Step) {
	name := fmt.Sprintf("%-22s", stepName(s.Name))
	switch {
	case s.OK:
		r.note("  %s %s  %s", r.in(green, "✓"), name, r.in(dim, s.Detail))
	case s.Optional:
		r.note("  %s %s  %s", r.in(yellow, "–"), name, s.Text)
	default:
		r.note("  %s %s  %s", r.in(red, "✗"), name, s.Text)
	}
	if s.OK {
		return
	}
	if s.Reply != "" {
		r.wrapped("the provider said: " + s.Reply)
	}
	r.wrapped(inCommands(s.Fix))
}

// wrapped writes a text below a step, as broad as is easy to read.
func (r *remote) wrapped(text string) {
	for _, line := range wrap(text, 92) {
		r.note("      %s", line)
	}
}

// stepName is a step in plain words.
func stepName(name string) string {
	purpose, scoped := strings.CutPrefix(name, "scope:")
	if scoped {
		return "may " + purposeWords(purpose)
	}
	switch name {
	case "key":
		return "key file"
	case "sign_in":
		return "sign-in"
	case "machine":
		return "machine's identity"
	case "subject_token":
		return "outside token"
	case "exchange":
		return "token exchange"
	case "tls":
		return "TLS"
	case "aliases":
		return "send-as addresses"
	}
	return name
}

func purposeWords(purpose string) string {
	switch purpose {
	case "send":
		return "send"
	case "look":
		return "look in Sent"
	case "draft":
		return "send by drafts"
	case "read":
		return "read mail"
	case "modify":
		return "read and change mail"
	case "smtp":
		return "send by SMTP"
	case "shared":
		return "send for shared mailboxes"
	}
	return purpose
}
