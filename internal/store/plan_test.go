package store_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// The questions that lists and duties ask are answered by indexes, on both
// databases: the cost of none grows with what lies in the tables.

// questions makes the store ask all of them and returns their texts.
func questions(t *testing.T, s *store.Store, route email.ID) map[string]string {
	t.Helper()
	ctx, far := t.Context(), start.Add(1000*day)
	_, err := s.Dues(ctx)
	must(t, err)
	_, err = s.Stranded(ctx, 10)
	must(t, err)
	_, err = s.Expired(ctx, far, 10)
	must(t, err)
	_, err = s.Keepings(ctx, far, 10)
	must(t, err)
	_, err = s.Unknowns(ctx, route, far, 10)
	must(t, err)
	_, err = s.Waiting(ctx, team, route)
	must(t, err)
	out := store.Prepared(s)
	for name, q := range map[string]store.MessageQuery{
		"all": {}, "recipient": {Recipient: "a@b.example"}, "scheduled": {Status: email.Scheduled}, "held": {Status: email.Held},
		"unknown": {Status: email.Unknown}, "queued": {Status: email.Queued}, "failed": {Status: email.Failed},
		"accepted": {Status: email.Accepted}, "account": {Account: route}, "type": {Type: "invoice"}, "tag": {Tag: "a"},
		"held and tag": {Status: email.Held, Tag: "a"},
	} {
		q.Limit = 20
		out["list "+name] = store.ListText(s, team, q, false)
	}
	for i, text := range store.BringBackTexts() {
		out[fmt.Sprint("bring back ", i)] = text
	}
	out["waits for a pool"] = store.WaitsText(team, store.Selection{Route: "pool_1", States: []email.State{email.Queued, email.Held}})
	out["list few"] = store.ListText(s, team, store.MessageQuery{Status: email.Queued, Limit: 20}, true)
	return out
}

// stranded adds mail whose account is not there.
func stranded(t *testing.T, s *store.Store) {
	must(t, s.AddMessage(t.Context(), newMessage(t, "acc_gone", "a@b.example")))
}

var place = regexp.MustCompile(`\$(\d+)`)

func places(text string) (most int) {
	for _, m := range place.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(m[1])
		most = max(most, n)
	}
	return most
}

func TestSQLiteAsksByIndexes(t *testing.T) {
	opt := store.Options{Dir: t.TempDir()}
	s := storetest.Open(t, opt)
	route := addAccount(t, s)
	stranded(t, s)
	db, err := sql.Open("sqlite", filepath.Join(opt.Dir, store.DatabaseFile))
	must(t, err)
	defer db.Close()
	for name, text := range questions(t, s, route) {
		rows, err := db.Query("EXPLAIN QUERY PLAN "+text, make([]any, places(text))...)
		must(t, err)
		var steps []string
		for rows.Next() {
			var id, parent, unused int
			var step string
			must(t, rows.Scan(&id, &parent, &unused, &step))
			steps = append(steps, step)
		}
		must(t, rows.Err(), rows.Close())
		plan := strings.Join(steps, "\n  ")
		for _, step := range steps {
			if whole(step) {
				t.Errorf("%s: %q\n%s\n  %s", name, step, text, plan)
			}
		}
		if strings.HasPrefix(name, "list ") && !strings.Contains(plan, "SEARCH m USING INDEX sqlite_autoindex_messages_1 (team_id=? AND id=?)") {
			t.Errorf("%s does not go by the ids:\n  %s", name, plan)
		}
		if name == "waits for a pool" && !strings.Contains(plan, "queue_due (route>? AND route<?)") {
			t.Errorf("%s goes through what waits for others:\n  %s", name, plan)
		}
		if name == "list few" && !strings.Contains(plan, "queue_due (route=?)") {
			t.Errorf("%s goes through what waits for others:\n  %s", name, plan)
		}
		if name == "list held" && !strings.Contains(plan, "queue_rare") {
			t.Errorf("%s goes through all that waits:\n  %s", name, plan)
		}
	}
}

