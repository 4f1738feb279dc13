package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gatepost/internal/email"
)

// A provider may say that a limit is reached before our count does: others use the
// mailbox too, the organisation is on trial, the figure has changed. What was used
// then is the limit for a while, in a row that all nodes read; it rises step by step
// to what it was. One odd answer must not stop an account: a limit falls to no less
// than half of what it was, however many attempts are refused at once, and never
// below a tenth of the known figure.

const (
	learnedSteps = 6  // in which a limit rises again
	leastLearned = 10 // messages; fewer say nothing of a limit that nobody knows
	leastPart    = 10 // the part of a known limit that is always left
)

// Learned is a lower figure for a limit.
type Learned struct {
	Key     string
	Max     int64
	At      time.Time
	Until   time.Time
	Cause   string
	Account email.ID

	had int64 // what held before
}

// Learn is what a refusal says about limits: one of these is reached.
type Learn struct {
	// Limits are those that it may be about, as they hold now: the one that is used
	// most is meant, if its use can be why. One with a Max of 0 is not known yet.
	Limits []Limit
	// Least is, by key, how much of a limit must be used for that to be why.
	Least map[string]int64
	// Past is what was used of a limit that is not known yet, which nobody counted.
	Past  []Use
	Cause string
	At    time.Time // by the clock that limits are counted by
}

// Use is how much was used of a limit within a part of its window, which its slot
// numbers.
type Use struct{ Slot, Used int64 }

// lifeOf is how long a lower figure holds.
func lifeOf(window time.Duration) time.Duration {
	switch {
	case window >= 24*time.Hour:
		return 7 * 24 * time.Hour
	case window >= time.Hour:
		return 24 * time.Hour
	}
	return time.Hour
}

// In tells what a learned figure is at a time for a limit that is usual otherwise;
// 0: not known. ok is false once it is over, also where a clock was set far back.
func (x *Learned) In(usual int64, now time.Time) (most int64, ok bool) {
	life, age := x.Until.Sub(x.At), now.Sub(x.At)
	if life <= 0 || age.Abs() >= life {
		return 0, false
	}
	top := usual
	if top == 0 {
		top = 2 * x.Max
	}
	if top <= x.Max {
		return 0, false
	}
	step := max(0, int64(age*learnedSteps/life))
	return x.Max + (top-x.Max)*step/learnedSteps, true
}

const learnedColumns = `key, max, had, learned_at, until_at, cause, account_id`

// Learned lists the lower figures that hold at a time, of all limits.
func (s *Store) Learned(ctx context.Context, now time.Time) ([]Learned, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+learnedColumns+` FROM learned WHERE until_at > $1`, millis(now))
	if err != nil {
		return nil, fmt.Errorf("what was learned of limits: %w", err)
	}
	return scanAll(rows, scanLearned)
}

func scanLearned(row interface{ Scan(...any) error }) (x Learned, err error) {
	var at, until int64
	err = row.Scan(&x.Key, &x.Max, &x.had, &at, &until, &x.Cause, &x.Account)
	x.At, x.Until = fromMillis(at), fromMillis(until)
	return x, err
}

// Forget drops lower figures.
func (s *Store) Forget(ctx context.Context, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	return s.do(ctx, "forget learned limits", func(ctx context.Context, t *tx) error {
		_, err := t.ExecContext(ctx, `DELETE FROM learned WHERE key `+fmt.Sprintf(t.w.s.dialect.oneOf, "$1"), jsonText(keys))
		return err
	})
}

