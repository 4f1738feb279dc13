// Package microsoft sends through Microsoft Graph, or through smtp.office365.com, as
// one mailbox of Exchange Online: with a token that a user consented to, or that an app
// gets by itself. It looks into that mailbox's Sent Items.
//
// It does not get or keep tokens (oauth/entra, vault), and does not speak SMTP itself
// (package smtp does).
package microsoft

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/webcall"
)

// Kind is the way to send through Microsoft Graph.
func Kind() provider.Kind {
	return provider.Kind{
		Name:        "microsoft",
		Credentials: []string{"microsoft_app", "microsoft_user"},
		Validate:    validate,
		Limits:      limits,
		Rates:       rates,
		Open:        open,
	}
}

// account sends for one mailbox. Its fields do not change after open.
type account struct {
	mailbox   string
	settings  settings
	deps      provider.Deps
	base      string // of Graph
	room      string // of the mailbox, below base
	transport *http.Transport
	// gate has a place for each call that may be under way: Graph refuses the fifth for
	// one app and mailbox (learn.microsoft.com/graph/throttling-limits).
	gate chan struct{}

	seen  atomic.Pointer[claims] // of the last token
	ahead atomic.Int64           // by how much Graph's clock is ahead of ours, in nanoseconds
}

// looker is an account whose Sent Items may be read.
type looker struct{ *account }

// open makes the account. What it returns implements provider.Looker only where the
// settings say that gatepost may look, and provider.Drafter only where they want the
// fence of drafts.
func open(a provider.Account, deps provider.Deps) (provider.Provider, error) {
	s, wrong := parse(a.Config)
	if len(wrong) > 0 {
		return nil, fmt.Errorf("open account %s: %s: %s", a.ID, wrong[0].Field, wrong[0].Message)
	}
	acc, err := newAccount(a, s, deps)
	if err != nil {
		return nil, err
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

// newAccount makes the part that speaks to Graph.
func newAccount(a provider.Account, s settings, deps provider.Deps) (*account, error) {
	if a.Address == "" {
		return nil, fmt.Errorf("open account %s: it has no address to send as", a.ID)
	}
	if deps.Token == nil {
		return nil, errors.New("open a microsoft account: no source of tokens given")
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	acc := &account{
		mailbox: s.box(a.Address), settings: s, deps: deps, base: s.cloud().graph,
		transport: webcall.NewTransport(deps, s.MaxParallel), gate: make(chan struct{}, s.MaxParallel),
	}
	if deps.BaseURL != "" {
		acc.base = strings.TrimRight(deps.BaseURL, "/")
	}
	acc.room = "/v1.0/me"
	if s.AppOnly || s.Mailbox != "" { // only users are anybody's "me"
		acc.room = "/v1.0/users/" + url.PathEscape(acc.mailbox)
	}
	return acc, nil
}

// Close implements provider.Closer.
func (a *account) Close() error {
	a.transport.CloseIdleConnections()
	return nil
}

// purpose is what a token is wanted for, each for itself, so that a permission that is
// missing never breaks what needs another one.
type purpose int

const (
	toSend purpose = iota
	toLook
	toDraft
)

// scopes are what to ask a token for: an app by itself for .default alone, a user for
// the least permission; mailboxes shared with the user have permissions of their own
// (learn.microsoft.com/graph/permissions-reference).
func (a *account) scopes(p purpose) []string {
	graph := a.settings.cloud().graph + "/"
	if a.settings.AppOnly {
		return []string{graph + ".default"}
	}
	own := map[purpose]string{toSend: "Mail.Send", toLook: "Mail.ReadBasic", toDraft: "Mail.ReadWrite"}
	shared := map[purpose]string{toSend: "Mail.Send.Shared", toLook: "Mail.Read.Shared", toDraft: "Mail.ReadWrite.Shared"}
	if a.settings.Mailbox != "" {
		return []string{graph + shared[p]}
	}
	return []string{graph + own[p]}
}

func (a *account) token(ctx context.Context, p purpose, renew bool) (email.Secret, *provider.Error) {
	token, problem := webcall.Token(ctx, a.deps, a.scopes(p), renew)
	a.note(token)
	return token, signInHint(problem, a.settings.AppOnly)
}

// withToken does something with a token, and once more with another one where that was
// refused: then nothing was done.
func (a *account) withToken(ctx context.Context, p purpose, do func(email.Secret) *provider.Error) *provider.Error {
	token, problem := a.token(ctx, p, false)
	if problem != nil {
		return problem
	}
	if problem = do(token); problem == nil || problem.Cause != provider.CauseTokenRefused {
		return problem
	}
	if token, problem = a.token(ctx, p, true); problem != nil {
		return problem
	}
	return do(token)
}

var (
	_ provider.Provider = (*account)(nil)
	_ provider.Closer   = (*account)(nil)
	_ provider.Prover   = (*account)(nil)
	_ provider.Looker   = looker{}
	_ provider.Prover   = looker{}
	_ provider.Closer   = looker{}
)