// whole tells whether a step of a plan reads a table whole. What a question has
// made itself is small, and a tag's list is one message's.
func whole(step string) bool {
	rest, scan := strings.CutPrefix(step, "SCAN ")
	name, _, _ := strings.Cut(rest, " ")
	switch name {
	case "d", "own", "r", "routes", "j", "CONSTANT":
		return false
	}
	return scan
}

func TestPostgresAsksByIndexes(t *testing.T) {
	url := storetest.Postgres(t)
	s := storetest.Open(t, store.Options{Dir: t.TempDir(), Database: url})
	route := addAccount(t, s)
	stranded(t, s)
	var ms []*store.NewMessage
	for range 3000 {
		ms = append(ms, newMessage(t, route, "a@b.example"))
	}
	must(t, s.AddAll(t.Context(), ms))
	db, err := sql.Open("pgx", url+"&enable_seqscan=off&enable_hashjoin=off&enable_mergejoin=off&plan_cache_mode=force_generic_plan")
	must(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	explain := func(text string) string {
		rows, err := db.Query("EXPLAIN (COSTS OFF) " + text)
		must(t, err)
		var steps []string
		for rows.Next() {
			var step string
			must(t, rows.Scan(&step))
			steps = append(steps, step)
		}
		must(t, rows.Err(), rows.Close())
		return strings.Join(steps, "\n  ")
	}
	n := 0
	asked := questions(t, s, route)
	for name, text := range asked {
		n++
		_, err := db.Exec(fmt.Sprintf("PREPARE q%d AS %s", n, text))
		must(t, err)
		nulls := strings.TrimSuffix(strings.Repeat("NULL, ", places(text)), ", ")
		plan := explain(strings.TrimSuffix(fmt.Sprintf("EXECUTE q%d(%s)", n, nulls), "()"))
		for _, bad := range []string{"hashed", "Seq Scan", "Hash Join", "Merge Join", "Index Cond: (state"} {
			if strings.Contains(plan, bad) {
				t.Errorf("%s: %s\n%s\n  %s", name, bad, text, plan)
			}
		}
		if step := wholeIndex(plan); step != "" {
			t.Errorf("%s: %s without a condition\n%s\n  %s", name, step, text, plan)
		}
		if name == "waits for a pool" && !strings.Contains(plan, "(route >= ") {
			t.Errorf("%s goes through what waits for others:\n  %s", name, plan)
		}
		if name == "list few" && !strings.Contains(plan, "Index Cond: (route = ") {
			t.Errorf("%s goes through what waits for others:\n  %s", name, plan)
		}
		if strings.HasPrefix(name, "list ") && !strings.Contains(plan, "(id = ") {
			t.Errorf("%s does not go by the ids:\n  %s", name, plan)
		}
	}
	_, err = db.Exec("ANALYZE")
	must(t, err)
	seen := false
	for _, text := range asked { // many contents at once, as after a long stop
		if !strings.Contains(text, "content_keys k") {
			continue
		}
		seen = true
		plan := explain(strings.NewReplacer("$1", "9000000000000000", "$2", "3000").Replace(text))
		if step := wholeIndex(plan); step != "" {
			t.Errorf("%s without a condition\n%s\n  %s", step, text, plan)
		}
	}
	if !seen {
		t.Error("nobody has asked for contents that have to go")
	}
}

// wholeIndex returns a step of a plan that reads all of an index: PostgreSQL does
// so where it may not read all of a table. The few accounts are read.
func wholeIndex(plan string) string {
	steps := strings.Split(plan, "\n")
	for i, step := range steps {
		if !strings.Contains(step, "Index Scan") && !strings.Contains(step, "Index Only Scan") || strings.Contains(step, " on accounts ") {
			continue
		}
		if i+1 == len(steps) || !strings.Contains(steps[i+1], "Index Cond: ") {
			return strings.TrimSpace(step)
		}
	}
	return ""
}
