package store_test

import (
	"strings"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// A pause is about what it names and about nothing else, until it is ended.
func TestPauseIsAboutWhatItNames(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		one, other := addAccount(t, s), addAccount(t, s)
		for name, c := range map[string]struct {
			account email.ID
			lane    email.Lane
		}{
			"the team": {"", store.EveryLane}, "a lane": {"", email.Bulk}, "an account": {one, store.EveryLane},
			"a lane of an account": {one, email.Urgent},
		} {
			p := store.Pause{Team: team, Account: c.account, Lane: c.lane, Reason: "why", Key: "key_1", At: start}
			must(t, s.Pause(t.Context(), p), s.Pause(t.Context(), p))
			list, err := s.Pauses(t.Context(), team)
			must(t, err)
			if len(list) != 1 || strings.Contains(list[0].Name, "@") != (c.account != "") {
				t.Fatalf("%s: %+v", name, list)
			}
			if list[0].Name = ""; list[0] != p {
				t.Errorf("%s: %+v", name, list)
			}
			other1, other2 := p, p
			other1.Reason, other1.Key, other1.At = "", "key_2", start.Add(time.Hour)
			other2.Reason, other2.Key = "another", "key_3"
			for _, next := range []struct{ given, want store.Pause }{{other1, p}, {other2, other2}, {other1, other2}} {
				must(t, s.Pause(t.Context(), next.given))
				list, err := s.Pauses(t.Context(), team)
				must(t, err)
				if list[0].Name = ""; len(list) != 1 || list[0] != next.want {
					t.Errorf("%s: paused again with %+v: %+v", name, next.given, list)
				}
			}
			for _, account := range []email.ID{one, other} {
				for _, lane := range []email.Lane{email.Urgent, email.Normal, email.Bulk} {
					goes, err := store.Unpaused(t.Context(), s, team, account, lane)
					must(t, err)
					want := (c.account == "" || c.account == account) && (c.lane == store.EveryLane || c.lane == lane)
					if goes == want || p.About(account, lane) != want {
						t.Errorf("%s paused: lane %d of account %s goes: %v", name, lane, account, goes)
					}
				}
			}
			must(t, s.Resume(t.Context(), team, c.account, c.lane), s.Resume(t.Context(), team, c.account, c.lane))
			if goes, err := store.Unpaused(t.Context(), s, team, one, email.Urgent); err != nil || !goes {
				t.Errorf("%s resumed: %v, %v", name, goes, err)
			}
		}
	})
}
