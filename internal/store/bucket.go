package store

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"time"
)

// Bucket is where contents too large for a row lie, each under a random name: a
// folder beside SQLite, tables of PostgreSQL where several nodes have to get at
// them. A content is complete and kept before the row that names it is written,
// and deleted after that row is: what no row names is swept by age.
type Bucket struct {
	in     blobs
	random io.Reader
}

// blobs is a place for named contents. A content that is not there gives an error
// that is fs.ErrNotExist.
type blobs interface {
	create(name string) (blob, error)
	open(name string) (io.ReadCloser, error)
	// remove is no error for a content that is not there.
	remove(name string) error
	// names lists contents, unfinished ones included, that were written before a
	// time. It may leave out what a row names.
	names(before time.Time) ([]string, error)
}

// blob is one content that is being written. Nobody finds it before commit.
type blob interface {
	io.Writer
	commit() error
	abort()
}

// BlobWriter writes one content of the bucket. It does not exist under its name
// before Commit.
type BlobWriter struct {
	*bufio.Writer
	to   blob
	Name string
}

// pieceSize is how much of a content is written at once.
const pieceSize = 256 << 10

// Create starts a content.
func (b *Bucket) Create() (*BlobWriter, error) {
	var id [16]byte
	if _, err := io.ReadFull(b.random, id[:]); err != nil {
		return nil, fmt.Errorf("name a content: %w", err)
	}
	name := hex.EncodeToString(id[:])
	to, err := b.in.create(name)
	if err != nil {
		return nil, fmt.Errorf("begin content %s: %w", name, err)
	}
	return &BlobWriter{Writer: bufio.NewWriterSize(to, pieceSize), to: to, Name: name}, nil
}

// Commit makes the content durable under its name.
func (w *BlobWriter) Commit() error {
	if err := w.Flush(); err != nil {
		w.to.abort()
		return fmt.Errorf("write content %s: %w", w.Name, err)
	}
	if err := w.to.commit(); err != nil {
		return fmt.Errorf("keep content %s: %w", w.Name, err)
	}
	return nil
}

// Abort removes what was written.
func (w *BlobWriter) Abort() { w.to.abort() }

// Open opens a content for reading; fs.ErrNotExist where there is none.
func (b *Bucket) Open(name string) (io.ReadCloser, error) { return b.in.open(name) }

// Remove deletes a content; it is no error if there is none.
func (b *Bucket) Remove(name string) error {
	if err := b.in.remove(name); err != nil {
		return fmt.Errorf("remove content %s: %w", name, err)
	}
	return nil
}

// Names lists contents that were written before a time, and that may have no row.
func (b *Bucket) Names(before time.Time) ([]string, error) {
	names, err := b.in.names(before)
	if err != nil {
		return nil, fmt.Errorf("list contents: %w", err)
	}
	return names, nil
}
