package control

import (
	"context"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
)

// NewConsent starts a consent that ends on the caller's own machine: the browser
// is sent back to a loopback address, whose owner finishes it.
type NewConsent struct {
	Credential  email.ID // a google_oauth_client
	RedirectURI string
	Address     string   // the mailbox that is expected; empty: whichever the user chooses
	Purposes    []string // empty: what the transport needs
	Transport   string   // gmail or gmail_smtp; empty: gmail
	Senders     []string
	// OnlyCheck tells what is wrong, as *Invalid, and changes nothing.
	OnlyCheck bool
}

// Consent is a consent under way.
type Consent struct {
	ID        email.ID
	URL       string // where the user gives consent
	Scopes    []string
	ExpiresAt time.Time
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
}

// StartConsent begins a consent. Its state is good once, for ten minutes.
func (c *Control) StartConsent(ctx context.Context, g access.Grant, n NewConsent) (Consent, error) {
	return Consent{}, errNotYet
}

// FinishConsent takes what the redirect brought and connects the account. A
// consent that leads to none is a *Refusal.
func (c *Control) FinishConsent(ctx context.Context, g access.Grant, id email.ID, r Redirected) (Connected, error) {
	return Connected{}, errNotYet
}

// Refusal says why a consent did not lead to an account. Nothing was stored.
type Refusal struct {
	Cause string // one of the causes below, or a provider's
	Text  string // what happened, for the person in front of the browser
	Fix   string // what to do about it
	// Expected and Chosen are the two mailboxes, when another one was chosen.
	Expected, Chosen string
	Missing          []string // purposes that were not agreed to
}

// Error implements error.
func (r *Refusal) Error() string {
	if r.Fix == "" {
		return r.Text
	}
	return r.Text + ": " + r.Fix
}

// The causes of refusals that are not a provider's.
const (
	CauseWrongMailbox = "wrong_mailbox"   // another mailbox than the expected one
	CauseDenied       = "denied"          // the user said no
	CauseUnticked     = "scope_missing"   // a box that is needed was left unticked
	CauseUsed         = "consent_used"    // it came a second time
	CauseExpired      = "consent_expired" // it came too late
	CauseUnknownState = "state_unknown"   // nobody started it
	CauseOtherBrowser = "other_browser"   // it was started in another browser
	CauseOtherIssuer  = "issuer_mismatch" // somebody else than Google sent the browser
	CauseLinkUsed     = "link_used"
	CauseLinkExpired  = "link_expired"
	CauseLinkCanceled = "link_canceled"
)
