package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/email"
)

// Wish is what a consent is to lead to: a mailbox, the way to send through it,
// what it is to be used for, and the OAuth client that asks.
type Wish struct {
	Credential email.ID // of the OAuth client
	Address    string   // the mailbox that is expected; empty: any
	Transport  string
	Purposes   []string
	Senders    []string
}

// The states of a connect link. One that is open and past its time has expired.
const (
	LinkOpen     = "open"
	LinkUsed     = "used"
	LinkCanceled = "canceled"
)

// Link is a connect link. Its token is kept as a SHA-256 alone.
type Link struct {
	Team, ID email.ID
	Token    []byte   // SHA-256
	AskedBy  string   // name of the key that made it
	Key      email.ID // the key itself, with which the link ends; empty: with none
	Wish
	Status    string
	Account   email.ID // what it connected
	Problem   string   // why the last try did not work
	CreatedAt time.Time
	ExpiresAt time.Time
	// KeyGone says that the key was deleted; KeyEnds is when it expires, zero: never.
	// Both are read with the link.
	KeyGone bool
	KeyEnds time.Time
}

const linkColumns = `team_id, id, token_hash, credential_id, asked_by, key_id, address, transport, purposes, senders, status, account_id,
	problem, created_at, expires_at`

// linkSelect reads the end of the key with the link: below 0 it was deleted.
const linkSelect = `SELECT ` + linkColumns + `, CASE WHEN key_id = '' THEN 0 ELSE COALESCE((SELECT k.expires_at FROM api_keys k
	WHERE k.team_id = connect_links.team_id AND k.id = connect_links.key_id), -1) END FROM connect_links`

func scanLink(row interface{ Scan(...any) error }) (*Link, error) {
	var l Link
	var purposes, senders string
	var created, expires, keyEnds int64
	err := row.Scan(&l.Team, &l.ID, &l.Token, &l.Credential, &l.AskedBy, &l.Key, &l.Address, &l.Transport, &purposes, &senders, &l.Status,
		&l.Account, &l.Problem, &created, &expires, &keyEnds)
	if err != nil {
		return nil, err
	}
	l.CreatedAt, l.ExpiresAt = fromMillis(created), fromMillis(expires)
	l.KeyGone, l.KeyEnds = keyEnds < 0, fromMillis(max(keyEnds, 0))
	return &l, l.readLists(purposes, senders)
}

func (w *Wish) readLists(purposes, senders string) error {
	return errors.Join(json.Unmarshal([]byte(purposes), &w.Purposes), json.Unmarshal([]byte(senders), &w.Senders))
}

// listText writes a list as JSON, none as an empty one.
func listText(s []string) string {
	if s == nil {
		s = []string{}
	}
	return jsonText(s)
}

// AddLink keeps a new, open link.
func (s *Store) AddLink(ctx context.Context, l Link) error {
	return s.do(ctx, "keep connect link "+l.ID, func(ctx context.Context, t *tx) error {
		_, err := t.ExecContext(ctx, `INSERT INTO connect_links (`+linkColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '', '', $12, $13)`,
			l.Team, l.ID, l.Token, l.Credential, l.AskedBy, l.Key, l.Address, l.Transport, listText(l.Purposes), listText(l.Senders), LinkOpen,
			millis(l.CreatedAt), millis(l.ExpiresAt))
		return err
	})
}

// Links lists a team's connect links, newest first.
func (s *Store) Links(ctx context.Context, team email.ID) ([]*Link, error) {
	rows, err := s.read.QueryContext(ctx, linkSelect+` WHERE team_id = $1 ORDER BY id DESC`, team)
	if err != nil {
		return nil, fmt.Errorf("list connect links: %w", err)
	}
	return scanAll(rows, scanLink)
}

// Link returns one connect link of a team, or ErrNotFound.
func (s *Store) Link(ctx context.Context, team, id email.ID) (*Link, error) {
	l, err := scanLink(s.read.QueryRowContext(ctx, linkSelect+` WHERE team_id = $1 AND id = $2`, team, id))
	if err != nil {
		return nil, fmt.Errorf("connect link %s: %w", id, found(err))
	}
	return l, nil
}

// LinkByToken finds the link whose token has this SHA-256, or ErrNotFound.
func (s *Store) LinkByToken(ctx context.Context, hash []byte) (*Link, error) {
	l, err := scanLink(s.read.QueryRowContext(ctx, linkSelect+` WHERE token_hash = $1`, hash))
	if err != nil {
		return nil, fmt.Errorf("connect link: %w", found(err))
	}
	return l, nil
}

// CancelLink ends an open link; it tells whether it was open.
func (s *Store) CancelLink(ctx context.Context, team, id email.ID) (was bool, err error) {
	err = s.do(ctx, "cancel connect link "+id, func(ctx context.Context, t *tx) error {
		r, err := t.ExecContext(ctx, `UPDATE connect_links SET status = $3 WHERE team_id = $1 AND id = $2 AND status = $4`,
			team, id, LinkCanceled, LinkOpen)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		was = n > 0
		return err
	})
	return was, err
}

// LinkProblem notes why the last try of an open link did not work.
func (s *Store) LinkProblem(ctx context.Context, team, id email.ID, problem string) error {
	return s.do(ctx, "note a problem of connect link "+id, func(ctx context.Context, t *tx) error {
		_, err := t.ExecContext(ctx, `UPDATE connect_links SET problem = $3 WHERE team_id = $1 AND id = $2 AND status = $4`,
			team, id, problem, LinkOpen)
		return err
	})
}
