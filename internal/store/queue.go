package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/email"
)

// Entry is a message's place in the queue: what waits, and for what. The row is
// also the record of an attempt: one UPDATE sets sending, the attempt's number
// and a fence, and every later write names that fence.
type Entry struct {
	Team, Message, Route email.ID // Route of a pool's mail: the account, once it is claimed
	Pooled               string   // where it goes back to when it has not left; empty: to no pool
	Lane                 email.Lane
	State                email.State
	DueAt                time.Time
	Attempt              int
	Fence                int64
	Node                 email.ID
	Epoch                int64
	StartedAt            time.Time // of the last attempt
	UnknownAt            time.Time // since when the last attempt's outcome is unknown
	Retries              int
	RetryTime            time.Duration // waited for tries so far; parked and held time is not in it
	Unsettled            int           // recipients without a verdict
	Seq                  int           // of the newest event
	Duplicate            bool          // a second copy may have been sent
	OnUnknown            email.OnUnknown
	Cause                string
	ExpiresAt            time.Time // zero: never
	Shred                bool      // the content goes with the last verdict

	charged map[string]int64 // what the attempt under way is counted as, by limit
}

const queueColumns = `message_id, team_id, route, lane, state, due_at, attempt, fence, node, epoch, started_at, unknown_at,
	retries, retry_ms, unsettled, seq, duplicate, on_unknown, cause, expires_at, shred, pooled`

func scanEntry(row interface{ Scan(...any) error }) (*Entry, error) {
	var e Entry
	var due, started, unknown, ms, expires int64
	err := row.Scan(&e.Message, &e.Team, &e.Route, &e.Lane, &e.State, &due, &e.Attempt, &e.Fence, &e.Node, &e.Epoch, &started,
		&unknown, &e.Retries, &ms, &e.Unsettled, &e.Seq, &e.Duplicate, &e.OnUnknown, &e.Cause,
		&expires, &e.Shred, &e.Pooled)
	e.DueAt, e.StartedAt, e.UnknownAt, e.ExpiresAt = fromMillis(due), fromMillis(started), fromMillis(unknown), fromMillis(expires)
	e.RetryTime = time.Duration(ms) * time.Millisecond
	return &e, err
}

// scanCharged is scanEntry behind the column charged.
func scanCharged(row interface{ Scan(...any) error }) (*Entry, error) {
	var charged string
	e, err := scanEntry(behind{row, &charged})
	if err == nil {
		e.charged, err = charges(charged)
	}
	return e, err
}

// behind scans a row's first column apart from the others.
type behind struct {
	row interface{ Scan(...any) error }
	at  any
}

// Scan reads the first column, and the others into dest.
func (b behind) Scan(dest ...any) error { return b.row.Scan(append([]any{b.at}, dest...)...) }

func entry(ctx context.Context, q querier, id email.ID) (*Entry, error) {
	e, err := scanEntry(q.QueryRowContext(ctx, `SELECT `+queueColumns+` FROM queue WHERE message_id = $1`, id))
	if err != nil {
		return nil, found(err)
	}
	return e, nil
}

func (s *Store) entries(ctx context.Context, where string, args ...any) ([]*Entry, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT charged, `+queueColumns+` FROM queue WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	return scanAll(rows, scanCharged)
}

// Verdict is what became of one recipient.
type Verdict struct {
	N     int
	State email.State
	Cause string
	Reply string
}

// Next is where a message waits on when recipients are left without a verdict.
type Next struct {
	State     email.State // queued, unknown or held
	DueAt     time.Time
	UnknownAt time.Time
	Retries   int
	RetryTime time.Duration
	Unsettled int
	Duplicate bool
	Cause     string
}

// Finish is the outcome of an attempt, or of a look for one: verdicts, the
// message's next place (nil: none, all recipients have verdicts) and events.
// It takes effect only while the queue row still has the state From and the
// fence of the claim; otherwise somebody else has decided in the meantime.
type Finish struct {
	Team, Message, Route email.ID
	Pooled               string // as in Entry
	Fence                int64
	From                 email.State
	Seq                  int // newest event so far
	Unsettled            int // recipients without a verdict so far
	At                   time.Time
	Verdicts             []Verdict
	Next                 *Next
	Events               []Event // Subject, Team, Seq and At are filled in
	ProviderID           string
	Shred                bool           // with the last verdict the content goes
	Account              *AccountChange // what the outcome says about the account, if anything
	CountedAt            time.Time      // when the limits count what has left: by a clock that nobody sets

	applied bool
	charged map[string]int64 // of the attempt that ends
}

