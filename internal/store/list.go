package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/email"
)

// MessageQuery asks for messages; empty fields ask for nothing.
type MessageQuery struct {
	Before       email.ID // only those with a smaller id
	Limit        int
	Status       email.State // of any recipient
	Account      email.ID    // or a pool: all that was given to it
	Recipient    string
	Tag          string
	Type         string
	Since, Until time.Time
}

// MessagePage is a page of messages, newest first, and the id below which the next
// one goes on; empty on the last.
type MessagePage struct {
	Messages []*Message
	Next     email.ID
}

// rare is the condition of the index queue_rare, in its own words: SQLite does not
// see that a state is one of these.
const rare = "state IN ('scheduled', 'unknown', 'held')"

// scanned is how many messages one page looks at, whatever is asked for.
const scanned = 5000

// plan is how a question is put: a source of ids in falling order, which an index
// gives, and conditions on each of the messages.
type plan struct {
	source, where string
	args          []any
	most          int // ids that the source gives at most
	sourceArgs    int // those of the source, which come first
}

// arg adds a value and returns its place in the text.
func (p *plan) arg(v any) string {
	p.args = append(p.args, v)
	return fmt.Sprint("$", len(p.args))
}

func (p *plan) and(format string, places ...any) { p.where += " AND " + fmt.Sprintf(format, places...) }

// waitingSQL are the entries of a team by its accounts and pools: the queue's own
// order is that of all teams. What waits for an account that has been removed is not
// among them, for the seconds that it waits.
const waitingSQL = `SELECT id FROM (SELECT message_id AS id FROM queue WHERE route IN (SELECT id FROM accounts WHERE team_id = $1) AND team_id = $1
	UNION ALL SELECT q.message_id FROM pools p CROSS JOIN queue q
		WHERE p.team_id = $1 AND q.route >= p.id || '/' AND q.route < p.id || '0' AND q.team_id = $1) waiting LIMIT `

// few tells whether so little waits for a team's accounts that it is best read
// whole, and not looked for among what waits for others.
func (q MessageQuery) few(ctx context.Context, x querier, team email.ID) (bool, error) {
	if q.Recipient != "" || q.Status != email.Queued && q.Status != email.Sending {
		return false, nil
	}
	var n int
	err := x.QueryRowContext(ctx, `SELECT COUNT(*) FROM (`+waitingSQL+`$2) w`, team, scanned).Scan(&n)
	return n < scanned, err
}

// plan takes the source that is likely to be the narrowest.
func (q MessageQuery) plan(team email.ID, tagged string, few bool) *plan {
	p := &plan{most: scanned}
	if q.Status == "" && q.Account == "" && q.Type == "" && q.Tag == "" {
		p.most = q.Limit // every id is a message of the page
	}
	from, to := q.bounds()
	own, below, above, most := p.arg(team), p.arg(to), p.arg(from), p.arg(p.most)
	ids := func(column string) string {
		return fmt.Sprintf(" AND %[1]s < %[2]s AND %[1]s >= %[3]s ORDER BY id DESC LIMIT %[4]s", column, below, above, most)
	}
	switch {
	case q.Recipient != "":
		p.source = "SELECT DISTINCT message_id AS id FROM recipients WHERE team_id = " + own +
			" AND lower(address) = lower(" + p.arg(q.Recipient) + ")" + ids("message_id")
	case q.Status == email.Scheduled || q.Status == email.Unknown || q.Status == email.Held:
		p.source = fmt.Sprintf("SELECT message_id AS id FROM queue WHERE team_id = %s AND state = '%s' AND %s", own, q.Status, rare) + ids("message_id")
	case few:
		p.source = "SELECT id FROM (" + waitingSQL + fmt.Sprint(scanned) + ") own WHERE 1 = 1" + ids("id")
	case q.Status == email.Queued || q.Status == email.Sending:
		p.source = "SELECT message_id AS id FROM queue WHERE team_id = " + own + ids("message_id")
	case q.Status != "" && q.Status != email.Accepted:
		p.source = "SELECT message_id AS id FROM endings WHERE team_id = " + own + " AND state = " + p.arg(string(q.Status)) + ids("message_id")
	default:
		p.source = "SELECT id FROM messages WHERE team_id = " + own + ids("id")
	}
	p.sourceArgs = len(p.args)
	q.conditions(p, own, tagged)
	return p
}

