package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/store"
)

// needed is the purpose without which a transport sends nothing.
func needed(transport string) oauth.Purpose {
	if transport == vendorOf(transport).smtp() {
		return oauth.PurposeSMTP
	}
	return oauth.PurposeSend
}

// usual is what a transport is for when nobody says.
func usual(transport string) []oauth.Purpose {
	return []oauth.Purpose{needed(transport), oauth.PurposeLook}
}

// purposes reads what a mailbox is to be used for, in the usual order.
func (ps *problems) purposes(list []string, transport string) []oauth.Purpose {
	if len(list) == 0 {
		return usual(transport)
	}
	v := vendorOf(transport)
	var out []oauth.Purpose
	for i, s := range list {
		p := oauth.Purpose(s)
		if !slices.Contains(v.purposes(), p) {
			ps.add(fmt.Sprintf("purposes[%d]", i), "not a purpose: one of %s", strings.Join(words(v.purposes()), ", "))
			return nil
		}
		if p == oauth.PurposeDraft && transport != v.api() {
			ps.add(fmt.Sprintf("purposes[%d]", i), "is for the transport %s alone: no other sends by drafts", v.api())
		}
		out = append(out, p)
	}
	if need := needed(transport); !v.allows(v.scopes(out), need) {
		ps.add("purposes", "lacks %s, without which the transport %s sends nothing", need, transport)
	}
	return slices.DeleteFunc(v.purposes(), func(p oauth.Purpose) bool { return !slices.Contains(out, p) })
}

func words(ps []oauth.Purpose) []string {
	out := make([]string, len(ps))
	for i, p := range ps {
		out[i] = string(p)
	}
	return out
}

func purposesOf(list []string) []oauth.Purpose {
	out := make([]oauth.Purpose, len(list))
	for i, s := range list {
		out[i] = oauth.Purpose(s)
	}
	return out
}

// consents tells whether a user's consent can serve a transport.
func (c *Control) consents(transport string, wrong *problems) bool {
	kind, ok := c.kinds[transport]
	if !ok || !slices.ContainsFunc(kind.Credentials, isUser) {
		wrong.add("transport", "not one that a user's consent can serve: one of %s", strings.Join(consentTransports(), ", "))
		return false
	}
	return true
}

// wish checks what a consent is to lead to. With a problem the client may be nil.
func (c *Control) wish(ctx context.Context, g access.Grant, w store.Wish, wrong *problems) (store.Wish, asker, error) {
	client, err := c.checkClient(ctx, g.Team, w.Credential, wrong)
	if err != nil {
		return w, nil, err
	}
	v := vendor(atGoogle{})
	if client != nil {
		v = client.vendor()
	} else if w.Transport != "" {
		v = vendorOf(w.Transport)
	}
	w.Transport = cmp.Or(w.Transport, v.api())
	if c.consents(w.Transport, wrong) && vendorOf(w.Transport).name() != v.name() {
		wrong.add("transport", "is not one of %s, whose client this is: %s or %s", v.name(), v.api(), v.smtp())
	}
	w.Purposes = words(wrong.purposes(w.Purposes, w.Transport))
	w.Senders = wrong.senders(w.Senders)
	if w.Address != "" {
		w.Address = wrong.mailbox(w.Address)
	}
	return w, client, nil
}

func (c *Control) checkClient(ctx context.Context, team, id email.ID, wrong *problems) (asker, error) {
	if id == "" {
		wrong.add("credential", "is missing: the id of a %s or %s made by POST /v1/credentials", KindOAuthClient, KindMicrosoftApp)
		return nil, nil
	}
	client, err := c.asker(ctx, team, id)
	switch {
	case errors.Is(err, ErrNotFound):
		wrong.add("credential", "there is no such credential: make one by POST /v1/credentials")
		return nil, nil
	case errors.Is(err, errOtherKind):
		wrong.add("credential", "%v", err)
		return nil, nil
	}
	return client, err
}

// client opens an OAuth client.
func (c *Control) client(ctx context.Context, team, id email.ID) (*oauth.Client, error) {
	if err := known(email.PrefixCredential, id); err != nil {
		return nil, err
	}
	row, secret, err := c.cfg.Vault.Secret(ctx, team, id)
	if err != nil {
		return nil, err
	}
	if row.Kind != KindOAuthClient {
		return nil, fmt.Errorf("%w: it is of the kind %s, and consent needs a %s or a %s", errOtherKind, row.Kind, KindOAuthClient, KindMicrosoftApp)
	}
	client, err := oauth.ParseClient([]byte(secret.Reveal()), c.cfg.Endpoints)
	if err != nil {
		return nil, fmt.Errorf("OAuth client %s: %w", id, err)
	}
	return client, nil
}
