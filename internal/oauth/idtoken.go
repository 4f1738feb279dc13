package oauth

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/oauth2"

	"gatepost/internal/email"
	"gatepost/internal/oauth/endpoint"
)

// claims are what is read of an ID token (OpenID Connect Core section 2).
type claims struct {
	Issuer   string            `json:"iss"`
	Audience endpoint.Audience `json:"aud"`
	Party    string            `json:"azp"`
	Subject  string            `json:"sub"`
	Expires  int64             `json:"exp"`
	Nonce    string            `json:"nonce"`
	Email    string            `json:"email"`
	Verified yes               `json:"email_verified"`
}

// yes is a truth that Google also writes as text.
type yes bool

// UnmarshalJSON implements json.Unmarshaler.
func (y *yes) UnmarshalJSON(b []byte) error {
	*y = string(b) == "true" || string(b) == `"true"`
	return nil
}

// identity reads who consented. The token came from the token endpoint itself
// over verified TLS, which stands in for its signature (OpenID Connect Core
// section 3.1.3.7, rule 6); everything else is compared. Beside an error stands
// what the token claims, as far as it can be read.
func (c Consent) identity(t *oauth2.Token, now time.Time) (claims, error) {
	text, _ := t.Extra("id_token").(string)
	who, err := parseIDToken(text)
	if err == nil {
		err = who.check(c, now)
	}
	if err != nil {
		return who, Held("identity_unproven", "Google did not prove whose consent this is: "+err.Error()+".",
			"Start the consent again, and check this machine's clock (NTP).", err)
	}
	return who, nil
}

// parseIDToken reads the claims; errors show nothing of the token.
func parseIDToken(text string) (who claims, err error) {
	if err := endpoint.ReadIDToken(text, &who); err != nil {
		return claims{}, err
	}
	return who, nil
}

// check compares the claims with the consent (OpenID Connect Core section 3.1.3.7).
func (w claims) check(c Consent, now time.Time) error {
	switch {
	case !c.Endpoints.IssuedBy(w.Issuer):
		return fmt.Errorf("the ID token is from %q", clip(w.Issuer))
	case !slices.Contains(w.Audience, c.Client.id), w.Party != "" && w.Party != c.Client.id, len(w.Audience) > 1 && w.Party == "":
		return errors.New("the ID token is for another OAuth client")
	case !now.Before(time.Unix(w.Expires, 0).Add(endpoint.ClockSlack)):
		return errors.New("the ID token has expired")
	case w.Nonce != c.Nonce:
		return errors.New("the ID token answers another request")
	case w.Subject == "":
		return errors.New("the ID token names no user")
	case !bool(w.Verified):
		return errors.New("the user's address is not verified")
	}
	if a, err := email.ParseAddress(w.Email); err != nil || a.Name != "" {
		return errors.New("the ID token names no mailbox")
	}
	return nil
}
