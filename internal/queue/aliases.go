package queue

import (
	"context"

	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// AliasesOf is Aliases for an account as it stands in a, whether it is kept so or
// not.
func (e *Engine) AliasesOf(ctx context.Context, a *store.Account) ([]provider.Alias, error) {
	kind, ok := e.kinds[a.Transport]
	if !ok {
		return nil, ErrNoAliases
	}
	o := e.accounts.open(a, kind)
	if o.err != nil {
		return nil, o.err
	}
	defer o.close()
	x, ok := o.provider.(provider.Aliaser)
	if !ok {
		return nil, ErrNoAliases
	}
	return x.Aliases(ctx)
}
