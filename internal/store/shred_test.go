package store_test

import (
	"errors"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

func shredded(t *testing.T, s *store.Store, id email.ID) bool {
	t.Helper()
	_, err := s.Load(t.Context(), team, id)
	if err != nil && !errors.Is(err, store.ErrShredded) {
		t.Fatal(err)
	}
	m, err2 := s.Message(t.Context(), team, id)
	must(t, err2)
	if gone := err != nil; gone != !m.ShreddedAt.IsZero() || gone && m.Blob != "" {
		t.Errorf("the row says %s, blob %q", m.ShreddedAt, m.Blob)
	}
	return err != nil
}

// Content that goes with the last verdict is there until then, however that comes.
func TestContentGoesWithTheLastVerdict(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		secret := func(to ...string) email.ID {
			m := newMessage(t, route, to...)
			m.Shred, m.ExpiresAt = true, start.Add(time.Minute)
			must(t, s.AddMessage(t.Context(), m))
			return m.ID
		}
		sent := secret("a@b.example", "c@d.example")
		finish(t, s, claimOne(t, s, route), email.Accepted)
		if shredded(t, s, sent) {
			t.Error("gone while a recipient waits")
		}
		e := claimOne(t, s, route)
		f := store.FinishOf(e, start)
		f.Verdicts = []store.Verdict{{N: 1, State: email.Accepted}}
		f.Events = []store.Event{event(t, email.EventAccepted)}
		must(t, s.FinishAttempts(t.Context(), f)...)
		canceled := secret("a@b.example")
		must(t, s.Cancel(t.Context(), team, canceled, event(t, email.EventCanceled)))
		kept := newMessage(t, route, "a@b.example")
		must(t, s.AddMessage(t.Context(), kept))
		finish(t, s, claimOne(t, s, route), email.Accepted)
		if !shredded(t, s, sent) || !shredded(t, s, canceled) || shredded(t, s, kept.ID) {
			t.Errorf("gone: %v, %v, %v", shredded(t, s, sent), shredded(t, s, canceled), shredded(t, s, kept.ID))
		}
	})
}

func TestKeptContentIsLookedAtAndShredded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		done := newMessage(t, route, "a@b.example")
		done.ShredAt = start.Add(time.Hour)
		must(t, s.AddMessage(t.Context(), done))
		finish(t, s, claimOne(t, s, route), email.Failed)
		waits := newMessage(t, route, "a@b.example")
		waits.ShredAt = start.Add(2 * time.Hour)
		must(t, s.AddMessage(t.Context(), waits))
		look := func(at time.Time, want int) []store.Keeping {
			t.Helper()
			ks, err := s.Keepings(t.Context(), at, 10)
			must(t, err)
			if len(ks) != want {
				t.Fatalf("at %s: %+v", at, ks)
			}
			return ks
		}
		look(start, 0)
		ks := look(start.Add(2*time.Hour), 2)
		if ks[0].Message != done.ID || ks[0].Waiting || !ks[0].FinalAt.Equal(start) || ks[0].Type != "general" || !ks[1].Waiting {
			t.Errorf("looked at %+v", ks)
		}
		must(t, s.Keep(t.Context(), ks[1], start.Add(9*time.Hour)))
		look(start.Add(3*time.Hour), 1)

		// Somebody has it tried again between the look and the shredding.
		_, err := s.Retry(t.Context(), store.Retry{Team: team, Message: done.ID, KeepUntil: start.Add(5 * time.Hour), Event: event(t, email.EventRetried)})
		must(t, err)
		if gone, err := s.Shred(t.Context(), ks[0], start.Add(2*time.Hour), start); err != nil || gone || shredded(t, s, done.ID) {
			t.Errorf("what is tried again was shredded: %v, %v", gone, err)
		}
		finish(t, s, claimOne(t, s, route), email.Accepted)
		ks = look(start.Add(6*time.Hour), 1)
		if gone, err := s.Shred(t.Context(), ks[0], start.Add(6*time.Hour), start); err != nil || !gone || !shredded(t, s, done.ID) {
			t.Errorf("it was not shredded: %v, %v", gone, err)
		}
		look(start.Add(6*time.Hour), 0)
	})
}

func TestUploadsAreKeptForATime(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		add := func(id email.ID, expires time.Time) store.Upload {
			u := store.Upload{
				Team: team, ID: id, Filename: "räksmörgås.pdf", ContentType: "application/pdf", Size: 5,
				CreatedAt: start, ExpiresAt: expires,
			}
			must(t, s.AddUpload(t.Context(), u, store.UploadContent{WrappedKey: []byte("key"), Content: []byte("bytes")}))
			return u
		}
		a := add("upl_1", start.Add(time.Hour))
		b := add("upl_2", start.Add(2*time.Hour))
		list, err := s.Uploads(t.Context(), team, start)
		must(t, err)
		if len(list) != 2 || list[0] != b || list[1] != a {
			t.Errorf("list: %+v", list)
		}
		got, err := s.UploadContent(t.Context(), team, a.ID)
		must(t, err)
		if string(got.Content) != "bytes" || string(got.WrappedKey) != "key" {
			t.Errorf("content: %+v", got)
		}
		if _, err := s.Upload(t.Context(), team, a.ID, a.ExpiresAt); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("after its time: %v", err)
		}
		if _, err := s.Upload(t.Context(), "team_2", a.ID, start); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("by another team: %v", err)
		}
		if n, err := s.ExpireUploads(t.Context(), a.ExpiresAt); err != nil || n != 1 {
			t.Errorf("%d removed, %v", n, err)
		}
		must(t, s.RemoveUpload(t.Context(), team, b.ID))
		if err := s.RemoveUpload(t.Context(), team, b.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("removed twice: %v", err)
		}
	})
}
