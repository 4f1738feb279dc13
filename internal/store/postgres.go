package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"sort"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"gatepost/internal/email"
)

// postgres is the engine for several nodes. Two writers keep the server busy
// while one of them waits for its sync; a group is a handful of statements over
// arrays, sent together.
func postgres() *dialect {
	return &dialect{
		name:    "postgres",
		writers: 2,
		begin:   "BEGIN",
		lock:    " FOR UPDATE SKIP LOCKED",
		lingers: true,
		words: strings.NewReplacer("{{id}}", `TEXT COLLATE "C"`, "{{bytes}}", "BYTEA",
			" {{clustered}}", "", "{{serial}}", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
		snapshot: sql.LevelRepeatableRead,
		connect:  connectPostgres,
		refused:  refusedByPostgres,
		gone:     goneInPostgres,
		patience: 30 * time.Second,
		discard:  func(c *sql.Conn) { _ = c.Raw(func(any) error { return errDiscard }) },
		now:      "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
		tagged:   "CAST(m.tags AS jsonb) @> to_jsonb(CAST(%s AS text))",
		oneOf:    "= ANY(ARRAY(SELECT jsonb_array_elements_text(CAST(%s AS jsonb))))",

		each:      "jsonb_each_text(CAST(%s AS jsonb)) j",
		usageRows: "SELECT key, slot, used FROM jsonb_to_recordset(CAST($1 AS jsonb)) AS u (key text, slot bigint, used bigint)",
		lockKeys:  "SELECT pg_advisory_xact_lock(CAST(k AS bigint)) FROM jsonb_array_elements_text(CAST($1 AS jsonb)) k",

		// OFFSET 0 keeps the planner from turning this into a join of its own making.
		messageOf: "CROSS JOIN LATERAL (SELECT * FROM messages m WHERE m.team_id = $1 AND m.id = d.id OFFSET 0) m",

		lockMessages:   lockMessagesBatch,
		insertKeys:     insertKeysBatch,
		insertMessages: insertMessagesBatch,
		settle:         settleBatch,
		record:         recordBatch,
		appendChanges:  appendChangesBatch,
	}
}

// errDiscard tells the pool that a connection is not to be used again.
var errDiscard = driver.ErrBadConn

// refusedByPostgres tells whether an answer to COMMIT is the server's verdict.
// What ends the connection is none, whoever says it: the server shutting down
// (57P), a crash (58, XX), or a pooler that lost its own connection (08).
func refusedByPostgres(err error) bool {
	var p *pgconn.PgError
	if !errors.As(err, &p) || p.Severity != "ERROR" {
		return false
	}
	for _, class := range []string{"08", "57P", "58", "XX"} {
		if strings.HasPrefix(p.Code, class) {
			return false
		}
	}
	return true
}

func connectPostgres(s *Store) error {
	rows, direct, err := s.sessions()
	if err != nil {
		return err
	}
	if s.opt.Direct != "" {
		s.dialect.begin, s.dialect.unprepared = pooledBegin, true
	}
	db := stdlib.OpenDB(*rows)
	db.SetMaxOpenConns(readers + s.dialect.writers + 2)
	db.SetMaxIdleConns(readers + s.dialect.writers)
	s.read, s.write, s.direct = newReader(db), db, direct
	s.read.unprepared = s.dialect.unprepared
	if err = db.Ping(); err != nil {
		err = unreachable(rows, err)
	} else if s.opt.Direct != "" {
		err = checkDirect(context.Background(), db, direct)
	}
	if err != nil {
		_ = db.Close()
	}
	return err
}

// pooler tells whether an answer to a connection is that of a pooler in transaction
// mode, such as PgBouncer: it refuses what each session is told.
func pooler(p *pgconn.PgError) bool {
	return p.Code == "08P01" && strings.Contains(p.Message, "unsupported startup parameter")
}

// unreachable says where the database was looked for, without the password.
func unreachable(cfg *pgx.ConnConfig, err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return fmt.Errorf("PostgreSQL at %s:%d cannot be reached (%w): is it running, and is the URL right?", cfg.Host, cfg.Port, op)
	}
	var p *pgconn.PgError
	if errors.As(err, &p) && pooler(p) {
		return fmt.Errorf("%s:%d is a pooler that takes no settings of a session (%s, %s): "+
			"set database-direct (GATEPOST_DATABASE_DIRECT) to a URL of the same database past the pooler", cfg.Host, cfg.Port, p.Message, p.Code)
	}
	if errors.As(err, &p) {
		return fmt.Errorf("PostgreSQL at %s:%d refused user %q for database %q: %s (%s)", cfg.Host, cfg.Port, cfg.User, cfg.Database, p.Message, p.Code)
	}
	return err
}

