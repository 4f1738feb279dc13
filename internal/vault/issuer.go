package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/store"
)

// issuer is the way to tokens of one kind of credential.
type issuer struct {
	// plan looks at a request before anything is asked, and says which token serves it.
	plan func(row store.Credential, r TokenRequest) (TokenRequest, error)
	// mint gets a new token by one call.
	mint func(ctx context.Context, row store.Credential, secret email.Secret, r TokenRequest) (minted, error)
	// uses lists the tokens that are made with a refresh token, which ends when none
	// is asked for long enough; nil: the secret of this kind does not end so.
	uses func(row store.Credential) ([]TokenRequest, error)
	// forget drops what is kept of a credential beside its tokens; nil: nothing is.
	forget func(credential email.ID)
}

// minted is what a call for a token brought.
type minted struct {
	access  email.Secret
	expires time.Time
	rotated email.Secret // a refresh token that replaces the credential's secret
}

// serve takes an issuer for a kind of credential.
func (t *tokens) serve(kind string, by issuer) {
	if t.issuers == nil {
		t.issuers = map[string]issuer{}
	}
	t.issuers[kind] = by
}

// issuer finds the way to tokens of a credential.
func (t *tokens) issuer(row store.Credential) (issuer, error) {
	if by, ok := t.issuers[row.Kind]; ok {
		return by, nil
	}
	if t.any != nil {
		return *t.any, nil
	}
	if len(t.issuers) == 0 {
		return issuer{}, errNoIssuer
	}
	kinds := slices.Sorted(maps.Keys(t.issuers))
	return issuer{}, oauth.Held("wrong_credential", fmt.Sprintf("A credential of the kind %s gives no tokens.", row.Kind),
		"Give the account a credential of one of these kinds: "+strings.Join(kinds, ", ")+".", nil)
}

var errNoIssuer = errors.New("this vault was given no way to fetch tokens")

// asAsked is the plan of credentials whose tokens are for the very user and scopes
// that were asked for.
func asAsked(_ store.Credential, r TokenRequest) (TokenRequest, error) { return r, nil }
