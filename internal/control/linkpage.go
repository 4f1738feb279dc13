package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
	"gatepost/internal/store"
)

// LinkPage is what the person who opens a link is shown.
type LinkPage struct {
	Address   string
	AskedBy   string // name of the API key that made the link
	Transport string
	Provider  string // who is asked: Google or Microsoft
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
	return LinkPage{Address: l.Address, AskedBy: l.AskedBy, Transport: l.Transport, Provider: vendorOf(l.Transport).name(), Purposes: l.Purposes, ExpiresAt: l.ExpiresAt}, nil
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
		if l.Status == store.LinkOpen {
			return &Refusal{Cause: CauseLinkKeyEnded, Expected: l.Address, Text: keyEndedText, Fix: fix}
		}
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
	client, err := c.asker(ctx, l.Team, l.Credential)
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
	if errors.Is(err, store.ErrTooManyOpen) {
		return "", email.Secret{}, &Refusal{
			Cause: CauseTooManyOpen, Expected: l.Address, Text: "This link was opened many times within ten minutes, and none was finished.",
			Fix: "Finish one of them, or wait ten minutes and open the link again.",
		}
	}
	return made.URL, email.NewSecret(session), err
}

// ConsentOrigin is where browsers are sent for consent: scheme and host of each
// provider's page, with a space between them.
func (c *Control) ConsentOrigin() string {
	auth := cmp.Or(c.cfg.Endpoints.Auth, oauth.Google().Auth)
	pages := []string{auth}
	for _, cloud := range entra.Clouds() {
		pages = append(pages, c.cfg.Entra.Login(cloud))
	}
	var origins []string
	for _, page := range pages {
		if u, err := url.Parse(page); err == nil && !slices.Contains(origins, u.Scheme+"://"+u.Host) {
			origins = append(origins, u.Scheme+"://"+u.Host)
		}
	}
	return strings.Join(origins, " ")
}
