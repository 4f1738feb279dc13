package control

import (
	"context"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
)

// NewLink is a link by which somebody without a login connects one mailbox.
type NewLink struct {
	Credential email.ID // a google_oauth_client of the type web
	Address    string   // the mailbox that is expected
	Purposes   []string // empty: what the transport needs
	Transport  string   // gmail or gmail_smtp; empty: gmail
	Senders    []string
	Hours      int // 1 to 168; 0: 72
	// OnlyCheck tells what is wrong, as *Invalid, and changes nothing.
	OnlyCheck bool
}

// Link is a connect link.
type Link struct {
	ID        email.ID
	URL       string // only from CreateLink
	Address   string
	Purposes  []string
	Transport string
	Status    string   // open, used, expired, canceled
	Account   email.ID // what it connected
	Problem   string   // why the last try did not work
	CreatedAt time.Time
	ExpiresAt time.Time
}

// CreateLink makes a connect link. Its URL is given once and kept nowhere.
func (c *Control) CreateLink(ctx context.Context, g access.Grant, n NewLink) (Link, error) {
	return Link{}, errNotYet
}

// Links lists the team's connect links, newest first.
func (c *Control) Links(ctx context.Context, g access.Grant) ([]Link, error) { return nil, errNotYet }

// CancelLink ends a link that was not used. One that was is ErrLinkClosed; one
// that was canceled already is no error.
func (c *Control) CancelLink(ctx context.Context, g access.Grant, id email.ID) error {
	return errNotYet
}

// LinkPage is what the person who opens a link is shown.
type LinkPage struct {
	Address   string
	AskedBy   string // name of the API key that made the link
	Transport string
	Purposes  []string
	ExpiresAt time.Time
}

// OpenLink finds the link of a token. One that cannot be used (any more) is a
// *Refusal, one that never was ErrNotFound.
func (c *Control) OpenLink(ctx context.Context, token string) (LinkPage, error) {
	return LinkPage{}, errNotYet
}

// StartLink begins the consent of a link: where the browser goes, and what its
// cookie must hold when it comes back.
func (c *Control) StartLink(ctx context.Context, token string) (url string, session email.Secret, err error) {
	return "", email.Secret{}, errNotYet
}

// RestartLink begins again for a browser that was here before, by its cookie.
func (c *Control) RestartLink(ctx context.Context, session string) (url string, again email.Secret, err error) {
	return "", email.Secret{}, errNotYet
}

// Outcome is what a browser that came back is shown.
type Outcome struct {
	Connected Connected
	Refusal   *Refusal // nil: it went well
	Address   string   // the mailbox that is expected; empty where nothing is known
	Retry     bool     // the link is open still: RestartLink works for this browser
}

// FinishRedirect takes what the redirect brought to a browser with a session, and
// connects the account. An error is for the log: nothing is known of an outcome.
func (c *Control) FinishRedirect(ctx context.Context, session string, r Redirected) (Outcome, error) {
	return Outcome{}, errNotYet
}
