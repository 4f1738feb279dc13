// Command depth measures what a claim costs in a queue of some length: it fills a store, opens it anew,
// claims and finishes, and prints one line of JSON. It is started by bench/run.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

const (
	team    = "team_bench"
	account = "acc_bench"
	warm    = 20 // rounds that do not count
	content = 1500
)

// measured is what is printed.
type measured struct {
	Waiting              int
	OpenMs               float64
	ClaimP50Ms, ClaimP90 float64 // of one claim of -batch messages
	MemoryMiB            float64
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "depth:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir := flag.String("dir", "", "data folder")
	database := flag.String("database", "", "PostgreSQL URL; empty: SQLite in the folder")
	fill := flag.Int("fill", 0, "add this many messages and end")
	rounds := flag.Int("rounds", 200, "claims to measure")
	batch := flag.Int("batch", 10, "messages of a claim")
	beside := flag.Duration("beside", 0, "on PostgreSQL: keep a transaction open beside, and work for this long before")
	flag.Parse()
	opt := store.Options{Dir: *dir, Database: *database}
	if *fill > 0 {
		opt.Synchronous = "OFF" // only here: what is filled need not last
		if err := withStore(ctx, opt, func(s *store.Store) error { return add(ctx, s, *fill) }); err != nil {
			return err
		}
		return settle(ctx, *database)
	}
	if *beside > 0 {
		end, err := openBeside(ctx, *database)
		if err != nil {
			return err
		}
		defer end()
	}
	start := time.Now()
	return withStore(ctx, opt, func(s *store.Store) error {
		m := measured{OpenMs: millis(time.Since(start))}
		for began := time.Now(); time.Since(began) < *beside; {
			if _, err := round(ctx, s, *batch); err != nil {
				return err
			}
		}
		if err := m.claims(ctx, s, *rounds, *batch); err != nil {
			return err
		}
		m.MemoryMiB = memory()
		counts, err := s.Counts(ctx)
		m.Waiting = int(counts[email.Queued])
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(m)
	})
}

func withStore(ctx context.Context, opt store.Options, f func(*store.Store) error) error {
	s, err := store.Open(ctx, opt)
	if err != nil {
		return err
	}
	err = f(s)
	if closed := s.Close(); err == nil {
		err = closed
	}
	return err
}

// add fills the queue of one account, normal mail that is due.
func add(ctx context.Context, s *store.Store, n int) error {
	if _, err := s.Account(ctx, team, account); err != nil {
		a := &store.Account{Team: team, ID: account, Address: "app@bench.test", Transport: "smtp", Config: []byte("{}"), CreatedAt: time.Now()}
		if err := s.AddAccount(ctx, a); err != nil {
			return err
		}
	}
	for n > 0 {
		group := make([]*store.NewMessage, min(n, 250))
		for i := range group {
			m, err := message()
			if err != nil {
				return err
			}
			group[i] = m
		}
		for _, err := range s.AddMessages(ctx, group...) {
			if err != nil {
				return err
			}
		}
		n -= len(group)
	}
	return nil
}

func message() (*store.NewMessage, error) {
	now := time.Now()
	id, err := email.NewID(email.PrefixMessage, now, rand.Reader)
	if err != nil {
		return nil, err
	}
	event, err := email.NewID(email.PrefixEvent, now, rand.Reader)
	return &store.NewMessage{
		Team: team, ID: id, Account: account, Type: "general", Lane: email.Normal, OnUnknown: email.Reconcile,
		MailFrom: "app@bench.test", Sender: "app@bench.test", Subject: "depth", MessageID: "<" + id + "@bench.test>", Size: content,
		WrappedKey: []byte("key"), Content: make([]byte, content), EventID: event, CreatedAt: now, ShredAt: now.Add(time.Hour),
		Recipients: []store.Recipient{{Address: "user@example.test", Role: "to"}},
	}, err
}

// claims measures claims; what is claimed is finished as accepted, so that the queue is worked through.
func (m *measured) claims(ctx context.Context, s *store.Store, rounds, batch int) error {
	var took []float64
	for i := range warm + rounds {
		d, err := round(ctx, s, batch)
		if err != nil {
			return err
		}
		if i >= warm {
			took = append(took, millis(d))
		}
	}
	slices.Sort(took)
	m.ClaimP50Ms, m.ClaimP90 = took[len(took)/2], took[len(took)*9/10]
	return nil
}

// round claims, finishes, and adds as many again; it tells how long the claim took.
func round(ctx context.Context, s *store.Store, batch int) (time.Duration, error) {
	now := time.Now()
	claims, err := s.Claim(ctx, store.ClaimRequest{Team: team, Route: account, Node: "node_bench", Epoch: 1, Now: now, Limit: batch})
	took := time.Since(now)
	if err == nil && len(claims) == 0 {
		err = fmt.Errorf("nothing could be claimed")
	}
	if err != nil {
		return 0, err
	}
	var fs []*store.Finish
	for _, e := range claims {
		id, err := email.NewID(email.PrefixEvent, now, rand.Reader)
		if err != nil {
			return 0, err
		}
		f := store.FinishOf(e, now)
		f.Verdicts = []store.Verdict{{State: email.Accepted}}
		f.Events = []store.Event{{ID: id, Kind: email.EventAccepted}}
		fs = append(fs, f)
	}
	for _, err := range s.FinishAttempts(ctx, fs...) {
		if err != nil {
			return 0, err
		}
	}
	return took, add(ctx, s, len(fs))
}

// settle brings PostgreSQL to where it is with mail that has waited for a while: what its own duties do
// in the background after much was added at once would count as the cost of claims.
func settle(ctx context.Context, database string) error {
	if database == "" {
		return nil
	}
	c, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer c.Close(ctx) //nolint:errcheck // nothing is lost by it
	for _, duty := range []string{"VACUUM ANALYZE", "CHECKPOINT"} {
		if _, err := c.Exec(ctx, duty); err != nil {
			return fmt.Errorf("%s: %w", duty, err)
		}
	}
	return nil
}

// openBeside opens a transaction that sees the database as it is now, for as long as the measurement
// takes: what is deleted meanwhile cannot be cleaned up.
func openBeside(ctx context.Context, database string) (end func(), err error) {
	c, err := pgx.Connect(ctx, database)
	if err != nil {
		return nil, err
	}
	t, err := c.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err == nil {
		_, err = t.Exec(ctx, `SELECT COUNT(*) FROM accounts`)
	}
	return func() { _ = c.Close(ctx) }, err
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// memory is the resident memory of this process at its largest (proc(5), VmHWM).
func memory() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if w := strings.Fields(line); len(w) == 3 && w[0] == "VmHWM:" {
			kb, _ := strconv.ParseFloat(w[1], 64) // the kernel writes a number
			return kb / 1024
		}
	}
	return 0
}
