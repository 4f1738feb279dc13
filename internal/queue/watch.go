package queue

import (
	"context"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// Watch gives what an account says to its provider and hears on this node, as it is said,
// until ctx ends. sender is the node that sends for the account, where that is another one:
// then only what this node asks for itself, such as a check, is to be seen.
func (e *Engine) Watch(ctx context.Context, team, account email.ID) (lines <-chan provider.WireLine, sender email.ID, err error) {
	if _, err := e.accounts.get(ctx, team, account); err != nil {
		return nil, "", err
	}
	if lines, err = e.watches.Watch(ctx, account); err != nil {
		return nil, "", err
	}
	return lines, e.roster.other(account), nil
}

// other is the node that a thing belongs to, where that is not this one; else empty.
func (r *roster) other(name string) email.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.met {
		return ""
	}
	if owner := ownerOf(r.nodes, name); owner != r.self {
		return owner
	}
	return ""
}