func (q MessageQuery) conditions(p *plan, own, tagged string) {
	switch {
	case q.Status == "":
	case q.Status.Final():
		p.and("EXISTS (SELECT 1 FROM recipients r WHERE r.team_id = %s AND r.message_id = m.id AND r.state = %s)", own, p.arg(string(q.Status)))
	default:
		p.and("EXISTS (SELECT 1 FROM queue w WHERE w.message_id = m.id AND w.state = %s)", p.arg(string(q.Status)))
	}
	if isPool(q.Account) {
		from, to := poolRoutes(q.Account)
		p.and("m.pooled >= %s AND m.pooled < %s", p.arg(from), p.arg(to))
	} else if q.Account != "" {
		p.and("m.account_id = %s", p.arg(q.Account))
	}
	if q.Type != "" {
		p.and("m.type = %s", p.arg(q.Type))
	}
	if q.Tag != "" {
		p.and(tagged, p.arg(q.Tag))
	}
}

// Messages lists a team's messages, newest first.
func (s *Store) Messages(ctx context.Context, team email.ID, q MessageQuery) (MessagePage, error) {
	var page MessagePage
	err := s.snapshot(ctx, func(x querier) error {
		page = MessagePage{}
		few, err := q.few(ctx, x, team)
		if err != nil {
			return err
		}
		p := q.plan(team, s.dialect.tagged, few)
		text := p.text(s.dialect, q.Limit)
		rows, err := x.QueryContext(ctx, text, p.args...)
		if err != nil {
			return err
		}
		if page.Messages, err = scanAll(rows, scanMessage); err != nil {
			return err
		}
		for _, m := range page.Messages {
			if err := fillStatus(ctx, x, m); err != nil {
				return err
			}
		}
		page.Next, err = q.next(ctx, x, p, page.Messages)
		return err
	})
	if err != nil {
		return MessagePage{}, fmt.Errorf("list messages: %w", err)
	}
	return page, nil
}

// text is the whole question: the ids first, then the message of each.
func (p *plan) text(d *dialect, limit int) string {
	return `SELECT ` + prefixed("m.", messageColumns) + `, m.shredded_at FROM (` + p.source + `) d ` + d.messageOf +
		` WHERE 1 = 1` + p.where + ` ORDER BY d.id DESC LIMIT ` + p.arg(limit)
}

// next tells where the next page begins, and whether there is one.
func (q MessageQuery) next(ctx context.Context, x querier, p *plan, found []*Message) (email.ID, error) {
	if len(found) == q.Limit {
		return found[len(found)-1].ID, nil
	}
	var n int
	var last email.ID
	args := p.args[:p.sourceArgs]
	err := x.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(MIN(id), '') FROM (`+p.source+`) d`, args...).Scan(&n, &last)
	if err != nil || n < p.most {
		return "", err
	}
	return last, nil
}

// bounds are the ids between which the messages lie: they begin with the time.
func (q MessageQuery) bounds() (from, to email.ID) {
	from, to = "", "~"
	if !q.Since.IsZero() {
		from = firstID(q.Since)
	}
	if !q.Until.IsZero() {
		to = firstID(q.Until)
	}
	if q.Before != "" {
		to = min(to, q.Before)
	}
	return from, to
}

// firstID is the smallest id of a message of a time.
func firstID(at time.Time) email.ID {
	if at.UnixMilli() < 0 {
		return ""
	}
	id, _ := email.NewID(email.PrefixMessage, at, zeros{}) // zeros never end
	return id
}

type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// prefixed puts the name of a table before each column.
func prefixed(table, columns string) string {
	names := strings.Split(columns, ",")
	for i, n := range names {
		names[i] = table + strings.TrimSpace(n)
	}
	return strings.Join(names, ", ")
}
