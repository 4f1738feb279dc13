package queue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/compose"
	"gatepost/internal/email"
	"gatepost/internal/store"
)

// Header is a further field of a message.
type Header = compose.Header

// Attachment is a file that goes along. Fields that came later than the first
// release are left out of a request's fingerprint where they are empty.
type Attachment struct {
	Filename    string // empty: the upload's
	ContentType string // empty: the upload's, or by the name's extension
	Content     []byte
	ContentID   string   `json:",omitempty"` // an image of the HTML, which names it cid:…
	Upload      email.ID `json:",omitempty"` // in place of Content
}

// Submission is a message that an application hands over: parts, or a whole
// message in Raw.
type Submission struct {
	Account     string         // id or address, or id or name of a pool; empty: the one that may send as From
	From        *email.Address // nil: the account's own address
	To, Cc, Bcc []email.Address
	ReplyTo     []email.Address
	Subject     string
	Text        string
	HTML        string
	Headers     []Header
	Attachments []Attachment
	// Raw is an RFC 5322 message instead of the parts above. Its recipients are
	// those of its header, unless To, Cc and Bcc give the envelope.
	Raw       []byte
	Tags      []string
	Metadata  map[string]string
	OnUnknown email.OnUnknown // empty: by the type
	Type      string          // empty: general
	// IdempotencyKey, when not empty, makes the same submission have one effect.
	IdempotencyKey string

	// Fields that came later are left out of the fingerprint where they are empty.
	Lane       string    `json:",omitempty"` // "normal" or "bulk"; bulk is for the type general only
	SendAt     time.Time `json:",omitzero"`  // it does not leave before; zero: now
	ExpiresAt  time.Time `json:",omitzero"`  // it does not leave after; zero: by the type
	ThreadID   string    `json:",omitempty"` // the provider's id of its conversation
	InReplyTo  string    `json:",omitempty"` // Message-ID of the message that it answers
	References []string  `json:",omitempty"` // empty beside InReplyTo: that one
	NoText     bool      `json:",omitempty"` // make no text from the HTML
	// RewriteFrom sends a whole message whose From may not be sent as the account's own
	// address, with the old author in Reply-To.
	RewriteFrom bool `json:",omitempty"`
	// Recognise takes a whole message with a Message-ID that comes again within an hour
	// for the same one.
	Recognise bool `json:",omitempty"`
	// Outlined compares whole messages under an idempotency key without what programs make
	// anew each time: see email.Outline.
	Outlined bool `json:",omitempty"`
	// Report says whom to tell by mail what became of the message; nil: nobody.
	Report *Report `json:",omitempty"`
}

// Submitted is the answer to a submission: facts that do not change, so that a
// repetition gets the same.
type Submitted struct {
	ID        email.ID
	Account   email.ID    // or the pool
	Status    email.State // queued or scheduled
	CreatedAt time.Time
	SendAt    time.Time // zero where none was given
	ExpiresAt time.Time // zero: never
	Replayed  bool      // the same submission came before under the same key
}

// Submit takes a message: when it returns without error the message is on disk
// and will be sent. Everything that is wrong about it is told at once, as
// *Invalid, and then nothing of it is kept. What is more than the key has left is
// *OverKey; a repetition of what was kept costs it nothing.
func (e *Engine) Submit(ctx context.Context, g access.Grant, sub Submission) (Submitted, error) {
	if err := maySend(g); err != nil {
		return Submitted{}, err
	}
	release, err := e.bodies.take(sub.size())
	if err != nil {
		return Submitted{}, err
	}
	defer release()
	if sub.stands() {
		return e.recognise(ctx, g, sub)
	}
	print, first, err := e.firstUse(ctx, g, sub)
	if err != nil || first != nil {
		return e.replay(ctx, g, print, first, err)
	}
	return e.take(ctx, g, sub, keyUse{print: print})
}

// keyUse is how a submission uses its idempotency key.
type keyUse struct {
	print []byte
	since time.Time // uses before do not count; zero: all do
}

// take composes a message and keeps it.
func (e *Engine) take(ctx context.Context, g access.Grant, sub Submission, use keyUse) (Submitted, error) {
	u := e.newUploads(g.Team)
	defer u.release()
	m, err := e.prepare(ctx, g, sub, u)
	if err != nil {
		return Submitted{}, err
	}
	m.Fingerprint, m.KeySince = use.print, use.since
	return e.keep(ctx, g, m)
}

// CheckSubmission tells what is wrong with a submission, as *Invalid, and keeps
// nothing. Doors ask it about requests that are refused already for their form,
// so that all mistakes are told at once.
func (e *Engine) CheckSubmission(ctx context.Context, g access.Grant, sub Submission) error {
	if err := maySend(g); err != nil {
		return err
	}
	u := e.newUploads(g.Team)
	defer u.release()
	_, err := e.draft(ctx, g, sub, u)
	return withKey(err, sub.IdempotencyKey)
}

// withKey adds what is wrong with an idempotency key to what else is.
func withKey(err error, key string) error {
	wrong := checkKey(key)
	if wrong == nil || key == "" {
		return err
	}
	all := &Invalid{[]email.Problem{{Field: "idempotency_key", Message: wrong.Error()}}}
	var other *Invalid
	if errors.As(err, &other) {
		all.Problems = append(all.Problems, other.Problems...)
	} else if err != nil {
		return err
	}
	return all
}

