package control

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/store"
)

// FinishConsent takes what the redirect brought and connects the account. A
// consent that leads to none is a *Refusal; then nothing was stored. One of
// another team, or of a connect link, is ErrNotFound. Of a device code, for which r is
// empty, the answer is Connected.Pending as long as the user has not decided.
func (c *Control) FinishConsent(ctx context.Context, g access.Grant, id email.ID, r Redirected) (Connected, error) {
	if err := may(g, access.ScopeAccountsWrite); err != nil {
		return Connected{}, err
	}
	if err := known(prefixConsent, id); err != nil {
		return Connected{}, err
	}
	row, err := c.cfg.Store.Consent(ctx, g.Team, id)
	if err != nil {
		return Connected{}, err
	}
	if row.Link != "" {
		return Connected{}, fmt.Errorf("consent %s belongs to a connect link: %w", id, ErrNotFound)
	}
	if row.PollEvery > 0 {
		return c.finishDevice(ctx, row)
	}
	if subtle.ConstantTimeCompare(row.State, access.Hash(r.State)) != 1 {
		return Connected{}, stale(store.ErrNotFound)
	}
	if row, err = c.cfg.Store.TakeConsent(ctx, row, nil, c.cfg.Now()); err != nil {
		return Connected{}, stale(err)
	}
	return c.finish(ctx, row, r)
}

// finish turns what a redirect brought into a connected account. Its consent has
// been taken, so this happens once.
func (c *Control) finish(ctx context.Context, row *store.Consent, r Redirected) (Connected, error) {
	ctx = context.WithoutCancel(ctx) // a browser that leaves must not waste a code
	client, err := c.asker(ctx, row.Team, row.Credential)
	if errors.Is(err, ErrNotFound) {
		return Connected{}, clientGone()
	}
	if err != nil {
		return Connected{}, err
	}
	name := client.vendor().name()
	switch {
	case r.Issuer != "" && !client.issuedBy(r.Issuer):
		return Connected{}, &Refusal{ // RFC 9207 section 2.4
			Cause: CauseOtherIssuer, Text: "This answer does not come from " + name + ": nothing was connected.", Fix: "Start again.",
		}
	case r.Error != "":
		return Connected{}, denied(r.Error, name)
	case r.Code == "":
		return Connected{}, denied("no code", name)
	}
	made, grant, err := c.settle(ctx, row, client, r)
	if err != nil {
		_, _ = c.giveBack(ctx, client.vendor(), client.ID(), grant.subject, grant.refresh) // what did not work is logged
	}
	return made, err
}

// settle exchanges the code and keeps what came of it, in one turn at the client:
// a revocation in between would end what is being kept. Beside an error stands
// what has to be given back.
func (c *Control) settle(ctx context.Context, row *store.Consent, client asker, r Redirected) (Connected, granted, error) {
	p, err := c.openProof(ctx, row)
	if err != nil {
		return Connected{}, granted{}, err
	}
	end, err := c.turn(ctx, client.ID(), false)
	if err != nil {
		return Connected{}, granted{}, err
	}
	defer end()
	grant, err := client.exchange(ctx, questionOf(row, p, r.State), r.Code)
	if err != nil {
		c.keepUnlisted(ctx, row.Team, strings.ToLower(client.vendor().name()), err)
		return Connected{}, grant, refusalOf(err, client.vendor().name())
	}
	made, err := c.judge(ctx, row, client, grant)
	return made, grant, err
}

func clientGone() *Refusal {
	return &Refusal{
		Cause: "client_gone", Text: "The OAuth client that asked was removed from gatepost meanwhile: nothing was connected.",
		Fix: "Ask for a new link.",
	}
}

// judge compares what was granted with what was wished, before anything is kept.
func (c *Control) judge(ctx context.Context, row *store.Consent, client asker, grant granted) (Connected, error) {
	if who := signsIn(row); who != "" && !store.SameMailbox(who, grant.email) {
		return Connected{}, wrongUser(row, grant.email)
	}
	v := client.vendor()
	out := Connected{Granted: []string{}, Missing: []string{}}
	for _, p := range row.Purposes {
		if v.allows(grant.scopes, oauth.Purpose(p)) {
			out.Granted = append(out.Granted, p)
		} else {
			out.Missing = append(out.Missing, p)
		}
	}
	if need := needed(row.Transport); !v.allows(grant.scopes, need) {
		return Connected{}, unticked(string(need), out.Missing)
	}
	n := &consented{row, client, grant, out}
	if err := c.judgeShared(ctx, n); err != nil {
		return Connected{}, err
	}
	return c.connect(ctx, n)
}

// consented is a consent that is good, on its way into the store.
type consented struct {
	row    *store.Consent
	client asker
	grant  granted
	out    Connected
}

// connect keeps the connection. Two who connect a mailbox at the same time make
// one account: the second finds it there.
func (c *Control) connect(ctx context.Context, n *consented) (Connected, error) {
	for range 3 {
		k, err := c.connection(ctx, n)
		if err != nil {
			return Connected{}, err
		}
		err = c.cfg.Store.Connect(ctx, k)
		if errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrChanged) || k.Again != nil && errors.Is(err, store.ErrNotFound) {
			continue
		}
		if errors.Is(err, store.ErrNoCredential) {
			return Connected{}, clientGone()
		}
		if errors.Is(err, store.ErrLinkClosed) {
			return Connected{}, c.linkRefusal(ctx, n.row)
		}
		if err != nil {
			return Connected{}, err
		}
		return c.connected(ctx, n, k)
	}
	return Connected{}, fmt.Errorf("connect %s: the account kept changing: %w", n.row.ID, store.ErrBusy)
}

// connected tells vault and engine, and reads what was kept.
func (c *Control) connected(ctx context.Context, n *consented, k store.Connection) (Connected, error) {
	c.cfg.Vault.Forget(k.Credential.ID)
	c.cfg.Engine.AccountChanged(n.row.Team, k.Account.ID)
	a, err := c.cfg.Store.Account(ctx, n.row.Team, k.Account.ID)
	if err != nil {
		return Connected{}, err
	}
	out := n.out
	out.Credential, out.Again, out.Account = k.Credential.ID, k.Again != nil, accountOf(a)
	return out, nil
}
