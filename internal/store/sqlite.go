package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the database/sql driver "sqlite"
)

// sqlite is one file in the data folder: WAL, one writer, and synchronous=FULL,
// so that a commit that was answered survives a power cut.
func sqlite() *dialect {
	return &dialect{
		name:    "sqlite",
		writers: 1,
		begin:   "BEGIN IMMEDIATE",
		words: strings.NewReplacer("{{id}}", "TEXT", "{{bytes}}", "BLOB",
			"{{clustered}}", "WITHOUT ROWID", "{{serial}}", "INTEGER PRIMARY KEY"),
		connect: connectSQLite,
		refused: func(error) bool { return true },
		discard: func(c *sql.Conn) { _ = c.Raw(func(any) error { return errDiscard }) },
		tend:    checkpoints,
		there:   filesThere,
		tagged:  "EXISTS (SELECT 1 FROM json_each(m.tags) j WHERE j.value = %s)",
		oneOf:   "IN (SELECT value FROM json_each(%s))",
		each:    "json_each(%s) j",
		// WHERE true keeps ON CONFLICT from being read as a join's condition.
		usageRows: "SELECT value ->> 'key', value ->> 'slot', value ->> 'used' FROM json_each($1) WHERE true",
		// CROSS JOIN is SQLite's word for the order in which tables are to be read.
		messageOf: "CROSS JOIN messages m ON m.team_id = $1 AND m.id = d.id",

		lockMessages:   func(context.Context, *tx, []string, bool) error { return nil }, // one writer
		insertKeys:     insertKeysEach,
		insertMessages: insertMessagesEach,
		settle:         settleEach,
		record:         recordEach,
		appendChanges:  appendChangesEach,
	}
}

// DatabaseFile is the name of SQLite's file within the data folder.
const DatabaseFile = "gatepost.db"

const (
	readers     = 4
	busyTimeout = "PRAGMA busy_timeout(5000)" // how long to wait for another program
)

