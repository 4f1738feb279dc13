package control

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// DeviceCode is what a user types on another machine (RFC 8628 section 3.2).
type DeviceCode struct {
	UserCode        string
	VerificationURI string
	Interval        time.Duration // the least time between two calls of FinishConsent
}

// Pending says that the user has not decided yet.
type Pending struct {
	RetryAfter time.Duration // when to come again
	ExpiresAt  time.Time
}

// deviceAsker is an asker to whom users can consent on another machine.
type deviceAsker interface {
	asker
	start(ctx context.Context, q question) (code entra.DeviceCode, scopes []string, err error)
	// poll asks once. Errors are those of entra.Device.Poll.
	poll(ctx context.Context, q question, code email.Secret) (granted, error)
}

func (a *entraAsker) device(q question) entra.Device {
	return entra.Device{App: a.app, Endpoints: a.at, Scopes: a.vendor().scopes(q.purposes)}
}

func (a *entraAsker) start(ctx context.Context, q question) (entra.DeviceCode, []string, error) {
	d := a.device(q)
	code, err := d.Start(ctx, a.http, a.now())
	return code, d.Scopes, err
}

func (a *entraAsker) poll(ctx context.Context, q question, code email.Secret) (granted, error) {
	g, err := a.device(q).Poll(ctx, a.http, entra.DeviceCode{Code: code}, a.now())
	return grantedBy(g), err
}

// oneResource checks what a device code is asked for: its token is for one resource
// (learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code). What nobody asked
// for by name is left out.
func (ps *problems) oneResource(v vendor, w *store.Wish, chosen bool) {
	_, err := entra.OneResource(v.scopes(purposesOf(w.Purposes)))
	switch {
	case err == nil || len(w.Purposes) == 0:
	case chosen:
		ps.add("purposes", "%v: a device code is for one of them: leave out what the transport %s does not need, or connect with a browser", err, w.Transport)
	default:
		w.Purposes = []string{string(needed(w.Transport))}
	}
}

// startDevice asks for a code and keeps what finishing it needs.
func (c *Control) startDevice(ctx context.Context, d deviceAsker, row *store.Consent) (Consent, error) {
	code, scopes, err := d.start(ctx, questionOf(row, codeProof{}, ""))
	if err != nil {
		return Consent{}, deviceRefusal(err, d)
	}
	if row.ID, row.CreatedAt, err = c.newID(prefixConsent); err != nil {
		return Consent{}, err
	}
	state, err := c.draw() // of no redirect: nobody ever has it
	if err != nil {
		return Consent{}, err
	}
	row.State, row.ExpiresAt = access.Hash(state), code.Expires
	row.PollEvery, row.PollAt = code.Interval, row.CreatedAt.Add(code.Interval)
	if row.Sealed, err = c.sealProof(ctx, row, codeProof{Device: code.Code.Reveal()}); err != nil {
		return Consent{}, err
	}
	if err := c.cfg.Store.AddConsent(ctx, *row); err != nil {
		return Consent{}, err
	}
	return Consent{
		ID: row.ID, Scopes: scopes, ExpiresAt: row.ExpiresAt,
		Device: &DeviceCode{UserCode: code.UserCode, VerificationURI: code.VerificationURI, Interval: code.Interval},
	}, nil
}

// device checks that there is an asker who has device codes, and no redirect.
func (ps *problems) device(client asker, n NewConsent) deviceAsker {
	if n.RedirectURI != "" {
		ps.add("redirect_uri", "is for consent in a browser of this machine: a device code comes back to nobody")
	}
	d, ok := client.(deviceAsker)
	if client != nil && !ok {
		ps.add("device", "is not for %s, which gives no access to mail by device code: leave it out", client.vendor().name())
	}
	return d
}

// slower is by how much to poll less often where that is asked for, or where the
// connection broke (RFC 8628 section 3.5).
const slower = 5 * time.Second

