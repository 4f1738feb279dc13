package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/email"
)

// Recipient is one address of a new message.
type Recipient struct {
	Address string
	Role    string // "to", "cc", "bcc", or "" where a raw message does not say
}

// NewMessage is a message on its way into the store, complete and checked: what
// one transaction keeps of a submission.
type NewMessage struct {
	Team, ID, Account email.ID
	Type              string
	Lane              email.Lane
	OnUnknown         email.OnUnknown
	MailFrom          string // RFC 5321 MAIL FROM
	Sender            string // RFC 5322 From, bare address
	Subject           string
	MessageID         string // with angle brackets
	Tags              []string
	Metadata          map[string]string
	Size              int64 // bytes of the RFC 5322 message
	Recipients        []Recipient
	Pooled            string // the route through a pool; then Account is the pool
	Thread            string // the provider's id of its conversation
	Why               string // why this account, for its first event
	WrappedKey        []byte // the content's own key, wrapped by the team's
	Content           []byte // sealed; nil where Blob names it in the bucket
	Blob              string
	EventID           email.ID // of message.submitted
	CreatedAt         time.Time
	SendAt            time.Time // zero: now. It is scheduled when this is later than CreatedAt
	ExpiresAt         time.Time // zero: never
	Shred             bool      // the content goes with the last verdict
	ShredAt           time.Time // when to look whether the content is to go
	Report            string    // whom to tell what became of it, as the engine writes it; empty: nobody
	ReportSuccess     bool      // and also of what was taken
	IdempotencyKey    string    // empty: none
	Fingerprint       []byte    // of the request, to be compared under the same key
	KeySince          time.Time // uses of the key before do not count; zero: all do

	// Existing is set by AddMessages when the key was used before: nothing was
	// added, and this is what the first use made.
	Existing *FirstUse
	twin     *NewMessage // same key earlier in the same group
	there    bool        // it is in the store already
}

// FirstUse is what an idempotency key stands for.
type FirstUse struct {
	Message     email.ID
	Fingerprint []byte
	CreatedAt   time.Time
}

const messageColumns = `team_id, id, account_id, type, on_unknown, mail_from, sender, subject, message_id, tags, metadata,
	size, created_at, blob, lane, thread_id, send_at, expires_at, pooled, report`

func (m *NewMessage) tags() string {
	if len(m.Tags) == 0 {
		return "[]"
	}
	return jsonText(m.Tags)
}

func (m *NewMessage) metadata() string {
	if len(m.Metadata) == 0 {
		return "{}"
	}
	return jsonText(m.Metadata)
}

func (m *NewMessage) submitted() Event {
	e := Event{Team: m.Team, Subject: m.ID, Seq: 1, ID: m.EventID, Kind: email.EventSubmitted, At: m.CreatedAt}
	e.Data.Why = m.Why
	if m.State() == email.Scheduled {
		e.Data.NextAt = millis(m.SendAt)
	}
	return e
}

// Route is what the message waits for: its account, or a route through a pool.
func (m *NewMessage) Route() string { return routeOf(m.Account, m.Pooled) }

func routeOf(account email.ID, pooled string) string {
	if pooled != "" {
		return pooled
	}
	return account
}

// State is where the message is at first.
func (m *NewMessage) State() email.State { return firstState(m.SendAt, m.CreatedAt) }

func firstState(send, created time.Time) email.State {
	if send.After(created) {
		return email.Scheduled
	}
	return email.Queued
}

// due is when it may be claimed.
func (m *NewMessage) due() time.Time {
	if m.State() == email.Scheduled {
		return m.SendAt
	}
	return m.CreatedAt
}

// AddMessages keeps messages: each with its recipients, content key, queue row,
// idempotency record and first event in one synced transaction. The error slice
// has one place per message; nil means that it is on disk, or that Existing says
// what an earlier use of its idempotency key made.
func (s *Store) AddMessages(ctx context.Context, ms ...*NewMessage) []error {
	reqs := make([]*request, len(ms))
	for i := range ms {
		reqs[i] = &request{add: ms[i : i+1]}
	}
	s.submit(ctx, reqs...)
	errs := make([]error, len(ms))
	for i, r := range reqs {
		if r.err != nil {
			errs[i] = fmt.Errorf("keep message %s: %w", ms[i].ID, r.err)
		}
	}
	return errs
}

// ErrOtherRequest says that an idempotency key stands for another request.
var ErrOtherRequest = errors.New("the idempotency key stands for another request")

// AddAll keeps all of the messages in one transaction, or none of them: then also
// when an idempotency key stands for another request (ErrOtherRequest).
func (s *Store) AddAll(ctx context.Context, ms []*NewMessage) error {
	r := &request{add: ms, all: true}
	s.submit(ctx, r)
	if r.err != nil {
		return fmt.Errorf("keep %d messages: %w", len(ms), r.err)
	}
	return nil
}

