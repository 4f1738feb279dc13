package oauth

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth/endpoint"
	"gatepost/internal/provider"
)

// Token is an access token and when it ends.
type Token struct {
	Access  email.Secret
	Expires time.Time
}

const (
	// lifetime is the longest that Google lets a signed request claim.
	lifetime = time.Hour
	// backdate allows for a clock that is a little ahead of Google's.
	backdate = 10 * time.Second
)

// Token asks for a token with these scopes that acts for the user subject
// (RFC 7523 section 2.1). It makes one request, follows no redirect, and every
// error is a *provider.Error. A nil client means the system's network.
//
// The signing is our own, over crypto/rsa, because x/oauth2/jwt takes the time
// from the system and follows redirects with the signed request.
func (s *ServiceAccount) Token(ctx context.Context, client *http.Client, subject string, scopes []string, now time.Time) (Token, error) {
	assertion, err := s.assertion(subject, scopes, now)
	if err != nil {
		return Token{}, &provider.Error{
			Class: provider.Hold, Scope: provider.ScopeAccount, Cause: "key_unusable", Err: err,
			Text: "The service account's key cannot sign.", Fix: "Make a new key and store it in place of this one.",
		}
	}
	return s.delegation(subject, scopes).redeem(ctx, client, assertion, now)
}

// delegation is the key's account acting for a user.
func (s *ServiceAccount) delegation(subject string, scopes []string) delegation {
	return delegation{account: s.email, clientID: s.clientID, keyID: s.keyID, tokenURL: s.tokenURL, subject: subject, scopes: scopes}
}

// assertion is the signed request (RFC 7515 compact form, RS256).
func (s *ServiceAccount) assertion(subject string, scopes []string, now time.Time) (string, error) {
	header := map[string]string{"alg": "RS256", "typ": "JWT", "kid": s.keyID}
	h, err := json.Marshal(header)
	if err != nil {
		return "", fmt.Errorf("write the token request: %w", err)
	}
	c, err := s.delegation(subject, scopes).claims(now)
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(c)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign the token request: %w", err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// delegation is a service account that acts for a user (RFC 7523 section 2.1, with
// Google's domain-wide delegation), whoever signs for it.
type delegation struct {
	account, clientID, keyID, tokenURL string
	member                             string // who has Google sign; empty: a key has signed
	subject                            string
	scopes                             []string
}

// claims are what is signed.
func (d delegation) claims(now time.Time) ([]byte, error) {
	issued := now.Add(-backdate)
	claims := map[string]any{
		"iss": d.account, "scope": strings.Join(d.scopes, " "), "aud": d.tokenURL,
		"iat": issued.Unix(), "exp": issued.Add(lifetime).Unix(),
	}
	if d.subject != "" {
		claims["sub"] = d.subject
	}
	c, err := json.Marshal(claims)
	if err != nil {
		return nil, fmt.Errorf("write the token request: %w", err)
	}
	return c, nil
}

// redeem gets a token for the signed claims.
func (d delegation) redeem(ctx context.Context, client *http.Client, assertion string, now time.Time) (Token, error) {
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}
	resp, body, err := endpoint.Post(ctx, client, d.tokenURL, form)
	if err != nil {
		return Token{}, err
	}
	about := provider.About{
		ClientID: d.clientID, KeyID: d.keyID, Scopes: d.scopes, Subject: d.subject, ClockOffset: endpoint.ClockOffset(resp, now),
		ServiceAccount: d.account, Member: d.member,
	}
	return readAnswer(resp, body, about, now)
}
