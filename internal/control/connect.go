package control

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/store"
	"gatepost/internal/vault"
)

// FinishConsent takes what the redirect brought and connects the account. A
// consent that leads to none is a *Refusal; then nothing was stored. One of
// another team, or of a connect link, is ErrNotFound.
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
	if subtle.ConstantTimeCompare(row.State, access.Hash(r.State)) != 1 {
		return Connected{}, stale(store.ErrNotFound)
	}
	if row, err = c.cfg.Store.TakeConsent(ctx, row.State, c.cfg.Now()); err != nil {
		return Connected{}, stale(err)
	}
	return c.finish(ctx, row, r)
}

// finish turns what a redirect brought into a connected account. Its consent has
// been taken, so this happens once.
func (c *Control) finish(ctx context.Context, row *store.Consent, r Redirected) (Connected, error) {
	ctx = context.WithoutCancel(ctx) // a browser that leaves must not waste a code
	if r.Issuer != "" && !c.cfg.Endpoints.IssuedBy(r.Issuer) {
		return Connected{}, &Refusal{ // RFC 9207 section 2.4
			Cause: CauseOtherIssuer, Text: "This answer does not come from Google: nothing was connected.", Fix: "Start again.",
		}
	}
	switch {
	case r.Error != "":
		return Connected{}, denied(r.Error)
	case r.Code == "":
		return Connected{}, denied("no code")
	}
	client, grant, err := c.exchange(ctx, row, r)
	if err != nil {
		return Connected{}, refusalOf(err)
	}
	made, err := c.judge(ctx, row, client, grant)
	if err != nil {
		c.giveBack(ctx, client.ID(), grant.Subject, grant.Refresh)
	}
	return made, err
}

func (c *Control) exchange(ctx context.Context, row *store.Consent, r Redirected) (*oauth.Client, oauth.Grant, error) {
	client, err := c.client(ctx, row.Team, row.Credential)
	if errors.Is(err, ErrNotFound) {
		return nil, oauth.Grant{}, &Refusal{
			Cause: "client_gone", Text: "The OAuth client that asked was removed from gatepost meanwhile: nothing was connected.",
			Fix: "Ask for a new link.",
		}
	}
	if err != nil {
		return nil, oauth.Grant{}, err
	}
	p, err := c.openProof(ctx, row)
	if err != nil {
		return nil, oauth.Grant{}, err
	}
	grant, err := c.question(client, row, p, r.State).Exchange(ctx, c.cfg.HTTP, r.Code, c.cfg.Now())
	return client, grant, err
}

// judge compares what was granted with what was wished, before anything is kept.
func (c *Control) judge(ctx context.Context, row *store.Consent, client *oauth.Client, grant oauth.Grant) (Connected, error) {
	if row.Address != "" && !sameMailbox(row.Address, grant.Email) {
		return Connected{}, wrongMailbox(row.Address, grant.Email)
	}
	out := Connected{Granted: []string{}, Missing: []string{}}
	for _, p := range row.Purposes {
		if oauth.Covers(grant.Scopes, oauth.Purpose(p).Scope()) {
			out.Granted = append(out.Granted, p)
		} else {
			out.Missing = append(out.Missing, p)
		}
	}
	if need := needed(row.Transport); !oauth.Covers(grant.Scopes, need.Scope()) {
		return Connected{}, unticked(string(need), out.Missing)
	}
	return c.connect(ctx, row, client, grant, out)
}

// connect keeps the connection. Two who connect a mailbox at the same time make
// one account: the second finds it there.
func (c *Control) connect(ctx context.Context, row *store.Consent, client *oauth.Client, grant oauth.Grant, out Connected) (Connected, error) {
	for range 3 {
		k, err := c.connection(ctx, row, client, grant, out)
		if err != nil {
			return Connected{}, err
		}
		err = c.cfg.Store.Connect(ctx, k)
		if errors.Is(err, store.ErrExists) || k.Again && errors.Is(err, store.ErrNotFound) {
			continue
		}
		if errors.Is(err, store.ErrLinkClosed) {
			return Connected{}, c.linkRefusal(ctx, row)
		}
		if err != nil {
			return Connected{}, err
		}
		c.cfg.Vault.Forget(k.Credential.ID)
		c.cfg.Engine.AccountChanged(row.Team, k.Account.ID)
		out.Credential, out.Again = k.Credential.ID, k.Again
		a, err := c.cfg.Store.Account(ctx, row.Team, k.Account.ID)
		if err != nil {
			return Connected{}, err
		}
		out.Account = accountOf(a)
		return out, nil
	}
	return Connected{}, fmt.Errorf("connect %s: the account kept changing: %w", row.ID, store.ErrBusy)
}

// connection is what is to be kept: a new account or the one that is there, a new
// credential or the one that it has.
func (c *Control) connection(ctx context.Context, row *store.Consent, client *oauth.Client, grant oauth.Grant, out Connected) (store.Connection, error) {
	all, err := c.cfg.Store.Accounts(ctx, row.Team)
	if err != nil {
		return store.Connection{}, err
	}
	k := store.Connection{Link: row.Link}
	look := oauth.Covers(grant.Scopes, oauth.PurposeLook.Scope())
	if k.Account, k.Again, err = c.accountFor(row, grant, all, look); err != nil {
		return k, err
	}
	if k.Credential, k.Replace, err = c.credentialFor(ctx, row, k, all, client, grant); err != nil {
		return k, err
	}
	if err := c.fill(ctx, &k, client, row, grant, out); err != nil {
		return k, err
	}
	k.Account.Credential = k.Credential.ID
	k.Event, err = c.event(email.EventAccountConnected)
	k.Event.Data.Text = connectedText(k, out)
	return k, err
}

