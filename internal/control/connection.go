package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/store"
	"gatepost/internal/vault"
)

// connection is what is to be kept: a new account or the one that is there, a new
// credential or the one that it has.
func (c *Control) connection(ctx context.Context, n *consented) (store.Connection, error) {
	all, err := c.cfg.Store.Accounts(ctx, n.row.Team)
	if err != nil {
		return store.Connection{}, err
	}
	k := store.Connection{Link: n.row.Link, Client: n.row.Credential, Gave: func(now store.Credential) bool {
		return publicOf(now.Public, "client_id") == n.client.ID()
	}}
	if err := c.accountFor(&k, n, all); err != nil {
		return k, err
	}
	if k.Credential, k.Replace, err = c.credentialFor(ctx, k, all, n); err != nil {
		return k, err
	}
	k.Seen = k.Credential.UpdatedAt
	if err := c.fill(ctx, &k.Credential, n); err != nil {
		return k, err
	}
	if k.Again == nil {
		k.Account.Credential = k.Credential.ID
	}
	k.Event, err = c.event(email.EventAccountConnected)
	k.Event.Data.Text = connectedText(k, n.out)
	return k, err
}

func connectedText(k store.Connection, out Connected) string {
	text := "its user gave consent for " + strings.Join(out.Granted, ", ")
	if len(out.Missing) > 0 {
		text += ", not for " + strings.Join(out.Missing, ", ")
	}
	if k.Again != nil {
		text += "; it was connected before"
	}
	return text
}

// accountFor finds the account of the mailbox and transport, or makes one, with
// what its user agreed to.
func (c *Control) accountFor(k *store.Connection, n *consented, all []*store.Account) error {
	settings := consentedSettings(n)
	for _, a := range all {
		if a.Transport != n.row.Transport || !store.SameMailbox(a.Address, n.mailbox()) {
			continue
		}
		k.Account, k.Again = a, func(now *store.Account) error {
			if len(n.row.Senders) > 0 {
				now.Senders = n.row.Senders
			}
			return c.set(now, n.ownAgain(now, settings))
		}
		return nil
	}
	id, now, err := c.newID(email.PrefixAccount)
	if err != nil {
		return err
	}
	address, err := email.ParseAddress(n.mailbox())
	if err != nil {
		return fmt.Errorf("the mailbox that the provider names: %w", err)
	}
	k.Account = &store.Account{
		Team: n.row.Team, ID: id, Address: address.Addr(), Transport: n.row.Transport, Senders: n.row.Senders,
		Config: json.RawMessage("{}"), CreatedAt: now, UpdatedAt: now,
	}
	return c.set(k.Account, settings)
}

// consentedSettings are those that a consent decides: whether Sent may be read, and
// whether mail is sent by drafts. A consent that does not ask for drafts leaves that
// as it is, unless it does not allow them.
func consentedSettings(n *consented) map[string]any {
	granted := func(p oauth.Purpose) bool { return slices.Contains(n.out.Granted, string(p)) }
	to := map[string]any{"may_look": granted(oauth.PurposeLook)}
	maps.Copy(to, n.client.settings())
	if n.row.SharedWith != "" {
		to["mailbox"] = n.mailbox()
	}
	asked := slices.Contains(n.row.Purposes, string(oauth.PurposeDraft))
	if n.row.Transport == n.client.vendor().api() && (asked || !granted(oauth.PurposeDraft)) {
		to["draft_fence"] = granted(oauth.PurposeDraft)
	}
	return to
}

// set changes these settings of an account and leaves the others.
func (c *Control) set(a *store.Account, to map[string]any) error {
	var wrong problems
	a.Config = wrong.settings(c.kinds[a.Transport], a.Transport, withSettings(a.Config, to))
	return wrong.err()
}

// credentialFor is the credential that takes the grant. The account's own is
// replaced when it is of the same user, by the provider's id and not by the address
// alone (OpenID Connect Core section 5.7), and nobody else would lose a scope.
func (c *Control) credentialFor(ctx context.Context, k store.Connection, all []*store.Account, n *consented) (store.Credential, bool, error) {
	if k.Again != nil && k.Account.Credential != "" {
		old, err := c.cfg.Store.Credential(ctx, k.Account.Team, k.Account.Credential)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return old, false, err
		}
		if err == nil && replaceable(old, k.Account, all, n) {
			return old, true, nil
		}
	}
	id, now, err := c.newID(email.PrefixCredential)
	return store.Credential{Team: k.Account.Team, ID: id, Kind: n.client.vendor().userKind(), CreatedAt: now}, false, err
}

func replaceable(old store.Credential, a *store.Account, all []*store.Account, n *consented) bool {
	v, grant := n.client.vendor(), n.grant
	if old.Kind != v.userKind() || publicOf(old.Public, "subject") != grant.subject || publicOf(old.Public, "tenant") != grant.tenant {
		return false
	}
	shared := slices.ContainsFunc(all, func(b *store.Account) bool { return b.ID != a.ID && b.Credential == old.ID })
	for _, scope := range strings.Fields(publicOf(old.Public, "scopes")) {
		if shared && !v.covers(grant.scopes, scope) {
			return false
		}
	}
	return true
}

// fill puts the grant into the credential.
func (c *Control) fill(ctx context.Context, cred *store.Credential, n *consented) error {
	public := vault.UserPublic{
		Email: n.grant.email, Subject: n.grant.subject, Tenant: n.grant.tenant, Public: n.grant.public,
		Scopes: strings.Join(n.grant.scopes, " "), Purposes: strings.Join(n.out.Granted, " "),
		Client: n.row.Credential, ClientID: n.client.ID(),
	}
	if !n.grant.ends.IsZero() {
		public.ExpiresAt = n.grant.ends.UTC().Format(time.RFC3339)
	}
	text, err := json.Marshal(public)
	if err != nil {
		return err
	}
	cred.Name, cred.Public, cred.UpdatedAt = n.grant.email, text, laterThan(cred.UpdatedAt, c.cfg.Now())
	if cred.Sealed, err = c.cfg.Vault.SealSecret(ctx, cred.Team, cred.ID, n.grant.refresh); err != nil {
		return fmt.Errorf("seal credential %s: %w", cred.ID, err)
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
