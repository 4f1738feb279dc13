package queue

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// Accounts are spread evenly, and when a node goes only its own accounts move.
func TestAccountsAreSpreadOverNodes(t *testing.T) {
	three := []store.Node{{ID: "node_a"}, {ID: "node_b"}, {ID: "node_c"}}
	two := []store.Node{three[0], three[2]}
	had := map[email.ID]int{}
	for i := range 3000 {
		name := fmt.Sprintf("acc_%026d", i)
		before, after := ownerOf(three, name), ownerOf(two, name)
		had[before]++
		if before != "node_b" && after != before {
			t.Fatalf("%s moved from %s to %s, and neither has gone", name, before, after)
		}
		if after == "node_b" {
			t.Fatalf("%s belongs to a node that has gone", name)
		}
	}
	for id, n := range had {
		if n < 850 || n > 1150 {
			t.Errorf("%s has %d of 3000 accounts", id, n)
		}
	}
}

func TestRosterTellsWhoIsMissing(t *testing.T) {
	a, b := store.Node{ID: "node_a"}, store.Node{ID: "node_b"}
	leaving := b
	leaving.Leaving = true
	for _, c := range []struct {
		name          string
		before, now   []store.Node
		changed, lost bool
	}{
		{"nothing new", []store.Node{a, b}, []store.Node{a, b}, false, false},
		{"one has come", []store.Node{a}, []store.Node{a, b}, true, false},
		{"one leaves", []store.Node{a, b}, []store.Node{a, leaving}, true, false},
		{"it has left", []store.Node{a, leaving}, []store.Node{a}, false, false},
		{"one is missing", []store.Node{a, b}, []store.Node{a}, true, true},
	} {
		r := newRoster("node_a")
		if !r.owns("acc_1") {
			t.Errorf("%s: before it has looked, it is not the only one", c.name)
		}
		r.see(c.before)
		if changed, lost := r.see(c.now); changed != c.changed || lost != c.lost {
			t.Errorf("%s: changed %v, lost %v", c.name, changed, lost)
		}
		r.leave()
		if r.owns("acc_1") {
			t.Errorf("%s: it leaves, and keeps accounts", c.name)
		}
	}
}

// The log tells each node once, and again when it has changed.
func TestNodesAreToldOnce(t *testing.T) {
	a, b := store.Node{ID: "node_a", Epoch: 1}, store.Node{ID: "node_b", Epoch: 1}
	leaving, again := b, b
	leaving.Leaving, again.Epoch = true, 2
	r := newRoster("node_a")
	for i, c := range []struct{ heard, news, gone []store.Node }{
		{[]store.Node{a}, []store.Node{a}, nil},
		{[]store.Node{a, b}, []store.Node{b}, nil},
		{[]store.Node{a, leaving}, []store.Node{leaving}, nil},
		{[]store.Node{a, again}, []store.Node{again}, nil},
		{[]store.Node{a}, nil, []store.Node{again}},
		{[]store.Node{a}, nil, nil},
	} {
		if news, gone := r.tell(c.heard); !slices.Equal(news, c.news) || !slices.Equal(gone, c.gone) {
			t.Errorf("%d: told of %v and of %v, want %v and %v", i, news, gone, c.news, c.gone)
		}
	}
}

// After the database was away from all nodes, none takes the others for lost before
// they could be heard again; a node that stays away is.
func TestNodesAreHeardAgainBeforeTheyAreLost(t *testing.T) {
	url := storetest.Postgres(t)
	st := storetest.Open(t, store.Options{Dir: t.TempDir(), Database: url})
	clock := time.Now()
	elapsed := time.Hour
	e := New(Config{
		Store: st, Node: "node_a", Lease: 500 * time.Millisecond, Now: func() time.Time { return clock },
		Elapsed: func() time.Duration { return elapsed },
	})
	pass := func(d time.Duration) { clock, elapsed = clock.Add(d), elapsed+d }
	must := func(errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	must(e.Enter(t.Context()))
	lost := claimedBy(t, st, "node_b")
	state := func() email.State {
		t.Helper()
		m, err := st.Message(t.Context(), lost.Team, lost.Message)
		must(err)
		return m.Recipients[0].State
	}
	pass(time.Minute) // the database was away
	must(e.beat(t.Context()), e.takeOver(t.Context()))
	if got := state(); got != email.Sending {
		t.Errorf("right after: the other node's message is %s", got)
	}
	for range 3 {
		pass(e.cfg.Lease / 2)
		must(e.beat(t.Context()), e.takeOver(t.Context()))
	}
	if got := state(); got == email.Sending {
		t.Error("the message of a lost node is still being sent")
	}
}

// claimedBy is a message that a node was sending which nobody hears of.
func claimedBy(t *testing.T, st *store.Store, node email.ID) *store.Entry {
	t.Helper()
	ctx, now := context.Background(), time.Now()
	a := &store.Account{Team: "team_1", ID: "acc_1", Address: "app@acme.example", Transport: "smtp", Config: []byte("{}"), CreatedAt: now}
	if err := st.AddAccount(ctx, a); err != nil {
		t.Fatal(err)
	}
	m := &store.NewMessage{
		Team: a.Team, ID: "msg_1", Account: a.ID, Type: "general", Lane: email.Normal, OnUnknown: email.Hold, Content: []byte("x"),
		WrappedKey: []byte("x"), EventID: "evt_1", CreatedAt: now.Add(-time.Minute), Recipients: []store.Recipient{{Address: "b@c.example", Role: "to"}},
	}
	if err := st.AddMessage(ctx, m); err != nil {
		t.Fatal(err)
	}
	claims, err := st.Claim(ctx, store.ClaimRequest{Team: a.Team, Route: a.ID, Node: node, Epoch: 1, Now: now, Limit: 1})
	if err != nil || len(claims) != 1 {
		t.Fatalf("%d claims, %v", len(claims), err)
	}
	return claims[0]
}
