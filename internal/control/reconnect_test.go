package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/queue"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
)

// A consent that its user took back holds the account and keeps its mail; after
// connecting again all of it leaves, once.
func TestReconnectedMailLeavesOnce(t *testing.T) {
	const n = 1000
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	made := w.connected(t, NewConsent{Credential: w.oauthClient(t, "installed"), Address: grace}, grace)
	_, err := w.UpdateAccount(t.Context(), w.grant, made.Account.ID, ChangeAccount{Config: json.RawMessage(
		`{"limits": {"units_per_minute": 1000000, "per_day": 100000, "recipients_per_day": 100000}}`)}) // Google's would take a quarter of an hour
	must(t, err)
	w.google.Revoke(grace)
	w.submit(t, made.Account.ID, n)
	w.run(t)
	w.eventually(t, "the account is held", func() bool { return w.accountNow(t, made.Account.ID).Held })
	if taken := w.taken(t); len(taken) != 0 {
		t.Fatalf("%d messages left without a consent", len(taken))
	}
	again := w.connected(t, NewConsent{Credential: w.clientOf(t, made.Credential), Address: grace}, grace)
	if !again.Again || again.Account.Held {
		t.Errorf("connected again: %+v", again)
	}
	w.eventually(t, "all mail has left", func() bool { return len(w.taken(t)) >= n })
	for id, times := range w.taken(t) {
		if times != 1 {
			t.Errorf("%s left %d times", id, times)
		}
	}
	if got := len(w.taken(t)); got != n {
		t.Errorf("%d messages left, want %d", got, n)
	}
	h, err := w.Health(t.Context(), w.grant, made.Account.ID, time.Now().Add(-time.Hour))
	must(t, err)
	if len(h.Trouble) != 1 || h.Trouble[0].State != TroubleHeld || h.Trouble[0].Goes || h.Trouble[0].Fix == "" || h.Well <= 0 || h.Well >= 1 {
		t.Errorf("its health: %+v", h)
	}
}

func (w *withGoogle) accountNow(t *testing.T, id email.ID) Account {
	t.Helper()
	a, err := w.Account(t.Context(), w.grant, id)
	must(t, err)
	return a
}

// clientOf is the OAuth client of a user's credential.
func (w *withGoogle) clientOf(t *testing.T, id email.ID) email.ID { return w.public(t, id, "client") }

func (w *withGoogle) submit(t *testing.T, account email.ID, n int) {
	t.Helper()
	to, err := email.ParseAddress("someone@y.example")
	must(t, err)
	subs := make([]queue.Submission, n)
	for i := range subs {
		subs[i] = queue.Submission{Account: account, To: []email.Address{to}, Subject: fmt.Sprint(i), Text: "x"}
	}
	_, err = w.cfg.Engine.SubmitBatch(t.Context(), w.grant, subs, true)
	must(t, err)
}

// run starts the engine until the test ends.
func (w *withGoogle) run(t *testing.T) {
	t.Helper()
	must(t, w.cfg.Engine.Enter(t.Context()))
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.cfg.Engine.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		must(t, <-done)
	})
}

// taken counts, by the ledger outside gatepost, how often each message left.
func (w *withGoogle) taken(t *testing.T) map[email.ID]int {
	t.Helper()
	b, err := os.ReadFile(w.google.LedgerFile)
	must(t, err)
	out := map[email.ID]int{}
	for line := range bytes.Lines(b) {
		var e sandbox.Entry
		must(t, json.Unmarshal(line, &e))
		out[e.GatepostID]++
	}
	return out
}

func (w *withGoogle) eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(90 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not come to that: %s", what)
		}
	}
}
