package vault

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/store"
)

// KeylessPublic is what a credential of the kind KindGoogleKeyless says in public.
type KeylessPublic struct {
	Source      string `json:"source"`                 // oauth.KeylessFederation or oauth.KeylessMetadata
	ClientEmail string `json:"client_email,omitempty"` // the service account; empty: the machine's own
	ClientID    string `json:"client_id,omitempty"`    // its unique ID; empty: nobody said
	Audience    string `json:"audience,omitempty"`     // the pool's provider
	// SubjectToken is the file or address of the outside token.
	SubjectToken string `json:"subject_token,omitempty"`
}

// PublicOfKeyless is what may be shown of a service account without a key.
func PublicOfKeyless(k *oauth.Keyless) (json.RawMessage, error) {
	return json.Marshal(KeylessPublic{
		Source: k.Source(), ClientEmail: k.Account(), ClientID: k.ClientID(), Audience: k.Audience(), SubjectToken: k.SubjectToken(),
	})
}

// Keyless says where tokens of service accounts without a key come from.
type Keyless struct {
	At   oauth.KeylessEndpoints
	May  oauth.KeylessIdentities // those that credentials may use
	HTTP *http.Client            // must verify certificates
}

// Open reads what is kept of a credential.
func (k Keyless) Open(secret email.Secret) (*oauth.Keyless, error) {
	return oauth.ParseKeyless([]byte(secret.Reveal()), k.At, k.May)
}

// WithGoogleKeyless makes Token get tokens of service accounts without a key. It stands
// beside WithGoogle.
func WithGoogleKeyless(from Keyless) Option {
	return func(v *Vault) {
		k := &keyless{v: v, from: from, callers: map[email.ID]*keptCaller{}}
		v.tokens.serve(KindGoogleKeyless, issuer{plan: asAsked, mint: k.sign, forget: k.forget})
		v.tokens.transient = oauth.Passing
	}
}

// keyless turns credentials into tokens. One identity signs for all users of a
// credential, so it is kept, in memory, one for each credential.
type keyless struct {
	v    *Vault
	from Keyless

	mu      sync.Mutex
	callers map[email.ID]*keptCaller
}

// keptCaller is the identity of one credential.
type keptCaller struct {
	turn    chan struct{} // held by the one who looks or asks
	version time.Time     // of the credential that it was got with
	by      oauth.Caller
}

// callerMargin is how long an identity must live on to be used.
const callerMargin = time.Minute

// sign asks with a signature of Google's. A token of ours that Google no longer takes is
// replaced once.
func (k *keyless) sign(ctx context.Context, row store.Credential, secret email.Secret, r TokenRequest) (minted, error) {
	account, err := k.from.Open(secret)
	if err != nil {
		return minted{}, unusable(row.ID, err, "Store the credential again in place of this one.")
	}
	ask := oauth.KeylessAsk{Subject: r.Subject, Scopes: r.Scopes}
	if ask.By, err = k.caller(ctx, row, account, email.Secret{}); err != nil {
		return minted{}, err
	}
	t, err := account.Token(ctx, k.from.HTTP, ask, k.v.now())
	if oauth.CallerRefused(err) {
		if ask.By, err = k.caller(ctx, row, account, ask.By.Access); err != nil {
			return minted{}, err
		}
		t, err = account.Token(ctx, k.from.HTTP, ask, k.v.now())
	}
	return minted{access: t.Access, expires: t.Expires}, err
}

// caller gives the identity that is kept, or gets a new one, by one call for all who
// wait. One whose token was refused is not given again.
func (k *keyless) caller(ctx context.Context, row store.Credential, account *oauth.Keyless, refused email.Secret) (oauth.Caller, error) {
	kept := k.kept(row.ID)
	select {
	case kept.turn <- struct{}{}:
		defer func() { <-kept.turn }()
	case <-ctx.Done():
		return oauth.Caller{}, oauth.Interrupted(ctx.Err())
	}
	now := k.v.now()
	if kept.version.Equal(row.UpdatedAt) && kept.by.Expires.After(now.Add(callerMargin)) && kept.by.Access.Reveal() != refused.Reveal() {
		return kept.by, nil
	}
	by, err := account.Caller(ctx, k.from.HTTP, now)
	if err != nil {
		return oauth.Caller{}, err
	}
	kept.version, kept.by = row.UpdatedAt, by
	return by, nil
}

// forget drops the identity of a credential: a person asks to try it again, and the
// machine may have another service account by now.
func (k *keyless) forget(credential email.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.callers, credential)
}

func (k *keyless) kept(credential email.ID) *keptCaller {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.callers[credential]
	if c == nil {
		c = &keptCaller{turn: make(chan struct{}, 1)}
		k.callers[credential] = c
	}
	return c
}
