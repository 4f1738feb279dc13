package control

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/store"
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

func (c *Control) linkOf(l *store.Link) Link {
	return Link{
		ID: l.ID, Address: l.Address, Purposes: l.Purposes, Transport: l.Transport, Status: c.linkStatus(l), Account: l.Account,
		Problem: l.Problem, CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt,
	}
}

// linkExpired is what an open link is after its time; no row says so.
const linkExpired = "expired"

func (c *Control) linkStatus(l *store.Link) string {
	if l.Status == store.LinkOpen && !c.cfg.Now().Before(l.ExpiresAt) {
		return linkExpired
	}
	return l.Status
}

// How long links last, in hours.
const (
	usualHours = 72
	mostHours  = 168
)

// The pages of connect links below the public address.
const (
	linkPath     = "/connect/"
	callbackPath = "/connect/callback"
)

// CreateLink makes a connect link. Its URL is given once and kept nowhere.
func (c *Control) CreateLink(ctx context.Context, g access.Grant, n NewLink) (Link, error) {
	if err := may(g, access.ScopeAccountsWrite); err != nil {
		return Link{}, err
	}
	l, err := c.checkLink(ctx, g, n)
	if err != nil || n.OnlyCheck {
		return Link{}, err
	}
	token, err := c.draw()
	if err != nil {
		return Link{}, err
	}
	if l.ID, l.CreatedAt, err = c.newID(prefixLink); err != nil {
		return Link{}, err
	}
	l.Team, l.Token, l.AskedBy, l.Status = g.Team, access.Hash(token), g.KeyName, store.LinkOpen
	l.ExpiresAt = l.CreatedAt.Add(time.Duration(n.hours()) * time.Hour)
	if err := c.cfg.Store.AddLink(ctx, *l); err != nil {
		return Link{}, err
	}
	out := c.linkOf(l)
	out.URL = c.publicURL() + linkPath + token
	return out, nil
}

func (n NewLink) hours() int {
	if n.Hours == 0 {
		return usualHours
	}
	return n.Hours
}

func (c *Control) checkLink(ctx context.Context, g access.Grant, n NewLink) (*store.Link, error) {
	var wrong problems
	if n.Address == "" {
		wrong.add("address", "is missing: the mailbox that is to be connected; another one is refused")
	}
	if h := n.hours(); h < 1 || h > mostHours {
		wrong.add("hours", "must be between 1 and %d", mostHours)
	}
	w := store.Wish{Credential: n.Credential, Address: n.Address, Transport: n.Transport, Purposes: n.Purposes, Senders: n.Senders}
	w, client, err := c.wish(ctx, g, w, &wrong)
	if err != nil {
		return nil, err
	}
	wrong.callback(client, c.publicURL())
	return &store.Link{Wish: w}, wrong.err()
}

// callback makes sure that Google will send browsers back to gatepost.
func (ps *problems) callback(client *oauth.Client, public string) {
	if public == "" {
		ps.add("credential", "cannot be used for links: this gatepost has no public address; start it with --public-url https://…")
		return
	}
	if client == nil {
		return
	}
	if err := oauth.CheckRedirectURI(client, public+callbackPath); err != nil {
		ps.add("credential", "%v", err)
	}
}

func (c *Control) publicURL() string {
	if c.cfg.PublicURL == nil {
		return ""
	}
	return c.cfg.PublicURL()
}

// Links lists the team's connect links, newest first.
func (c *Control) Links(ctx context.Context, g access.Grant) ([]Link, error) {
	if err := may(g, access.ScopeAccountsRead); err != nil {
		return nil, err
	}
	rows, err := c.cfg.Store.Links(ctx, g.Team)
	if err != nil {
		return nil, err
	}
	out := make([]Link, len(rows))
	for i, l := range rows {
		out[i] = c.linkOf(l)
	}
	return out, nil
}

// CancelLink ends a link that was not used. One that was is ErrLinkClosed; one
// that was canceled already is no error.
func (c *Control) CancelLink(ctx context.Context, g access.Grant, id email.ID) error {
	if err := may(g, access.ScopeAccountsWrite); err != nil {
		return err
	}
	if err := known(prefixLink, id); err != nil {
		return err
	}
	was, err := c.cfg.Store.CancelLink(ctx, g.Team, id)
	if err != nil || was {
		return err
	}
	l, err := c.cfg.Store.Link(ctx, g.Team, id)
	if err != nil || l.Status == store.LinkCanceled {
		return err
	}
	return fmt.Errorf("connect link %s connected %s already; remove that account instead: %w", id, l.Account, ErrLinkClosed)
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
	l, err := c.openLink(ctx, token)
	if err != nil {
		return LinkPage{}, err
	}
	return LinkPage{Address: l.Address, AskedBy: l.AskedBy, Transport: l.Transport, Purposes: l.Purposes, ExpiresAt: l.ExpiresAt}, nil
}

func (c *Control) openLink(ctx context.Context, token string) (*store.Link, error) {
	l, err := c.cfg.Store.LinkByToken(ctx, access.Hash(token))
	if err != nil {
		return nil, err
	}
	return l, c.closed(l)
}

