package store

import (
	"context"
	"io/fs"
	"testing/fstest"
	"time"

	"github.com/pressly/goose/v3"

	"gatepost/internal/email"
)

// MigrateTo makes a database as an earlier gatepost left it, and runs statements
// on it.
func MigrateTo(ctx context.Context, opt Options, files []string, statements ...string) error {
	opt = opt.withDefaults()
	s := &Store{opt: opt, dialect: dialectOf(opt)}
	if err := s.dialect.connect(s); err != nil {
		return err
	}
	defer s.closeDatabase() //nolint:errcheck // a test
	all, err := s.dialect.schema()
	if err != nil {
		return err
	}
	some := fstest.MapFS{}
	for _, name := range files {
		text, err := fs.ReadFile(all, name)
		if err != nil {
			return err
		}
		some[name] = &fstest.MapFile{Data: text}
	}
	kind := goose.DialectSQLite3
	if s.dialect.name == "postgres" {
		kind = goose.DialectPostgres
	}
	p, err := goose.NewProvider(kind, s.write, some)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return err
	}
	for _, text := range statements {
		if _, err := s.write.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// Prepared returns the texts that a store's readers have asked so far, by
// themselves.
func Prepared(s *Store) map[string]string {
	s.read.mu.Lock()
	defer s.read.mu.Unlock()
	out := map[string]string{}
	for text := range s.read.stmts {
		out[text] = text
	}
	return out
}

// ListText is the text by which a list is asked for; few: where little waits.
func ListText(s *Store, team email.ID, q MessageQuery, few bool) string {
	return q.plan(team, s.dialect.tagged, few).text(s.dialect, q.Limit)
}

// BringBackTexts are the changes that BringBack makes to messages.
func BringBackTexts() (texts []string) {
	for _, b := range bringings {
		texts = append(texts, b.update)
	}
	return texts
}

// WaitsText is the text by which a selection of what waits is asked for.
func WaitsText(team email.ID, sel Selection) string {
	return `SELECT q.message_id FROM queue q WHERE ` + sel.waits(team).text + ` ORDER BY q.message_id LIMIT 100`
}

// Unpaused asks the condition that a claim asks.
func Unpaused(ctx context.Context, s *Store, team, account email.ID, lane email.Lane) (bool, error) {
	var n int
	err := s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM accounts a WHERE a.team_id = $1 AND a.id = $2 AND `+unpaused("$1", "$2", "$3"),
		team, account, lane).Scan(&n)
	return n == 1, err
}

// ClaimsBegin tells where the next claim of a lane begins; zero: at the very beginning.
func ClaimsBegin(s *Store, route email.ID, lane email.Lane, now time.Time) time.Time {
	return fromMillis(s.heads.look(claimed{route, route}, now).from[lane])
}
