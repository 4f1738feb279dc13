package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// createFile makes a file of mode 0600 with its whole content or not at all,
// and returns when it would survive a power cut. If the file is there already,
// it stays as it is and the error is fs.ErrExist: of two processes that start at
// the same time, both go on with the file of the first.
func createFile(path string, content []byte) error {
	dir := filepath.Dir(path)
	temp, err := writeTemp(dir, filepath.Base(path), content)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp) }()
	err = place(temp, path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("name %s: %w", path, err)
	}
	return errors.Join(err, syncFolder(dir)) // also for the one who came second
}

// writeTemp writes a synced file beside the wanted one. CreateTemp gives it
// mode 0600.
func writeTemp(dir, name string, content []byte) (path string, err error) {
	f, err := os.CreateTemp(dir, "."+name+".*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		_ = os.Remove(f.Name())
		return "", fmt.Errorf("write %s: %w", f.Name(), err)
	}
	return f.Name(), nil
}

// place gives a temporary file its name. A hard link never replaces a file that
// another process has put there meanwhile, as a rename would; a rename serves
// where the file system has no links.
func place(temp, path string) error {
	err := os.Link(temp, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fs.ErrExist, err)
	}
	return os.Rename(temp, path)
}

// syncFolder makes a new name in a folder durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
