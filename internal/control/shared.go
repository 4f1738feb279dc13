package control

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// A shared mailbox of Exchange has no user of its own who could sign in: one with whom
// it is shared does. The account is the mailbox's; the credential is the user's.

// sharedWith checks who signs in for a shared mailbox, and adds what is to be asked for
// reaching into it.
func (ps *problems) sharedWith(user string, w *store.Wish) string {
	if user == "" {
		return ""
	}
	v := vendorOf(w.Transport)
	user = ps.address("shared_with", user)
	switch {
	case v.userKind() != KindMicrosoftUser:
		ps.add("shared_with", "is for Microsoft's shared mailboxes: leave it out")
	case w.Address == "":
		ps.add("address", "is missing: the shared mailbox")
	case store.SameMailbox(user, w.Address):
		ps.add("shared_with", "is the mailbox itself: name the user who signs in, or leave it out")
	case !slices.Equal(w.Purposes, []string{string(oauth.PurposeSMTP)}) && !slices.Contains(w.Purposes, string(entra.PurposeShared)):
		w.Purposes = append(w.Purposes, string(entra.PurposeShared)) // SMTP alone knows no such permission
	}
	return user
}

// signsIn is the mailbox of the user who is expected to sign in; empty: anybody's.
func signsIn(row *store.Consent) string { return cmp.Or(row.SharedWith, row.Address) }

// wrongUser says that somebody else signed in.
func wrongUser(row *store.Consent, chosen string) *Refusal {
	if row.SharedWith == "" {
		return wrongMailbox(row.Address, chosen)
	}
	return &Refusal{
		Cause: CauseWrongMailbox, Expected: row.SharedWith, Chosen: chosen,
		Text: fmt.Sprintf("%s was to sign in for the shared mailbox %s, and %s did: nothing was connected.", row.SharedWith, row.Address, chosen),
		Fix:  fmt.Sprintf("Start again and sign in as %s, or name %s as the one with whom the mailbox is shared.", row.SharedWith, chosen),
	}
}

// mailbox is the one that the consent connects.
func (n *consented) mailbox() string {
	if n.row.SharedWith != "" {
		return n.row.Address
	}
	return n.grant.email
}

// ownAgain are the settings for an account that is there, which may have been connected
// as a shared mailbox and now is by its own user.
func (n *consented) ownAgain(a *store.Account, settings map[string]any) map[string]any {
	if n.row.SharedWith != "" || !store.SameMailbox(mailboxOf(a.Config), a.Address) {
		return settings
	}
	own := maps.Clone(settings)
	own["mailbox"] = ""
	return own
}

// mailboxOf is the mailbox that an account's settings name.
func mailboxOf(config json.RawMessage) string {
	var s struct {
		Mailbox string `json:"mailbox"`
	}
	_ = json.Unmarshal(config, &s) // what cannot be read names none; the transport says what is wrong
	return s.Mailbox
}

// judgeShared finds out, before anything is kept, whether the user may send from a
// shared mailbox, as far as Microsoft tells without a message: the right to send as it
// is looked at only then.
func (c *Control) judgeShared(ctx context.Context, n *consented) error {
	if n.row.SharedWith == "" {
		return nil
	}
	if p := entra.PurposeShared; n.row.Transport == n.client.vendor().api() && !slices.Contains(n.out.Granted, string(p)) {
		return unticked(string(p), n.out.Missing)
	}
	a := &store.Account{Team: n.row.Team, Address: n.mailbox(), Transport: n.row.Transport, Config: json.RawMessage("{}")}
	if err := c.set(a, consentedSettings(n)); err != nil {
		return err
	}
	steps, err := c.cfg.Engine.ProveWith(ctx, a, func(ctx context.Context, scopes []string, _ bool) (email.Secret, error) {
		return n.token(ctx, scopes)
	})
	if err != nil {
		return err
	}
	for _, s := range steps {
		if s.Err != nil && !s.Optional && s.Err.Class == provider.Hold {
			return &Refusal{Cause: s.Err.Cause, Text: s.Err.Text + " Nothing was connected.", Fix: s.Err.Fix, Reply: s.Err.Reply}
		}
	}
	return nil
}

// token is one of the user who has just consented. A refresh token that comes with it is
// the one that is kept.
func (n *consented) token(ctx context.Context, scopes []string) (email.Secret, error) {
	a, ok := n.client.(*entraAsker)
	if !ok {
		return email.Secret{}, errOtherKind
	}
	user := entra.User{App: a.app, Refresh: n.grant.refresh, Tenant: n.grant.tenant, Email: n.grant.email, Public: n.grant.public}
	t, rotated, _, err := user.Token(ctx, a.http, a.at, scopes, a.now())
	if err == nil && !rotated.Empty() {
		n.grant.refresh = rotated
	}
	return t.Access, err
}