// closed tells why a link cannot be used, or nil.
func (c *Control) closed(l *store.Link) error {
	const fix = "Ask whoever sent it for a new one."
	switch c.linkStatus(l) {
	case store.LinkUsed:
		return &Refusal{
			Cause: CauseLinkUsed, Expected: l.Address, Text: "This link was used: " + l.Address + " is connected.",
			Fix: "There is nothing left to do. To connect again, ask whoever sent it for a new one.",
		}
	case store.LinkCanceled:
		return &Refusal{Cause: CauseLinkCanceled, Expected: l.Address, Text: "This link was canceled by whoever made it.", Fix: fix}
	case linkExpired:
		return &Refusal{
			Cause: CauseLinkExpired, Expected: l.Address,
			Text: "This link ended on " + l.ExpiresAt.UTC().Format("2 January 2006 at 15:04 UTC") + ".", Fix: fix,
		}
	}
	return nil
}

// linkRefusal tells why the link of a consent was not open any more.
func (c *Control) linkRefusal(ctx context.Context, row *store.Consent) error {
	l, err := c.cfg.Store.Link(ctx, row.Team, row.Link)
	if err != nil {
		return err
	}
	if err := c.closed(l); err != nil {
		return err
	}
	return fmt.Errorf("connect link %s: %w", row.Link, ErrLinkClosed)
}

// StartLink begins the consent of a link: where the browser goes, and what its
// cookie must hold when it comes back.
func (c *Control) StartLink(ctx context.Context, token string) (url string, session email.Secret, err error) {
	l, err := c.openLink(ctx, token)
	if err != nil {
		return "", email.Secret{}, err
	}
	return c.startLink(ctx, l)
}

// RestartLink begins again for a browser that was here before, by its cookie. A
// browser that was not is ErrNotFound.
func (c *Control) RestartLink(ctx context.Context, session string) (url string, again email.Secret, err error) {
	row, err := c.cfg.Store.ConsentOfSession(ctx, access.Hash(session))
	if err != nil {
		return "", email.Secret{}, err
	}
	l, err := c.cfg.Store.Link(ctx, row.Team, row.Link)
	if err != nil {
		return "", email.Secret{}, err
	}
	if err := c.closed(l); err != nil {
		return "", email.Secret{}, err
	}
	return c.startLink(ctx, l)
}

func (c *Control) startLink(ctx context.Context, l *store.Link) (string, email.Secret, error) {
	client, err := c.client(ctx, l.Team, l.Credential)
	if err != nil {
		return "", email.Secret{}, err
	}
	session, err := c.draw()
	if err != nil {
		return "", email.Secret{}, err
	}
	made, err := c.begin(ctx, client, &store.Consent{
		Team: l.Team, Link: l.ID, Session: access.Hash(session), Redirect: c.publicURL() + callbackPath, Wish: l.Wish,
	})
	return made.URL, email.NewSecret(session), err
}

// ConsentOrigin is where the browser is sent for consent: scheme and host.
func (c *Control) ConsentOrigin() string {
	auth := c.cfg.Endpoints.Auth
	if auth == "" {
		auth = oauth.Google().Auth
	}
	u, err := url.Parse(auth)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
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
	row, err := c.cfg.Store.TakeConsent(ctx, access.Hash(r.State), c.cfg.Now())
	if err != nil {
		return c.staleOutcome(ctx, session, row, stale(err))
	}
	own := ours(row, session)
	if row.Link == "" || !own {
		return outcome(Outcome{}, &Refusal{
			Cause: CauseOtherBrowser, Text: "This answer belongs to another browser, or its cookie is gone: nothing was connected.",
			Fix: "Open the link again, and stay in one browser until the end.",
		})
	}
	o := Outcome{Address: row.Address}
	if o.Connected, err = c.finishLink(ctx, row, r); err == nil {
		return o, nil
	}
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		if err := c.cfg.Store.LinkProblem(ctx, row.Team, row.Link, refusal.Error()); err != nil {
			return o, err
		}
		o.Retry = c.linkOpen(ctx, row)
	}
	return outcome(o, err)
}

// finishLink looks at the link once more before Google is asked.
func (c *Control) finishLink(ctx context.Context, row *store.Consent, r Redirected) (Connected, error) {
	l, err := c.cfg.Store.Link(ctx, row.Team, row.Link)
	if err != nil {
		return Connected{}, err
	}
	if err := c.closed(l); err != nil {
		return Connected{}, err
	}
	return c.finish(ctx, row, r)
}

// staleOutcome tells the browser that started it more than a stranger.
func (c *Control) staleOutcome(ctx context.Context, session string, row *store.Consent, err error) (Outcome, error) {
	o := Outcome{}
	if row != nil && ours(row, session) {
		o.Address = row.Address
		if l, linkErr := c.cfg.Store.Link(ctx, row.Team, row.Link); linkErr == nil {
			o.Retry = c.closed(l) == nil
			if l.Status == store.LinkUsed {
				err = c.closed(l)
			}
		}
	}
	return outcome(o, err)
}

// ours tells whether a consent was started by the browser with this session.
func ours(row *store.Consent, session string) bool {
	return row.Link != "" && session != "" && subtle.ConstantTimeCompare(row.Session, access.Hash(session)) == 1
}

func (c *Control) linkOpen(ctx context.Context, row *store.Consent) bool {
	l, err := c.cfg.Store.Link(ctx, row.Team, row.Link)
	return err == nil && c.closed(l) == nil
}

// outcome puts a refusal into its place.
func outcome(o Outcome, err error) (Outcome, error) {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		o.Refusal = refusal
		return o, nil
	}
	return o, err
}