// onPgx runs f on the pgx connection under the writer's transaction.
func onPgx(t *tx, f func(c *pgx.Conn) error) error {
	return t.w.conn.Raw(func(dc any) error { return f(dc.(*stdlib.Conn).Conn()) })
}

// send runs a batch in one round trip and reports its first error.
func send(ctx context.Context, t *tx, b *pgx.Batch) error {
	return onPgx(t, func(c *pgx.Conn) error { return c.SendBatch(ctx, b).Close() })
}

// lockMessagesBatch asks nothing of the server for a single message: its place is
// the first that whoever changes it takes. Groups that change messages come one after
// the other where they have some in common, because a place in the queue may come to be
// in between: one that a group did not see first it would take later, and out of order.
func lockMessagesBatch(ctx context.Context, t *tx, ids []email.ID, changes bool) error {
	if len(ids) < 2 {
		return nil
	}
	b := &pgx.Batch{}
	if changes {
		b.Queue(`SELECT pg_advisory_xact_lock(n) FROM (SELECT DISTINCT hashtextextended(id, 0) n FROM unnest($1::text[]) id ORDER BY n) ns`, ids)
	}
	b.Queue(`SELECT 1 FROM queue WHERE message_id = ANY($1::text[]) ORDER BY message_id FOR UPDATE`, ids)
	return send(ctx, t, b)
}

func insertKeysBatch(ctx context.Context, t *tx, ms []*NewMessage) ([]*NewMessage, error) {
	// Two writers that insert the same keys in different orders would deadlock.
	sort.Slice(ms, func(i, j int) bool {
		if ms[i].Team != ms[j].Team {
			return ms[i].Team < ms[j].Team
		}
		return ms[i].IdempotencyKey < ms[j].IdempotencyKey
	})
	var teams, keys, ids []string
	var prints [][]byte
	var at, since []int64
	for _, m := range ms {
		teams, keys, ids = append(teams, m.Team), append(keys, m.IdempotencyKey), append(ids, m.ID)
		prints, at, since = append(prints, m.Fingerprint), append(at, millis(m.CreatedAt)), append(since, millis(m.KeySince))
	}
	fresh := map[email.ID]bool{}
	err := onPgx(t, func(c *pgx.Conn) error {
		rows, err := c.Query(ctx, `INSERT INTO idempotency (team_id, key, fingerprint, message_id, created_at)
			SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::bigint[])
			`+overOldKey(`(SELECT since FROM unnest($1::text[], $2::text[], $6::bigint[]) AS k (team, key, since)
			WHERE k.team = excluded.team_id AND k.key = excluded.key)`)+` RETURNING message_id`, teams, keys, prints, ids, at, since)
		if err != nil {
			return err
		}
		return collect(rows, fresh)
	})
	var taken []*NewMessage
	for _, m := range ms {
		if !fresh[m.ID] {
			taken = append(taken, m)
		}
	}
	return taken, err
}

func collect(rows pgx.Rows, into map[email.ID]bool) error {
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, id := range ids {
		into[id] = true
	}
	return err
}

// columns gathers rows column by column, as unnest wants them.
type columns struct {
	text  [][]string
	num   [][]int64
	bytes [][][]byte
}

func insertMessagesBatch(ctx context.Context, t *tx, ms []*NewMessage) error {
	if len(ms) == 0 {
		return nil
	}
	b := &pgx.Batch{}
	batchMessages(b, ms)
	batchRecipients(b, ms)
	batchQueue(b, ms)
	var events []Event
	for _, m := range ms {
		events = append(events, m.submitted())
	}
	batchEvents(b, events)
	return send(ctx, t, b)
}

