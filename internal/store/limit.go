package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/email"
)

// What a limit has left is a sum over rows, read and raised in the claim's own
// transaction: it survives restarts and spans accounts and nodes. An attempt is
// counted as under way from its claim until its outcome is written, and then in
// the slot of that time, or not at all if nothing left. The provider counts at some
// moment in between, so no window of its holds more than ours did.

// Limit is how much may be used in a rolling window.
type Limit struct {
	Key    string // names what is counted together: see LimitKey
	Name   string // for people
	Scope  string // for people: whose it is
	Unit   string // for people: what is counted
	Source string // where the figure comes from

	Max    int64
	Window time.Duration
	Cost   int64 // of a message, or of each of its recipients
	// Usual is what Max is unless a refusal has lowered it until LearnedUntil; 0 with a
	// limit that only a refusal has told of.
	Usual        int64
	LearnedUntil time.Time
	// Recipients says that Cost is per recipient. Of these only those count that are in
	// none of the domains Own (separated by commas), and with Unique each address once
	// in the window.
	Recipients bool
	Own        string
	Unique     bool
	// Paced says that the window is used evenly: the normal and the bulk lane may
	// begin Credit now.
	Paced  bool
	Credit int64
}

// LimitKey names a limit: whose it is, what it counts, over which window.
func LimitKey(scope, unit string, window time.Duration) string {
	return scope + "/" + unit + "/" + strconv.FormatInt(window.Milliseconds(), 10)
}

// underWay is the slot of attempts whose outcome is not written yet.
const underWay = -1

// slotWidth parts a window into 60 slots, none shorter than 20 ms.
func slotWidth(window time.Duration) int64 { return max(20, window.Milliseconds()/60) }

func widthOf(key string) int64 {
	ms, _ := strconv.ParseInt(key[strings.LastIndexByte(key, '/')+1:], 10, 64) // ours, from LimitKey
	return slotWidth(time.Duration(ms) * time.Millisecond)
}

// costOf is what a message takes.
func (l *Limit) costOf(recipients int) int64 {
	if l.Recipients {
		return l.Cost * int64(recipients)
	}
	return l.Cost
}

// reserve is what of a limit only the urgent lane may use.
func (l *Limit) reserve() int64 { return min(max(1, l.Max/20), l.Max-1) }

// Open is how much of a limit a lane may use in all.
func (l *Limit) Open(lane email.Lane) int64 {
	if lane == email.Urgent {
		return l.Max
	}
	return l.Max - l.reserve()
}

// Blocked says what keeps due messages from being claimed.
type Blocked struct {
	Limit Limit
	Lane  email.Lane
	// Until is when enough of the window has passed; zero: when an attempt under
	// way has ended.
	Until time.Time
	// Paced says that the window has room, and the pace has not.
	Paced bool
}

// slotUse is what was used in a slot.
type slotUse struct{ slot, used int64 }

// tally is what has been used of a limit.
type tally struct {
	limit    Limit
	now      int64
	underWay int64
	slots    []slotUse // of the window, oldest first
	used     int64     // all of it
	untidy   bool      // there are slots of the past, or ahead of the clock
	reached  map[string]bool
}

// fits tells whether a message may go.
func (y *tally) fits(lane email.Lane, cost int64) bool {
	return cost == 0 || y.used <= y.limit.before(lane, cost)
}

// before is how much may have been used already when a message goes. One that is
// more than its lane may use in all would wait for ever behind a trickle of urgent
// mail: it may have the urgent part too. One that is more than the limit goes when
// no more than that part is used, or if it is urgent when nothing is: the provider
// judges.
func (l *Limit) before(lane email.Lane, cost int64) int64 {
	switch open := l.Open(lane); {
	case cost <= open:
		return open - cost
	case cost <= l.Max:
		return l.Max - cost
	default:
		return l.Max - open
	}
}

func (y *tally) paced(lane email.Lane) bool {
	return y.limit.Paced && lane != email.Urgent && y.limit.Credit <= 0
}

// take counts a message that goes.
func (y *tally) take(x candidate) {
	cost := y.costOf(x)
	y.used += cost
	y.limit.Credit -= cost
	y.reach(x)
}

// frees is when a message fits that does not now; zero: not known.
func (y *tally) frees(lane email.Lane, cost int64) time.Time {
	left := y.used
	for _, s := range y.slots {
		left -= s.used
		if left <= y.limit.before(lane, cost) {
			return time.UnixMilli((s.slot+1)*slotWidth(y.limit.Window) + y.limit.Window.Milliseconds()).UTC()
		}
	}
	return time.Time{}
}

