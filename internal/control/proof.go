package control

import (
	"context"
	"fmt"
	"slices"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/queue"
	"gatepost/internal/store"
)

// Proof is what a live check found, step by step.
type Proof struct {
	OK    bool // every step that is needed went well
	Steps []Step
}

// Step is one step of a live check.
type Step struct {
	Name     string // "key", "signature", "token", "scope:send", "mailbox", "sign_in" …
	OK       bool
	Optional bool   // sending works without it
	Detail   string // what was seen
	Cause    string // a stable word for what is wrong
	Text     string // the same for a person
	Fix      string // what to do about it, and where
	Reply    string // the provider's own words
}

func stepOf(s provider.Step) Step {
	out := Step{Name: s.Name, OK: s.Err == nil, Optional: s.Optional, Detail: s.Detail}
	if e := s.Err; e != nil {
		out.Cause, out.Text, out.Fix, out.Reply = e.Cause, e.Text, e.Fix, e.Reply
	}
	return out
}

func proofOf(steps []Step) Proof {
	failed := slices.ContainsFunc(steps, func(s Step) bool { return !s.OK && !s.Optional })
	return Proof{OK: !failed && len(steps) > 0, Steps: steps}
}

func stepsOf(steps []provider.Step) []Step {
	out := make([]Step, len(steps))
	for i, s := range steps {
		out[i] = stepOf(s)
	}
	return out
}

// CheckAccount tries live, step by step, what an account needs. Nothing is sent,
// and a held account stays held.
func (c *Control) CheckAccount(ctx context.Context, g access.Grant, id email.ID) (Proof, error) {
	if err := may(g, access.ScopeAccountsWrite); err != nil {
		return Proof{}, err
	}
	a, err := c.account(ctx, g, id)
	if err != nil {
		return Proof{}, err
	}
	return c.prove(ctx, g, a)
}

func (c *Control) prove(ctx context.Context, g access.Grant, a Account) (Proof, error) {
	c.cfg.Vault.ForgetFor(a.Credential, a.Address) // a refusal that is remembered is not live
	steps, err := c.cfg.Engine.Prove(ctx, g.Team, a.ID)
	if err != nil {
		return Proof{}, err
	}
	all, err := c.proveSenders(ctx, a, g.Team, stepsOf(steps))
	if err != nil {
		return Proof{}, err
	}
	return proofOf(all), nil
}

// Alias is an address that an account's mailbox may send as.
type Alias struct {
	Address  string
	Name     string
	Primary  bool
	Default  bool
	Verified bool // others are replaced by the primary address when mail leaves
	Allowed  bool // the account's senders let it stand in From
}

// Aliases asks the provider which addresses an account's mailbox may send as.
func (c *Control) Aliases(ctx context.Context, g access.Grant, id email.ID) ([]Alias, error) {
	if err := may(g, access.ScopeAccountsRead); err != nil {
		return nil, err
	}
	a, err := c.account(ctx, g, id)
	if err != nil {
		return nil, err
	}
	all, err := c.cfg.Engine.Aliases(ctx, g.Team, id)
	if err != nil {
		return nil, providersWord(err)
	}
	out := make([]Alias, len(all))
	for i, x := range all {
		out[i] = Alias{Address: x.Address, Name: x.Name, Primary: x.Primary, Default: x.Default, Verified: x.Verified, Allowed: a.allows(x.Address)}
	}
	return out, nil
}

// allows tells whether an address may stand in From.
func (a Account) allows(address string) bool {
	from, err := email.ParseAddress(address)
	if err != nil {
		return false
	}
	for _, s := range append([]string{a.Address}, a.Senders...) {
		one, err := email.ParseAddress(s)
		if s == "@"+from.Domain || err == nil && one.Equal(from) {
			return true
		}
	}
	return false
}

// TestAccount sends a message through an account that says it is a test; to
// empty means to the account's own address.
func (c *Control) TestAccount(ctx context.Context, g access.Grant, id email.ID, to string) (queue.Submitted, error) {
	if err := may(g, access.ScopeAccountsWrite); err != nil {
		return queue.Submitted{}, err
	}
	a, err := c.account(ctx, g, id)
	if err != nil {
		return queue.Submitted{}, err
	}
	if to == "" {
		to = a.Address
	}
	var wrong problems
	wrong.address("to", to)
	if err := wrong.err(); err != nil {
		return queue.Submitted{}, err
	}
	address, err := email.ParseAddress(to)
	if err != nil {
		return queue.Submitted{}, err
	}
	return c.cfg.Engine.Submit(ctx, g, queue.Submission{
		Account: a.ID, To: []email.Address{address}, Subject: "A test message from gatepost", Text: c.testText(a), Type: "notification", Tags: []string{"gatepost-test"},
	})
}

func (c *Control) testText(a Account) string {
	return fmt.Sprintf("This is a test message. It shows that gatepost can send as %s.\n\n"+
		"It was asked for on %s and left through the account %s (%s).\nYou need not do anything, and you can delete it.\n",
		a.Address, c.cfg.Now().UTC().Format("2 January 2006 at 15:04 UTC"), a.ID, a.Transport)
}

// passwordProof tries a password with the account that uses it: alone it does not
// say where it belongs.
func (c *Control) passwordProof(ctx context.Context, g access.Grant, row store.Credential) (Proof, error) {
	all, err := c.cfg.Store.Accounts(ctx, g.Team)
	if err != nil {
		return Proof{}, err
	}
	for _, a := range all {
		if a.Credential == row.ID {
			return c.prove(ctx, g, accountOf(a))
		}
	}
	return proofOf([]Step{{
		Name: "sign_in", Cause: "no_account", Text: "No account uses this password yet, so there is no server to try it at.",
		Fix: "Connect an account with it (POST /v1/accounts), then check that account.",
	}}), nil
}
