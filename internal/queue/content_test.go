package queue

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// Large content is read from where it is stored while it is sent, however little
// room it takes there.
func TestLargeContentIsNotHeldInMemory(t *testing.T) {
	var whole bool
	w := newWorld(t, store.Options{Dir: t.TempDir()}, func(env email.Envelope, msg email.Content) (provider.Receipt, error) {
		_, whole = msg.(email.Bytes)
		return accepting(env, msg)
	}, live)
	w.submit(make([]byte, 4<<20)) // compresses to next to nothing
	if o := w.attempt(t.Context(), w.claimOne()); o.err != nil {
		t.Fatal(o.err)
	}
	if whole {
		t.Error("the send got all of it in memory")
	}
}

// A disk that cannot be read for a moment is tried again. Content that is gone or
// damaged waits for a person.
func TestPassingReadErrorIsTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(file string) error
		want  provider.Class
	}{
		"read error": {func(file string) error { return os.Mkdir(file, 0o700) }, provider.Retry}, // opens, and does not read
		"gone":       {func(string) error { return nil }, provider.Hold},
		"damaged":    {func(file string) error { return os.WriteFile(file, make([]byte, 2<<20), 0o600) }, provider.Hold},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w := newWorld(t, store.Options{Dir: dir}, nil, live)
			large := make([]byte, 2<<20)
			_, _ = rand.Read(large)
			id := w.submit(large)
			m, err := w.cfg.Store.Message(t.Context(), simTeam, id)
			w.must(err)
			files, _ := filepath.Glob(filepath.Join(dir, "*", m.Blob))
			if m.Blob == "" || len(files) != 1 {
				t.Fatalf("content %q in %v", m.Blob, files)
			}
			w.must(os.Remove(files[0]), c.spoil(files[0]))
			o := w.attempt(t.Context(), w.claimOne())
			if o.err == nil || o.err.Class != c.want {
				t.Errorf("%+v, want class %v", o.err, c.want)
			}
		})
	}
}
