package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// SweepBucket removes contents of the bucket that no message names and that were written
// before a time: what a crash left between a content and its row. The age has to
// be longer than any submission takes.
func (s *Store) SweepBucket(ctx context.Context, before time.Time) (removed int, err error) {
	names, err := s.Bucket.Names(before)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		named, err := s.blobNamed(ctx, name)
		if err != nil {
			return removed, err
		}
		if named {
			continue
		}
		if err := s.Bucket.Remove(name); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

func (s *Store) blobNamed(ctx context.Context, name string) (bool, error) {
	if Unfinished(name) {
		return false, nil
	}
	var one int
	err := found(s.read.QueryRowContext(ctx, `SELECT 1 FROM messages WHERE blob = $1 AND blob <> ''
		UNION ALL SELECT 1 FROM uploads WHERE blob = $1 AND blob <> ''`, name).Scan(&one))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for content %s: %w", name, err)
	}
	return true, nil
}
