package oauth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth/endpoint"
	"gatepost/internal/provider"
)

// Info is what Google says of an access token.
type Info struct {
	Audience string // the OAuth client that it was given to
	Subject  string
	Email    string // empty where the token may not tell
	Scopes   []string
	Expires  time.Time
}

// Revoke ends a consent: a refresh token and all access tokens made from it
// (RFC 7009). One that is dead already is no error. Every error is a
// *provider.Error.
func Revoke(ctx context.Context, client *http.Client, endpoints Endpoints, token email.Secret) error {
	_, err := ask(ctx, client, endpoints.orGoogle().Revoke, url.Values{"token": {token.Reveal()}})
	if e, ok := err.(*refusal); ok {
		if e.said.Error == "invalid_token" {
			return nil
		}
		return e.classify()
	}
	return err
}

// Inspect asks Google what an access token is good for. Every error is a
// *provider.Error; the cause token_invalid says that Google does not know it.
//
// The token travels in the body: in an address it would get into logs.
func Inspect(ctx context.Context, client *http.Client, endpoints Endpoints, access email.Secret) (Info, error) {
	body, err := ask(ctx, client, endpoints.orGoogle().TokenInfo, url.Values{"access_token": {access.Reveal()}})
	if e, ok := err.(*refusal); ok {
		return Info{}, e.invalid()
	}
	if err != nil {
		return Info{}, err
	}
	return readInfo(body, time.Now())
}

// readInfo reads the answer of tokeninfo; its numbers may be text.
func readInfo(body []byte, now time.Time) (Info, error) {
	var said struct {
		Audience string      `json:"aud"`
		Subject  string      `json:"sub"`
		Email    string      `json:"email"`
		Scope    string      `json:"scope"`
		Expires  json.Number `json:"exp"`
	}
	if err := json.Unmarshal(body, &said); err != nil || said.Audience == "" {
		return Info{}, unusable(provider.About{}, now)
	}
	info := Info{Audience: said.Audience, Subject: said.Subject, Email: said.Email, Scopes: splitScopes(said.Scope)}
	if n, err := strconv.ParseInt(said.Expires.String(), 10, 64); err == nil && n > 0 {
		info.Expires = time.Unix(n, 0).UTC()
	}
	return info, nil
}

// refusal is an answer other than 200.
type refusal struct {
	resp *http.Response
	body []byte
	said answer
}

func (r *refusal) Error() string { return fmt.Sprintf("answer %d", r.resp.StatusCode) }

// classify gives the answer its class, by the catalogue.
func (r *refusal) classify() error {
	_, err := readAnswer(r.resp, r.body, provider.About{}, time.Now())
	return err
}

func (r *refusal) invalid() error {
	err := r.classify()
	if !strings.HasPrefix(r.said.Error, "invalid_") {
		return err
	}
	return Held("token_invalid", "Google does not know this access token: it has expired or was revoked.", "Connect the account again.", err)
}

// ask sends a form once and reads the answer.
func ask(ctx context.Context, client *http.Client, to string, form url.Values) ([]byte, error) {
	resp, body, err := endpoint.Post(ctx, client, to, form)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return body, nil
	}
	r := &refusal{resp: resp, body: body}
	_ = json.Unmarshal(body, &r.said) // what is no JSON has no error code
	return nil, r
}
