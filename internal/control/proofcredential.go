package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// CheckCredential tries a credential live for a mailbox, each purpose alone.
// Nothing is sent. Without an address, what a service account may do for users is
// not tried.
func (c *Control) CheckCredential(ctx context.Context, g access.Grant, id email.ID, address string, purposes []string) (Proof, error) {
	if err := may(g, access.ScopeAccountsWrite); err != nil {
		return Proof{}, err
	}
	row, err := c.credential(ctx, g, id)
	if err != nil {
		return Proof{}, err
	}
	t := trial{row: row}
	var wrong problems
	if address != "" {
		t.address = wrong.address("address", address)
	}
	t.purposes = wrong.trialPurposes(purposes, row)
	if err := wrong.err(); err != nil {
		return Proof{}, err
	}
	switch row.Kind {
	case KindServiceAccount:
		return c.serviceAccountProof(ctx, t)
	case KindKeyless:
		return c.keylessProof(ctx, t)
	case KindOAuthClient:
		return c.clientProof(ctx, row)
	case KindGoogleUser, KindMicrosoftUser:
		return c.userProof(ctx, t)
	case KindMicrosoftApp:
		return c.appProof(ctx, t)
	}
	return c.passwordProof(ctx, g, row)
}

// trial is a credential and what is to be tried with it.
type trial struct {
	row      store.Credential
	address  string
	purposes []oauth.Purpose
}

// trialPurposes are those asked for; else those that a user agreed to, or the usual.
func (ps *problems) trialPurposes(list []string, row store.Credential) []oauth.Purpose {
	v := vendorOfKind(row.Kind)
	if len(list) == 0 && isUser(row.Kind) {
		list = strings.Fields(publicOf(row.Public, "purposes"))
	}
	if len(list) == 0 {
		return usual(v.api())
	}
	var out []oauth.Purpose
	for i, s := range list {
		p := oauth.Purpose(s)
		if !slices.Contains(v.purposes(), p) {
			ps.add(fmt.Sprintf("purposes[%d]", i), "not a purpose: one of %s", strings.Join(words(v.purposes()), ", "))
		}
		out = append(out, p)
	}
	return out
}

func (t trial) wants(p oauth.Purpose) bool { return slices.Contains(t.purposes, p) }

// transport is the one that shows most of what is wanted.
func (t trial) transport() string {
	v := vendorOfKind(t.row.Kind)
	others := slices.DeleteFunc(slices.Clone(t.purposes), func(p oauth.Purpose) bool { return p == oauth.PurposeSMTP })
	if t.wants(oauth.PurposeSMTP) && !v.allows(v.scopes(others), oauth.PurposeSend) {
		return v.smtp()
	}
	return v.api()
}

// live is what the transport itself tries, with the steps that nobody asked for
// left out and those that were asked for needed.
func (c *Control) live(ctx context.Context, t trial) ([]Step, error) {
	own, err := c.byCredential(ctx, t.row.Team, t.transport(), t.row.ID)
	if err != nil {
		return nil, err
	}
	config := withSettings(json.RawMessage(fmt.Sprintf(`{"may_look": %t}`, t.wants(oauth.PurposeLook))), own)
	steps, err := c.cfg.Engine.ProveCredential(ctx, t.row.Team, t.row.ID, t.transport(), t.address, config)
	if err != nil {
		return nil, err
	}
	var out []Step
	for _, s := range stepsOf(steps) {
		name, scope := strings.CutPrefix(s.Name, "scope:")
		if scope && !t.wants(oauth.Purpose(name)) {
			continue
		}
		s.Optional = s.Optional && !scope
		out = append(out, s)
	}
	return out, nil
}

// shown tells whether a purpose has its step already.
func shown(steps []Step, p oauth.Purpose) bool {
	return slices.ContainsFunc(steps, func(s Step) bool { return s.Name == "scope:"+string(p) })
}

// serviceAccountProof: the key is one, Google takes its signature, and it may act
// for the user with each scope alone.
func (c *Control) serviceAccountProof(ctx context.Context, t trial) (Proof, error) {
	_, secret, err := c.cfg.Vault.Secret(ctx, t.row.Team, t.row.ID)
	if err != nil {
		return Proof{}, err
	}
	account, err := oauth.ParseServiceAccount([]byte(secret.Reveal()), c.cfg.TokenURL)
	if err != nil {
		return proofOf([]Step{{
			Name: "key", Cause: "key_damaged", Text: "The key that is kept cannot be read: " + err.Error(), Fix: "Make a new key and store it in place of this one.",
		}}), nil
	}
	mint := func(name, subject string, p oauth.Purpose, seen string) Step {
		_, err := account.Token(ctx, c.cfg.HTTP, subject, []string{p.Scope()}, c.cfg.Now())
		return tried(name, seen, err)
	}
	steps := []Step{
		{Name: "key", OK: true, Detail: fmt.Sprintf("key %s of %s", account.KeyID(), account.Email())},
		mint("signature", "", oauth.PurposeSend, "Google takes what the key signs"),
	}
	if !steps[1].OK {
		return proofOf(steps), nil
	}
	return c.delegationProof(ctx, t, steps, mint)
}

// delegationProof goes on with what a service account may do for the user, each scope
// alone; mint tries one that the transport does not show.
func (c *Control) delegationProof(ctx context.Context, t trial, steps []Step, mint func(name, subject string, p oauth.Purpose, seen string) Step) (Proof, error) {
	if t.address == "" {
		return proofOf(append(steps, Step{
			Name: "token", Optional: true, Cause: "no_address", Text: "No mailbox was named, so what the service account may do for users was not tried.",
			Fix: "Check again with the primary address of a user.",
		})), nil
	}
	c.cfg.Vault.Forget(t.row.ID)
	more, err := c.live(ctx, t)
	if err != nil {
		return Proof{}, err
	}
	steps = append(steps, more...)
	for _, p := range t.purposes {
		if !shown(steps, p) {
			steps = append(steps, mint("scope:"+string(p), t.address, p, "Google gave a token for "+p.Scope()))
		}
	}
	return proofOf(steps), nil
}

// tried is a step that is one call to Google.
func tried(name, seen string, err error) Step {
	if err == nil {
		return Step{Name: name, OK: true, Detail: seen}
	}
	e, ok := errors.AsType[*provider.Error](err)
	if !ok {
		e = &provider.Error{Cause: "unexpected", Text: err.Error()}
	}
	return stepOf(provider.Step{Name: name, Err: e})
}
