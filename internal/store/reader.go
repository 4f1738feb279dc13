package store

import (
	"context"
	"database/sql"
	"sync"
)

// reader is the pool of reading connections; it prepares each statement once. The
// texts are constants of this package, so there are only so many.
type reader struct {
	*sql.DB
	unprepared bool
	mu         sync.Mutex
	stmts      map[string]*sql.Stmt
}

func newReader(db *sql.DB) *reader { return &reader{DB: db, stmts: map[string]*sql.Stmt{}} }

func (r *reader) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	r.mu.Lock()
	st := r.stmts[query]
	r.mu.Unlock()
	if st != nil {
		return st, nil
	}
	st, err := r.DB.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if first := r.stmts[query]; first != nil { // somebody was quicker
		_ = st.Close()
		return first, nil
	}
	r.stmts[query] = st
	return st, nil
}

// QueryContext implements querier.
func (r *reader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if r.unprepared {
		return r.DB.QueryContext(ctx, query, args...)
	}
	st, err := r.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

// QueryRowContext implements querier.
func (r *reader) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if r.unprepared {
		return r.DB.QueryRowContext(ctx, query, args...)
	}
	st, err := r.prepared(ctx, query)
	if err != nil {
		return r.DB.QueryRowContext(ctx, query, args...) // reports the same error
	}
	return st.QueryRowContext(ctx, args...)
}