func batchMessages(b *pgx.Batch, ms []*NewMessage) {
	c := columns{text: make([][]string, 15), num: make([][]int64, 6), bytes: make([][][]byte, 2)}
	for _, m := range ms {
		for i, v := range []string{
			m.Team, m.ID, m.Account, m.Type, string(m.OnUnknown), m.MailFrom, m.Sender, m.Subject,
			m.MessageID, m.tags(), m.metadata(), m.Blob, m.Thread, m.Pooled, m.Report,
		} {
			c.text[i] = append(c.text[i], v)
		}
		for i, v := range []int64{
			m.Size, millis(m.CreatedAt), int64(m.Lane), millis(m.SendAt), millis(m.ExpiresAt), millis(m.ShredAt),
		} {
			c.num[i] = append(c.num[i], v)
		}
		c.bytes[0], c.bytes[1] = append(c.bytes[0], m.Content), append(c.bytes[1], m.WrappedKey)
	}
	x, n := c.text, c.num
	b.Queue(`INSERT INTO messages (`+messageColumns+`, content) SELECT * FROM unnest($1::text[], $2::text[], $3::text[],
		$4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::bigint[],
		$13::bigint[], $14::text[], $15::bigint[], $16::text[], $17::bigint[], $18::bigint[], $19::text[], $20::text[], $21::bytea[])`,
		x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9], x[10], n[0], n[1], x[11], n[2], x[12], n[3], n[4], x[13], x[14], c.bytes[0])
	b.Queue(`INSERT INTO content_keys (team_id, message_id, wrapped, shred_at)
		SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[])`, x[0], x[1], c.bytes[1], n[5])
}

func batchRecipients(b *pgx.Batch, ms []*NewMessage) {
	var teams, ids, addresses, roles []string
	var ns, at []int64
	for _, m := range ms {
		for i, r := range m.Recipients {
			teams, ids = append(teams, m.Team), append(ids, m.ID)
			addresses, roles = append(addresses, r.Address), append(roles, r.Role)
			ns, at = append(ns, int64(i)), append(at, millis(m.CreatedAt))
		}
	}
	b.Queue(`INSERT INTO recipients (team_id, message_id, n, address, role, state, cause, reply, updated_at)
		SELECT team, id, n, address, role, '', '', '', at FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[],
		$6::bigint[]) AS r(team, id, n, address, role, at)`, teams, ids, ns, addresses, roles, at)
}

func batchQueue(b *pgx.Batch, ms []*NewMessage) {
	text, num := make([][]string, 6), make([][]int64, 5)
	for _, m := range ms {
		for i, v := range []string{m.ID, m.Team, m.Route(), string(m.State()), string(m.OnUnknown), m.Pooled} {
			text[i] = append(text[i], v)
		}
		for i, v := range []int64{
			int64(m.Lane), millis(m.due()), int64(len(m.Recipients)), millis(m.ExpiresAt), int64(flag(m.Shred)),
		} {
			num[i] = append(num[i], v)
		}
	}
	b.Queue(`INSERT INTO queue (`+queueColumns+`)
		SELECT id, team, route, lane, state, due, 0, 0, '', 0, 0, 0, 0, 0, unsettled, 1, 0, on_unknown, '', expires, shred, pooled
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[],
		$9::bigint[], $10::bigint[], $11::text[]) AS q(id, team, route, state, on_unknown, lane, due, unsettled, expires, shred, pooled)`,
		text[0], text[1], text[2], text[3], text[4], num[0], num[1], num[2], num[3], num[4], text[5])
}

func batchEvents(b *pgx.Batch, es []Event) {
	if len(es) == 0 {
		return
	}
	var teams, subjects, ids, kinds, data []string
	var seqs, at []int64
	for _, e := range es {
		teams, subjects, ids = append(teams, e.Team), append(subjects, e.Subject), append(ids, e.ID)
		kinds, data = append(kinds, string(e.Kind)), append(data, e.data())
		seqs, at = append(seqs, int64(e.Seq)), append(at, millis(e.At))
	}
	b.Queue(`INSERT INTO events (team_id, subject, seq, id, kind, at, data)
		SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[])`,
		teams, subjects, seqs, ids, kinds, at, data)
}

func settleBatch(ctx context.Context, t *tx, fs []*Finish) error {
	applied := map[email.ID]bool{}
	err := onPgx(t, func(c *pgx.Conn) error {
		for _, statement := range []func(*pgx.Batch, []*Finish) bool{batchDelete, batchUpdate} {
			b := &pgx.Batch{}
			if !statement(b, fs) {
				continue
			}
			r := c.SendBatch(ctx, b)
			rows, err := r.Query()
			if err == nil {
				err = collect(rows, applied)
			}
			if err := errors.Join(err, r.Close()); err != nil {
				return err
			}
		}
		return nil
	})
	for _, f := range fs {
		f.applied = applied[f.Message]
	}
	return err
}

