package store_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// large is more than two pieces, and no whole number of them.
func large(t *testing.T) []byte {
	b := make([]byte, 600<<10+17)
	_, err := rand.Read(b)
	must(t, err)
	return b
}

func write(t *testing.T, s *store.Store, b []byte) (name string) {
	t.Helper()
	w, err := s.Bucket.Create()
	must(t, err)
	for part := b; len(part) > 0; part = part[min(len(part), 5000):] {
		_, err := w.Write(part[:min(len(part), 5000)])
		must(t, err)
	}
	must(t, w.Commit())
	return w.Name
}

func read(s *store.Store, name string) ([]byte, error) {
	r, err := s.Bucket.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestContentIsWhatWasWritten(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s, want := storetest.Open(t, opt), large(t)
		name := write(t, s, want)
		got, err := read(s, name)
		must(t, err)
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back of %d", len(got), len(want))
		}
		must(t, s.Bucket.Remove(name), s.Bucket.Remove(name))
		if _, err := read(s, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a removed content: %v", err)
		}
	})
}

// On PostgreSQL another node, with a data folder of its own, reads what one wrote.
func TestContentIsThereForOtherNodes(t *testing.T) {
	url := storetest.Postgres(t)
	one := storetest.Open(t, store.Options{Dir: t.TempDir(), Database: url})
	other := storetest.Open(t, store.Options{Dir: t.TempDir(), Database: url})
	want := large(t)
	got, err := read(other, write(t, one, want))
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes came back of %d", len(got), len(want))
	}
}

func TestSweepTakesWhatNoRowNames(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		named, forgotten := write(t, s, large(t)), write(t, s, large(t))
		w, err := s.Bucket.Create()
		must(t, err)
		_, err = w.Write(large(t)) // and a crash
		must(t, err)
		m := newMessage(t, route, "a@b.example")
		m.Content, m.Blob = nil, named
		must(t, s.AddMessage(t.Context(), m))

		early, err := s.SweepBucket(t.Context(), time.Now().Add(-time.Hour))
		must(t, err)
		if early != 0 {
			t.Errorf("%d contents of the last hour were swept", early)
		}
		n, err := s.SweepBucket(t.Context(), time.Now().Add(time.Hour))
		must(t, err)
		if n != 2 {
			t.Errorf("%d contents were swept, want the forgotten and the unfinished", n)
		}
		if _, err := read(s, forgotten); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the forgotten content: %v", err)
		}
		if _, err := read(s, named); err != nil {
			t.Errorf("the content of a message: %v", err)
		}
	})
}

func TestAbortedContentLeavesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		w, err := s.Bucket.Create()
		must(t, err)
		_, err = w.Write(large(t))
		must(t, err)
		w.Abort()
		names, err := s.Bucket.Names(time.Now().Add(time.Hour))
		must(t, err)
		if len(names) > 0 {
			t.Errorf("there is still %v", names)
		}
	})
}

// A data folder of an earlier version, with contents beside a PostgreSQL database.
func TestContentsMoveIntoTheDatabase(t *testing.T) {
	opt := store.Options{Dir: t.TempDir(), Database: storetest.Postgres(t)}
	old, err := store.OpenBucket(opt.Dir, rand.Reader)
	must(t, err)
	w, err := old.Create()
	must(t, err)
	want := large(t)
	_, err = w.Write(want)
	must(t, err, w.Commit())
	path := filepath.Join(opt.Dir, "content", w.Name)
	unnamed := filepath.Join(opt.Dir, "content", "unnamed")
	must(t, os.WriteFile(unnamed, []byte("left by a crash"), 0o600))

	before := storetest.Open(t, store.Options{Dir: t.TempDir(), Database: opt.Database})
	m := newMessage(t, addAccount(t, before), "a@b.example")
	m.Content, m.Blob = nil, w.Name
	must(t, before.AddMessage(t.Context(), m))

	s := storetest.Open(t, opt)
	got, err := read(s, w.Name)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes came back of %d", len(got), len(want))
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file: %v", err)
	}
	if _, err := os.Stat(unnamed); err != nil {
		t.Errorf("a file that no row names: %v", err)
	}
}
