package gmail

import (
	"context"
	"errors"

	"gatepost/internal/provider"
)

// The scopes for what sending does not need: either shows the addresses that a
// mailbox may send as (discovery document, users.settings.sendAs.list).
const (
	ScopeRead     = "https://www.googleapis.com/auth/gmail.readonly"
	ScopeSettings = "https://www.googleapis.com/auth/gmail.settings.basic"
)

// sendAs is one entry of users.settings.sendAs.list.
type sendAs struct {
	Address string `json:"sendAsEmail"`
	Name    string `json:"displayName"`
	Primary bool   `json:"isPrimary"`
	Default bool   `json:"isDefault"`
	Status  string `json:"verificationStatus"` // accepted, pending; none for the primary address
}

// Aliases implements provider.Aliaser.
func (a *account) Aliases(ctx context.Context) ([]provider.Alias, error) {
	list, problem := a.aliases(ctx)
	if problem != nil {
		return nil, problem
	}
	return list, nil
}

// aliases asks with the first scope that there is a token for.
func (a *account) aliases(ctx context.Context) ([]provider.Alias, *provider.Error) {
	var answer struct {
		SendAs []sendAs `json:"sendAs"`
	}
	var problem *provider.Error
	for _, scope := range a.aliasScopes {
		problem = callError("The aliases of the mailbox", a.get(ctx, scope, "settings/sendAs", nil, &answer))
		if problem == nil {
			return aliasList(answer.SendAs), nil
		}
		if !lacksScope(problem) {
			return nil, problem
		}
	}
	return nil, a.noAliasScope(problem)
}

// lacksScope tells whether another scope may do.
func lacksScope(e *provider.Error) bool {
	return e.Cause == "scope_missing" || e.Cause == "delegation_missing"
}

// noAliasScope says which scope is missing: any of several would do.
func (a *account) noAliasScope(last *provider.Error) *provider.Error {
	if len(a.aliasScopes) == 1 {
		return last
	}
	return &provider.Error{
		Class: provider.Hold, Scope: provider.ScopeAccount, Cause: "scope_missing", Reply: last.Reply, Err: last,
		Text: "To list the addresses that " + a.address + " may send as, gatepost needs the scope " + ScopeRead + " or " + ScopeSettings + ". Sending works without.",
		Fix: "Mailbox connected by consent: connect it again with the purpose \"read\". Service account: add " + ScopeRead +
			" to its client id in https://admin.google.com/ac/owl/domainwidedelegation.",
	}
}

func aliasList(found []sendAs) []provider.Alias {
	list := make([]provider.Alias, len(found))
	for i, s := range found {
		list[i] = provider.Alias{
			Address: s.Address, Name: s.Name, Primary: s.Primary, Default: s.Default,
			Verified: s.Primary || s.Status == "accepted",
		}
	}
	return list
}

// callError keeps the contract's type for a call of the API that learned nothing.
func callError(what string, err error) *provider.Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*provider.Error](err); ok {
		return e
	}
	return &provider.Error{
		Class: provider.Retry, Scope: provider.ScopeAccount, Cause: "call_failed", Err: err,
		Text: what + " could not be read: " + err.Error() + ".",
	}
}