func connectedText(k store.Connection, out Connected) string {
	text := "its user gave consent for " + strings.Join(out.Granted, ", ")
	if len(out.Missing) > 0 {
		text += ", not for " + strings.Join(out.Missing, ", ")
	}
	if k.Again {
		text += "; it was connected before"
	}
	return text
}

// accountFor finds the account of the mailbox and transport, or makes one, with
// looking in Sent as the user agreed to it.
func (c *Control) accountFor(row *store.Consent, grant oauth.Grant, all []*store.Account, look bool) (*store.Account, bool, error) {
	for _, a := range all {
		if a.Transport != row.Transport || !sameMailbox(a.Address, grant.Email) {
			continue
		}
		if len(row.Senders) > 0 {
			a.Senders = row.Senders
		}
		a.UpdatedAt = c.cfg.Now().UTC().Truncate(time.Millisecond)
		return a, true, c.mayLook(a, look)
	}
	id, now, err := c.newID(email.PrefixAccount)
	if err != nil {
		return nil, false, err
	}
	address, err := email.ParseAddress(grant.Email)
	if err != nil {
		return nil, false, fmt.Errorf("the mailbox that Google names: %w", err)
	}
	a := &store.Account{
		Team: row.Team, ID: id, Address: address.Addr(), Transport: row.Transport, Senders: row.Senders,
		Config: json.RawMessage("{}"), CreatedAt: now, UpdatedAt: now,
	}
	return a, false, c.mayLook(a, look)
}

// mayLook sets whether Sent may be read, and leaves the other settings.
func (c *Control) mayLook(a *store.Account, look bool) error {
	settings := map[string]json.RawMessage{}
	if err := json.Unmarshal(a.Config, &settings); err != nil {
		return fmt.Errorf("settings of account %s: %w", a.ID, err)
	}
	settings["may_look"] = json.RawMessage(fmt.Sprint(look))
	config, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	var wrong problems
	a.Config = wrong.settings(c.kinds[a.Transport], a.Transport, config)
	return wrong.err()
}

// credentialFor is the credential that takes the grant. The account's own is
// replaced when it is of the same user, by Google's id and not by the address
// alone (OpenID Connect Core section 5.7), and nobody else would lose a scope.
func (c *Control) credentialFor(ctx context.Context, row *store.Consent, k store.Connection, all []*store.Account, client *oauth.Client, grant oauth.Grant) (store.Credential, bool, error) {
	if k.Again && k.Account.Credential != "" {
		old, err := c.cfg.Store.Credential(ctx, row.Team, k.Account.Credential)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return old, false, err
		}
		if err == nil && replaceable(old, k.Account, all, grant) {
			return old, true, nil
		}
	}
	id, now, err := c.newID(email.PrefixCredential)
	return store.Credential{Team: row.Team, ID: id, Kind: KindGoogleUser, CreatedAt: now}, false, err
}

func replaceable(old store.Credential, a *store.Account, all []*store.Account, grant oauth.Grant) bool {
	if old.Kind != KindGoogleUser || publicOf(old.Public, "subject") != grant.Subject {
		return false
	}
	shared := slices.ContainsFunc(all, func(b *store.Account) bool { return b.ID != a.ID && b.Credential == old.ID })
	for _, scope := range strings.Fields(publicOf(old.Public, "scopes")) {
		if shared && !oauth.Covers(grant.Scopes, scope) {
			return false
		}
	}
	return true
}

// fill puts the grant into the credential.
func (c *Control) fill(ctx context.Context, k *store.Connection, client *oauth.Client, row *store.Consent, grant oauth.Grant, out Connected) error {
	public := vault.UserPublic{
		Email: grant.Email, Subject: grant.Subject, Scopes: strings.Join(grant.Scopes, " "), Purposes: strings.Join(out.Granted, " "),
		Client: row.Credential, ClientID: client.ID(),
	}
	if !grant.RefreshExpires.IsZero() {
		public.ExpiresAt = grant.RefreshExpires.UTC().Format(time.RFC3339)
	}
	text, err := json.Marshal(public)
	if err != nil {
		return err
	}
	k.Credential.Name, k.Credential.Public = grant.Email, text
	k.Credential.UpdatedAt = laterThan(k.Credential.UpdatedAt, c.cfg.Now())
	if k.Credential.Sealed, err = c.cfg.Vault.SealSecret(ctx, row.Team, k.Credential.ID, grant.Refresh); err != nil {
		return fmt.Errorf("seal credential %s: %w", k.Credential.ID, err)
	}
	return nil
}

// laterThan gives a time that tells the new secret from the old one, also within
// one millisecond and when the clock was set back: live tokens go by it.
func laterThan(old, now time.Time) time.Time {
	now = now.UTC().Truncate(time.Millisecond)
	if now.After(old) {
		return now
	}
	return old.Add(time.Millisecond)
}
