package queue

import (
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// PoolCapacity is what a pool can still send.
type PoolCapacity struct {
	ID   email.ID
	Name string
	// Now, Urgent and Today are as in Capacity, of all members together: what they share
	// is counted once. Nil: a member that can send has no such limit.
	Now, Urgent, Today *int64
	NextAt             time.Time // when more may leave than Now; zero: Now is as much as may at once, or nobody knows
	Accounts           []email.ID
}

// measured is an account with its limits.
type measured struct {
	Capacity
	standings []store.Standing
}

// poolCapacity adds up what the members of a pool can send. What waits for a person
// sends nothing today; what is parked or rests sends nothing now.
func poolCapacity(p *store.Pool, of map[email.ID]measured, paused bool) PoolCapacity {
	out := PoolCapacity{ID: p.ID, Name: p.Name}
	var now, today []measured
	for _, member := range p.Members {
		out.Accounts = append(out.Accounts, member.Account)
		m := of[member.Account]
		if paused || m.Status == "held" || m.Status == "paused" {
			continue
		}
		today = append(today, m)
		if m.Status == "active" {
			now = append(now, m)
		}
		if !m.NextAt.IsZero() && (out.NextAt.IsZero() || m.NextAt.Before(out.NextAt)) {
			out.NextAt = m.NextAt
		}
	}
	out.Now, out.Urgent, out.Today = inAll(now, 0, atOnce), inAll(now, 0, urgentAtOnce), inAll(today, provider.Day, inTime)
	if out.Now == nil {
		out.NextAt = time.Time{}
	}
	return out
}

func urgentAtOnce(s *store.Standing) int64 { return max(0, s.Max-s.Used) }

func inTime(s *store.Standing) int64 { return max(0, s.Open(email.Normal)-s.Used) }

// inAll is how many messages accounts can send within their limits of a window at
// least so long, of which so much is open; nil: one of them has none.
func inAll(accounts []measured, window time.Duration, open func(*store.Standing) int64) *int64 {
	left, sum := map[string]int64{}, int64(0)
	for _, m := range accounts {
		var most *int64
		for _, s := range m.standings {
			if s.Window < window {
				continue
			}
			if _, seen := left[s.Key]; !seen {
				left[s.Key] = open(&s)
			}
			most = least(most, left[s.Key]/s.Cost)
		}
		if most == nil {
			return nil
		}
		for _, s := range m.standings {
			left[s.Key] -= *most * s.Cost // of a shorter window too, which is not read
		}
		sum += *most
	}
	return &sum
}
