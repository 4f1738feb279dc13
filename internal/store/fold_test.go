package store_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// However fast changes come, one fold takes all that are there: otherwise they
// pile up and every count gets slower.
func TestOneFoldTakesAllChanges(t *testing.T) {
	dir := t.TempDir()
	s := storetest.Open(t, store.Options{Dir: dir})
	db, err := sql.Open("sqlite", filepath.Join(dir, store.DatabaseFile))
	must(t, err)
	defer db.Close()
	_, err = db.Exec(`INSERT INTO changes (team_id, state, n)
		WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20001) SELECT 'team_1', 'queued', 1 FROM c`)
	must(t, err, s.FoldCounts(t.Context()))
	var left int
	must(t, db.QueryRow("SELECT COUNT(*) FROM changes").Scan(&left))
	if counts, err := s.Counts(t.Context()); err != nil || left != 0 || counts["queued"] != 20001 {
		t.Errorf("%d changes left after one fold, counts %v, %v", left, counts, err)
	}
}
