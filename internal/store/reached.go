package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/email"
)

// Some limits go by who gets the mail: recipients outside of the organisation, and
// different ones. Only accounts that have such a limit have their recipients read in
// the claim. An address that was to be reached counts from the claim, whatever comes
// of the attempt, until its window after the last time.

// byAddress tells whether the addresses decide what a message takes of a limit.
func (l *Limit) byAddress() bool { return l.Own != "" || l.Unique }

// costOf is what a message takes of a limit.
func (y *tally) costOf(x candidate) int64 {
	if !y.limit.byAddress() {
		return y.limit.costOf(x.unsettled)
	}
	if !y.limit.Unique {
		return y.limit.Cost * int64(len(y.counted(x)))
	}
	fresh := map[string]bool{}
	for _, a := range y.counted(x) {
		if !y.reached[a] {
			fresh[a] = true
		}
	}
	return y.limit.Cost * int64(len(fresh))
}

// counted are the recipients of a message that count.
func (y *tally) counted(x candidate) []string {
	if y.limit.Own == "" {
		return x.addresses
	}
	own := strings.Split(y.limit.Own, ",")
	var out []string
	for _, a := range x.addresses {
		if !slices.Contains(own, a[strings.LastIndexByte(a, '@')+1:]) {
			out = append(out, a)
		}
	}
	return out
}

// reach notes the recipients of a message that goes.
func (y *tally) reach(x candidate) {
	if !y.limit.Unique {
		return
	}
	for _, a := range y.counted(x) {
		y.reached[a] = true
	}
}

// address reads the recipients of messages, where a limit goes by them, and which of
// them have been reached.
func address(ctx context.Context, q querier, d *dialect, team email.ID, xs []candidate, ys []*tally) error {
	if !slices.ContainsFunc(ys, func(y *tally) bool { return y.limit.byAddress() }) {
		return nil
	}
	at, ids := make(map[email.ID]int, len(xs)), make([]email.ID, len(xs))
	for i, x := range xs {
		at[x.message], ids[i] = i, x.message
	}
	rows, err := q.QueryContext(ctx, `SELECT message_id, lower(address) FROM recipients WHERE team_id = $1 AND state = '' AND message_id `+
		fmt.Sprintf(d.oneOf, "$2"), team, jsonText(ids))
	if err != nil {
		return err
	}
	hashes := map[string]string{}
	_, err = scanAll(rows, func(row interface{ Scan(...any) error }) (struct{}, error) {
		var id email.ID
		var to string
		err := row.Scan(&id, &to)
		if x := &xs[at[id]]; err == nil {
			x.addresses, hashes[hashOf(to)] = append(x.addresses, to), to
		}
		return struct{}{}, err
	})
	for _, y := range ys {
		if err == nil && y.limit.Unique {
			err = y.readAddresses(ctx, q, d, hashes)
		}
	}
	return err
}

// readAddresses finds out which addresses have been reached within the window.
func (y *tally) readAddresses(ctx context.Context, q querier, d *dialect, hashes map[string]string) error {
	y.reached = map[string]bool{}
	list := make([]string, 0, len(hashes))
	for h := range hashes {
		list = append(list, h)
	}
	slices.Sort(list)
	rows, err := q.QueryContext(ctx, `SELECT hash FROM reached WHERE key = $1 AND slot >= $2 AND hash `+fmt.Sprintf(d.oneOf, "$3"),
		y.limit.Key, (y.now-y.limit.Window.Milliseconds())/slotWidth(y.limit.Window), jsonText(list))
	if err != nil {
		return err
	}
	found, err := scanAll(rows, func(row interface{ Scan(...any) error }) (h string, err error) {
		err = row.Scan(&h)
		return h, err
	})
	for _, h := range found {
		y.reached[hashes[h]] = true
	}
	return err
}

// hashOf is what is kept of an address.
func hashOf(address string) string {
	sum := sha256.Sum256([]byte(address))
	return hex.EncodeToString(sum[:8])
}

// readReached counts the addresses of limits that go by these.
func readReached(ctx context.Context, q querier, d *dialect, ys []*tally) error {
	for _, y := range ys {
		if !y.limit.Unique {
			continue
		}
		rows, err := q.QueryContext(ctx, `SELECT slot, COUNT(*) FROM reached WHERE key = $1 GROUP BY slot ORDER BY slot`, y.limit.Key)
		if err != nil {
			return err
		}
		slots, err := scanAll(rows, func(row interface{ Scan(...any) error }) (s slotUse, err error) {
			err = row.Scan(&s.slot, &s.used)
			return s, err
		})
		if err != nil {
			return err
		}
		for _, s := range slots {
			y.read(s)
		}
	}
	return nil
}

// keepReached writes which addresses are being reached.
func keepReached(ctx context.Context, t *tx, chosen []candidate, ys []*tally) error {
	for _, y := range ys {
		if !y.limit.Unique {
			continue
		}
		hashes := map[string]string{}
		for _, x := range chosen {
			for _, a := range y.counted(x) {
				hashes[hashOf(a)] = ""
			}
		}
		_, err := t.ExecContext(ctx, `INSERT INTO reached (key, hash, slot) SELECT $1, j.key, CAST($3 AS BIGINT) FROM `+fmt.Sprintf(t.w.s.dialect.each, "$2")+`
			WHERE true ON CONFLICT (key, hash) DO UPDATE SET slot = excluded.slot`,
			y.limit.Key, jsonText(hashes), y.now/slotWidth(y.limit.Window))
		if err != nil {
			return fmt.Errorf("note who is reached: %w", err)
		}
	}
	return nil
}

// tidyReached brings addresses from ahead of the clock to where it is now, and
// deletes those of the past.
func tidyReached(ctx context.Context, t *tx, key string, current, oldest int64) error {
	if _, err := t.ExecContext(ctx, `DELETE FROM reached WHERE key = $1 AND slot < $2`, key, oldest); err != nil {
		return err
	}
	_, err := t.ExecContext(ctx, `UPDATE reached SET slot = $2 WHERE key = $1 AND slot > $2`, key, current)
	return err
}
