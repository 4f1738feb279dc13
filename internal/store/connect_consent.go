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
	Redirect string
	Wish
	Sealed    []byte // what the exchange of the code needs
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time
}

const consentColumns = `team_id, id, state_hash, session_hash, link_id, credential_id, redirect, address, transport, purposes, senders,
	sealed, created_at, expires_at, used_at`

func scanConsent(row interface{ Scan(...any) error }) (*Consent, error) {
	var c Consent
	var purposes, senders string
	var created, expires, used int64
	err := row.Scan(&c.Team, &c.ID, &c.State, &c.Session, &c.Link, &c.Credential, &c.Redirect, &c.Address, &c.Transport, &purposes,
		&senders, &c.Sealed, &created, &expires, &used)
	if err != nil {
		return nil, err
	}
	c.CreatedAt, c.ExpiresAt, c.UsedAt = fromMillis(created), fromMillis(expires), fromMillis(used)
	return &c, c.readLists(purposes, senders)
}

// consentKept is how long a consent is kept after its time, so that one that
// comes late is told so.
const consentKept = 24 * time.Hour

// AddConsent keeps a consent that was started, and drops what is long over.
func (s *Store) AddConsent(ctx context.Context, c Consent) error {
	return s.do(ctx, "keep consent "+c.ID, func(ctx context.Context, t *tx) error {
		if _, err := t.ExecContext(ctx, `DELETE FROM consents WHERE expires_at < $1`, millis(c.CreatedAt.Add(-consentKept))); err != nil {
			return err
		}
		session := c.Session
		if session == nil {
			session = []byte{}
		}
		_, err := t.ExecContext(ctx, `INSERT INTO consents (`+consentColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0)`,
			c.Team, c.ID, c.State, session, c.Link, c.Credential, c.Redirect, c.Address, c.Transport, listText(c.Purposes), listText(c.Senders),
			c.Sealed, millis(c.CreatedAt), millis(c.ExpiresAt))
		return err
	})
}

// Errors of TakeConsent besides ErrNotFound.
var (
	ErrConsentUsed    = errors.New("this consent was used already")
	ErrConsentExpired = errors.New("this consent took too long")
)

// TakeConsent finds the consent of a state and marks it used in the same
// statement, so that of any number who come with it one gets it. The others get
// ErrConsentUsed or ErrConsentExpired, with the consent, so that they can be told.
func (s *Store) TakeConsent(ctx context.Context, state []byte, now time.Time) (c *Consent, err error) {
	var refused error
	err = s.do(ctx, "take a consent", func(ctx context.Context, t *tx) (err error) {
		refused = nil
		c, err = scanConsent(t.QueryRowContext(ctx, `UPDATE consents SET used_at = $2
			WHERE state_hash = $1 AND used_at = 0 AND expires_at > $2 RETURNING `+consentColumns, state, millis(now)))
		if err = found(err); !errors.Is(err, ErrNotFound) {
			return err
		}
		c, err = scanConsent(t.QueryRowContext(ctx, `SELECT `+consentColumns+` FROM consents WHERE state_hash = $1`, state))
		if err = found(err); err != nil {
			return err
		}
		refused = ErrConsentExpired
		if !c.UsedAt.IsZero() {
			refused = ErrConsentUsed
		}
		return nil
	})
	return c, errors.Join(err, refused)
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
