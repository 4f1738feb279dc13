package store

import (
	"context"
	"fmt"
	"time"
)

// Nodes of one database go by its clock: a node whose own is wrong would take for past
// what is another's present, or keep mail for a time that is long over.

const (
	// quick is how fast an answer has to be for the time in it to be of use.
	quick = 500 * time.Millisecond
	// apart is by how much two clocks may differ before one of them is corrected: less
	// is what the answer's way takes.
	apart = 250 * time.Millisecond
)

// SyncClock asks the database for its time and keeps by how much it differs from this
// process's clock (Offset). On SQLite there is one process and one clock.
func (s *Store) SyncClock(ctx context.Context) error {
	if s.dialect.now == "" {
		return nil
	}
	began, wall := time.Now(), s.opt.Now()
	ms, err := s.clock(ctx, s.read)
	if err != nil {
		return fmt.Errorf("ask the database for the time: %w", err)
	}
	took := time.Since(began)
	if took > quick {
		return nil // the next answer may be faster
	}
	offset := fromMillis(ms).Sub(wall.Add(took / 2))
	if known := s.Offset(); (offset - known).Abs() < apart {
		return nil
	}
	if offset.Abs() < apart {
		offset = 0
	}
	s.offset.Store(int64(offset))
	return nil
}

// Offset is what to add to this process's clock to have the database's time.
func (s *Store) Offset() time.Duration { return time.Duration(s.offset.Load()) }

// Now is the time that all nodes of the database go by.
func (s *Store) Now() time.Time { return s.opt.Now().Add(s.Offset()) }
