package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// folder is a bucket's folder: a file for each content.
type folder struct{ root *os.Root }

const (
	contentFolder = "content"
	partial       = ".part"
)

// OpenBucket opens, and makes if need be, the folder "content" in dir.
func OpenBucket(dir string, random io.Reader) (*Bucket, error) {
	path := filepath.Join(dir, contentFolder)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for contents: %w", err)
	}
	if err := syncFolder(dir); err != nil {
		return nil, fmt.Errorf("sync the data folder: %w", err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open the folder for contents: %w", err)
	}
	return &Bucket{in: folder{root}, random: random}, nil
}

func (d folder) create(name string) (blob, error) {
	f, err := d.root.OpenFile(name+partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &file{File: f, in: d, name: name}, nil
}

func (d folder) open(name string) (io.ReadCloser, error) { return d.root.Open(name) }

func (d folder) remove(name string) error {
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (d folder) names(before time.Time) ([]string, error) {
	entries, err := fs.ReadDir(d.root.FS(), ".")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && info.ModTime().Before(before) {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

func (d folder) sync() error {
	f, err := d.root.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// Unfinished tells whether a name is of a file that was never committed.
func Unfinished(name string) bool { return strings.HasSuffix(name, partial) }

// file is a content on its way into a folder.
type file struct {
	*os.File
	in   folder
	name string
}

// commit makes the file durable under its name: sync, rename, sync of the folder.
func (f *file) commit() error {
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return errors.Join(err, f.in.root.Remove(f.name+partial))
	}
	if err := f.in.root.Rename(f.name+partial, f.name); err != nil {
		return err
	}
	return f.in.sync()
}

func (f *file) abort() {
	_ = f.Close()
	_ = f.in.root.Remove(f.name + partial)
}
