package queue

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// What a refusal teaches: a limit that is reached before the count says so is taken
// for lower for a while; see store.Learn.

const (
	longestRate = time.Hour          // windows that a quota of the rate may be about
	pastMail    = 3 * 24 * time.Hour // the age of mail that is counted where nobody has yet
	pastTime    = 5 * time.Second    // how long that may take
	pastAgain   = 5 * time.Minute    // and how often it is done for an account
)

// learning remembers when the past of an account was counted last, in elapsed time.
type learning struct {
	mu      sync.Mutex
	counted map[email.ID]time.Duration
}

// may tells whether an account's past is to be counted now, and notes it.
func (x *learning) may(account email.ID, now time.Duration) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	last, was := x.counted[account]
	if was && now-last < pastAgain {
		return false
	}
	if x.counted == nil || len(x.counted) > 1024 {
		x.counted = map[email.ID]time.Duration{}
	}
	x.counted[account] = now
	return true
}

// learn is what an attempt's outcome says about the account's limits, if anything.
func (e *Engine) learn(ctx context.Context, en *store.Entry, o outcome) *store.Learn {
	refused := o.refusedForQuota()
	if refused == nil {
		return nil
	}
	a, err := e.accounts.get(ctx, en.Team, en.Route)
	if err != nil {
		return nil
	}
	l := &store.Learn{Limits: meant(a.opened.limits, refused.Quota), Cause: refused.Cause, At: e.clock.believed()}
	if len(l.Limits) > 0 {
		l.Least = leastUsed(l.Limits, refused.Quota)
		return l
	}
	if !e.learning.may(en.Route, e.cfg.Elapsed()) {
		return nil
	}
	unknown := unknownLimit(en.Route, refused.Quota)
	ctx, cancel := context.WithTimeout(ctx, pastTime)
	defer cancel()
	now := e.cfg.Now()
	if l.Past, err = e.cfg.Store.Past(ctx, en.Team, en.Route, unknown.Window, now, now.Add(-pastMail)); err != nil {
		e.cfg.Log.Warn("a limit that the provider says is reached could not be learned", "account", en.Route, "err", err)
		return nil
	}
	l.Limits = []store.Limit{unknown}
	return l
}

// shortestTaught is the shortest window whose limit a refusal lowers. Of a window of
// seconds it says little: a few messages that came at once have met a finer measure,
// and by the end of the pause the window has passed.
const shortestTaught = time.Minute

func teaches(l *store.Learn) bool {
	return l != nil && !slices.ContainsFunc(l.Limits, func(l store.Limit) bool { return l.Window < shortestTaught })
}

// refusedForQuota is the answer that says that a limit of the account is reached.
func (o outcome) refusedForQuota() *provider.Error {
	is := func(err *provider.Error) bool {
		return err != nil && err.Class == provider.Park && err.Scope == provider.ScopeAccount && err.Quota != provider.QuotaNone
	}
	if is(o.err) {
		return o.err
	}
	for _, r := range o.receipt.Recipients {
		if o.err == nil && is(r.Err) {
			return r.Err
		}
	}
	return nil
}

// meant are the limits that a quota may be about: those of a day, or those of the
// shortest window.
func meant(limits []store.Limit, q provider.Quota) (out []store.Limit) {
	if q == provider.QuotaDay {
		return ofDays(limits)
	}
	shortest := longestRate
	fits := func(l *store.Limit) bool {
		return l.Window <= shortest && (q != provider.QuotaProject || l.Scope == provider.RateOfProject)
	}
	for i := range limits {
		if fits(&limits[i]) {
			shortest = limits[i].Window
		}
	}
	for i := range limits {
		if fits(&limits[i]) {
			out = append(out, limits[i])
		}
	}
	return out
}

// leastUsed is how much of each limit must be used for that to be why it is refused:
// a tenth, which is what all refusals together leave of it. Of a project's limit that
// the refusal does not name, half: it would be lowered for all accounts of the project,
// by what may be one mailbox's own.
func leastUsed(limits []store.Limit, q provider.Quota) map[string]int64 {
	out := make(map[string]int64, len(limits))
	for _, l := range limits {
		part := int64(10)
		if l.Scope == provider.RateOfProject && q != provider.QuotaProject {
			part = 2
		}
		out[l.Key] = (l.Max + part - 1) / part
	}
	return out
}

// unknownLimit is a limit of an account of which nothing is known but that it was
// reached.
func unknownLimit(account email.ID, q provider.Quota) store.Limit {
	r := provider.Rate{Scope: provider.RateOfAccount, Unit: provider.UnitMessages, Window: time.Minute}
	if q == provider.QuotaDay {
		r.Window = provider.Day
	}
	return limitOf(r, r.Scope+":"+account)
}

// taught are an account's limits as refusals have lowered them, with those that
// only a refusal has told of.
func taught(account email.ID, limits []store.Limit, learned []store.Learned, now time.Time) []store.Limit {
	if len(learned) == 0 {
		return limits
	}
	out := slices.Clone(limits)
	for i := range out {
		lower(&out[i], learned, now)
	}
	for _, q := range []provider.Quota{provider.QuotaRate, provider.QuotaDay} {
		l := unknownLimit(account, q)
		if !slices.ContainsFunc(limits, func(k store.Limit) bool { return k.Unit == l.Unit && k.Window == l.Window }) && lower(&l, learned, now) {
			out = append(out, l)
		}
	}
	return out
}

// lower applies what was learned of a limit, and tells whether anything was.
func lower(l *store.Limit, learned []store.Learned, now time.Time) bool {
	i := slices.IndexFunc(learned, func(x store.Learned) bool { return x.Key == l.Key })
	if i < 0 {
		return false
	}
	x := &learned[i]
	most, ok := x.In(l.Usual, now)
	if !ok {
		return false
	}
	usual := ""
	if l.Usual > 0 {
		usual = "; " + strings.TrimSpace(strconv.FormatInt(l.Usual, 10)+" by "+l.Source)
	}
	l.Max, l.LearnedUntil = most, x.Until
	l.Source = fmt.Sprintf("learned on %s from %s%s", x.At.Format(time.DateOnly), x.Cause, usual)
	return true
}

// ForgetLearned drops what refusals have taught about the limits of an account, also
// for others that share them: a person knows that they hold no more.
func (e *Engine) ForgetLearned(ctx context.Context, team, account email.ID) error {
	a, err := e.accounts.get(ctx, team, account)
	if err != nil {
		return err
	}
	keys := []string{unknownLimit(account, provider.QuotaRate).Key, unknownLimit(account, provider.QuotaDay).Key}
	for _, l := range a.opened.limits {
		keys = append(keys, l.Key)
	}
	return e.cfg.Store.Forget(ctx, keys)
}
