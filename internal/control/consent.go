package control

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/vault"
)

// The prefixes of ids of consents and connect links.
const (
	prefixConsent = "cons"
	prefixLink    = "link"
)

// NewConsent starts a consent that ends on the caller's own machine: the browser
// is sent back to a loopback address, whose owner finishes it.
type NewConsent struct {
	Credential  email.ID // a google_oauth_client or microsoft_app
	RedirectURI string
	Address     string   // the mailbox that is expected; empty: whichever the user chooses
	Purposes    []string // empty: what the transport needs
	Transport   string   // one of the client's provider; empty: its API
	Senders     []string
	// SharedWith is who signs in, where Address is a mailbox that is shared with them;
	// empty: its own user.
	SharedWith string
	// Device asks for a code that the user types on any machine, in place of a browser
	// that comes back: then there is no RedirectURI.
	Device bool
	// OnlyCheck tells what is wrong, as *Invalid, and changes nothing.
	OnlyCheck bool
}

// Consent is a consent under way.
type Consent struct {
	ID        email.ID
	URL       string // where the user gives consent; empty with a device code
	Scopes    []string
	ExpiresAt time.Time
	Device    *DeviceCode // where one was asked for
}

// Redirected is what the redirect brought back.
type Redirected struct {
	Code, State, Issuer, Error string
}

// Connected is what a consent led to.
type Connected struct {
	Account    Account
	Credential email.ID
	Granted    []string // purposes that the user agreed to
	Missing    []string // purposes asked for and not agreed to; what needs them is off
	Again      bool     // the account was there before; its mail goes on
	Pending    *Pending // where it has led to nothing yet: all else is empty
}

// consentLife is how long a user has for a consent.
const consentLife = 10 * time.Minute

// StartConsent begins a consent. Its state is good once, for ten minutes; a device code
// as long as its provider says, which refuses one with a *Refusal.
func (c *Control) StartConsent(ctx context.Context, g access.Grant, n NewConsent) (Consent, error) {
	if err := may(g, access.ScopeAccountsWrite); err != nil {
		return Consent{}, err
	}
	var wrong problems
	w := store.Wish{Credential: n.Credential, Address: n.Address, Transport: n.Transport, Purposes: n.Purposes, Senders: n.Senders}
	w, client, err := c.wish(ctx, g, w, &wrong)
	if err != nil {
		return Consent{}, err
	}
	row := &store.Consent{Team: g.Team, Redirect: n.RedirectURI, Wish: w}
	row.SharedWith = wrong.sharedWith(n.SharedWith, &row.Wish)
	var d deviceAsker
	if n.Device {
		d = wrong.device(client, n)
		wrong.oneResource(vendorOf(w.Transport), &row.Wish, len(n.Purposes) > 0)
	} else {
		wrong.loopback(client, n.RedirectURI)
	}
	if err := wrong.err(); err != nil || n.OnlyCheck {
		return Consent{}, err
	}
	if n.Device {
		return c.startDevice(ctx, d, row)
	}
	return c.begin(ctx, client, row)
}

// loopback checks a redirect that ends on the caller's own machine: no other
// place may learn a code by this way.
func (ps *problems) loopback(client asker, redirect string) {
	u, err := url.Parse(redirect)
	switch {
	case redirect == "":
		ps.add("redirect_uri", "is missing: http://127.0.0.1:PORT/ or http://[::1]:PORT/")
		return
	case err != nil || u.Scheme != "http" || !onThisMachine(u.Hostname()):
		ps.add("redirect_uri", "must be an address of the caller's own machine: http://127.0.0.1:PORT/ or http://[::1]:PORT/; for another person's browser make a connect link")
		return
	}
	if client == nil {
		return
	}
	if err := client.redirectProblem(redirect); err != nil {
		ps.add("redirect_uri", "%v", err)
	}
}

func onThisMachine(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// begin draws what binds a consent to whoever started it, keeps that, and gives
// the address for the browser.
func (c *Control) begin(ctx context.Context, client asker, row *store.Consent) (Consent, error) {
	state, verifier, nonce, err := c.drawThree()
	if err != nil {
		return Consent{}, err
	}
	if row.ID, row.CreatedAt, err = c.newID(prefixConsent); err != nil {
		return Consent{}, err
	}
	row.State, row.ExpiresAt = access.Hash(state), row.CreatedAt.Add(consentLife)
	if row.Sealed, err = c.sealProof(ctx, row, codeProof{Verifier: verifier, Nonce: nonce}); err != nil {
		return Consent{}, err
	}
	if err := c.cfg.Store.AddConsent(ctx, *row); err != nil {
		return Consent{}, err
	}
	address, scopes := client.address(questionOf(row, codeProof{Verifier: verifier, Nonce: nonce}, state))
	return Consent{ID: row.ID, URL: address, Scopes: scopes, ExpiresAt: row.ExpiresAt}, nil
}

// questionOf is the consent as the provider is asked.
func questionOf(row *store.Consent, p codeProof, state string) question {
	return question{
		redirect: row.Redirect, purposes: purposesOf(row.Purposes), hint: signsIn(row), own: row.Link == "", state: state, verifier: p.Verifier, nonce: p.Nonce,
	}
}

// codeProof is what turns a code into a grant besides the code (RFC 7636, OpenID
// Connect Core section 3.1.2.1), or a device code itself. It is kept sealed.
type codeProof struct {
	Verifier string `json:"verifier,omitempty"`
	Nonce    string `json:"nonce,omitempty"`
	Device   string `json:"device,omitempty"`
}

func consentPlace(id email.ID) vault.Bind {
	return vault.Bind{Table: "consents", Row: id, Column: "sealed"}
}

func (c *Control) sealProof(ctx context.Context, row *store.Consent, p codeProof) ([]byte, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	return c.cfg.Vault.Seal(ctx, row.Team, consentPlace(row.ID), text)
}

func (c *Control) openProof(ctx context.Context, row *store.Consent) (p codeProof, err error) {
	text, err := c.cfg.Vault.Open(ctx, row.Team, consentPlace(row.ID), row.Sealed)
	if err != nil {
		return p, fmt.Errorf("consent %s: %w", row.ID, err)
	}
	return p, json.Unmarshal(text, &p)
}

// randomLen is 256 bits.
const randomLen = 32

// draw gives 43 characters that nobody guesses.
func (c *Control) draw() (string, error) {
	b := make([]byte, randomLen)
	if _, err := io.ReadFull(c.cfg.Random, b); err != nil {
		return "", fmt.Errorf("draw a random value: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

func (c *Control) drawThree() (state, verifier, nonce string, err error) {
	for _, s := range []*string{&state, &verifier, &nonce} {
		if *s, err = c.draw(); err != nil {
			return "", "", "", err
		}
	}
	return state, verifier, nonce, nil
}
