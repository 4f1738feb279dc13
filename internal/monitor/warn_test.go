package monitor

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
	"gatepost/internal/vault"
)

func (w *world) told(subject email.ID) []string {
	w.t.Helper()
	events, err := w.store.Events(w.t.Context(), team, subject)
	w.must(err)
	out := make([]string, len(events))
	for i, e := range events {
		what, _, _ := strings.Cut(e.Data.Text, ".")
		out[i] = fmt.Sprintf("%s %s", e.Kind, what)
		if e.Data.Fix == "" || e.Data.EndsAt == 0 || e.Data.Cause == "" || e.At.IsZero() {
			w.t.Errorf("the event %+v lacks something", e)
		}
	}
	return out
}

// TestEachMarkIsToldOnce: two nodes that look at the same moment, again and again and
// after restarts, tell each mark of each end once. A renewed secret is told of no more
// until its new end is near.
func TestEachMarkIsToldOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt)
		two := w.other()
		ends := start.Add(35 * day)
		w.app("cred_a", ends.Format(time.RFC3339))
		w.credential("cred_pw", vault.KindPassword, map[string]string{}, "p", start)
		w.account("acc_old", "old@contoso.example", "smtp", "cred_pw", `{"host":"smtp.office365.com"}`)
		var log lines
		look := func(at time.Time) {
			t.Helper()
			w.clock.set(at)
			var nodes sync.WaitGroup
			for _, st := range []*store.Store{w.store, two, w.store, two} {
				x := w.watch(st, func(c *WatchConfig) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
				nodes.Go(func() {
					if err := x.Warn(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			nodes.Wait()
		}
		for d := range 43 {
			look(start.Add(time.Duration(d) * day))
		}
		want := []string{
			"credential.expiring client secret ends in 30 days", "credential.expiring client secret ends in 14 days", "credential.expiring client secret ends in 3 days",
			"credential.expiring client secret ends within a day", "credential.expired client secret ended on 2026-12-27",
		}
		if diff := cmp.Diff(want, w.told("cred_a")); diff != "" {
			t.Error(diff)
		}
		if got := w.told("acc_old"); len(got) != 5 || got[0] != "account.warning passwords at Exchange Online's SMTP: in 30 days" || got[4] != "account.warning passwords at Exchange Online's SMTP: since 2026-12-31" {
			t.Errorf("%q", got)
		}
		text := log.String()
		if n := strings.Count(text, "level=WARN"); n != 10 || strings.Contains(text, "@") {
			t.Errorf("%d lines, without addresses? %s", n, text)
		}

		w.renew("cred_a", start.Add(400*day))
		for d := 43; d < 60; d++ {
			look(start.Add(time.Duration(d) * day))
		}
		if got := w.told("cred_a"); len(got) != 5 {
			t.Errorf("after it was renewed: %q", got[5:])
		}
		look(start.Add(398 * day)) // marks that were missed are not made up for
		if got := w.told("cred_a"); len(got) != 6 || got[5] != "credential.expiring client secret ends in 2 days" {
			t.Errorf("near its new end: %q", got[5:])
		}
		w.must(w.store.DeleteCredential(t.Context(), team, "cred_a", func(store.Credential) bool { return false }))
		left, err := w.store.Warnings(t.Context(), team)
		w.must(err)
		if len(left) != 1 || left[0].Subject != "acc_old" {
			t.Errorf("once it is removed: %+v", left)
		}
	})
}

// TestRun: tokens are used before anything is warned of, and the end of the context is the
// end of it.
func TestRun(t *testing.T) {
	w := newWorld(t, store.Options{Dir: t.TempDir()})
	w.users(start.AddDate(0, -5, -20), 1) // it would end in ten days
	w.app("cred_a", start.Add(10*day).Format(time.RFC3339))
	x := w.watch(w.store)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		x.Run(ctx)
		close(ended)
	}()
	for end := time.Now().Add(20 * time.Second); len(w.told("cred_a")) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing was told")
		}
	}
	stop()
	<-ended
	if got := w.told("cred_user000"); len(got) != 0 {
		t.Errorf("a token that could be used was warned of: %q", got)
	}
	if all, _ := w.end.calls(); all != 1 {
		t.Errorf("%d calls", all)
	}
}

// lines is a log that several write.
type lines struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(b)
}

// renew gives an app registration a secret that ends at a time.
func (w *world) renew(id email.ID, ends time.Time) {
	w.t.Helper()
	row, err := w.store.Credential(w.t.Context(), team, id)
	w.must(err)
	row.Public = []byte(strings.Replace(string(row.Public), `"expires_at":"2026-12-27T09:00:00Z"`, `"expires_at":"`+ends.Format(time.RFC3339)+`"`, 1))
	row.UpdatedAt = w.clock.now()
	w.must(w.store.ReplaceCredential(w.t.Context(), row))
}

// TestNextEnds: the soonest of each kind, read again after a while.
func TestNextEnds(t *testing.T) {
	w := newWorld(t, store.Options{Dir: t.TempDir()})
	w.app("cred_b", start.Add(20*day).Format(time.RFC3339))
	w.app("cred_a", start.Add(10*day).Format(time.RFC3339))
	x := w.watch(w.store)
	next := func() map[string]time.Time {
		t.Helper()
		at, err := x.NextEnds(t.Context())
		w.must(err)
		return at
	}
	if diff := cmp.Diff(map[string]time.Time{KindSecret: start.Add(10 * day)}, next()); diff != "" {
		t.Error(diff)
	}
	w.app("cred_c", start.Add(5*day).Format(time.RFC3339))
	if got := next()[KindSecret]; !got.Equal(start.Add(10 * day)) {
		t.Errorf("asked again at once it was read again: %v", got)
	}
	w.clock.set(start.Add(2 * time.Minute))
	if got := next()[KindSecret]; !got.Equal(start.Add(5 * day)) {
		t.Errorf("after two minutes: %v", got)
	}
}