func batchDelete(b *pgx.Batch, fs []*Finish) bool {
	var ids, from []string
	var fences []int64
	for _, f := range fs {
		if f.Next == nil {
			ids, from, fences = append(ids, f.Message), append(from, string(f.From)), append(fences, f.Fence)
		}
	}
	b.Queue(`DELETE FROM queue q USING unnest($1::text[], $2::bigint[], $3::text[]) AS f(id, fence, state)
		WHERE q.message_id = f.id AND q.fence = f.fence AND q.state = f.state RETURNING q.message_id`, ids, fences, from)
	return len(ids) > 0
}

func batchUpdate(b *pgx.Batch, fs []*Finish) bool {
	var ids, from, states, causes []string
	nums := make([][]int64, 10)
	for _, f := range fs {
		n := f.Next
		if n == nil {
			continue
		}
		ids, from = append(ids, f.Message), append(from, string(f.From))
		states, causes = append(states, string(n.State)), append(causes, n.Cause)
		for i, v := range []int64{
			f.Fence, millis(n.DueAt), millis(n.UnknownAt), int64(n.Retries), n.RetryTime.Milliseconds(),
			int64(n.Unsettled), int64(f.Seq + len(f.Events)), int64(flag(n.Duplicate)), int64(len(f.Verdicts)), millis(f.At),
		} {
			nums[i] = append(nums[i], v)
		}
	}
	b.Queue(`UPDATE queue q SET state = f.next, due_at = f.due, unknown_at = f.unknown, retries = f.retries, retry_ms = f.ms,
		unsettled = f.unsettled, seq = f.seq, duplicate = f.duplicate, cause = f.cause, written_at = f.written, route = `+backSQL("q", "f.next", "f.unknown", "f.verdicts")+`
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
		$9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[])
		AS f(id, state, next, cause, fence, due, unknown, retries, ms, unsettled, seq, duplicate, verdicts, written)
		WHERE q.message_id = f.id AND q.fence = f.fence AND q.state = f.state RETURNING q.message_id`,
		ids, from, states, causes, nums[0], nums[1], nums[2], nums[3], nums[4], nums[5], nums[6], nums[7], nums[8], nums[9])
	return len(ids) > 0
}

func recordBatch(ctx context.Context, t *tx, fs []*Finish) error {
	b := &pgx.Batch{}
	batchVerdicts(b, fs)
	batchCopies(b, fs)
	var events []Event
	for _, f := range fs {
		events = append(events, f.events()...)
	}
	batchEvents(b, events)
	return send(ctx, t, b)
}

func batchVerdicts(b *pgx.Batch, fs []*Finish) {
	text := make([][]string, 5)
	var ns, at []int64
	for _, f := range fs {
		for _, v := range f.Verdicts {
			for i, s := range []string{f.Team, f.Message, string(v.State), v.Cause, v.Reply} {
				text[i] = append(text[i], s)
			}
			ns, at = append(ns, int64(v.N)), append(at, millis(f.At))
		}
	}
	if len(ns) == 0 {
		return
	}
	b.Queue(`UPDATE recipients r SET state = v.state, cause = v.cause, reply = v.reply, updated_at = v.at
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[])
		AS v(team, id, n, state, cause, reply, at)
		WHERE r.team_id = v.team AND r.message_id = v.id AND r.n = v.n`, text[0], text[1], ns, text[2], text[3], text[4], at)
}

func batchCopies(b *pgx.Batch, fs []*Finish) {
	var routes, provided, ids []string
	for _, f := range fs {
		if f.ProviderID != "" {
			routes, provided, ids = append(routes, f.Route), append(provided, f.ProviderID), append(ids, f.Message)
		}
	}
	if len(ids) > 0 {
		b.Queue(`INSERT INTO copies (account_id, provider_id, message_id) SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
			ON CONFLICT DO NOTHING`, routes, provided, ids)
	}
}

func appendChangesBatch(ctx context.Context, t *tx) error {
	var teams, states []string
	var ns []int64
	for k, n := range t.counts {
		if n != 0 {
			teams, states, ns = append(teams, k.team), append(states, string(k.state)), append(ns, n)
		}
	}
	if len(ns) == 0 {
		return nil
	}
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO changes (team_id, state, n) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])`, teams, states, ns)
	return send(ctx, t, b)
}
