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
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}
	resp, body, err := endpoint.Post(ctx, client, s.tokenURL, form)
	if err != nil {
		return Token{}, err
	}
	about := provider.About{ClientID: s.clientID, KeyID: s.keyID, Scopes: scopes, Subject: subject, ClockOffset: endpoint.ClockOffset(resp, now)}
	return readAnswer(resp, body, about, now)
}

// assertion is the signed request (RFC 7515 compact form, RS256).
func (s *ServiceAccount) assertion(subject string, scopes []string, now time.Time) (string, error) {
	header := map[string]string{"alg": "RS256", "typ": "JWT", "kid": s.keyID}
	issued := now.Add(-backdate)
	claims := map[string]any{
		"iss": s.email, "scope": strings.Join(scopes, " "), "aud": s.tokenURL,
		"iat": issued.Unix(), "exp": issued.Add(lifetime).Unix(),
	}
	if subject != "" {
		claims["sub"] = subject
	}
	h, err := json.Marshal(header)
	if err != nil {
		return "", fmt.Errorf("write the token request: %w", err)
	}
	c, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("write the token request: %w", err)
	}
	text := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(c)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign the token request: %w", err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
