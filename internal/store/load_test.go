package store_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// Many messages are read as they are read one by one, those that Load has an error
// for left out, and the reader may stop when it has enough.
func TestLoadAllReadsWhatLoadReads(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		ids := []email.ID{"msg_none"}
		for i := range 70 {
			m := newMessage(t, route, fmt.Sprintf("b%d@b.example", i), "a@b.example")
			must(t, s.AddMessage(t.Context(), m))
			ids = append(ids, m.ID)
		}
		got := map[email.ID]*store.Stored{}
		must(t, s.LoadAll(t.Context(), team, ids, func(id email.ID, m *store.Stored) bool { got[id] = m; return true }))
		if len(got) != 70 {
			t.Errorf("%d messages", len(got))
		}
		for id, m := range got {
			one, err := s.Load(t.Context(), team, id)
			must(t, err)
			if diff := cmp.Diff(one, m); diff != "" || len(m.Open) != 2 || len(m.Content) == 0 {
				t.Errorf("%d recipients, %d bytes; %s", len(m.Open), len(m.Content), diff)
			}
		}
		n := 0
		must(t, s.LoadAll(t.Context(), team, ids, func(email.ID, *store.Stored) bool { n++; return n < 40 }))
		if n != 40 {
			t.Errorf("%d messages after it was enough", n)
		}
		if _, err := s.Load(t.Context(), team, "msg_none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a message that is not there: %v", err)
		}
		if _, err := s.Load(t.Context(), "team_other", ids[1]); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a message of another team: %v", err)
		}
	})
}

// BenchmarkLoad is what it costs to read a message for its send: alone, and as one
// of many.
func BenchmarkLoad(b *testing.B) {
	s := storetest.Open(b, store.Options{Dir: b.TempDir()})
	var ids []email.ID
	for range 32 {
		m := newMessage(b, "acc_1", "a@b.example")
		m.Content = make([]byte, 1700)
		if err := s.AddMessage(b.Context(), m); err != nil {
			b.Fatal(err)
		}
		ids = append(ids, m.ID)
	}
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := s.Load(b.Context(), team, ids[i%32]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ofmany", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if i%32 != 0 {
				continue
			}
			if err := s.LoadAll(b.Context(), team, ids, func(email.ID, *store.Stored) bool { return true }); err != nil {
				b.Fatal(err)
			}
		}
	})
}