// tallies reads what has been used of limits. Slots that lie ahead of the clock,
// which was set back since, count as the present one.
func tallies(ctx context.Context, q querier, d *dialect, limits []Limit, now time.Time) ([]*tally, error) {
	out, byKey := make([]*tally, len(limits)), make(map[string]*tally, len(limits))
	keys := make([]string, len(limits))
	for i, l := range limits {
		out[i] = &tally{limit: l, now: now.UnixMilli()}
		byKey[l.Key], keys[i] = out[i], l.Key
	}
	rows, err := q.QueryContext(ctx, `SELECT key, slot, used FROM usage WHERE key `+fmt.Sprintf(d.oneOf, "$1")+` ORDER BY key, slot`, jsonText(keys))
	if err != nil {
		return nil, err
	}
	_, err = scanAll(rows, func(row interface{ Scan(...any) error }) (struct{}, error) {
		var key string
		var s slotUse
		err := row.Scan(&key, &s.slot, &s.used)
		if err == nil {
			byKey[key].read(s)
		}
		return struct{}{}, err
	})
	if err != nil {
		return nil, err
	}
	return out, readReached(ctx, q, d, out)
}

func (y *tally) read(s slotUse) {
	width := slotWidth(y.limit.Window)
	switch {
	case s.slot == underWay:
		y.underWay = s.used
	case (s.slot+1)*width <= y.now-y.limit.Window.Milliseconds():
		y.untidy = true
		return
	default:
		y.untidy = y.untidy || s.slot > y.now/width
		s.slot = min(s.slot, y.now/width)
		y.slots = append(y.slots, s)
	}
	y.used += s.used
}

// usageKey is a row of usage.
type usageKey struct {
	key  string
	slot int64
}

// use notes that n more of a limit are used in a slot; it is written with the group.
func (t *tx) use(key string, slot, n int64) { t.usage[usageKey{key, slot}] += n }

// usageRow is usageKey as the database reads it.
type usageRow struct {
	Key  string `json:"key"`
	Slot int64  `json:"slot"`
	Used int64  `json:"used"`
}

// writeUsage writes what the group has used so far, in one order everywhere.
func (t *tx) writeUsage(ctx context.Context) error {
	var rows []usageRow
	for k, n := range t.usage {
		if n != 0 {
			rows = append(rows, usageRow{k.key, k.slot, n})
		}
	}
	clear(t.usage)
	if len(rows) == 0 {
		return nil
	}
	slices.SortFunc(rows, func(a, b usageRow) int {
		if a.Key != b.Key {
			return strings.Compare(a.Key, b.Key)
		}
		return int(a.Slot - b.Slot)
	})
	_, err := t.ExecContext(ctx, `INSERT INTO usage (key, slot, used) `+t.w.s.dialect.usageRows+`
		ON CONFLICT (key, slot) DO UPDATE SET used = usage.used + excluded.used`, jsonText(rows))
	if err != nil {
		return fmt.Errorf("count what is used of limits: %w", err)
	}
	return nil
}

// tidy brings slots from ahead of the clock to where it is now, and deletes those
// of the past.
func (y *tally) tidy(ctx context.Context, t *tx) error {
	width, key := slotWidth(y.limit.Window), y.limit.Key
	current, oldest := y.now/width, (y.now-y.limit.Window.Milliseconds())/width
	if y.limit.Unique {
		return tidyReached(ctx, t, key, current, oldest)
	}
	rows, err := t.QueryContext(ctx, `DELETE FROM usage WHERE key = $1 AND (slot > $2 OR slot >= 0 AND slot < $3) RETURNING slot, used`, key, current, oldest)
	if err != nil {
		return err
	}
	_, err = scanAll(rows, func(row interface{ Scan(...any) error }) (struct{}, error) {
		var s slotUse
		err := row.Scan(&s.slot, &s.used)
		if s.slot > current {
			t.use(key, current, s.used)
		}
		return struct{}{}, err
	})
	return err
}

// settleUsage moves what an attempt was counted as from under way to where it
// belongs: the slot of its outcome, or nowhere when nothing can have left.
func (f *Finish) settleUsage(t *tx) {
	for key, n := range f.charged {
		t.use(key, underWay, -n)
		if f.mayHaveLeft() {
			t.use(key, f.CountedAt.UnixMilli()/widthOf(key), n)
		}
	}
}

func (f *Finish) mayHaveLeft() bool {
	for _, v := range f.Verdicts {
		if v.State == email.Accepted {
			return true
		}
	}
	for _, e := range f.Events {
		if e.Kind == email.EventUnknown {
			return true
		}
	}
	return false
}

