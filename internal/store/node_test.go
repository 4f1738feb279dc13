package store_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

func TestNodesAreKnownToEachOther(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		opt.Version = "v7"
		s := storetest.Open(t, opt)
		seen := func() (out []string) {
			t.Helper()
			nodes, err := s.Nodes(t.Context(), time.Minute)
			must(t, err)
			for _, n := range nodes {
				state := n.ID + " " + n.Version
				if n.Leaving {
					state += " leaving"
				}
				out = append(out, state)
			}
			return out
		}
		is := func(when string, want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, seen()); diff != "" {
				t.Errorf("%s: %s", when, diff)
			}
		}
		epoch, err := s.Enter(t.Context(), "node_a")
		must(t, err)
		_, err = s.Enter(t.Context(), "node_b")
		must(t, err)
		is("both have entered", "node_a v7", "node_b v7")
		must(t, s.Retire(t.Context(), "node_a", epoch))
		is("one retires", "node_a v7 leaving", "node_b v7")
		must(t, s.Heartbeat(t.Context(), "node_a", epoch))
		is("and beats until it is done", "node_a v7 leaving", "node_b v7")
		must(t, s.Leave(t.Context(), "node_a", epoch))
		is("it has left", "node_b v7")
		_, err = s.Enter(t.Context(), "node_a")
		must(t, err)
		must(t, s.Retire(t.Context(), "node_a", epoch)) // of an earlier life
		is("it is back", "node_a v7", "node_b v7")
	})
}

// What is said reaches whoever listens, in one piece however much it is, and so
// does that nodes come and go.
func TestNodesHearEachOther(t *testing.T) {
	url := storetest.Postgres(t)
	one := storetest.Open(t, store.Options{Dir: t.TempDir(), Database: url})
	other := storetest.Open(t, store.Options{Dir: t.TempDir(), Database: url})
	wakes, nodes := make(chan store.Wake, 1000), make(chan struct{}, 10)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- other.Listen(ctx, store.Heard{Wake: func(w store.Wake) { wakes <- w }, Nodes: func() { nodes <- struct{}{} }})
	}()
	receive(t, nodes, "that the line is there")
	line := one.NewLine()
	defer line.Close()
	var said []store.Wake
	for range 250 {
		said = append(said, store.Wake{Team: team, Route: newID(t, "acc")})
	}
	must(t, line.Say(t.Context(), said))
	for _, want := range said {
		if got := receive(t, wakes, "a wake"); got != want {
			t.Fatalf("heard %v, want %v", got, want)
		}
	}
	_, err := one.Enter(t.Context(), "node_a")
	must(t, err)
	receive(t, nodes, "that a node has come")
	cancel()
	if err := receive(t, ended, "the end"); err == nil {
		t.Error("listening ended without a reason")
	}
}

// A line that the server has cut is made anew.
func TestLineIsMadeAnew(t *testing.T) {
	url := storetest.Postgres(t)
	s := storetest.Open(t, store.Options{Dir: t.TempDir(), Database: url})
	line := s.NewLine()
	defer line.Close()
	wake := []store.Wake{{Team: team, Route: "acc_1"}}
	must(t, line.Say(t.Context(), wake))
	endSessions(t, url)
	for deadline := time.Now().Add(10 * time.Second); ; {
		err := line.Say(t.Context(), wake)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func receive[T any](t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(10 * time.Second):
		t.Fatalf("not heard: %s", what)
	}
	return v
}

// endSessions ends all sessions of a database, as a server does that shuts down (57P01).
func endSessions(t *testing.T, url string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	must(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	must(t, err)
}
