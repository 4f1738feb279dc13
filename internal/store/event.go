package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/email"
)

// Event is one thing that happened to a message or an account, or to all accounts of
// a team. Seq rises from 1 for each subject.
type Event struct {
	Team    email.ID
	Subject email.ID // of the message, the account, the credential or the team
	Seq     int
	ID      email.ID
	Kind    email.EventKind
	At      time.Time
	Data    EventData
}

// EventData is what an event tells besides its kind.
type EventData struct {
	Recipients []string `json:"recipients,omitempty"` // those it is about, where not all
	Account    email.ID `json:"account,omitempty"`
	Attempt    int      `json:"attempt,omitempty"`
	Cause      string   `json:"cause,omitempty"`
	Text       string   `json:"text,omitempty"` // what happened, for a person
	Fix        string   `json:"fix,omitempty"`  // what to do about it
	Reply      string   `json:"reply,omitempty"`
	ProviderID string   `json:"provider_id,omitempty"`
	ThreadID   string   `json:"thread_id,omitempty"` // the provider's, of its conversation
	Why        string   `json:"why,omitempty"`       // of the submission: why this account
	Lane       string   `json:"lane,omitempty"`      // of a pause: its lane; empty: every one
	// NextAt is when the message is tried or looked for again, Unix milliseconds.
	NextAt            int64 `json:"next_at,omitempty"`
	PossibleDuplicate bool  `json:"possible_duplicate,omitempty"`
	// EndsAt is, of a warning, when what it warns of ends, Unix milliseconds.
	EndsAt int64 `json:"ends_at,omitempty"`
}

func (e Event) data() string { return jsonText(e.Data) }

// reason is what happened and what to do, for the account's row.
func (d EventData) reason() string {
	if d.Fix == "" {
		return d.Text
	}
	return strings.TrimSuffix(d.Text, ".") + ": " + d.Fix
}

func insertEvent(ctx context.Context, t *tx, e Event) error {
	_, err := t.ExecContext(ctx, `INSERT INTO events (team_id, subject, seq, id, kind, at, data) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		e.Team, e.Subject, e.Seq, e.ID, e.Kind, millis(e.At), e.data())
	return err
}

// insertAccountEvent numbers the event itself: changes of an account are rare
// and come from different claims.
func insertAccountEvent(ctx context.Context, t *tx, e Event) error {
	err := t.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq), 0) + 1 FROM events WHERE team_id = $1 AND subject = $2`,
		e.Team, e.Subject).Scan(&e.Seq)
	if err != nil {
		return err
	}
	return insertEvent(ctx, t, e)
}

// Events returns the events of one message or account, oldest first.
func (s *Store) Events(ctx context.Context, team, subject email.ID) ([]Event, error) {
	return events(ctx, s.read, team, subject)
}

// NewestEvents returns the newest events of an account, oldest first.
func (s *Store) NewestEvents(ctx context.Context, team, account email.ID, most int) ([]Event, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT team_id, subject, seq, id, kind, at, data FROM events
		WHERE team_id = $1 AND subject = $2 ORDER BY seq DESC LIMIT $3 + 0`, team, account, most)
	if err != nil {
		return nil, fmt.Errorf("events of %s: %w", account, err)
	}
	newest, err := scanAll(rows, scanEvent)
	slices.Reverse(newest)
	return newest, err
}

// noted tells whether an event is there. One without an id was not to be.
func noted(ctx context.Context, q querier, e Event) (bool, error) {
	if e.ID == "" {
		return true, nil
	}
	var n int
	err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM events WHERE team_id = $1 AND subject = $2 AND id = $3`, e.Team, e.Subject, e.ID).Scan(&n)
	return n == 1, err
}

func events(ctx context.Context, q querier, team, subject email.ID) ([]Event, error) {
	rows, err := q.QueryContext(ctx, `SELECT team_id, subject, seq, id, kind, at, data FROM events
		WHERE team_id = $1 AND subject = $2 ORDER BY seq`, team, subject)
	if err != nil {
		return nil, fmt.Errorf("events of %s: %w", subject, err)
	}
	return scanAll(rows, scanEvent)
}

func scanEvent(row interface{ Scan(...any) error }) (Event, error) {
	var e Event
	var at int64
	var data string
	if err := row.Scan(&e.Team, &e.Subject, &e.Seq, &e.ID, &e.Kind, &at, &data); err != nil {
		return e, err
	}
	e.At = fromMillis(at)
	return e, json.Unmarshal([]byte(data), &e.Data)
}
