package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/email"
)

// Consent is a consent that was started and waits for the browser to come back.
type Consent struct {
	Team, ID email.ID
	State    []byte   // SHA-256 of the state in the redirect
	Session  []byte   // SHA-256 of the browser's cookie; empty where there is no browser of ours
	Link     email.ID // the connect link it belongs to, if any
	Redirect string   // empty: a device code
	Wish
	SharedWith string        // who signs in, where the mailbox is shared with them
	PollEvery  time.Duration // between two questions what became of a device code; 0: there is none
	PollAt     time.Time     // when the next may be
	Sealed     []byte        // what the exchange of the code needs
	CreatedAt  time.Time
	ExpiresAt  time.Time
	UsedAt     time.Time
}

const consentColumns = `team_id, id, state_hash, session_hash, link_id, credential_id, redirect, address, transport, purposes, senders,
	sealed, created_at, expires_at, shared_with, poll_every, poll_at, used_at`

func scanConsent(row interface{ Scan(...any) error }) (*Consent, error) {
	var c Consent
	var purposes, senders string
	var created, expires, every, next, used int64
	err := row.Scan(&c.Team, &c.ID, &c.State, &c.Session, &c.Link, &c.Credential, &c.Redirect, &c.Address, &c.Transport, &purposes,
		&senders, &c.Sealed, &created, &expires, &c.SharedWith, &every, &next, &used)
	if err != nil {
		return nil, err
	}
	c.PollEvery, c.PollAt = time.Duration(every)*time.Millisecond, fromMillis(next)
	c.CreatedAt, c.ExpiresAt, c.UsedAt = fromMillis(created), fromMillis(expires), fromMillis(used)
	return &c, c.readLists(purposes, senders)
}

// consentKept is how long a consent is kept after its time, so that one that
// comes late is told so.
const consentKept = 24 * time.Hour

// mostOpen is how many consents of one link may wait at a time: whoever has a
// link must not fill the database.
const mostOpen = 20

// ErrTooManyOpen says that as many consents of a link wait as may.
var ErrTooManyOpen = errors.New("too many consents of this link wait")