// finishDevice asks once what became of a device code, unless that is too early, and
// connects the account where the user has agreed. Whoever has a decision takes the
// consent: nobody gets it twice.
func (c *Control) finishDevice(ctx context.Context, row *store.Consent) (Connected, error) {
	ctx = context.WithoutCancel(ctx) // a caller that leaves must not waste a code
	now := c.cfg.Now()
	may, err := c.cfg.Store.ClaimPoll(ctx, row, now, now.Add(turnLife))
	if err != nil {
		return Connected{}, deviceStale(err)
	}
	if !may {
		return pending(row, max(row.PollAt.Sub(now), row.PollEvery)), nil
	}
	client, err := c.asker(ctx, row.Team, row.Credential)
	if errors.Is(err, ErrNotFound) {
		return Connected{}, clientGone()
	}
	if err != nil {
		return Connected{}, err
	}
	grant, err := c.pollDevice(ctx, client, row)
	if every := pollAgain(err, row.PollEvery); every > 0 {
		return pending(row, every), c.cfg.Store.PollAgain(ctx, row, every, c.cfg.Now().Add(every))
	}
	taken, takeErr := c.cfg.Store.TakeConsent(ctx, row, nil, c.cfg.Now())
	switch {
	case takeErr != nil:
		return Connected{}, deviceStale(takeErr)
	case err != nil:
		c.keepUnlisted(ctx, row.Team, strings.ToLower(client.vendor().name()), err)
		return Connected{}, deviceRefusal(err, client)
	}
	return c.judge(ctx, taken, client, grant)
}

func (c *Control) pollDevice(ctx context.Context, client asker, row *store.Consent) (granted, error) {
	d, ok := client.(deviceAsker)
	if !ok {
		return granted{}, errOtherKind
	}
	p, err := c.openProof(ctx, row)
	if err != nil {
		return granted{}, err
	}
	return d.poll(ctx, questionOf(row, p, ""), email.NewSecret(p.Device))
}

// pollAgain is how long to wait where there is no decision yet; 0: there is one.
func pollAgain(err error, every time.Duration) time.Duration {
	switch {
	case errors.Is(err, entra.ErrSlowDown), err != nil && !errors.Is(err, entra.ErrPending) && oauth.Passing(err):
		return every + slower
	case errors.Is(err, entra.ErrPending):
		return every
	}
	return 0
}

func pending(row *store.Consent, after time.Duration) Connected {
	return Connected{Pending: &Pending{RetryAfter: after, ExpiresAt: row.ExpiresAt}}
}

const startAgain = "Start again."

// deviceStale is stale in the words of a code.
func deviceStale(err error) error {
	if errors.Is(err, store.ErrConsentExpired) {
		return codeExpired("")
	}
	return stale(err)
}

func codeExpired(reply string) *Refusal {
	return &Refusal{Cause: CauseExpired, Text: "The code was not entered in time, and is no longer good: nothing was connected.", Fix: startAgain, Reply: reply}
}

// deviceRefusal says why a device code led to nothing.
func deviceRefusal(err error, client asker) error {
	e, ok := errors.AsType[*provider.Error](err)
	switch {
	case !ok:
		return err
	case errors.Is(err, entra.ErrDeclined):
		return &Refusal{Cause: CauseDenied, Text: "Consent was not given: nothing was connected.", Fix: "Start again and allow it, if that was a mistake.", Reply: e.Reply}
	case errors.Is(err, entra.ErrExpired):
		return codeExpired(e.Reply)
	}
	r := &Refusal{Cause: e.Cause, Text: strings.TrimSuffix(e.Text, ".") + ": nothing was connected.", Fix: e.Fix, Reply: e.Reply}
	switch e.Cause {
	case "client_secret_missing":
		r.Text = fmt.Sprintf("The app %s does not allow public client flows, without which there are no device codes: nothing was connected.", client.ID())
		r.Fix = "At " + pageRegistrations + " > the app > Authentication set Allow public client flows to Yes, then start again. Or connect with a browser (--consent)."
	case "conditional_access", "security_defaults":
		r.Fix = "Many organisations block device codes: connect with a browser (--consent). " + r.Fix
	}
	return r
}