// lockLimits takes the limits that a group counts, in one order everywhere.
func lockLimits(ctx context.Context, t *tx, group []*request) error {
	if t.w.s.dialect.lockKeys == "" {
		return nil
	}
	seen := map[int64]bool{}
	for _, r := range group {
		switch {
		case r.claim != nil:
			for _, l := range r.claim.Limits {
				seen[lockOf(l.Key)] = true
			}
		case r.finish != nil:
			for key := range r.finish.charged {
				seen[lockOf(key)] = true
			}
			for _, l := range r.finish.learns() {
				seen[lockOf(l.Key)] = true
			}
		}
	}
	if len(seen) == 0 {
		return nil
	}
	locks := make([]int64, 0, len(seen))
	for k := range seen {
		locks = append(locks, k)
	}
	slices.Sort(locks)
	_, err := t.ExecContext(ctx, t.w.s.dialect.lockKeys, jsonText(locks))
	return err
}

// lockOf is a number for a key; that two keys may share one does no harm.
func lockOf(key string) int64 {
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	return int64(h)
}

// charges reads what an entry's attempt was counted as.
func charges(text string) (map[string]int64, error) {
	if text == "" {
		return nil, nil
	}
	var out map[string]int64
	err := json.Unmarshal([]byte(text), &out)
	return out, err
}

// Standing is how a limit stands.
type Standing struct {
	Limit
	Used     int64 // with what is under way
	UnderWay int64
	FreesAt  time.Time // when the next part is free again; zero: nothing is used, or only under way
	FullAt   time.Time // when all of it is, unless more is used
	Full     bool      // a message of the normal lane to one recipient does not fit
	NextAt   time.Time // when it does; zero: it does now, or nobody knows

	tally *tally
}

// FitsAt is when so much fits in the normal lane; zero: now. known is false where it
// waits for what is under way.
func (s *Standing) FitsAt(cost int64) (at time.Time, known bool) {
	if s.tally.fits(email.Normal, cost) {
		return time.Time{}, true
	}
	at = s.tally.frees(email.Normal, cost)
	return at, !at.IsZero()
}

// Standings tells how limits stand.
func (s *Store) Standings(ctx context.Context, limits []Limit, now time.Time) ([]Standing, error) {
	if len(limits) == 0 {
		return nil, nil
	}
	ys, err := tallies(ctx, s.read, s.dialect, limits, now)
	if err != nil {
		return nil, fmt.Errorf("what is used of limits: %w", err)
	}
	out := make([]Standing, len(ys))
	for i, y := range ys {
		out[i] = Standing{Limit: y.limit, Used: y.used, UnderWay: y.underWay, Full: !y.fits(email.Normal, y.limit.Cost), tally: y}
		if out[i].Full {
			out[i].NextAt = y.frees(email.Normal, y.limit.Cost)
		}
		if n := len(y.slots); n > 0 {
			end := func(s slotUse) time.Time {
				return time.UnixMilli((s.slot+1)*slotWidth(y.limit.Window) + y.limit.Window.Milliseconds()).UTC()
			}
			out[i].FreesAt, out[i].FullAt = end(y.slots[0]), end(y.slots[n-1])
		}
	}
	return out, nil
}

// Blocks tells which limit keeps a queued message from being claimed now, if one
// does: the one that does so longest.
func (s *Store) Blocks(ctx context.Context, limits []Limit, en *Entry, now time.Time) (*Blocked, error) {
	if len(limits) == 0 {
		return nil, nil
	}
	ys, err := tallies(ctx, s.read, s.dialect, limits, now)
	if err != nil {
		return nil, fmt.Errorf("what is used of limits: %w", err)
	}
	x := []candidate{{message: en.Message, lane: en.Lane, unsettled: en.Unsettled}}
	if err := address(ctx, s.read, s.dialect, en.Team, x, ys); err != nil {
		return nil, fmt.Errorf("who is to get %s: %w", en.Message, err)
	}
	return blocked(ys, x[0]), nil
}

// blocked is what keeps a message from going, if anything does.
func blocked(ys []*tally, x candidate) *Blocked {
	var worst *Blocked
	for _, y := range ys {
		cost := y.costOf(x)
		if y.fits(x.lane, cost) {
			if worst == nil && y.paced(x.lane) {
				worst = &Blocked{Limit: y.limit, Lane: x.lane, Paced: true}
			}
			continue
		}
		b := &Blocked{Limit: y.limit, Lane: x.lane, Until: y.frees(x.lane, cost)}
		if worst == nil || worst.Paced || b.Until.After(worst.Until) {
			worst = b
		}
	}
	return worst
}