// AddConsent keeps a consent that was started, and drops what is long over. Of a
// connect link at most 20 wait at a time; one more is ErrTooManyOpen.
func (s *Store) AddConsent(ctx context.Context, c Consent) error {
	return s.alone(ctx, "keep consent "+c.ID, func(ctx context.Context, t querier) error {
		if err := roomForConsent(ctx, t, c); err != nil {
			return err
		}
		if _, err := t.ExecContext(ctx, `DELETE FROM consents WHERE expires_at < $1`, millis(c.CreatedAt.Add(-consentKept))); err != nil {
			return err
		}
		session := c.Session
		if session == nil {
			session = []byte{}
		}
		_, err := t.ExecContext(ctx, `INSERT INTO consents (`+consentColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 0)`,
			c.Team, c.ID, c.State, session, c.Link, c.Credential, c.Redirect, c.Address, c.Transport, listText(c.Purposes), listText(c.Senders),
			c.Sealed, millis(c.CreatedAt), millis(c.ExpiresAt), c.SharedWith, c.PollEvery.Milliseconds(), millis(c.PollAt))
		return err
	})
}

func roomForConsent(ctx context.Context, q querier, c Consent) error {
	if c.Link == "" {
		return nil
	}
	if err := holdUp(ctx, q, "link "+c.Link); err != nil {
		return err
	}
	var n int
	err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM consents WHERE link_id = $1 AND link_id <> '' AND expires_at > $2 AND used_at = 0`,
		c.Link, millis(c.CreatedAt)).Scan(&n)
	if err == nil && n >= mostOpen {
		return ErrTooManyOpen
	}
	return err
}

// Errors of TakeConsent besides ErrNotFound.
var (
	ErrConsentUsed    = errors.New("this consent was used already")
	ErrConsentExpired = errors.New("this consent took too long")
)

// TakeConsent marks a consent used that waits, in the same statement in which its
// session and link are compared: of any number who come with it one gets it, and
// who knows a state but not the session cannot use it up. The others get
// ErrConsentUsed or ErrConsentExpired, or ErrNotFound where it is not theirs.
func (s *Store) TakeConsent(ctx context.Context, c *Consent, session []byte, now time.Time) (taken *Consent, err error) {
	if session == nil {
		session = []byte{}
	}
	var refused error
	err = s.do(ctx, "take a consent", func(ctx context.Context, t *tx) (err error) {
		refused = nil
		const own = ` WHERE state_hash = $1 AND session_hash = $2 AND link_id = $3`
		taken, err = scanConsent(t.QueryRowContext(ctx, `UPDATE consents SET used_at = $4`+own+`
			AND used_at = 0 AND expires_at > $4 RETURNING `+consentColumns, c.State, session, c.Link, millis(now)))
		if err = found(err); !errors.Is(err, ErrNotFound) {
			return err
		}
		taken, err = scanConsent(t.QueryRowContext(ctx, `SELECT `+consentColumns+` FROM consents`+own, c.State, session, c.Link))
		if err = found(err); err != nil {
			return err
		}
		refused = taken.Over(now)
		return nil
	})
	return taken, errors.Join(err, refused)
}

// Over tells why a consent cannot be taken any more: ErrConsentUsed or
// ErrConsentExpired; nil: it can.
func (c *Consent) Over(now time.Time) error {
	switch {
	case !c.UsedAt.IsZero():
		return ErrConsentUsed
	case !now.Before(c.ExpiresAt):
		return ErrConsentExpired
	}
	return nil
}

// ConsentByState finds the consent whose state has this SHA-256, or ErrNotFound.
func (s *Store) ConsentByState(ctx context.Context, state []byte) (*Consent, error) {
	c, err := scanConsent(s.read.QueryRowContext(ctx, `SELECT `+consentColumns+` FROM consents WHERE state_hash = $1`, state))
	if err != nil {
		return nil, fmt.Errorf("consent of a state: %w", found(err))
	}
	return c, nil
}

// ConsentOfSession finds the newest consent that a browser started, or ErrNotFound.
func (s *Store) ConsentOfSession(ctx context.Context, session []byte) (*Consent, error) {
	c, err := scanConsent(s.read.QueryRowContext(ctx, `SELECT `+consentColumns+` FROM consents
		WHERE session_hash = $1 AND session_hash <> $2 ORDER BY created_at DESC, id DESC LIMIT 1`, session, []byte{}))
	if err != nil {
		return nil, fmt.Errorf("consent of a browser: %w", found(err))
	}
	return c, nil
}

// Consent returns one consent of a team, or ErrNotFound.
func (s *Store) Consent(ctx context.Context, team, id email.ID) (*Consent, error) {
	c, err := scanConsent(s.read.QueryRowContext(ctx, `SELECT `+consentColumns+` FROM consents WHERE team_id = $1 AND id = $2`, team, id))
	if err != nil {
		return nil, fmt.Errorf("consent %s: %w", id, found(err))
	}
	return c, nil
}

// ClaimPoll lets one at a time ask what became of a device code, and nobody before its
// time: it says whether the caller may now. Until the time nobody else may, unless
// PollAgain says another. A consent that was used or is over gives its error.
func (s *Store) ClaimPoll(ctx context.Context, c *Consent, now, until time.Time) (may bool, err error) {
	err = s.do(ctx, "ask for consent "+c.ID, func(ctx context.Context, t *tx) error {
		r, err := t.ExecContext(ctx, `UPDATE consents SET poll_at = $4 WHERE team_id = $1 AND id = $2
			AND used_at = 0 AND expires_at > $3 AND poll_at <= $3`, c.Team, c.ID, millis(now), millis(until))
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		may = n > 0
		return err
	})
	if err != nil || may {
		return may, err
	}
	return false, c.Over(now)
}

// PollAgain notes how often a device code may be asked for, and when next.
func (s *Store) PollAgain(ctx context.Context, c *Consent, every time.Duration, next time.Time) error {
	return s.do(ctx, "ask again for consent "+c.ID, func(ctx context.Context, t *tx) error {
		_, err := t.ExecContext(ctx, `UPDATE consents SET poll_every = $3, poll_at = $4 WHERE team_id = $1 AND id = $2`,
			c.Team, c.ID, every.Milliseconds(), millis(next))
		return err
	})
}