// Past tells how many messages an account has got rid of in a window, by slots of
// it, as far as they were submitted since a time. It reads all mail since then, so it
// is for a limit that nobody has counted yet.
func (s *Store) Past(ctx context.Context, team, account email.ID, window time.Duration, now, since time.Time) ([]Use, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT slot, COUNT(*) FROM (
			SELECT MIN(r.updated_at) / $5 AS slot FROM recipients r
			WHERE r.team_id = $1 AND r.message_id >= $2 AND r.state = 'accepted' AND r.updated_at > $4
				AND EXISTS (SELECT 1 FROM messages m WHERE m.team_id = $1 AND m.id = r.message_id AND m.account_id = $3)
			GROUP BY r.message_id) taken
		GROUP BY slot`, team, firstID(since), account, millis(now.Add(-window)), slotWidth(window))
	if err != nil {
		return nil, fmt.Errorf("what %s has sent: %w", account, err)
	}
	return scanAll(rows, func(row interface{ Scan(...any) error }) (u Use, err error) {
		err = row.Scan(&u.Slot, &u.Used)
		return u, err
	})
}

// learn keeps a lower figure, when a refusal came before the count said so. What a
// person has released since the attempt began is not taught anything by it.
func learn(ctx context.Context, t *tx, l *Learn, c *AccountChange, e Event) error {
	var released int64
	err := found(t.QueryRowContext(ctx, `SELECT released_at FROM accounts WHERE team_id = $1 AND id = $2`, e.Team, e.Subject).Scan(&released))
	if errors.Is(err, ErrNotFound) || err == nil && released > millis(c.Began) && released <= millis(e.At) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := l.count(ctx, t); err != nil {
		return err
	}
	ys, err := tallies(ctx, t, t.w.s.dialect, l.Limits, l.At)
	if err != nil {
		return err
	}
	y := fullest(slices.DeleteFunc(ys, func(y *tally) bool { return y.used < l.Least[y.limit.Key] }))
	if y == nil {
		return nil
	}
	old, err := learnedOf(ctx, t, y.limit.Key)
	if err != nil {
		return err
	}
	x, lower := y.lower(old, c.Began, l.At)
	if !lower {
		return nil
	}
	x.Cause, x.Account = l.Cause, e.Subject
	return keepLearned(ctx, t, x)
}

// count makes the past of a limit that nobody counted part of what is used.
func (l *Learn) count(ctx context.Context, t *tx) error {
	if len(l.Past) == 0 {
		return t.writeUsage(ctx)
	}
	key := l.Limits[0].Key
	if _, err := t.ExecContext(ctx, `DELETE FROM usage WHERE key = $1 AND slot >= 0`, key); err != nil {
		return err
	}
	for _, u := range l.Past {
		t.use(key, u.Slot, u.Used)
	}
	return t.writeUsage(ctx)
}

// fullest is the limit that is used most; nil: there is none.
func fullest(ys []*tally) (best *tally) {
	for _, y := range ys {
		if best == nil || y.used*best.limit.Max > best.used*y.limit.Max {
			best = y
		}
	}
	return best
}

func learnedOf(ctx context.Context, q querier, key string) (*Learned, error) {
	x, err := scanLearned(q.QueryRowContext(ctx, `SELECT `+learnedColumns+` FROM learned WHERE key = $1`, key))
	if errors.Is(found(err), ErrNotFound) {
		return nil, nil
	}
	return &x, err
}

// lower is the figure that a refusal teaches, if any: what had been used. Attempts
// that were refused together lower a limit from the same height.
func (y *tally) lower(old *Learned, began, now time.Time) (Learned, bool) {
	l := &y.limit
	x := Learned{Key: l.Key, At: now, Until: now.Add(lifeOf(l.Window)), had: l.Max}
	in := l.Max
	if old != nil {
		if most, ok := old.In(l.Usual, now); ok && !began.After(old.At) {
			x.had, x.At, x.Until, in = old.had, old.At, old.Until, most
		}
	}
	if in == 0 {
		x.Max, x.had = y.used, y.used
		return x, y.used >= leastLearned
	}
	x.Max = max(y.used, y.least(x.had))
	return x, x.Max < in
}

// least is how low a limit may get that was at a height.
func (y *tally) least(had int64) int64 {
	part := y.limit.Usual / leastPart
	if y.limit.Usual == 0 {
		part = leastLearned
	}
	return max((had+1)/2, part, y.limit.Cost, 1)
}

func keepLearned(ctx context.Context, t *tx, x Learned) error {
	_, err := t.ExecContext(ctx, `INSERT INTO learned (`+learnedColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (key) DO UPDATE SET max = excluded.max, had = excluded.had, learned_at = excluded.learned_at, until_at = excluded.until_at,
			cause = excluded.cause, account_id = excluded.account_id`,
		x.Key, x.Max, x.had, millis(x.At), millis(x.Until), x.Cause, x.Account)
	if err != nil {
		return fmt.Errorf("keep a lower limit: %w", err)
	}
	return nil
}

// learns are the limits that an outcome may lower.
func (f *Finish) learns() []Limit {
	if f.Account == nil || f.Account.Learn == nil {
		return nil
	}
	return f.Account.Learn.Limits
}
