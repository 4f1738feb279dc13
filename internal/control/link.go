package control

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/store"
)

// NewLink is a link by which somebody without a login connects one mailbox.
type NewLink struct {
	Credential email.ID // a google_oauth_client of the type web, or a microsoft_app
	Address    string   // the mailbox that is expected
	Purposes   []string // empty: what the transport needs
	Transport  string   // one of the client's provider; empty: its API
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
	if l.Status == store.LinkOpen && c.keyEnded(l) {
		l.Problem = keyEndedText
	}
	return Link{
		ID: l.ID, Address: l.Address, Purposes: l.Purposes, Transport: l.Transport, Status: c.linkStatus(l), Account: l.Account,
		Problem: l.Problem, CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt,
	}
}

// linkExpired is what an open link is after its time; no row says so.
const linkExpired = "expired"

func (c *Control) linkStatus(l *store.Link) string {
	switch {
	case l.Status != store.LinkOpen:
		return l.Status
	case !c.cfg.Now().Before(l.ExpiresAt):
		return linkExpired
	case c.keyEnded(l):
		return store.LinkCanceled
	}
	return l.Status
}

// keyEnded tells whether the API key that made a link was deleted or has expired.
func (c *Control) keyEnded(l *store.Link) bool {
	return l.KeyGone || !l.KeyEnds.IsZero() && !c.cfg.Now().Before(l.KeyEnds)
}

const keyEndedText = "The API key that made this link was deleted or has expired, and the link has ended with it."

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

// CreateLink makes a connect link, which ends with the API key that asks for it.
// Its URL is given once and kept nowhere.
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
	l.Team, l.Token, l.AskedBy, l.Key, l.KeyEnds, l.Status = g.Team, access.Hash(token), g.KeyName, g.Key, g.Ends, store.LinkOpen
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

// callback makes sure that the provider will send browsers back to gatepost.
func (ps *problems) callback(client asker, public string) {
	if public == "" {
		ps.add("credential", "cannot be used for links: this gatepost has no public address; start it with --public-url https://…")
		return
	}
	if client == nil {
		return
	}
	err := client.redirectProblem(public + callbackPath)
	switch {
	case err == nil:
	case client.vendor().name() == (atMicrosoft{}).name(): // which looks at the address alone
		ps.add("public-url", "%v. It is a setting of the server: gatepost serve --public-url %s", err, takenByEntra(public))
	default:
		ps.add("credential", "%v", err)
	}
}

// takenByEntra is a public address in place of one that cannot be registered with Entra
// ID: localhost for this machine, else one with TLS.
func takenByEntra(public string) string {
	u, err := url.Parse(public)
	if err != nil || !onThisMachine(u.Hostname()) {
		return "https://…"
	}
	return "http://" + net.JoinHostPort("localhost", cmp.Or(u.Port(), "80"))
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
