package store_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// A full disk is told as one, loses nothing that was kept, and is over as soon as
// there is room.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); errors.Is(err, syscall.EPERM) {
		t.Skip("a full disk: it needs root") // scripts/test names it
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s := storetest.Open(t, store.Options{Dir: dir})
	kept := 0
	write := func() error { return s.Ping(t.Context(), time.Unix(int64(kept), 0)) }
	fill := filepath.Join(dir, "fill")
	if err := os.WriteFile(fill, make([]byte, 4<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	var err error
	for kept = 0; kept < 5000 && err == nil; kept++ {
		err = write()
	}
	if err == nil || !store.Full(err) {
		t.Fatalf("after %d writes: %v", kept, err)
	}
	w, err := s.Bucket.Create()
	if err == nil {
		_, err = w.Write(make([]byte, 1<<20))
		w.Abort()
	}
	if err == nil || !store.Full(err) {
		t.Errorf("a large content: %v", err)
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	if err := write(); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestTroubleIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		err               error
		full, unavailable bool
	}{
		"something": {errors.New("x"), false, false},
		"no space":  {fmt.Errorf("write: %w", syscall.ENOSPC), true, false},
		"hung up":   {fmt.Errorf("list accounts: %w", io.ErrUnexpectedEOF), false, true},
		"quota":     {fmt.Errorf("write: %w", syscall.EDQUOT), true, false},
	} {
		if store.Full(c.err) != c.full || store.Unavailable(c.err) != c.unavailable {
			t.Errorf("%s: full %v, unavailable %v", name, store.Full(c.err), store.Unavailable(c.err))
		}
	}
}
