//go:build linux && powercut

package lossyfs

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// mounted is a disk in a folder, with a way to cut the power and put it on again.
type mounted struct {
	t    *testing.T
	disk *Disk
	dir  string
}

func mount(t *testing.T) *mounted {
	t.Helper()
	m := &mounted{t: t, disk: New(), dir: t.TempDir()}
	m.ok(m.disk.Mount(m.dir))
	t.Cleanup(func() { m.ok(m.disk.Unmount()) })
	return m
}

func (m *mounted) ok(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *mounted) path(name string) string { return filepath.Join(m.dir, name) }

func (m *mounted) powerCycle() {
	m.t.Helper()
	m.disk.Cut()
	m.ok(m.disk.Unmount())
	m.ok(m.disk.Mount(m.dir))
}

func (m *mounted) write(name, text string, sync bool) {
	m.t.Helper()
	f, err := os.Create(m.path(name))
	m.ok(err)
	defer f.Close()
	_, err = f.WriteString(text)
	m.ok(err)
	if sync {
		m.ok(f.Sync())
	}
}

func (m *mounted) syncDir(name string) {
	m.t.Helper()
	d, err := os.Open(m.path(name))
	m.ok(err)
	defer d.Close()
	m.ok(d.Sync())
}

func (m *mounted) holds(name, want string) {
	m.t.Helper()
	got, err := os.ReadFile(m.path(name))
	if err != nil || string(got) != want {
		m.t.Errorf("%s holds %q (%v), want %q", name, got, err, want)
	}
}

func (m *mounted) gone(name string) {
	m.t.Helper()
	if _, err := os.Stat(m.path(name)); !errors.Is(err, os.ErrNotExist) {
		m.t.Errorf("%s is there (%v), want it gone", name, err)
	}
}

func TestUnsyncedBytesVanishAndSyncedOnesStay(t *testing.T) {
	m := mount(t)
	m.write("synced", "kept", true)
	m.write("unsynced", "lost", false)
	m.syncDir(".")
	m.holds("unsynced", "lost")
	m.powerCycle()
	m.holds("synced", "kept")
	m.holds("unsynced", "")
}

func TestBytesWrittenAfterTheSyncVanish(t *testing.T) {
	m := mount(t)
	m.write("file", "abcdef", true)
	m.syncDir(".")
	f, err := os.OpenFile(m.path("file"), os.O_RDWR, 0)
	m.ok(err)
	defer f.Close()
	_, err = f.WriteAt([]byte("XY"), 1)
	m.ok(err)
	m.ok(syscall.Fdatasync(int(f.Fd())))
	_, err = f.WriteAt([]byte("Z-tail"), 4)
	m.ok(err)
	m.holds("file", "aXYdZ-tail")
	m.ok(f.Close())
	m.powerCycle()
	m.holds("file", "aXYdef")
}

func TestTruncationNeedsASync(t *testing.T) {
	m := mount(t)
	m.write("file", "abcdef", true)
	m.syncDir(".")
	m.ok(os.Truncate(m.path("file"), 2))
	m.holds("file", "ab")
	m.powerCycle()
	m.holds("file", "abcdef")

	f, err := os.OpenFile(m.path("file"), os.O_RDWR|os.O_APPEND, 0)
	m.ok(err)
	m.ok(f.Truncate(2))
	_, err = f.WriteString("!")
	m.ok(err)
	m.ok(f.Truncate(5)) // filled with zeros, not with what stood there
	m.ok(f.Sync())
	m.ok(f.Close())
	m.powerCycle()
	m.holds("file", "ab!\x00\x00")
}

func TestSyncedOpenFlagMakesEachWriteDurable(t *testing.T) {
	m := mount(t)
	f, err := os.OpenFile(m.path("file"), os.O_CREATE|os.O_WRONLY|os.O_SYNC, 0o600)
	m.ok(err)
	_, err = f.WriteString("kept")
	m.ok(err)
	m.ok(f.Close())
	m.syncDir(".")
	m.powerCycle()
	m.holds("file", "kept")
}