func connectSQLite(s *Store) error {
	if err := os.MkdirAll(s.opt.Dir, 0o700); err != nil {
		return err
	}
	if err := s.files.open(filepath.Join(s.opt.Dir, DatabaseFile)); err != nil {
		return err
	}
	write, err := openSQLite(s, "")
	if err != nil {
		return err
	}
	write.SetMaxOpenConns(1)
	read, err := openSQLite(s, "query_only(1)")
	if err != nil {
		return err
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	s.write, s.read = write, newReader(read)
	if err := quickCheck(s); err != nil {
		return errors.Join(err, read.Close(), write.Close())
	}
	return nil
}

func openSQLite(s *Store, pragma string) (*sql.DB, error) {
	// Without mode=rw a connection that is opened later would make a new file where
	// somebody has removed this one.
	q := url.Values{"mode": {"rw"}, "_pragma": {
		strings.TrimPrefix(busyTimeout, "PRAGMA "), "journal_mode(WAL)", "synchronous(" + s.opt.Synchronous + ")",
		"wal_autocheckpoint(0)", "foreign_keys(1)", "cache_size(-4096)", "temp_store(MEMORY)",
	}}
	if pragma != "" {
		q["_pragma"] = append(q["_pragma"], pragma)
	}
	file := url.URL{Scheme: "file", Opaque: filepath.Join(s.opt.Dir, DatabaseFile), RawQuery: q.Encode()}
	return sql.Open("sqlite", file.String())
}

// The batches, one prepared statement per row: in SQLite a statement costs a
// function call, not a round trip.

func insertKeysEach(ctx context.Context, t *tx, ms []*NewMessage) ([]*NewMessage, error) {
	var taken []*NewMessage
	for _, m := range ms {
		r, err := t.ExecContext(ctx, `INSERT INTO idempotency (team_id, key, fingerprint, message_id, created_at)
			VALUES ($1, $2, $3, $4, $5) `+overOldKey("$6"), m.Team, m.IdempotencyKey, m.Fingerprint, m.ID, millis(m.CreatedAt), millis(m.KeySince))
		if err != nil {
			return nil, err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			taken = append(taken, m)
		}
	}
	return taken, nil
}

func insertMessagesEach(ctx context.Context, t *tx, ms []*NewMessage) error {
	for _, m := range ms {
		if err := insertMessage(ctx, t, m); err != nil {
			return err
		}
	}
	return nil
}

func insertMessage(ctx context.Context, t *tx, m *NewMessage) error {
	at := millis(m.CreatedAt)
	if _, err := t.ExecContext(ctx, `INSERT INTO messages (`+messageColumns+`, content)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`,
		m.Team, m.ID, m.Account, m.Type, m.OnUnknown, m.MailFrom, m.Sender, m.Subject, m.MessageID,
		m.tags(), m.metadata(), m.Size, at, m.Blob, m.Lane, m.Thread, millis(m.SendAt), millis(m.ExpiresAt), m.Pooled, m.Report, m.Content); err != nil {
		return err
	}
	if _, err := t.ExecContext(ctx, `INSERT INTO content_keys (team_id, message_id, wrapped, shred_at) VALUES ($1, $2, $3, $4)`,
		m.Team, m.ID, m.WrappedKey, millis(m.ShredAt)); err != nil {
		return err
	}
	for i, r := range m.Recipients {
		if _, err := t.ExecContext(ctx, `INSERT INTO recipients (team_id, message_id, n, address, role, state, cause, reply, updated_at)
			VALUES ($1, $2, $3, $4, $5, '', '', '', $6)`, m.Team, m.ID, i, r.Address, r.Role, at); err != nil {
			return err
		}
	}
	if _, err := t.ExecContext(ctx, `INSERT INTO queue (`+queueColumns+`)
		VALUES ($1, $2, $3, $4, $8, $5, 0, 0, '', 0, 0, 0, 0, 0, $6, 1, 0, $7, '', $9, $10, $11)`,
		m.ID, m.Team, m.Route(), m.Lane, millis(m.due()), len(m.Recipients), m.OnUnknown, m.State(),
		millis(m.ExpiresAt), flag(m.Shred), m.Pooled); err != nil {
		return err
	}
	return insertEvent(ctx, t, m.submitted())
}

func settleEach(ctx context.Context, t *tx, fs []*Finish) error {
	for _, f := range fs {
		var r sql.Result
		var err error
		if n := f.Next; n == nil {
			r, err = t.ExecContext(ctx, `DELETE FROM queue WHERE message_id = $1 AND fence = $2 AND state = $3`,
				f.Message, f.Fence, f.From)
		} else {
			r, err = t.ExecContext(ctx, `UPDATE queue SET state = $4, due_at = $5, unknown_at = $6, retries = $7, retry_ms = $8,
				unsettled = $9, seq = $10, duplicate = $11, cause = $12, written_at = $14, route = `+backSQL("queue", "$4", "$6", "$13")+`
				WHERE message_id = $1 AND fence = $2 AND state = $3`,
				f.Message, f.Fence, f.From, n.State, millis(n.DueAt), millis(n.UnknownAt), n.Retries, n.RetryTime.Milliseconds(),
				n.Unsettled, f.Seq+len(f.Events), flag(n.Duplicate), n.Cause, len(f.Verdicts), millis(f.At))
		}
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if err != nil {
			return err
		}
		f.applied = n == 1
	}
	return nil
}

func recordEach(ctx context.Context, t *tx, fs []*Finish) error {
	for _, f := range fs {
		for _, v := range f.Verdicts {
			if _, err := t.ExecContext(ctx, `UPDATE recipients SET state = $4, cause = $5, reply = $6, updated_at = $7
				WHERE team_id = $1 AND message_id = $2 AND n = $3`,
				f.Team, f.Message, v.N, v.State, v.Cause, v.Reply, millis(f.At)); err != nil {
				return err
			}
		}
		for _, e := range f.events() {
			if err := insertEvent(ctx, t, e); err != nil {
				return err
			}
		}
		if f.ProviderID != "" {
			if _, err := t.ExecContext(ctx, `INSERT INTO copies (account_id, provider_id, message_id) VALUES ($1, $2, $3)
				ON CONFLICT DO NOTHING`, f.Route, f.ProviderID, f.Message); err != nil {
				return err
			}
		}
	}
	return nil
}

func appendChangesEach(ctx context.Context, t *tx) error {
	for k, n := range t.counts {
		if n == 0 {
			continue
		}
		if _, err := t.ExecContext(ctx, `INSERT INTO changes (team_id, state, n) VALUES ($1, $2, $3)`, k.team, k.state, n); err != nil {
			return err
		}
	}
	return nil
}
