package vault

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// TokenRequest names an access token: who asks, for whom, for what.
type TokenRequest struct {
	Team       email.ID
	Credential email.ID
	Subject    string // the user to act for; does not matter where the credential is the user's own
	Scopes     []string
	// Renew says that the provider refused the token given last.
	Renew bool
}

// Fetch gets a new token for a subject with an opened credential. A zero time
// means that the provider did not say when the token expires.
type Fetch func(ctx context.Context, cred store.Credential, secret email.Secret, subject string, scopes []string) (access email.Secret, expires time.Time, err error)

// WithTokens says how tokens are fetched, for every kind of credential that no
// other option serves. transient tells
// errors of the road (a broken connection, a server overloaded) from refusals of
// the credential; nil takes all for refusals.
func WithTokens(fetch Fetch, transient func(error) bool) Option {
	return func(v *Vault) {
		v.tokens.transient = transient
		v.tokens.any = &issuer{plan: asAsked, mint: func(ctx context.Context, row store.Credential, secret email.Secret, r TokenRequest) (minted, error) {
			access, expires, err := fetch(ctx, row, secret, r.Subject, slices.Clone(r.Scopes))
			return minted{access: access, expires: expires}, err
		}}
	}
}

// Token gives a live access token. Tokens are kept in memory and, sealed, in the
// database, and fetched early, by one caller for all who wait, in whatever
// process of this database they are. While a new one cannot be fetched the old
// one serves until it expires. A refusal is remembered for a minute, so that a
// dead credential costs at most one call a minute; its error is the one that the
// call gave. Once the credential is replaced, all that was kept of the old one is
// dropped.
//
// With Renew the token that was refused is replaced by another: one fetch for
// all callers that report it within a minute.
func (v *Vault) Token(ctx context.Context, r TokenRequest) (email.Secret, error) {
	row, err := v.store.Credential(ctx, r.Team, r.Credential)
	if err != nil {
		return email.Secret{}, fmt.Errorf("read credential %s: %w", r.Credential, err)
	}
	by, err := v.tokens.issuer(row)
	if err != nil {
		return email.Secret{}, err
	}
	if r, err = by.plan(row, r); err != nil {
		return email.Secret{}, err
	}
	ask := tokenAsk{key: r.key(), version: row.UpdatedAt, renew: r.Renew}
	return v.tokens.get(ctx, ask, func(ctx context.Context, refused email.Secret) (kept, error) {
		return v.sharedToken(ctx, r, by, refused)
	})
}

// Forget drops all tokens and refusals of a credential, here and for the other
// processes; it is then tried afresh: it was changed.
func (v *Vault) Forget(credential email.ID) { v.forget(credential, "") }

// ForgetFor is Forget for one user whom the credential acts for, because a person
// asks to try that one again. Others, who may be thousands behind the key of a service
// account, keep their tokens.
func (v *Vault) ForgetFor(credential email.ID, subject string) { v.forget(credential, subject) }

func (v *Vault) forget(credential email.ID, subject string) {
	ctx, cancel := context.WithTimeout(context.Background(), forgetTimeout)
	defer cancel()
	// Without the database, refusals are forgotten within a minute all the same.
	_ = v.store.ForgetTokens(ctx, credential, subject)
	v.tokens.forget(credential, subject)
}

// forgetTimeout bounds what a person waits for a database that does not answer.
const forgetTimeout = 5 * time.Second

// tokenKey tells tokens apart.
type tokenKey struct {
	team, credential email.ID
	subject, scopes  string
}

// key brings the scopes in order: they are a set (RFC 6749 section 3.3).
func (r TokenRequest) key() tokenKey {
	scopes := slices.Clone(r.Scopes)
	slices.Sort(scopes)
	return tokenKey{r.Team, r.Credential, r.Subject, strings.Join(slices.Compact(scopes), " ")}
}

// stored is the key of the row that all processes share.
func (k tokenKey) stored() store.TokenKey {
	return store.TokenKey{Team: k.team, Credential: k.credential, Subject: k.subject, Scopes: k.scopes}
}