func TestNamesNeedTheFoldersSync(t *testing.T) {
	m := mount(t)
	m.write("nameless", "synced bytes, unsynced name", true)
	m.powerCycle()
	m.gone("nameless")

	m.ok(os.Mkdir(m.path("sub"), 0o700))
	m.syncDir(".")
	m.write("sub/file", "text", true)
	m.powerCycle()
	m.gone("sub/file")

	m.write("sub/file", "text", true)
	m.syncDir("sub")
	m.powerCycle()
	m.holds("sub/file", "text")
}

func TestRenameNeedsTheFoldersSync(t *testing.T) {
	m := mount(t)
	m.write("file", "old", true)
	m.syncDir(".")
	m.write("file.new", "new", true)
	m.ok(os.Rename(m.path("file.new"), m.path("file")))
	m.holds("file", "new")
	m.powerCycle()
	m.holds("file", "old")

	m.write("file.new", "new", true)
	m.ok(os.Rename(m.path("file.new"), m.path("file")))
	m.syncDir(".")
	m.powerCycle()
	m.holds("file", "new")
	m.gone("file.new")
}

func TestRemovalNeedsTheFoldersSync(t *testing.T) {
	m := mount(t)
	m.write("file", "text", true)
	m.ok(os.Link(m.path("file"), m.path("twin")))
	m.syncDir(".")
	m.ok(os.Remove(m.path("file")))
	m.gone("file")
	m.powerCycle()
	m.holds("file", "text")

	m.ok(os.Remove(m.path("file")))
	m.syncDir(".")
	m.powerCycle()
	m.gone("file")
	m.holds("twin", "text")
}

func TestListingAndFoldersWork(t *testing.T) {
	m := mount(t)
	for _, name := range []string{"b", "a", "c"} {
		m.write(name, name, false)
	}
	m.ok(os.MkdirAll(m.path("d/e"), 0o700))
	entries, err := os.ReadDir(m.dir)
	m.ok(err)
	var got string
	for _, e := range entries {
		got += e.Name()
	}
	if got != "abcd" {
		t.Errorf("listed %q, want abcd", got)
	}
	if err := os.Remove(m.path("d")); !errors.Is(err, syscall.ENOTEMPTY) {
		t.Errorf("removing a full folder: %v, want ENOTEMPTY", err)
	}
	m.ok(os.RemoveAll(m.path("d")))
	m.gone("d")
}

func TestEverythingFailsAfterTheCut(t *testing.T) {
	m := mount(t)
	f, err := os.Create(m.path("file"))
	m.ok(err)
	m.disk.Cut()
	if _, err := f.WriteString("text"); !errors.Is(err, syscall.EIO) {
		t.Errorf("write: %v, want EIO", err)
	}
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("sync: %v, want EIO", err)
	}
	if _, err := os.Create(m.path("other")); !errors.Is(err, syscall.EIO) {
		t.Errorf("create: %v, want EIO", err)
	}
	f.Close()
	m.powerCycle()
	m.gone("file")
}

func TestFailedSyncLosesItsBytes(t *testing.T) {
	m := mount(t)
	m.write("file", "abcdef", true)
	m.syncDir(".")
	f, err := os.OpenFile(m.path("file"), os.O_RDWR, 0)
	m.ok(err)
	defer f.Close()
	_, err = f.WriteAt([]byte("XY"), 1)
	m.ok(err)
	m.disk.Fail(Failure{Op: Sync, File: "file", With: syscall.EIO, Left: 1})
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("sync: %v, want EIO", err)
	}
	m.holds("file", "aXYdef")
	m.ok(f.Sync())
	m.ok(f.Close())
	m.powerCycle()
	m.holds("file", "abcdef")
}

func TestFailedWritesAreTold(t *testing.T) {
	m := mount(t)
	f, err := os.Create(m.path("file"))
	m.ok(err)
	defer f.Close()
	m.disk.Fail(Failure{Op: Write, With: syscall.EIO, Half: true, Left: 1}, Failure{Op: Create, With: syscall.EROFS})
	if _, err := f.WriteString("abcdef"); !errors.Is(err, syscall.EIO) {
		t.Errorf("write: %v, want EIO", err)
	}
	m.holds("file", "abc")
	if _, err := os.Create(m.path("other")); !errors.Is(err, syscall.EROFS) {
		t.Errorf("create: %v, want EROFS", err)
	}
	m.disk.Fail()
	_, err = f.WriteAt([]byte("abcdef"), 0)
	m.ok(err)
	m.holds("file", "abcdef")
}
