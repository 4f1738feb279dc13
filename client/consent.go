package client

import (
	"context"
	"net/http"
)

// NewConsent starts a consent that ends on this machine: the browser is sent back
// to a loopback address, whose owner finishes it. Or, with Device, one that the user
// gives on any machine, by typing a code.
type NewConsent struct {
	Credential  string   `json:"credential" doc:"The id of a google_oauth_client or a microsoft_app."`
	RedirectURI string   `json:"redirect_uri,omitempty" doc:"http://127.0.0.1:PORT/… or http://[::1]:PORT/…; of Microsoft http://localhost:PORT. Not with device." example:"http://127.0.0.1:53682/"`
	Address     string   `json:"address,omitempty" doc:"The mailbox that is expected. Another one is refused. Empty: whichever the user chooses."`
	Purposes    []string `json:"purposes,omitempty" doc:"send, look, draft, read, modify, smtp. Empty: send and look (with the transport gmail_smtp: smtp)."`
	Transport   string   `json:"transport,omitempty" enum:"gmail,gmail_smtp" doc:"Empty: gmail."`
	Senders     []string `json:"senders,omitempty"`
	SharedWith  string   `json:"shared_with,omitempty" doc:"Microsoft: address is a shared mailbox, and this is the user who signs in for it. Asks for what reaches shared mailboxes, too."`
	Device      bool     `json:"device,omitempty" doc:"Microsoft: ask for a code that the user types on any machine (RFC 8628), in place of a browser that comes back."`
}

// Consent is a consent under way.
type Consent struct {
	ID        string   `json:"id"`
	URL       string   `json:"url,omitempty" doc:"Where the user gives consent. Not with device."`
	Scopes    []string `json:"scopes"`
	ExpiresAt Time     `json:"expires_at"`
	// With a device code.
	UserCode        string `json:"user_code,omitempty" doc:"With device: what the user types." example:"FJC3SXHR4"`
	VerificationURI string `json:"verification_uri,omitempty" doc:"With device: where the user types it." example:"https://microsoft.com/devicelogin"`
	Interval        int    `json:"interval,omitempty" doc:"With device: how many seconds to wait at least between two calls of finish."`
}

// FinishConsent is what the redirect brought.
type FinishConsent struct {
	Code   string `json:"code,omitempty"`
	State  string `json:"state,omitempty"`
	Issuer string `json:"iss,omitempty"`
	Error  string `json:"error,omitempty"`
}

// The values of Connected.Status.
const (
	StatusConnected = "connected"
	StatusPending   = "pending" // a device code that the user has not typed yet
)

// Pending is the answer as long as the user has not decided on a device code.
type Pending struct {
	Status     string `json:"status" enum:"pending"`
	RetryAfter int    `json:"retry_after" doc:"Seconds to wait before the next call of finish. It can be more than before."`
	ExpiresAt  Time   `json:"expires_at" doc:"When the code ends."`
}

// Connected is what a consent led to. With the status StatusPending it has led to
// nothing yet: call again after RetryAfter seconds.
type Connected struct {
	Status     string   `json:"status" enum:"connected,pending"`
	RetryAfter int      `json:"retry_after,omitempty" doc:"With pending alone."`
	Account    Account  `json:"account"`
	Credential string   `json:"credential"`
	Granted    []string `json:"granted" doc:"The purposes that the user agreed to."`
	Missing    []string `json:"missing" doc:"Those asked for and not agreed to; what needs them is off."`
	Again      bool     `json:"again,omitempty" doc:"The account was there before; its mail goes on."`
}

// StartConsent begins a consent that ends on this machine: the user opens the
// answer's URL, and what their browser is sent back with goes to FinishConsent. With a
// device code the user types UserCode at VerificationURI meanwhile.
func (c *Client) StartConsent(ctx context.Context, n NewConsent) (Consent, error) {
	return send[Consent](ctx, c, http.MethodPost, "/v1/consents", n)
}

// FinishConsent takes what the redirect brought and connects the account. For a device
// code f is empty, and the answer's status is StatusPending until the user has decided.
func (c *Client) FinishConsent(ctx context.Context, id string, f FinishConsent) (Connected, error) {
	r, err := post(at("consents", id, "finish")).asking().with(f)
	if err != nil {
		return Connected{}, err
	}
	return ask[Connected](ctx, c, r)
}