// AccountChange holds or parks an account, lets it rest, or ends its rests.
type AccountChange struct {
	Hold  bool
	Until time.Time // parked or resting until, when not held
	Rests int       // it rests, for so many times in a row; 0: it does not
	Well  bool      // its rests are over: its server has answered
	Learn *Learn    // what a refusal says about limits; nil: nothing
	// Began is when the attempt began that says so: a person who has released the
	// account since then knows better.
	Began time.Time
	Event Event // cause and text; Team and Subject are filled in
}

// FinishOf starts the outcome of an entry.
func FinishOf(e *Entry, at time.Time) *Finish {
	f := &Finish{
		Team: e.Team, Message: e.Message, Route: e.Route, Pooled: e.Pooled, Fence: e.Fence, From: e.State, Seq: e.Seq,
		Unsettled: e.Unsettled, At: at, Shred: e.Shred, CountedAt: at,
	}
	if e.State == email.Sending {
		f.charged = e.charged
	}
	return f
}

func (f *Finish) events() []Event {
	out := make([]Event, len(f.Events))
	for i, e := range f.Events {
		e.Team, e.Subject, e.Seq, e.At = f.Team, f.Message, f.Seq+1+i, f.At
		out[i] = e
	}
	return out
}

// ErrFenced says that an outcome came too late: its claim is no longer in force,
// and nothing was written.
var ErrFenced = errors.New("the claim is no longer in force")

// FinishAttempts writes outcomes: verdicts, queue row and events in one
// transaction. The error slice has one place per outcome.
func (s *Store) FinishAttempts(ctx context.Context, fs ...*Finish) []error {
	reqs := make([]*request, len(fs))
	for i, f := range fs {
		reqs[i] = &request{finish: f}
	}
	s.submit(ctx, reqs...)
	errs := make([]error, len(fs))
	for i, r := range reqs {
		err := r.err
		if err == nil && !fs[i].applied {
			err = ErrFenced
		}
		if err != nil {
			errs[i] = fmt.Errorf("finish message %s: %w", fs[i].Message, err)
		}
	}
	return errs
}

func finishAttempts(ctx context.Context, t *tx, fs []*Finish) error {
	if len(fs) == 0 {
		return nil
	}
	d := t.w.s.dialect
	var applied []*Finish
	for rest := fs; len(rest) > 0; {
		var once []*Finish
		once, rest = firstOfEach(rest)
		if err := d.settle(ctx, t, once); err != nil {
			return fmt.Errorf("settle: %w", err)
		}
		for _, f := range once {
			if f.applied {
				applied = append(applied, f)
			}
		}
	}
	if len(applied) == 0 {
		return nil
	}
	if err := d.record(ctx, t, applied); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if err := recordRare(ctx, t, applied); err != nil {
		return err
	}
	for _, f := range applied {
		f.countInto(t)
		f.settleUsage(t)
		if f.queuedBehind() {
			t.putBehind()
		}
	}
	return changeAccounts(ctx, t, applied)
}

// firstOfEach parts the first outcome of each message from later ones: a batch
// could not tell which of two took effect.
func firstOfEach(fs []*Finish) (once, twins []*Finish) {
	seen := make(map[email.ID]bool, len(fs))
	for _, f := range fs {
		if seen[f.Message] {
			twins = append(twins, f)
			continue
		}
		seen[f.Message] = true
		once = append(once, f)
	}
	return once, twins
}

// changeAccounts takes the accounts in order: two writers that change the same
// ones in different orders would deadlock.
func changeAccounts(ctx context.Context, t *tx, fs []*Finish) error {
	var changes []*Finish
	for _, f := range fs {
		if f.Account != nil {
			changes = append(changes, f)
		}
	}
	slices.SortStableFunc(changes, func(a, b *Finish) int { return strings.Compare(a.Route, b.Route) })
	for _, f := range changes {
		e := f.Account.Event
		e.Team, e.Subject, e.At = f.Team, f.Route, f.At
		if err := changeAccount(ctx, t, f.Account, e); err != nil {
			return fmt.Errorf("change account %s: %w", f.Route, err)
		}
	}
	return nil
}

func (f *Finish) countInto(t *tx) {
	t.count(f.Team, f.From, -f.Unsettled)
	for _, v := range f.Verdicts {
		t.count(f.Team, v.State, 1)
	}
	if f.Next != nil {
		t.count(f.Team, f.Next.State, f.Next.Unsettled)
	}
}

