// Package monitor looks ahead: what of accounts and credentials ends and when, which
// providers' changes concern them, and that refresh tokens stay in use. And it says what
// is wrong now, the cause before what came of it: the doctor's findings, and the probes
// of servers that they rest on.
//
// It decides nothing about mail: what a refusal means for accounts is the engine's, which
// it is given as a function.
package monitor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/vault"
)

// WatchConfig is what a Watch works on.
type WatchConfig struct {
	Store *store.Store
	Vault *vault.Vault
	// Refused is told that a provider refused a credential, by a call that began at a
	// time. nil: nobody is.
	Refused func(ctx context.Context, team, credential email.ID, began time.Time, err error) error

	Log    *slog.Logger     // nil: none
	Now    func() time.Time // nil: the time that all nodes of the database go by
	Random io.Reader        // for ids; safe for many goroutines. nil: crypto/rand
}

// Watch tells what ends, warns ahead of it, and keeps refresh tokens in use. It is safe
// for use by many goroutines and by many nodes of a database.
type Watch struct {
	cfg     WatchConfig
	changes []Change

	mu    sync.Mutex
	rests map[email.ID]time.Time // credentials that are not tried before, because the last try failed
	next  nextEnds
}

// NewWatch makes a Watch. It starts nothing and touches no row.
func NewWatch(cfg WatchConfig) (*Watch, error) {
	changes, err := Changes()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = cfg.Store.Now
	}
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	return &Watch{cfg: cfg, changes: changes, rests: map[email.ID]time.Time{}}, err
}

func (w *Watch) now() time.Time { return w.cfg.Now().UTC() }

// How often the duties are seen to: warnings at every tenth round.
const (
	roundEvery = time.Minute
	warnRounds = 10
)

// Run keeps tokens in use and warns until ctx ends. It warns after it has used tokens: of
// one that could be used there is nothing to tell.
func (w *Watch) Run(ctx context.Context) {
	keep, warn := w.duty("keep refresh tokens in use", w.KeepAlive), w.duty("warn of what ends", w.Warn)
	tick := time.NewTicker(roundEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		keep(ctx)
		if n%warnRounds == 0 {
			warn(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// duty makes something that may fail into something that is tried again: failures are
// logged once an hour.
func (w *Watch) duty(what string, do func(context.Context) error) func(context.Context) {
	var logged time.Time
	return func(ctx context.Context) {
		if err := do(ctx); err != nil && ctx.Err() == nil && time.Since(logged) > time.Hour {
			w.cfg.Log.Error("a periodic duty failed and is tried again", "duty", what, "err", err)
			logged = time.Now()
		}
	}
}

// alone does something while no other node does it, for half as long as the turn lasts at
// the most; not at all where one is at it.
func (w *Watch) alone(ctx context.Context, what string, life time.Duration, duty func(context.Context) error) (err error) {
	holder := make([]byte, 16)
	if _, err := io.ReadFull(w.cfg.Random, holder); err != nil {
		return fmt.Errorf("draw a name: %w", err)
	}
	turn := store.Turn{Name: "duty " + what, Holder: hex.EncodeToString(holder), Alone: true}
	got, err := w.cfg.Store.TakeTurn(ctx, turn, life)
	if err != nil || !got {
		return err
	}
	defer func() { err = errors.Join(err, w.cfg.Store.EndTurn(context.WithoutCancel(ctx), turn)) }()
	timed, cancel := context.WithTimeout(ctx, life/2)
	defer cancel()
	return duty(timed)
}
