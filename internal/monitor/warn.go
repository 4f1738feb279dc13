package monitor

import (
	"context"
	"fmt"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// Warn tells, as events and in the log, of what has come near its end since the last
// time: each mark of each end once, whichever node looks and however often.
func (w *Watch) Warn(ctx context.Context) error {
	teams, err := w.cfg.Store.Teams(ctx)
	if err != nil {
		return err
	}
	for _, t := range teams {
		if err := w.warnTeam(ctx, t.ID); err != nil {
			return err
		}
	}
	return nil
}

// told is by what a warning is known.
type told struct {
	subject email.ID
	kind    string
}

func (w *Watch) warnTeam(ctx context.Context, team email.ID) error {
	ends, err := w.Expiries(ctx, team)
	if err != nil {
		return err
	}
	before, err := w.cfg.Store.Warnings(ctx, team)
	if err != nil {
		return err
	}
	last := map[told]store.Warning{}
	for _, x := range before {
		last[told{x.Subject, x.Kind}] = x
	}
	for _, e := range ends {
		x, ok := e.warning(team, w.now())
		if !ok || said(last, x) {
			continue
		}
		if err := w.tell(ctx, x, e); err != nil {
			return err
		}
	}
	return nil
}

// said tells whether a warning, or a later one of the same end, was told before: most
// were, and then nothing is written.
func said(last map[told]store.Warning, x store.Warning) bool {
	old, ok := last[told{x.Subject, x.Kind}]
	return ok && old.EndsAt.Equal(x.EndsAt) && old.Days <= x.Days
}

// warning is the mark of an end that has come. Of changes each has a row of its own.
func (e *Expiry) warning(team email.ID, now time.Time) (store.Warning, bool) {
	days, ok := e.mark(now)
	kind := e.Kind
	if e.Change != "" {
		kind += " " + e.Change
	}
	return store.Warning{Team: team, Subject: e.subject, Kind: kind, EndsAt: e.At.Truncate(time.Millisecond), Days: days}, ok
}

func (w *Watch) tell(ctx context.Context, x store.Warning, e Expiry) error {
	now := w.now()
	id, err := email.NewID(email.PrefixEvent, now, w.cfg.Random)
	if err != nil {
		return fmt.Errorf("warn of %s: %w", x.Subject, err)
	}
	fresh, err := w.cfg.Store.Warn(ctx, x, store.Event{ID: id, Kind: e.event(), At: now, Data: store.EventData{
		Cause: e.Kind, Text: e.Summary + ". " + e.What, Fix: e.Fix, EndsAt: e.At.UnixMilli(),
	}})
	if fresh {
		w.cfg.Log.Warn("something that mail needs ends", "event", e.event(), "subject", x.Subject, "what", e.Kind,
			"ends", e.At.UTC().Format(time.RFC3339), "days_left", e.Days, "accounts", len(e.Accounts), "see", "gatepost expiries")
	}
	return err
}

// event is the kind of event that tells of it.
func (e *Expiry) event() email.EventKind {
	switch {
	case e.Credential == "":
		return email.EventAccountWarning
	case e.Days == 0:
		return email.EventCredentialExpired
	}
	return email.EventCredentialExpiring
}
