package client

import (
	"context"
	"net/http"
)

// NewConsent starts a consent that ends on this machine: the browser is sent back
// to a loopback address, whose owner finishes it.
type NewConsent struct {
	Credential  string   `json:"credential" doc:"The id of a google_oauth_client."`
	RedirectURI string   `json:"redirect_uri" doc:"http://127.0.0.1:PORT/… or http://[::1]:PORT/…" example:"http://127.0.0.1:53682/"`
	Address     string   `json:"address,omitempty" doc:"The mailbox that is expected. Another one is refused. Empty: whichever the user chooses."`
	Purposes    []string `json:"purposes,omitempty" doc:"send, look, draft, read, modify, smtp. Empty: send and look (with the transport gmail_smtp: smtp)."`
	Transport   string   `json:"transport,omitempty" enum:"gmail,gmail_smtp" doc:"Empty: gmail."`
	Senders     []string `json:"senders,omitempty"`
}

// Consent is a consent under way.
type Consent struct {
	ID        string   `json:"id"`
	URL       string   `json:"url" doc:"Where the user gives consent."`
	Scopes    []string `json:"scopes"`
	ExpiresAt Time     `json:"expires_at"`
}

// FinishConsent is what the redirect brought.
type FinishConsent struct {
	Code   string `json:"code,omitempty"`
	State  string `json:"state,omitempty"`
	Issuer string `json:"iss,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Connected is what a consent led to.
type Connected struct {
	Account    Account  `json:"account"`
	Credential string   `json:"credential"`
	Granted    []string `json:"granted" doc:"The purposes that the user agreed to."`
	Missing    []string `json:"missing" doc:"Those asked for and not agreed to; what needs them is off."`
	Again      bool     `json:"again,omitempty" doc:"The account was there before; its mail goes on."`
}

// StartConsent begins a consent that ends on this machine: the user opens the
// answer's URL, and what their browser is sent back with goes to FinishConsent.
func (c *Client) StartConsent(ctx context.Context, n NewConsent) (Consent, error) {
	return send[Consent](ctx, c, http.MethodPost, "/v1/consents", n)
}

// FinishConsent takes what the redirect brought and connects the account.
func (c *Client) FinishConsent(ctx context.Context, id string, f FinishConsent) (Connected, error) {
	r, err := post(at("consents", id, "finish")).asking().with(f)
	if err != nil {
		return Connected{}, err
	}
	return ask[Connected](ctx, c, r)
}
