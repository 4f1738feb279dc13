package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/email"
)

// What a key may send in a minute and in a day is counted in slots, in the key's
// own row: it survives restarts, and of several processes one at a time reads and
// raises it. A slot counts until all of it has left the window, so no window holds
// more than the limit.

const (
	rateWindow, rateSlot   = time.Minute, time.Second
	dailyWindow, dailySlot = 24 * time.Hour, time.Hour
)

// KeyCharge is recipients of mail that came by an API key with limits.
type KeyCharge struct {
	Team, Key   email.ID
	Recipients  int
	Rate, Daily int // what the key may in a minute and in 24 hours; 0: anything
	At          time.Time
}

// KeyFull says that a charge is more than a key has left.
type KeyFull struct {
	Max    int
	Window time.Duration
	Until  time.Time // when it fits, unless more is used
}

// spent is what a key has used: pairs of a slot and how much, oldest first.
type spent struct {
	Minute slots `json:"minute,omitempty"`
	Day    slots `json:"day,omitempty"`
}

type slots [][2]int64

// ChargeKey counts recipients, or tells that they do not fit and counts nothing.
// Where both limits are reached it tells which lasts longer. A key that is not
// there any more is ErrNotFound.
func (s *Store) ChargeKey(ctx context.Context, c KeyCharge) (full *KeyFull, err error) {
	err = s.onSpent(ctx, "charge API key "+c.Key, c, func(x *spent) bool {
		full = nil // this may be another try
		x.Minute.move(c.At, rateSlot, rateWindow)
		x.Day.move(c.At, dailySlot, dailyWindow)
		full = later(x.Minute.full(c, c.Rate, rateSlot, rateWindow), x.Day.full(c, c.Daily, dailySlot, dailyWindow))
		if full != nil {
			return false
		}
		x.Minute.add(c, c.Rate, rateSlot)
		x.Day.add(c, c.Daily, dailySlot)
		return true
	})
	return full, err
}

// RefundKey takes a charge back whose mail was not kept after all. That the key is
// not there any more is no error.
func (s *Store) RefundKey(ctx context.Context, c KeyCharge) error {
	err := s.onSpent(ctx, "refund API key "+c.Key, c, func(x *spent) bool {
		x.Minute.take(c, rateSlot)
		x.Day.take(c, dailySlot)
		return true
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// onSpent changes what a key has spent, in a transaction of its own, while nobody
// else does.
func (s *Store) onSpent(ctx context.Context, what string, c KeyCharge, change func(*spent) bool) error {
	return s.alone(ctx, what, func(ctx context.Context, q querier) error {
		var text string
		var x spent
		// The first statement is for the row's lock, which a SELECT takes in one database only.
		err := q.QueryRowContext(ctx, `UPDATE api_keys SET spent = spent WHERE team_id = $1 AND id = $2 RETURNING spent`, c.Team, c.Key).Scan(&text)
		if err != nil {
			return found(err)
		}
		if text != "" {
			if err := json.Unmarshal([]byte(text), &x); err != nil {
				return fmt.Errorf("what was spent: %w", err)
			}
		}
		if !change(&x) {
			return nil
		}
		_, err = q.ExecContext(ctx, `UPDATE api_keys SET spent = $3 WHERE team_id = $1 AND id = $2`, c.Team, c.Key, jsonText(x))
		return err
	})
}

// move forgets what has left the window, and counts what lies ahead of the clock,
// which was set back since, as of now.
func (y *slots) move(now time.Time, width, window time.Duration) {
	current, oldest := slotOf(now, width), slotOf(now.Add(-window), width)
	var out slots
	for _, p := range *y {
		switch p[0] = min(p[0], current); {
		case p[0] < oldest:
		case len(out) > 0 && out[len(out)-1][0] == p[0]:
			out[len(out)-1][1] += p[1]
		default:
			out = append(out, p)
		}
	}
	*y = out
}

// full tells whether a charge does not fit, and until when.
func (y slots) full(c KeyCharge, most int, width, window time.Duration) *KeyFull {
	if most == 0 {
		return nil
	}
	used := int64(c.Recipients)
	for _, p := range y {
		used += p[1]
	}
	if used <= int64(most) {
		return nil
	}
	f := &KeyFull{Max: most, Window: window, Until: c.At.Add(window + width)} // more than there is room for at all
	for _, p := range y {
		if used -= p[1]; used <= int64(most) {
			f.Until = time.UnixMilli((p[0] + 1) * width.Milliseconds()).Add(window).UTC()
			break
		}
	}
	return f
}

func (y *slots) add(c KeyCharge, most int, width time.Duration) {
	slot, n := slotOf(c.At, width), len(*y)
	switch {
	case most == 0:
	case n > 0 && (*y)[n-1][0] == slot:
		(*y)[n-1][1] += int64(c.Recipients)
	default:
		*y = append(*y, [2]int64{slot, int64(c.Recipients)})
	}
}

func (y slots) take(c KeyCharge, width time.Duration) {
	for i, p := range y {
		if p[0] == slotOf(c.At, width) {
			y[i][1] = max(0, p[1]-int64(c.Recipients))
		}
	}
}

func slotOf(at time.Time, width time.Duration) int64 { return at.UnixMilli() / width.Milliseconds() }

func later(a, b *KeyFull) *KeyFull {
	if a == nil || b != nil && b.Until.After(a.Until) {
		return b
	}
	return a
}