// finishLanded looks for the outcome's first event: its id is the outcome's own.
func (s *Store) finishLanded(ctx context.Context, f *Finish) (bool, error) {
	if !f.applied {
		return true, nil
	}
	return noted(ctx, s.read, f.events()[0])
}

// Orphans are the entries that an earlier epoch of a node was sending: whoever
// sent them is gone, so nobody will report an outcome. A node that is alone on its
// database takes those of all other names too: the data folder may have been
// restored under a new one.
func (s *Store) Orphans(ctx context.Context, node email.ID, epoch int64, alone bool) ([]*Entry, error) {
	where := `state = 'sending' AND node = $1 AND epoch < $2`
	if alone {
		where = `state = 'sending' AND NOT (node = $1 AND epoch = $2)`
	}
	es, err := s.entries(ctx, where, node, epoch)
	if err != nil {
		return nil, fmt.Errorf("entries of an earlier epoch: %w", err)
	}
	return es, nil
}

// Claimed are the entries that this epoch claimed before a time and has not
// finished.
func (s *Store) Claimed(ctx context.Context, node email.ID, epoch int64, before time.Time) ([]*Entry, error) {
	es, err := s.entries(ctx, `state = 'sending' AND node = $1 AND epoch = $2 AND started_at < $3`, node, epoch, millis(before))
	if err != nil {
		return nil, fmt.Errorf("entries of this epoch: %w", err)
	}
	return es, nil
}

// Abandoned are the entries that other nodes were sending whose heartbeat is
// older than the lease, by the database's clock.
func (s *Store) Abandoned(ctx context.Context, self email.ID, lease time.Duration) ([]*Entry, error) {
	now, err := s.clock(ctx, s.read)
	if err != nil {
		return nil, fmt.Errorf("read the database's clock: %w", err)
	}
	es, err := s.entries(ctx, `state = 'sending' AND node <> $1 AND node NOT IN
		(SELECT id FROM nodes WHERE heartbeat_at > $2)`, self, now-lease.Milliseconds())
	if err != nil {
		return nil, fmt.Errorf("entries of lost nodes: %w", err)
	}
	return es, nil
}

// Unknowns are the entries of an account whose next look is due, oldest attempt
// first.
func (s *Store) Unknowns(ctx context.Context, route email.ID, now time.Time, limit int) ([]*Entry, error) {
	// It is asked with each wake-up; for + 0 see candidatesSQL.
	es, err := s.entries(ctx, `route = $1 AND state = 'unknown' AND due_at <= $2 ORDER BY started_at LIMIT $3 + 0`, route, millis(now), limit)
	if err != nil {
		return nil, fmt.Errorf("unknown outcomes of %s: %w", route, err)
	}
	return es, nil
}

// Due says when an account's, or a pool's, next message or look is due.
type Due struct {
	Team, Route email.ID
	Send        time.Time // zero: nothing is queued; not before the account's parked time
	Urgent      time.Time // the same of the urgent lane
	Look        time.Time // zero: nothing is unknown
	Promote     time.Time // when the next scheduled message is due; zero: there is none
	Recipients  int       // of a pool: the most that a message has which is next in its lane
}

// routesSQL steps from route to route through the index.
const routesSQL = `WITH RECURSIVE routes(route) AS (
			SELECT (SELECT MIN(route) FROM queue)
			UNION ALL
			SELECT (SELECT MIN(q.route) FROM queue q WHERE q.route > routes.route) FROM routes WHERE routes.route IS NOT NULL)`

// teamOfRoute leads to the account of a route r by its key.
const teamOfRoute = `(SELECT q.team_id FROM queue q WHERE q.route = r.route LIMIT 1)`

// Dues lists the accounts that have something in the queue. It steps from route
// to route through the index, so its cost grows with the accounts that have mail
// waiting, not with the mail. Held accounts have no Send.
func (s *Store) Dues(ctx context.Context) ([]Due, error) {
	rows, err := s.read.QueryContext(ctx, routesSQL+`
		SELECT a.team_id, a.id, a.held, CASE WHEN a.resting_until > a.parked_until THEN a.resting_until ELSE a.parked_until END,
			`+dueSQL(0)+`,
			`+dueSQL(1)+`,
			`+dueSQL(2)+`,
			`+laterSQL+`, 0, 0, 0 FROM routes r JOIN accounts a ON a.team_id = `+teamOfRoute+` AND a.id = r.route`)
	if err != nil {
		return nil, fmt.Errorf("what is due: %w", err)
	}
	return scanAll(rows, scanDue)
}