// checkAll refuses messages that are to be kept all together where one of them is
// another request under a key that was used.
func checkAll(ms []*NewMessage) error {
	for _, m := range ms {
		if m.Existing != nil && !bytes.Equal(m.Existing.Fingerprint, m.Fingerprint) {
			return ErrOtherRequest
		}
	}
	return nil
}

// AddMessage keeps one message; see AddMessages.
func (s *Store) AddMessage(ctx context.Context, m *NewMessage) error {
	return s.AddMessages(ctx, m)[0]
}

func addMessages(ctx context.Context, t *tx, ms []*NewMessage) error {
	if len(ms) == 0 {
		return nil
	}
	fresh, err := addKeys(ctx, t, ms)
	if err != nil {
		return fmt.Errorf("insert idempotency keys: %w", err)
	}
	if err := t.w.s.dialect.insertMessages(ctx, t, fresh); err != nil {
		return fmt.Errorf("insert messages: %w", err)
	}
	for _, m := range fresh {
		if m.ReportSuccess {
			if err := noteReport(ctx, t, m.Team, m.ID, m.CreatedAt); err != nil {
				return err
			}
		}
		t.count(m.Team, Submitted, len(m.Recipients))
		t.count(m.Team, m.State(), len(m.Recipients))
		if due := m.due(); m.State() == email.Queued && (t.oldest.IsZero() || due.Before(t.oldest)) {
			t.oldest = due
		}
	}
	return nil
}

// addKeys inserts the idempotency records and returns the messages that are to
// be added: those without a key and those whose key is new.
func addKeys(ctx context.Context, t *tx, ms []*NewMessage) (fresh []*NewMessage, err error) {
	first := map[[2]string]*NewMessage{}
	var keyed []*NewMessage
	for _, m := range ms {
		m.Existing, m.twin, m.there = nil, nil, false
		if m.IdempotencyKey == "" {
			continue
		}
		key := [2]string{m.Team, m.IdempotencyKey}
		if m.twin = first[key]; m.twin == nil {
			first[key] = m
			keyed = append(keyed, m)
		}
	}
	if len(keyed) > 0 {
		taken, err := t.w.s.dialect.insertKeys(ctx, t, keyed)
		if err != nil {
			return nil, err
		}
		for _, m := range taken {
			if m.Existing, err = firstUse(ctx, t, m.Team, m.IdempotencyKey); err != nil {
				return nil, err
			}
			// A group that is done again may meet what it has committed itself.
			if m.Existing.Message == m.ID {
				m.Existing, m.there = nil, true
			}
		}
	}
	for _, m := range ms {
		if m.twin != nil {
			m.Existing = m.twin.Existing
			if m.Existing == nil {
				m.Existing = &FirstUse{Message: m.twin.ID, Fingerprint: m.twin.Fingerprint, CreatedAt: m.twin.CreatedAt}
			}
		}
		if m.Existing == nil && !m.there {
			fresh = append(fresh, m)
		}
	}
	return fresh, nil
}

// overOldKey lets an idempotency record take the place of one from before a time.
func overOldKey(since string) string {
	return `ON CONFLICT (team_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, message_id = excluded.message_id, created_at = excluded.created_at
		WHERE idempotency.created_at < ` + since
}

func firstUse(ctx context.Context, q querier, team email.ID, key string) (*FirstUse, error) {
	var u FirstUse
	var at int64
	err := q.QueryRowContext(ctx, `SELECT message_id, fingerprint, created_at FROM idempotency WHERE team_id = $1 AND key = $2`,
		team, key).Scan(&u.Message, &u.Fingerprint, &at)
	u.CreatedAt = fromMillis(at)
	return &u, found(err)
}

// FirstUse returns what an idempotency key of a team stands for, or ErrNotFound.
// It saves composing a message that would not be added; AddMessages decides.
func (s *Store) FirstUse(ctx context.Context, team email.ID, key string) (*FirstUse, error) {
	return firstUse(ctx, s.read, team, key)
}

// addLanded looks for all messages of a request: they came in one transaction.
func (s *Store) addLanded(ctx context.Context, ms []*NewMessage) (bool, error) {
	for _, m := range ms {
		if landed, err := s.oneLanded(ctx, m); err != nil || !landed {
			return landed, err
		}
	}
	return true, nil
}

