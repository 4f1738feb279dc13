package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/email"
)

// maxGroup is how many operations share a transaction at most.
const maxGroup = 256

// joinTimeout is how long an operation waits for a place before ErrBusy.
const joinTimeout = 5 * time.Second

// request is one operation on its way through a group: exactly one of add,
// finish, claim and change is set, and carries its own result.
type request struct {
	add    []*NewMessage
	all    bool // add: all of them or none
	finish *Finish
	claim  *ClaimRequest
	change *change
	err    error
	done   chan struct{}
}

// change is any other write. apply may run more than once, in a fresh
// transaction each time, so it must set its results anew.
type change struct {
	apply func(ctx context.Context, t *tx) error
	// message is the one that is changed, if it is one: see inOrder.
	message email.ID
	// landed tells, after a connection was lost at COMMIT, whether the change is
	// in the database. Nil where doing it again is harmless: the caller is told
	// that the outcome is not known.
	landed func(ctx context.Context, q querier) (bool, error)
}

// querier is what both a connection and a pool can do.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// tx is a group's transaction.
type tx struct {
	querier
	w      *writer
	counts map[countKey]int64
	usage  map[usageKey]int64
	behind bool      // rows were put before others that wait
	oldest time.Time // since when the first of the new rows is due; zero: there is none
}

type countKey struct {
	team  email.ID
	state email.State
}

// count notes that n more recipients of a team are in a state.
func (t *tx) count(team email.ID, state email.State, n int) {
	t.counts[countKey{team, state}] += int64(n)
}

// putBehind notes that rows were put before others that wait: claims of this group
// look there, and those after its commit.
func (t *tx) putBehind() {
	t.behind = true
	t.w.s.heads.forget()
}

// move notes that n recipients went from one state to another.
func (t *tx) move(team email.ID, from, to email.State, n int) {
	t.count(team, from, -n)
	t.count(team, to, n)
}

// do commits one change and returns when it is on disk.
func (s *Store) do(ctx context.Context, what string, apply func(ctx context.Context, t *tx) error) error {
	return s.doChange(ctx, what, &change{apply: apply})
}

// doOn is do for a change of one message.
func (s *Store) doOn(ctx context.Context, what string, message email.ID, apply func(ctx context.Context, t *tx) error) error {
	return s.doChange(ctx, what, &change{message: message, apply: apply})
}

// doNotedOn commits a change of one message that adds an event, which apply
// returns: by that it is found when the answer to its COMMIT is lost. An event
// without an id says that there was nothing to change.
func (s *Store) doNotedOn(ctx context.Context, what string, message email.ID, apply func(ctx context.Context, t *tx) (Event, error)) error {
	var ev Event
	return s.doChange(ctx, what, &change{
		message: message,
		apply:   func(ctx context.Context, t *tx) (err error) { ev, err = apply(ctx, t); return err },
		landed:  func(ctx context.Context, q querier) (bool, error) { return noted(ctx, q, ev) },
	})
}

func (s *Store) doChange(ctx context.Context, what string, c *change) error {
	r := &request{change: c}
	s.submit(ctx, r)
	if r.err != nil {
		return fmt.Errorf("%s: %w", what, r.err)
	}
	return nil
}

// submit puts requests into groups and waits until each has its answer. Once a
// request has a place the context no longer matters: an operation whose commit
// nobody waits for would leave claims without a sender.
func (s *Store) submit(ctx context.Context, reqs ...*request) {
	if s.inline != nil {
		s.inline.commit(reqs)
		return
	}
	for _, r := range reqs {
		r.done = make(chan struct{})
		if err := s.join(ctx, r); err != nil {
			r.err = err
			close(r.done)
		}
	}
	for _, r := range reqs {
		<-r.done
	}
}

