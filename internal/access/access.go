// Package access says who asks and what they may do: API keys, their scopes, what
// they are bound to, and how often somebody has failed to show one.
//
// It is not where an operation is carried out or audited; it only answers whether
// it may be. What a message may be is the engine's to hold against a grant.
package access

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"gatepost/internal/email"
)

// ErrUnauthenticated says that the caller did not prove who they are. The text
// around it says why, in words that may be shown to them.
var ErrUnauthenticated = errors.New("not authenticated")

func refuse(reason string) error { return fmt.Errorf("%w: %s", ErrUnauthenticated, reason) }

// The scopes of an API key.
const (
	ScopeAll           = "*"
	ScopeMessagesSend  = "messages:send"
	ScopeMessagesRead  = "messages:read"
	ScopeMessagesWrite = "messages:write" // the queue as a whole: pause it, hold, move, cancel many messages
	ScopeAccountsRead  = "accounts:read"
	ScopeAccountsWrite = "accounts:write" // accounts, credentials, connect links
	ScopeKeysWrite     = "keys:write"     // API keys, with no more scopes than the key's own
)

// Scopes lists all scopes, for those who check or show them.
func Scopes() []string {
	return []string{ScopeAll, ScopeMessagesSend, ScopeMessagesRead, ScopeMessagesWrite, ScopeAccountsRead, ScopeAccountsWrite, ScopeKeysWrite}
}

// Grant is what an authenticated caller may do, and for which team.
type Grant struct {
	Team    email.ID
	Key     email.ID
	KeyName string
	Scopes  []string
	Ends    time.Time // when the key expires; zero: never

	// What the key is bound to; empty, and 0, is not at all.
	Senders     []string       // what From may be: addresses, and domains after an @
	Networks    []netip.Prefix // whence it may be used, which Authenticate has asked
	Account     email.ID       // the one account, or pool, that it may send by
	Rate        int            // recipients that it may send to in a minute
	Daily       int            // recipients that it may send to in 24 hours
	RewriteFrom bool           // SMTP: a From that may not be is replaced and not refused
}

// May tells whether the grant holds a scope.
func (g Grant) May(scope string) bool {
	return slices.Contains(g.Scopes, scope) || slices.Contains(g.Scopes, ScopeAll)
}
