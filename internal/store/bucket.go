package store

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Bucket is the folder where contents too large for a row lie, each in a file
// with a random name. A file is complete and on disk before the row that names
// it is written, and deleted after that row is: what no row names is swept by
// age.
type Bucket struct {
	root   *os.Root
	random io.Reader
}

const partial = ".part"

// OpenBucket opens, and makes if need be, the folder "content" in dir.
func OpenBucket(dir string, random io.Reader) (*Bucket, error) {
	path := filepath.Join(dir, "content")
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
	return &Bucket{root: root, random: random}, nil
}

// BlobWriter writes one file of the bucket. It does not exist under its name
// before Commit.
type BlobWriter struct {
	*bufio.Writer
	b    *Bucket
	f    *os.File
	Name string
}

// Create starts a file.
func (b *Bucket) Create() (*BlobWriter, error) {
	var id [16]byte
	if _, err := io.ReadFull(b.random, id[:]); err != nil {
		return nil, fmt.Errorf("name a content file: %w", err)
	}
	name := hex.EncodeToString(id[:])
	f, err := b.root.OpenFile(name+partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create a content file: %w", err)
	}
	return &BlobWriter{Writer: bufio.NewWriterSize(f, 64<<10), b: b, f: f, Name: name}, nil
}

// Commit makes the file durable under its name: flush, sync, rename, sync of the
// folder.
func (w *BlobWriter) Commit() error {
	err := w.Flush()
	if err == nil {
		err = w.f.Sync()
	}
	if err := errors.Join(err, w.f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write content file: %w", err), w.b.root.Remove(w.Name+partial))
	}
	if err := w.b.root.Rename(w.Name+partial, w.Name); err != nil {
		return fmt.Errorf("name content file: %w", err)
	}
	return w.b.sync()
}

// Abort removes what was written.
func (w *BlobWriter) Abort() {
	_ = w.f.Close()
	_ = w.b.root.Remove(w.Name + partial)
}

func (b *Bucket) sync() error {
	d, err := b.root.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync the folder for contents: %w", err)
	}
	return nil
}

// Open opens a file of the bucket for reading.
func (b *Bucket) Open(name string) (io.ReadCloser, error) { return b.root.Open(name) }

// Remove deletes a file; it is no error if there is none.
func (b *Bucket) Remove(name string) error {
	if err := b.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove content file: %w", err)
	}
	return nil
}

// Names lists the files, unfinished ones included, that were last written before
// a time.
func (b *Bucket) Names(before time.Time) ([]string, error) {
	entries, err := fs.ReadDir(b.root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("list content files: %w", err)
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

// Unfinished tells whether a name is of a file that was never committed.
func Unfinished(name string) bool { return strings.HasSuffix(name, partial) }