// firstUse looks whether the idempotency key was used, before the work of
// composing is done. The store decides in the end.
func (e *Engine) firstUse(ctx context.Context, g access.Grant, sub Submission) (print []byte, first *store.FirstUse, err error) {
	key := sub.IdempotencyKey
	if key == "" {
		return nil, nil, nil
	}
	if checkKey(key) != nil {
		return nil, nil, e.CheckSubmission(ctx, g, sub)
	}
	if print, err = e.fingerprint(ctx, g, sub); err != nil {
		return nil, nil, fmt.Errorf("fingerprint the request: %w", err)
	}
	first, err = e.cfg.Store.FirstUse(ctx, g.Team, key)
	if errors.Is(err, store.ErrNotFound) {
		return print, nil, nil
	}
	return print, first, err
}

// fingerprint tells requests apart without telling what is in them.
func (e *Engine) fingerprint(ctx context.Context, g access.Grant, sub Submission) ([]byte, error) {
	request, err := sub.outline().request()
	if err != nil {
		return nil, err
	}
	return e.cfg.Vault.Fingerprint(ctx, g.Team, []byte("submit/1"), request)
}

// outline is what tells submissions apart. A program that speaks SMTP and repeats a
// message under its own key makes a new Date, a new Message-ID and new boundaries each
// time; one that repeats the very same bytes may name the recipients in another order,
// and wish for other reports.
func (s Submission) outline() Submission {
	switch {
	case s.stands():
		s.To = slices.SortedFunc(slices.Values(s.To), func(a, b email.Address) int { return cmp.Compare(a.Key(), b.Key()) })
		s.Report = nil
	case s.Outlined && s.IdempotencyKey != "":
		s.Raw, s.Report = email.Outline(s.Raw), nil
	}
	return s
}

// request is a submission as its fingerprint is made of. It has to stay as it is
// for submissions that can be made today: their repetitions may come tomorrow.
func (s Submission) request() ([]byte, error) {
	s.IdempotencyKey = ""
	s.SendAt, s.ExpiresAt = s.SendAt.UTC(), s.ExpiresAt.UTC()
	return json.Marshal(s)
}

// maxKey is the longest idempotency key, as vendors have it.
const maxKey = 256

func checkKey(key string) error {
	if len(key) > maxKey {
		return fmt.Errorf("longer than %d characters", maxKey)
	}
	for _, c := range []byte(key) {
		if c < 0x21 || c > 0x7e {
			return errors.New("has a character that is not visible ASCII")
		}
	}
	return nil
}

// replay answers with what the first use of a key made.
func (e *Engine) replay(ctx context.Context, g access.Grant, print []byte, first *store.FirstUse, err error) (Submitted, error) {
	if err != nil {
		return Submitted{}, err
	}
	if !slices.Equal(print, first.Fingerprint) {
		return Submitted{}, ErrKeyReused
	}
	m, err := e.cfg.Store.Message(ctx, g.Team, first.Message)
	if err != nil {
		return Submitted{}, err
	}
	return Submitted{
		ID: m.ID, Account: askedOf(m), Status: m.State(), CreatedAt: m.CreatedAt, SendAt: m.SendAt, ExpiresAt: m.ExpiresAt, Replayed: true,
	}, nil
}

// keep commits a prepared message and wakes its account.
func (e *Engine) keep(ctx context.Context, g access.Grant, m *store.NewMessage) (Submitted, error) {
	charge, err := e.charge(ctx, g, m)
	if err != nil {
		e.discard(m)
		return Submitted{}, err
	}
	err = e.cfg.Store.AddMessage(ctx, m)
	charge.settle(ctx, []*store.NewMessage{m}, err)
	return e.kept(ctx, g, m, err)
}

// kept says what became of a message that was handed to the store.
func (e *Engine) kept(ctx context.Context, g access.Grant, m *store.NewMessage, err error) (Submitted, error) {
	if repeated(m) || neverKept(err) {
		e.discard(m)
	}
	if err != nil {
		return Submitted{}, err
	}
	if m.Existing != nil {
		return e.replay(ctx, g, m.Fingerprint, m.Existing, nil)
	}
	e.recent.put(m)
	if m.State() == email.Queued {
		e.notify(m.Team, m.Route())
	}
	return Submitted{
		ID: m.ID, Account: m.Account, Status: m.State(), CreatedAt: m.CreatedAt, SendAt: m.SendAt, ExpiresAt: m.ExpiresAt,
	}, nil
}

// repeated tells whether another message stands for the same submission.
func repeated(m *store.NewMessage) bool { return m.Existing != nil && m.Existing.Message != m.ID }

// discard removes the content of a message that is not kept; the sweep would find
// it too.
func (e *Engine) discard(m *store.NewMessage) {
	if m.Blob != "" {
		_ = e.cfg.Store.Bucket.Remove(m.Blob)
	}
}

// neverKept tells errors after which the message is certainly not in the store.
// After any other its content stays until the sweep has looked for its row.
func neverKept(err error) bool {
	return errors.Is(err, store.ErrBusy) || errors.Is(err, store.ErrClosed) || errors.Is(err, store.ErrOtherRequest)
}

// size is about what the submission takes in memory.
func (s Submission) size() int64 {
	n := len(s.Raw) + len(s.Text) + len(s.HTML)
	for _, a := range s.Attachments {
		n += len(a.Content)
	}
	return int64(n)
}
