package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// table is a bucket in PostgreSQL: a content is a row of blobs, written first, and
// its pieces in chunks. Each piece is a statement of its own, so that no connection
// waits for a slow writer: the commit of the row that names the content comes later
// in the server's log, so it keeps all that came before.
type table struct{ s *Store }

// pieceTime is how long one piece may take.
const pieceTime = 30 * time.Second

func (b table) exec(query string, args ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), pieceTime)
	defer cancel()
	_, err := b.s.write.ExecContext(ctx, query, args...)
	if err != nil && b.s.dialect.gone(err) {
		b.s.renew()
	}
	return err
}

func (b table) create(name string) (blob, error) {
	err := b.exec(`INSERT INTO blobs (name, written_at) VALUES ($1, `+b.s.dialect.now+`)`, name)
	return &pieces{in: b, name: name}, err
}

func (b table) open(name string) (io.ReadCloser, error) {
	r := &pieceReader{in: b.s, name: name}
	if err := r.next(); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("content %s: %w", name, fs.ErrNotExist)
	} else if err != nil {
		return nil, err
	}
	return r, nil
}

func (b table) remove(name string) error {
	if err := b.exec(`DELETE FROM chunks WHERE blob = $1`, name); err != nil {
		return err
	}
	return b.exec(`DELETE FROM blobs WHERE name = $1`, name) // last: by it the rest is found again
}

// sweptAtOnce is how many contents one sweep may remove.
const sweptAtOnce = 10_000

// names leaves out what rows name. The age counts by the database's clock.
func (b table) names(before time.Time) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*pieceTime)
	defer cancel()
	age := b.s.opt.Now().Sub(before).Milliseconds()
	rows, err := b.s.read.QueryContext(ctx, `SELECT name FROM blobs b WHERE written_at < `+b.s.dialect.now+` - CAST($1 AS BIGINT)
		AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.blob = b.name AND m.blob <> '')
		AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.blob = b.name AND u.blob <> '')
		ORDER BY written_at LIMIT $2`, age, sweptAtOnce)
	if err != nil {
		return nil, err
	}
	return scanAll(rows, scanID)
}

// pieces is a content on its way into the table.
type pieces struct {
	in   table
	name string
	n    int64
}

// Write implements io.Writer; the buffer before it makes pieces of one size.
func (p *pieces) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; p.n++ {
		piece := rest[:min(len(rest), pieceSize)]
		if err := p.in.exec(`INSERT INTO chunks (blob, n, data) VALUES ($1, $2, $3)`, p.name, p.n, piece); err != nil {
			return len(b) - len(rest), err
		}
		rest = rest[len(piece):]
	}
	return len(b), nil
}

func (p *pieces) commit() error { return nil }
func (p *pieces) abort()        { _ = p.in.remove(p.name) } // or the sweep does

// pieceReader reads a content piece by piece. Whether it is all there is told by
// the seal within.
type pieceReader struct {
	in   *Store
	name string
	n    int64
	rest []byte
}

func (r *pieceReader) next() error {
	ctx, cancel := context.WithTimeout(context.Background(), pieceTime)
	defer cancel()
	err := r.in.read.QueryRowContext(ctx, `SELECT data FROM chunks WHERE blob = $1 AND n = $2`, r.name, r.n).Scan(&r.rest)
	if errors.Is(err, sql.ErrNoRows) {
		return io.EOF
	}
	if err != nil {
		return fmt.Errorf("read piece %d of content %s: %w", r.n, r.name, err)
	}
	r.n++
	return nil
}

// Read implements io.Reader.
func (r *pieceReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close implements io.Closer.
func (r *pieceReader) Close() error { return nil }
