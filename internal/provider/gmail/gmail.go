// Package gmail sends through the Gmail API, or through smtp.gmail.com, as one
// mailbox: with a token that its user consented to, or that a service account gets
// by domain-wide delegation. It looks into that mailbox's Sent mail and lists its
// aliases.
//
// It does not get or keep tokens (oauth, vault), and does not speak SMTP itself
// (package smtp does).
package gmail

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"gatepost/internal/provider"
	"gatepost/internal/provider/webcall"
)

// The scopes, asked for one purpose at a time, so that one that is missing never
// breaks the other (developers.google.com/workspace/gmail/api/auth/scopes).
const (
	ScopeSend = "https://www.googleapis.com/auth/gmail.send"
	ScopeLook = "https://www.googleapis.com/auth/gmail.metadata"
)

// publicAPI is the Gmail API (discovery document, rootUrl).
const publicAPI = "https://gmail.googleapis.com"

// Kind is the way to send through the Gmail API.
func Kind() provider.Kind {
	return provider.Kind{
		Name:        "gmail",
		Credentials: []string{"google_service_account", "google_keyless", "google_user"},
		Validate:    validate,
		Limits:      limits,
		Rates:       rates,
		Open:        open,
	}
}

// account sends for one mailbox. Its fields do not change after open.
type account struct {
	address   string
	settings  settings
	deps      provider.Deps
	base      string
	transport *http.Transport
	// What to ask a token for, by purpose.
	sendScope, lookScope string
	aliasScopes          []string
	// pause waits before a question about an upload; tests do not wait.
	pause func(ctx context.Context, tries int) error

	ahead atomic.Int64 // by how much Google's clock is ahead of ours, in nanoseconds
	seen  seenSent
}

// looker is an account whose Sent mail may be read.
type looker struct{ *account }

// open makes the account. What it returns implements provider.Looker only where
// the settings say that gatepost may look, and provider.Drafter only where they want
// the fence of drafts.
func open(a provider.Account, deps provider.Deps) (provider.Provider, error) {
	s, wrong := parse(a.Config)
	if len(wrong) > 0 {
		return nil, fmt.Errorf("open account %s: %s: %s", a.ID, wrong[0].Field, wrong[0].Message)
	}
	acc, err := newAccount(a, deps, s.MaxParallel+lookParallel)
	if err != nil {
		return nil, err
	}
	acc.settings = s
	if s.DraftFence {
		acc.sendScope = ScopeDraft
	}
	switch {
	case s.DraftFence && s.mayLook():
		return fencedLooker{looker{acc}, drafts{acc}}, nil
	case s.DraftFence:
		return fenced{acc, drafts{acc}}, nil
	case s.mayLook():
		return looker{acc}, nil
	}
	return acc, nil
}

// newAccount makes the part that speaks to the API.
func newAccount(a provider.Account, deps provider.Deps, parallel int) (*account, error) {
	if a.Address == "" {
		return nil, fmt.Errorf("open account %s: it has no address to send as", a.ID)
	}
	if deps.Token == nil {
		return nil, errors.New("open a gmail account: no source of tokens given")
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	acc := &account{
		address: a.Address, deps: deps, base: publicAPI, transport: webcall.NewTransport(deps, parallel),
		sendScope: ScopeSend, lookScope: ScopeLook, aliasScopes: []string{ScopeRead, ScopeSettings}, pause: pauseBefore,
	}
	if deps.BaseURL != "" {
		acc.base = strings.TrimRight(deps.BaseURL, "/")
	}
	return acc, nil
}

// Close implements provider.Closer.
func (a *account) Close() error {
	a.transport.CloseIdleConnections()
	return nil
}

// about fills in what an advice must name. Whose key it is stands in the errors
// of the token endpoint, which come from oauth.
func (a *account) about(scope string) provider.About {
	about := provider.About{Subject: a.address, Scopes: []string{scope}}
	if a.deps.ClientID != nil {
		about.ClientID = a.deps.ClientID()
	}
	return about
}

var (
	_ provider.Provider = (*account)(nil)
	_ provider.Closer   = (*account)(nil)
	_ provider.Looker   = looker{}
	_ provider.Prover   = (*account)(nil)
	_ provider.Aliaser  = (*account)(nil)
	_ provider.Closer   = looker{}
)
