package control

import (
	"context"
	"crypto/subtle"
	"errors"

	"gatepost/internal/access"
	"gatepost/internal/store"
)

// Outcome is what a browser that came back is shown.
type Outcome struct {
	Connected Connected
	Refusal   *Refusal // nil: it went well
	Address   string   // the mailbox that is expected; empty where nothing is known
	Provider  string   // who was asked: Google or Microsoft; empty likewise
	Retry     bool     // the link is open still: RestartLink works for this browser
}

// FinishRedirect takes what the redirect brought to a browser with a session, and
// connects the account. An error is for the log: nothing is known of an outcome.
// A browser that did not start the consent causes no write, and leaves it to the
// one that did.
func (c *Control) FinishRedirect(ctx context.Context, session string, r Redirected) (Outcome, error) {
	row, err := c.cfg.Store.ConsentByState(ctx, access.Hash(r.State))
	if err != nil {
		return outcome(Outcome{}, stale(err))
	}
	if !ours(row, session) {
		return outcome(Outcome{}, c.notOurs(row))
	}
	if row, err = c.cfg.Store.TakeConsent(ctx, row, access.Hash(session), c.cfg.Now()); err != nil {
		return c.staleOutcome(ctx, row, stale(err))
	}
	o := Outcome{Address: row.Address, Provider: vendorOf(row.Transport).name()}
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

// notOurs is for a stranger, who is told no more than that.
func (c *Control) notOurs(row *store.Consent) error {
	if err := row.Over(c.cfg.Now()); err != nil {
		return stale(err)
	}
	return &Refusal{
		Cause: CauseOtherBrowser, Text: "This answer belongs to another browser, or its cookie is gone: nothing was connected.",
		Fix: "Open the link again, and stay in one browser until the end.",
	}
}

// staleOutcome tells the browser that started it what became of its link.
func (c *Control) staleOutcome(ctx context.Context, row *store.Consent, err error) (Outcome, error) {
	if row == nil {
		return outcome(Outcome{}, err)
	}
	o := Outcome{Address: row.Address, Provider: vendorOf(row.Transport).name()}
	if l, linkErr := c.cfg.Store.Link(ctx, row.Team, row.Link); linkErr == nil {
		o.Retry = c.closed(l) == nil
		if l.Status == store.LinkUsed {
			err = c.closed(l)
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