func (s *Store) join(ctx context.Context, r *request) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return ErrClosed
	}
	select {
	case s.queue <- r:
		return nil
	default:
	}
	timer := time.NewTimer(joinTimeout)
	defer timer.Stop()
	select {
	case s.queue <- r:
		return nil
	case <-timer.C:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

// writer commits groups on a connection of its own.
type writer struct {
	s     *Store
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func newWriter(s *Store) *writer { return &writer{s: s} }

func (w *writer) run() {
	defer w.release()
	for r := range w.s.queue {
		w.commit(w.gather(r))
	}
}

// outcomePatience is how long outcomes wait for something that a client, or a place
// to send from, waits for: nobody waits for them.
const outcomePatience = 2 * time.Millisecond

// gather takes what waits, without waiting for more: a lone client loses no time. A
// group of outcomes alone does wait, or it would make the next client wait for its
// sync.
func (w *writer) gather(first *request) []*request {
	group, waits := []*request{first}, first.finish != nil
	patience := time.NewTimer(outcomePatience)
	defer patience.Stop()
	for len(group) < maxGroup {
		r := w.another(waits, patience.C)
		if r == nil {
			break
		}
		group, waits = append(group, r), waits && r.finish != nil
	}
	return group
}

// another is the next request, or nil where there is none: if it waits, until the
// patience is over.
func (w *writer) another(waits bool, over <-chan time.Time) *request {
	select {
	case r := <-w.s.queue: // nil once it is closed
		return r
	default:
	}
	if !waits {
		return nil
	}
	select {
	case r := <-w.s.queue:
		return r
	case <-over:
		return nil
	}
}

// errUncertain marks an error at COMMIT: the group may be in the database.
var errUncertain = errors.New("the outcome of the commit is not known")

// commit runs a group and answers each of its requests. When a row spoils the
// group before COMMIT, its operations are done one by one.
func (w *writer) commit(group []*request) {
	ctx := context.Background()
	err := w.attempt(ctx, group)
	if errors.Is(err, errGone) {
		err = w.attempt(ctx, group)
	}
	switch {
	case errors.Is(err, errUncertain):
		w.resolve(ctx, group, err)
	case err != nil && len(group) > 1 && !errors.Is(err, errNotBegun) && !errors.Is(err, errGone) && !errors.Is(err, errFileGone):
		for _, r := range group {
			w.commit([]*request{r})
		}
		return
	default:
		for _, r := range group {
			r.err = err
		}
	}
	for _, r := range group {
		if r.done != nil {
			close(r.done)
		}
	}
}

// errNotBegun marks an error before a group's first operation: doing them one by
// one would not help.
var errNotBegun = errors.New("no transaction could be started")

// attempt runs a group in one transaction. A database that does not answer must
// not hold up everybody for ever.
func (w *writer) attempt(ctx context.Context, group []*request) error {
	if d := w.s.dialect.patience; d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	if err := w.there(); err != nil {
		return fmt.Errorf("%w: %w", errNotBegun, err)
	}
	if err := w.connect(ctx); err != nil {
		return fmt.Errorf("%w: %w", errNotBegun, err)
	}
	t := &tx{querier: w, w: w, counts: map[countKey]int64{}, usage: map[usageKey]int64{}}
	if _, err := w.conn.ExecContext(ctx, w.s.dialect.begin); err != nil {
		w.drop()
		return w.ifGone(ctx, fmt.Errorf("%w: %w", errNotBegun, err))
	}
	if err := w.fill(ctx, t, group); err != nil {
		return w.giveUp(ctx, err)
	}
	if _, err := w.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return w.commitFailed(ctx, err)
	}
	if t.behind || w.s.late(t.oldest) {
		w.s.heads.forget()
	}
	if err := w.s.opt.Fault("commit.after"); err != nil {
		return fmt.Errorf("%w: %w", errUncertain, err)
	}
	return w.there()
}

// there tells whether what is committed now will be found again.
func (w *writer) there() error {
	if there := w.s.dialect.there; there != nil {
		return there(w.s)
	}
	return nil
}

// errGone marks an error before COMMIT by which the connection was lost, or of no
// use any more: nothing is committed.
var errGone = errors.New("the connection to the database is gone")

// giveUp ends a transaction that has failed.
func (w *writer) giveUp(ctx context.Context, err error) error {
	if gone := w.s.dialect.gone; gone != nil && gone(err) {
		w.drop()
		w.s.renew()
	} else {
		w.rollback(ctx)
	}
	return w.ifGone(ctx, err)
}

// ifGone marks an error after which there is no connection, unless time is up.
func (w *writer) ifGone(ctx context.Context, err error) error {
	if w.conn != nil || w.s.dialect.gone == nil || ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("%w: %w", errGone, err)
}

// fill does the group's work up to COMMIT. A panic (a crash in a test) leaves no
// transaction open behind it.
func (w *writer) fill(ctx context.Context, t *tx, group []*request) error {
	done := false
	defer func() {
		if !done {
			w.rollback(ctx)
		}
	}()
	err := w.apply(ctx, t, group)
	if err == nil {
		err = w.s.opt.Fault("commit.before")
	}
	done = true
	return err
}

// commitFailed says what a failed COMMIT left behind. SQLite rolls back, so
// nothing; PostgreSQL tells when it refused, and when the connection is gone it
// may have committed.
func (w *writer) commitFailed(ctx context.Context, err error) error {
	if w.s.dialect.refused(err) {
		w.rollback(ctx)
		return err
	}
	w.drop()
	w.s.heads.forget()
	return fmt.Errorf("%w: %w", errUncertain, err)
}

// apply runs the operations: what is added or finished first can be claimed in
// the same group.
func (w *writer) apply(ctx context.Context, t *tx, group []*request) error {
	var adds []*NewMessage
	var finishes []*Finish
	for _, r := range group {
		switch {
		case r.add != nil:
			adds = append(adds, r.add...)
		case r.finish != nil:
			finishes = append(finishes, r.finish)
		}
	}
	if err := addMessages(ctx, t, adds); err != nil {
		return err
	}
	for _, r := range group {
		if !r.all {
			continue
		}
		if err := checkAll(r.add); err != nil {
			return err
		}
	}
	if err := lockLimits(ctx, t, group); err != nil {
		return fmt.Errorf("take the limits: %w", err)
	}
	group, messages := inOrder(group)
	changes := group[len(group)-1].changed() != "" // which are the last
	if err := w.s.dialect.lockMessages(ctx, t, messages, changes); err != nil {
		return fmt.Errorf("take the messages: %w", err)
	}
	if err := finishAttempts(ctx, t, finishes); err != nil {
		return err
	}
	for _, r := range group {
		if err := w.applyOther(ctx, t, r); err != nil {
			return err
		}
	}
	if err := t.writeUsage(ctx); err != nil {
		return err
	}
	return w.s.dialect.appendChanges(ctx, t)
}

// inOrder puts a group's changes of messages into the messages' order, and returns
// all messages that it finishes or changes in the same one. Two writers that took
// the same ones in different orders would deadlock.
func inOrder(group []*request) (sorted []*request, messages []email.ID) {
	sorted = slices.Clone(group)
	slices.SortStableFunc(sorted, func(a, b *request) int { return strings.Compare(a.changed(), b.changed()) })
	for _, r := range sorted {
		id := r.changed()
		if r.finish != nil {
			id = r.finish.Message
		}
		if id != "" {
			messages = append(messages, id)
		}
	}
	slices.Sort(messages)
	return sorted, slices.Compact(messages)
}

// lastInOrder is before what stands in place of a message's id for changes that come
// after those of all messages.
const lastInOrder = "~"

func (r *request) changed() email.ID {
	if r.change == nil {
		return ""
	}
	return r.change.message
}

func (w *writer) applyOther(ctx context.Context, t *tx, r *request) error {
	switch {
	case r.claim != nil:
		return claim(ctx, t, r.claim)
	case r.change != nil:
		return r.change.apply(ctx, t)
	}
	return nil
}

// resolve answers a group whose COMMIT got no answer, by looking on a fresh
// connection for what each operation would have left.
func (w *writer) resolve(ctx context.Context, group []*request, cause error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, r := range group {
		if !r.tellable() {
			r.err = cause
			continue
		}
		landed, err := w.landed(ctx, r)
		switch {
		case err != nil:
			r.err = errors.Join(cause, err)
		case !landed:
			r.err = fmt.Errorf("not committed: %w", cause)
		default:
			r.err = nil
		}
	}
}

// tellable says whether anything tells afterwards that a request was committed.
func (r *request) tellable() bool {
	switch {
	case r.change != nil:
		return r.change.landed != nil
	case r.finish != nil:
		return !r.finish.applied || len(r.finish.Events) > 0
	}
	return true
}

func (w *writer) landed(ctx context.Context, r *request) (bool, error) {
	var landed bool
	err := retryFresh(ctx, func() (err error) {
		switch {
		case r.add != nil:
			landed, err = w.s.addLanded(ctx, r.add)
		case r.finish != nil:
			landed, err = w.s.finishLanded(ctx, r.finish)
		case r.claim != nil:
			landed, err = w.s.claimLanded(ctx, r.claim)
		default:
			landed, err = r.change.landed(ctx, w.s.read)
		}
		return err
	})
	return landed, err
}

// retryFresh repeats a read until it works or the time is up: right after a lost
// connection the pool may hand out more dead ones, or the server may be starting.
func retryFresh(ctx context.Context, read func() error) error {
	for {
		err := read()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil {
		return nil
	}
	conn, err := w.s.write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	w.conn, w.stmts = conn, map[string]*sql.Stmt{}
	return nil
}

// rollback ends a failed transaction; a connection that cannot even do that is
// not used again.
func (w *writer) rollback(ctx context.Context) {
	if _, err := w.conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		w.drop()
	}
}

// drop gives the connection up as broken, so that the pool does not reuse it.
func (w *writer) drop() {
	if w.conn == nil {
		return
	}
	w.closeStatements()
	w.s.dialect.discard(w.conn)
	w.release()
}

func (w *writer) release() {
	if w.conn == nil {
		return
	}
	w.closeStatements()
	_ = w.conn.Close()
	w.conn = nil
}

// closeStatements comes before the end of their connection: SQLite's cannot be
// closed after it.
func (w *writer) closeStatements() {
	for _, st := range w.stmts {
		_ = st.Close()
	}
	w.stmts = nil
}

// The writer is a querier that prepares each statement once.

func (w *writer) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if st := w.stmts[query]; st != nil {
		return st, nil
	}
	st, err := w.conn.PrepareContext(ctx, query)
	if err == nil {
		w.stmts[query] = st
	}
	return st, err
}

// ExecContext implements querier.
func (w *writer) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if w.s.dialect.unprepared {
		return w.conn.ExecContext(ctx, query, args...)
	}
	st, err := w.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(ctx, args...)
}

// QueryContext implements querier.
func (w *writer) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if w.s.dialect.unprepared {
		return w.conn.QueryContext(ctx, query, args...)
	}
	st, err := w.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

// QueryRowContext implements querier.
func (w *writer) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if w.s.dialect.unprepared {
		return w.conn.QueryRowContext(ctx, query, args...)
	}
	st, err := w.prepared(ctx, query)
	if err != nil {
		return w.conn.QueryRowContext(ctx, query, args...) // reports the same error
	}
	return st.QueryRowContext(ctx, args...)
}
