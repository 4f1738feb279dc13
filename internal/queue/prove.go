package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// Prove shows step by step what works of an account, live, without sending.
func (e *Engine) Prove(ctx context.Context, team, account email.ID) ([]provider.Step, error) {
	a, err := e.accounts.get(ctx, team, account)
	if err != nil {
		return nil, err
	}
	if a.opened.err != nil {
		return nil, a.opened.err
	}
	return prove(e.watches.On(ctx, account), a.opened.provider), nil
}

// ProveCredential is Prove for an account that does not exist yet.
func (e *Engine) ProveCredential(ctx context.Context, team, credential email.ID, transport, address string, config json.RawMessage) ([]provider.Step, error) {
	kind, ok := e.kinds[transport]
	if !ok {
		return nil, fmt.Errorf("this gatepost has no transport %q", transport)
	}
	if len(config) == 0 {
		config = json.RawMessage("{}")
	}
	o := e.accounts.open(&store.Account{Team: team, Address: address, Transport: transport, Credential: credential, Config: config}, kind)
	if o.err != nil {
		return nil, o.err
	}
	defer o.close()
	return prove(ctx, o.provider), nil
}

// ProveWith is Prove for an account that does not exist yet, with tokens of a credential
// that is kept nowhere.
func (e *Engine) ProveWith(ctx context.Context, a *store.Account, token func(ctx context.Context, scopes []string, renew bool) (email.Secret, error)) ([]provider.Step, error) {
	kind, ok := e.kinds[a.Transport]
	if !ok {
		return nil, fmt.Errorf("this gatepost has no transport %q", a.Transport)
	}
	deps := e.accounts.deps(a)
	deps.Token = token
	p, err := kind.Open(provider.Account{ID: a.ID, Address: a.Address, Config: a.Config}, deps)
	if err != nil {
		return nil, err
	}
	if c, ok := p.(provider.Closer); ok {
		defer c.Close() //nolint:errcheck // nothing was written
	}
	return prove(ctx, p), nil
}

// prove falls back to a check, as one step, where a provider cannot tell more.
func prove(ctx context.Context, p provider.Provider) []provider.Step {
	if x, ok := p.(provider.Prover); ok {
		return x.Prove(ctx)
	}
	step := provider.Step{Name: "check"}
	if err := p.Check(ctx); err != nil && !errors.As(err, &step.Err) {
		step.Err = &provider.Error{Class: provider.Retry, Scope: provider.ScopeAccount, Cause: "unclassified", Text: "the check failed", Reply: provider.CleanReply(err.Error()), Err: err}
	}
	return []provider.Step{step}
}

// Ways are the servers that an account talks to, and the tokens that it asks for.
type Ways struct {
	Places []provider.Place
	Uses   []provider.TokenUse
}

// Ways tells which way an account's mail goes. Nobody is asked.
func (e *Engine) Ways(ctx context.Context, team, account email.ID) (w Ways, err error) {
	a, err := e.accounts.get(ctx, team, account)
	if err != nil {
		return w, err
	}
	if a.opened.err != nil {
		return w, a.opened.err
	}
	if x, ok := a.opened.provider.(provider.Placed); ok {
		w.Places = x.Places()
	}
	if x, ok := a.opened.provider.(provider.Scoped); ok {
		w.Uses = x.Uses()
	}
	return w, nil
}

// Dial is how this engine's providers reach the network.
func (e *Engine) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if e.cfg.Dial != nil {
		return e.cfg.Dial(ctx, network, address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// Heard are the nodes that were heard of within the lease, and which of them this
// process is; empty: it takes no part.
func (e *Engine) Heard(ctx context.Context) (self email.ID, nodes []store.Node, err error) {
	nodes, err = e.cfg.Store.Nodes(ctx, e.cfg.Lease)
	return e.cfg.Node, nodes, err
}

// ErrNoAliases says that an account's provider does not tell its aliases.
var ErrNoAliases = errors.New("this transport does not tell which addresses the mailbox may send as")

// Aliases lists the addresses that an account's provider lets it send as.
func (e *Engine) Aliases(ctx context.Context, team, account email.ID) ([]provider.Alias, error) {
	a, err := e.accounts.get(ctx, team, account)
	if err != nil {
		return nil, err
	}
	if a.opened.err != nil {
		return nil, a.opened.err
	}
	x, ok := a.opened.provider.(provider.Aliaser)
	if !ok {
		return nil, ErrNoAliases
	}
	return x.Aliases(ctx)
}