// laterSQL is when a route's first look is due in each lane, and its first scheduled
// message.
const laterSQL = `COALESCE((SELECT MIN(due_at) FROM queue WHERE route = r.route AND state = 'unknown' AND lane = 0), -1),
			COALESCE((SELECT MIN(due_at) FROM queue WHERE route = r.route AND state = 'unknown' AND lane = 1), -1),
			COALESCE((SELECT MIN(due_at) FROM queue WHERE route = r.route AND state = 'unknown' AND lane = 2), -1),
			COALESCE((SELECT MIN(due_at) FROM queue WHERE route = r.route AND state = 'scheduled' AND lane = 0), -1),
			COALESCE((SELECT MIN(due_at) FROM queue WHERE route = r.route AND state = 'scheduled' AND lane = 1), -1),
			COALESCE((SELECT MIN(due_at) FROM queue WHERE route = r.route AND state = 'scheduled' AND lane = 2), -1)`

// dueSQL is when the first message of a lane is due, or -1: also while it is paused.
func dueSQL(lane int) string {
	return fmt.Sprintf(`COALESCE(CASE WHEN %s THEN (SELECT MIN(due_at) FROM queue
		WHERE route = r.route AND state = 'queued' AND lane = %d) END, -1)`, unpaused("a.team_id", "a.id", strconv.Itoa(lane)), lane)
}

func scanDue(row interface{ Scan(...any) error }) (Due, error) {
	var d Due
	var held bool
	var parked int64
	var send, look, promote [3]int64 // by lane
	var next [3]int
	err := row.Scan(&d.Team, &d.Route, &held, &parked, &send[0], &send[1], &send[2], &look[0], &look[1], &look[2],
		&promote[0], &promote[1], &promote[2], &next[0], &next[1], &next[2])
	d.Recipients = slices.Max(next[:])
	if at := earliest(send); at >= 0 && !held {
		d.Send = time.UnixMilli(max(at, parked)).UTC()
		if send[0] >= 0 {
			d.Urgent = time.UnixMilli(max(send[0], parked)).UTC()
		}
	}
	if at := earliest(look); at >= 0 {
		d.Look = time.UnixMilli(at).UTC()
	}
	if at := earliest(promote); at >= 0 {
		d.Promote = time.UnixMilli(at).UTC()
	}
	return d, err
}

// earliest is the smallest time that is one, or -1.
func earliest(lanes [3]int64) int64 {
	at := int64(-1)
	for _, l := range lanes {
		if l >= 0 && (at < 0 || l < at) {
			at = l
		}
	}
	return at
}

// Released says what Release did.
type Released struct{ Route email.ID }

// ErrNotHeld says that a message is not held.
var ErrNotHeld = errors.New("the message is not held")

// Release lets a held message go on: it is queued and due now, or scheduled again if
// it was held before its time. If it was held because an attempt's outcome is
// unknown, what follows may be a second copy and is marked so.
func (s *Store) Release(ctx context.Context, team, message email.ID, event Event) (Released, error) {
	var out Released
	err := s.doNotedOn(ctx, "release message "+message, message, func(ctx context.Context, t *tx) (Event, error) {
		ev, e, err := release(ctx, t, team, message, event)
		if errors.Is(err, ErrNotFound) {
			return ev, notHeld(ctx, t, team, message)
		}
		if err != nil {
			return ev, err
		}
		out.Route = e.Route
		return ev, nil
	})
	return out, err
}

func notHeld(ctx context.Context, q querier, team, message email.ID) error {
	var one int
	err := q.QueryRowContext(ctx, `SELECT 1 FROM messages WHERE team_id = $1 AND id = $2`, team, message).Scan(&one)
	if err != nil {
		return found(err)
	}
	return ErrNotHeld
}

// Copies tells which of an account's provider ids belong to messages that are
// accounted for.
func (s *Store) Copies(ctx context.Context, account email.ID, providerIDs []string) (map[string]bool, error) {
	known := map[string]bool{}
	for _, id := range providerIDs {
		var one int
		err := found(s.read.QueryRowContext(ctx, `SELECT 1 FROM copies WHERE account_id = $1 AND provider_id = $2`, account, id).Scan(&one))
		if err == nil {
			known[id] = true
		} else if !errors.Is(err, ErrNotFound) {
			return nil, fmt.Errorf("known copies of %s: %w", account, err)
		}
	}
	return known, nil
}