func (s *Store) oneLanded(ctx context.Context, m *NewMessage) (bool, error) {
	if m.there || m.Existing != nil && m.twin == nil {
		return true, nil // it was there before the group
	}
	if m.twin != nil {
		return s.oneLanded(ctx, m.twin)
	}
	var one int
	err := s.read.QueryRowContext(ctx, `SELECT 1 FROM messages WHERE team_id = $1 AND id = $2`, m.Team, m.ID).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// Message is what a message's row says, without its content.
type Message struct {
	Team, ID, Account email.ID // of a pool's mail the pool, until an account has claimed it
	Pooled            string   // the route through a pool; empty: none
	Type              string
	OnUnknown         email.OnUnknown
	MailFrom, Sender  string
	Subject           string
	MessageID         string
	Tags              []string
	Metadata          map[string]string
	Size              int64
	Lane              email.Lane
	Thread            string // the provider's id of its conversation
	CreatedAt         time.Time
	SendAt            time.Time // zero where none was asked for
	ExpiresAt         time.Time // zero: never
	ShreddedAt        time.Time // zero: the content is there
	Blob              string
	Report            string // as in NewMessage
	Recipients        []RecipientStatus
	Entry             *Entry // its place in the queue, nil when nothing waits
}

// RecipientStatus is where one recipient of a message is.
type RecipientStatus struct {
	N         int
	Address   string
	Role      string
	State     email.State
	Cause     string
	Reply     string
	UpdatedAt time.Time
}

// State is where the message was at first.
func (m *Message) State() email.State { return firstState(m.SendAt, m.CreatedAt) }

func scanMessage(row interface{ Scan(...any) error }) (*Message, error) {
	var m Message
	var tags, metadata string
	var at, send, expires, shredded int64
	if err := row.Scan(&m.Team, &m.ID, &m.Account, &m.Type, &m.OnUnknown, &m.MailFrom, &m.Sender, &m.Subject, &m.MessageID,
		&tags, &metadata, &m.Size, &at, &m.Blob, &m.Lane, &m.Thread, &send, &expires, &m.Pooled, &m.Report, &shredded); err != nil {
		return nil, err
	}
	m.CreatedAt, m.SendAt, m.ExpiresAt, m.ShreddedAt = fromMillis(at), fromMillis(send), fromMillis(expires), fromMillis(shredded)
	return &m, errors.Join(json.Unmarshal([]byte(tags), &m.Tags), json.Unmarshal([]byte(metadata), &m.Metadata))
}

// Message returns one message of a team with its recipients, or ErrNotFound.
func (s *Store) Message(ctx context.Context, team, id email.ID) (*Message, error) {
	var m *Message
	err := s.snapshot(ctx, func(q querier) (err error) {
		m, err = message(ctx, q, team, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", id, err)
	}
	return m, nil
}

// MessageWithEvents is Message with its events, oldest first, which agree with it.
func (s *Store) MessageWithEvents(ctx context.Context, team, id email.ID) (m *Message, all []Event, err error) {
	err = s.snapshot(ctx, func(q querier) (err error) {
		if m, err = message(ctx, q, team, id); err != nil {
			return err
		}
		all, err = events(ctx, q, team, id)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("message %s: %w", id, err)
	}
	return m, all, nil
}

func message(ctx context.Context, q querier, team, id email.ID) (*Message, error) {
	m, err := scanMessage(q.QueryRowContext(ctx, `SELECT `+messageColumns+`, shredded_at FROM messages WHERE team_id = $1 AND id = $2`, team, id))
	if err != nil {
		return nil, found(err)
	}
	return m, fillStatus(ctx, q, m)
}

// fillStatus reads the recipients and, for those without a verdict, the state of
// the queue row: both from one snapshot, or a recipient could seem to be nowhere.
func fillStatus(ctx context.Context, q querier, m *Message) error {
	e, err := entry(ctx, q, m.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	m.Entry = e
	rows, err := q.QueryContext(ctx, `SELECT n, address, role, state, cause, reply, updated_at FROM recipients
		WHERE team_id = $1 AND message_id = $2 ORDER BY n`, m.Team, m.ID)
	if err != nil {
		return err
	}
	m.Recipients, err = scanAll(rows, func(row interface{ Scan(...any) error }) (RecipientStatus, error) {
		var r RecipientStatus
		var at int64
		err := row.Scan(&r.N, &r.Address, &r.Role, &r.State, &r.Cause, &r.Reply, &at)
		r.UpdatedAt = fromMillis(at)
		if r.State == "" && e != nil {
			r.State, r.Cause = e.State, e.Cause
		}
		return r, err
	})
	return err
}

// snapshot runs reads that must agree with each other.
func (s *Store) snapshot(ctx context.Context, read func(q querier) error) error {
	t, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: s.dialect.snapshot})
	if err != nil {
		return err
	}
	defer t.Rollback() //nolint:errcheck // nothing was written
	return read(t)
}

// found turns the driver's "no rows" into ours.
func found(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

func scanAll[T any](rows *sql.Rows, scan func(row interface{ Scan(...any) error }) (T, error)) ([]T, error) {
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only strings, numbers and maps of them come here
	}
	return string(b)
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
