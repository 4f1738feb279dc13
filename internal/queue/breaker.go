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
	trials  map[email.ID]*store.Entry // the newest claim of each account
}

func newBreaker() *breaker {
	return &breaker{trouble: map[email.ID]int{}, trials: map[email.ID]*store.Entry{}}
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
	a, err := e.accounts.get(ctx, en.Team, en.Route)
	if !known || err != nil {
		return nil
	}
	switch row := a.row; {
	case !trouble:
		e.breaker.count(row.ID, false)
		if row.Rests > 0 {
			return &rest{well: true}
		}
	case row.Rests > 0 && en.StartedAt.Before(row.RestingUntil): // it began before the rest did
	case row.Rests > 0 || e.breaker.count(row.ID, true) >= troubleInARow:
		return &rest{times: row.Rests + 1, until: e.cfg.Now().Add(restFor(row.Rests)), last: o.err}
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
		return false, true
	case slices.Contains(notTheServers, err.Cause):
		return false, false
	case err.Class == provider.Retry:
		return err.Scope == provider.ScopeAccount, err.Scope == provider.ScopeAccount
	case err.Class == provider.Unknown:
		return err.Cause == "no_answer", err.Cause == "no_answer"
	}
	return false, o.err.Scope != provider.ScopeMessage || o.err.Class == provider.Fail
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
