package queue

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/store"
)

// One message that waits must not make the memory of all that came after it grow.
func TestRecentStaysSmallBehindOneThatWaits(t *testing.T) {
	r := newRecent()
	r.put(&store.NewMessage{ID: "msg_waits"})
	for i := range 10_000 {
		id := fmt.Sprintf("msg_%d", i)
		r.put(&store.NewMessage{ID: id})
		if r.take(&store.Entry{Message: id, Attempt: 1}) == nil {
			t.Fatal("what was just put is not there")
		}
	}
	if len(r.stored.order) > 100 {
		t.Errorf("%d places for %d messages", len(r.stored.order), len(r.stored.kept))
	}
	if r.take(&store.Entry{Message: "msg_waits", Attempt: 1}) == nil {
		t.Error("the one that waits was lost")
	}
}

// The oldest message is sent next, so a full shelf keeps it, until it has waited so
// long that its account is not sending.
func TestRecentKeepsTheOldestWhileMailFlows(t *testing.T) {
	r := newRecent()
	put := func(id string, at time.Duration) {
		r.put(&store.NewMessage{ID: id, Content: make([]byte, shelfBytes/4), CreatedAt: simStart.Add(at)})
	}
	has := func(id string) bool { return r.stored.kept[id].Stored != nil }
	for i := range 5 {
		put(fmt.Sprint(i), time.Duration(i)*time.Second)
	}
	if !has("0") || !has("2") || has("3") || has("4") || r.stored.bytes > shelfBytes {
		t.Errorf("a full shelf has %d messages, %d bytes", len(r.stored.kept), r.stored.bytes)
	}
	put("late", shelfTime+time.Second)
	if !has("late") || has("0") || !has("1") || len(r.stored.kept) != 3 {
		t.Errorf("after a while it has %d messages", len(r.stored.kept))
	}
	r.put(&store.NewMessage{ID: "large", Content: make([]byte, 2*shelfBytes), CreatedAt: simStart.Add(time.Hour)})
	if len(r.stored.kept) != 1 || !has("large") {
		t.Error("one that is larger than the shelf does not get it alone")
	}
}

// What is read ahead for claims is what each send would read, and is given to no
// other claim of the same message.
func TestClaimsAreReadAhead(t *testing.T) {
	w := newWorld(t, store.Options{Dir: t.TempDir()}, nil, nil)
	for range 3 {
		w.submit()
	}
	w.recent = newRecent() // as after a restart
	entries, err := w.cfg.Store.Claim(t.Context(), store.ClaimRequest{
		Team: simTeam, Route: worldAccount, Node: w.cfg.Node, Epoch: w.epoch, Now: w.now, Limit: 3,
	})
	w.must(err)
	var claims []claimed
	for _, en := range entries {
		claims = append(claims, claimed{Entry: en})
	}
	w.readAhead(t.Context(), simTeam, claims)
	for _, en := range entries[1:] {
		want, err := w.cfg.Store.Load(t.Context(), simTeam, en.Message)
		w.must(err)
		if diff := cmp.Diff(want, w.recent.take(en)); diff != "" {
			t.Error(diff)
		}
	}
	later := *entries[0]
	later.Fence++
	later.Attempt++
	if w.recent.take(&later) != nil {
		t.Error("a later claim got what was read for an earlier one")
	}
	if w.recent.ahead.bytes != 0 {
		t.Errorf("%d bytes are left", w.recent.ahead.bytes)
	}
}
