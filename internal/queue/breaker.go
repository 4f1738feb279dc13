package queue

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// The circuit breaker. Attempts in a row that meet trouble at the account's server
// let the account rest; then one attempt tries whether it is well again. A rest is
// in the account's row, so that all nodes and pools know of it; the count is not: a
// process that starts anew counts anew.
const (
	troubleInARow = 5
	firstRest     = 30 * time.Second // doubled with each trial that fails
	longestRest   = 10 * time.Minute
)

type breaker struct {
	mu      sync.Mutex
	trouble map[email.ID]int          // in a row, by account
	met     map[email.ID]email.ID     // which message met it last
	trials  map[email.ID]*store.Entry // the newest claim of each account
}

func newBreaker() *breaker {
	return &breaker{trouble: map[email.ID]int{}, met: map[email.ID]email.ID{}, trials: map[email.ID]*store.Entry{}}
}

// rest is what an attempt says about the account's server.
type rest struct {
	well  bool // it has answered, and the account's rests are over
	times int  // how often in a row it rests, this one included
	until time.Time
	last  *provider.Error
}

// claimed notes a claim, which may be a trial.
func (b *breaker) claimed(en *store.Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trials[en.Route] = en
}

// count adds an attempt that met trouble, or ends the row, and returns how many
// there have been.
func (b *breaker) count(account email.ID, trouble bool) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !trouble {
		delete(b.trouble, account)
		return 0
	}
	b.trouble[account]++
	n := b.trouble[account]
	if n >= troubleInARow {
		delete(b.trouble, account)
	}
	return n
}

// again notes which message met trouble, and tells whether the one before was the
// same.
func (b *breaker) again(account, message email.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	same := b.met[account] == message
	b.met[account] = message
	return same
}

// trial leaves room for one message where the account's server has been in trouble,
// and for none while that one is under way.
func (e *Engine) trial(a *account, r room) room {
	if a.row.Rests == 0 || r.limit == 0 {
		return r
	}
	e.breaker.mu.Lock()
	last := e.breaker.trials[a.row.ID]
	e.breaker.mu.Unlock()
	if last != nil && e.hand.holds(last) {
		return room{}
	}
	return room{limit: 1, passed: r.passed}
}

// judge tells what an attempt says about the account's server, if that is new.
func (e *Engine) judge(ctx context.Context, en *store.Entry, o outcome) *rest {
	trouble, known := serverTrouble(o)
	a, failed := e.accounts.get(ctx, en.Team, en.Route)
	if !known || failed != nil {
		return nil
	}
	row := a.row
	if !trouble {
		e.breaker.count(row.ID, false)
		if row.Rests > 0 {
			return &rest{well: true}
		}
		return nil
	}
	same, err := e.breaker.again(row.ID, en.Message), o.troubleAt()
	switch {
	case row.Rests > 0 && en.StartedAt.Before(row.RestingUntil): // it began before the rest did
	case row.Rests > 0 && same && refusedWhole(err): // it may be this message at which the server fails: the next one tells
	case row.Rests > 0 || e.breaker.count(row.ID, true) >= troubleInARow:
		return &rest{times: row.Rests + 1, until: e.cfg.Now().Add(restFor(row.Rests)), last: err}
	}
	return nil
}

// restFor is how long an account rests that has done so a number of times in a row.
func restFor(times int) time.Duration {
	if times > 10 {
		return longestRest
	}
	return min(firstRest<<times, longestRest)
}

// notTheServers are refusals of a whole account that come from this process.
var notTheServers = []string{"interrupted", "no_free_connection", "concurrency"}

// serverTrouble tells whether an attempt met a server that cannot be reached or
// cannot work. What did not get as far as the server says nothing.
func serverTrouble(o outcome) (trouble, known bool) {
	switch err := o.err; {
	case err == nil:
		return o.troubleAt() != nil, true
	case slices.Contains(notTheServers, err.Cause):
		return false, false
	case err.Class == provider.Retry:
		return err.Scope == provider.ScopeAccount, err.Scope == provider.ScopeAccount
	case err.Class == provider.Unknown:
		trouble := err.Cause == "no_answer" || err.Cause == "ambiguous_answer"
		return trouble, trouble
	}
	return false, o.err.Scope != provider.ScopeMessage || o.err.Class == provider.Fail
}

// troubleAt is the answer by which a server says that it cannot work: that to the
// message, or the one that every recipient got.
func (o outcome) troubleAt() *provider.Error {
	if o.err != nil || len(o.receipt.Recipients) == 0 {
		return o.err
	}
	for _, r := range o.receipt.Recipients {
		if r.Err == nil || r.Err.Class != provider.Retry || r.Err.Cause != provider.CauseServerTrouble {
			return nil
		}
	}
	return o.receipt.Recipients[0].Err
}

// refusedWhole tells of an answer that may be due to the message.
func refusedWhole(err *provider.Error) bool {
	return err.Class == provider.Retry && err.Cause == provider.CauseServerTrouble
}

// rest writes what an attempt said about the account's server, unless it has said
// more about the account itself.
func (s *settling) rest(r *rest) {
	if r == nil || s.finish.Account != nil {
		return
	}
	if r.well {
		ev := s.event(email.EventAccountWell, store.EventData{Text: "its server is well again"})
		s.finish.Account = &store.AccountChange{Well: true, Began: s.began, Event: ev}
		return
	}
	data := about(r.last)
	data.Cause, data.NextAt = "server_trouble", r.until.UnixMilli()
	if r.times == 1 {
		data.Text = fmt.Sprintf("%d attempts in a row met trouble at its server, and it rests: %s", troubleInARow, data.Text)
	} else {
		data.Text = "its server is still in trouble, and it rests: " + data.Text
	}
	s.finish.Account = &store.AccountChange{Rests: r.times, Until: r.until, Began: s.began, Event: s.event(email.EventAccountResting, data)}
}
