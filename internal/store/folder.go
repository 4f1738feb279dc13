package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gatepost/internal/email"
)

// FolderLock keeps other processes from using a data folder. The system takes it
// back when the process ends, however it ends.
type FolderLock struct{ f *os.File }

// ErrLocked says that another process uses the data folder.
var ErrLocked = errors.New("the data folder is in use by another gatepost")

// LockFolder takes the data folder for this process.
func LockFolder(dir string) (*FolderLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		pid, _ := io.ReadAll(io.LimitReader(f, 20))
		_ = f.Close()
		return nil, fmt.Errorf("%w (%s, process %s)", ErrLocked, dir, strings.TrimSpace(string(pid)))
	}
	if err := f.Truncate(0); err == nil {
		_, _ = fmt.Fprintln(f, os.Getpid())
	}
	return &FolderLock{f}, nil
}

// Unlock gives the folder back.
func (l *FolderLock) Unlock() error { return l.f.Close() }

// NodeID is the name under which this data folder's process takes part, made on
// first use and kept in the folder: a node that comes back knows what its earlier
// epochs were sending.
func NodeID(dir string, random io.Reader) (email.ID, error) {
	path := filepath.Join(dir, "node")
	b, err := os.ReadFile(path)
	if id := strings.TrimSpace(string(b)); err == nil {
		if _, err := email.ParseID(email.PrefixNode, id); err != nil {
			return "", fmt.Errorf("read %s: %w: restore the file, or remove it if no other node has its name", path, err)
		}
		return id, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the node's name: %w", err)
	}
	id, err := email.NewID(email.PrefixNode, time.Now(), random)
	if err != nil {
		return "", err
	}
	return id, writeSynced(path, id+"\n")
}

func writeSynced(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
