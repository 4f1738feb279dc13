package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// limitsOf are the limits that an account has to keep to, with the keys under which
// they are counted. Where two would be counted under one key the lower one holds.
// known is false when the store could not tell a key: then it is to be asked again.
func (x *accounts) limitsOf(row *store.Account, kind provider.Kind) (out []store.Limit, known bool) {
	if kind.Rates == nil {
		return nil, true
	}
	at := map[string]int{}
	known = true
	for _, r := range kind.Rates(row.Address, row.Config) {
		scope, err := x.scopeOf(row, r)
		known = known && err == nil
		l := limitOf(r, scope)
		if i, ok := at[l.Key]; ok {
			if l.Max < out[i].Max {
				out[i] = l
			}
			continue
		}
		at[l.Key] = len(out)
		out = append(out, l)
	}
	return out, known
}

// limitOf is a rate as it is counted for a scope.
func limitOf(r provider.Rate, scope string) store.Limit {
	return store.Limit{
		Key: store.LimitKey(scope, r.Unit, r.Window), Name: nameOf(r), Scope: r.Scope, Unit: r.Unit, Source: r.Source,
		Max: r.Max, Usual: r.Max, Window: r.Window, Cost: max(1, r.Cost), Paced: r.Window <= longestPace,
		Recipients: ofRecipients(r.Unit), Own: r.Own, Unique: r.Unit == provider.UnitUnique,
	}
}

// ofRecipients tells whether a unit is one of recipients.
func ofRecipients(unit string) bool {
	return unit == provider.UnitRecipients || unit == provider.UnitExternal || unit == provider.UnitUnique
}

// scopeOf names what a rate is counted by.
func (x *accounts) scopeOf(row *store.Account, r provider.Rate) (string, error) {
	switch {
	case r.Of != "":
		return r.Scope + ":" + r.Of, nil
	case r.Scope == provider.RateOfProject:
		project, err := x.project(row.Team, row.Credential)
		return r.Scope + ":" + project, err
	}
	return r.Scope + ":" + row.ID, nil
}

// project is the Google Cloud project of a credential, or the credential itself
// where that is not known. A user's credential goes by its OAuth client.
func (x *accounts) project(team, credential email.ID) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for range 2 {
		c, err := x.e.cfg.Store.Credential(ctx, team, credential)
		if errors.Is(err, store.ErrNotFound) {
			break
		}
		if err != nil {
			return credential, err
		}
		var public struct{ Project, Client string }
		_ = json.Unmarshal(c.Public, &public) // ours
		if public.Project != "" {
			return public.Project, nil
		}
		if public.Client == "" {
			break
		}
		credential = public.Client
	}
	return credential, nil
}

// nameOf is a rate in the words of a person: "units per minute of the project".
func nameOf(r provider.Rate) string {
	of := ""
	if r.Scope != provider.RateOfAccount {
		of = " of the " + r.Scope
	}
	unit := r.Unit
	if unit == provider.UnitExternal || unit == provider.UnitUnique {
		unit += " recipients"
	}
	return unit + " per " + windowName(r.Window) + of
}

func windowName(w time.Duration) string {
	switch w {
	case time.Second:
		return "second"
	case time.Minute:
		return "minute"
	case time.Hour:
		return "hour"
	case provider.Day:
		return "day"
	}
	return w.String()
}

// blocks tells which limit keeps a queued message from leaving now, if one does.
func (e *Engine) blocks(ctx context.Context, a *account, en *Entry) (*store.Blocked, error) {
	if a == nil || en == nil || en.State != email.Queued {
		return nil, nil
	}
	b, err := e.cfg.Store.Blocks(ctx, e.paces.credit(a.opened.limits), en, e.clock.believed())
	if b != nil && b.Paced {
		b.Until = e.cfg.Now().Add(e.paces.wait(&b.Limit))
	}
	return b, err
}

// blockedWords tells what a message waits for.
func blockedWords(b *store.Blocked) string {
	if b.Paced {
		return fmt.Sprintf("it waits for its turn: %d %s are sent evenly", b.Limit.Open(b.Lane), b.Limit.Name)
	}
	text := fmt.Sprintf("it waits for the limit of %d %s", b.Limit.Max, b.Limit.Name)
	if !b.Limit.LearnedUntil.IsZero() {
		text += " (" + b.Limit.Source + ")"
	}
	if b.Lane != email.Urgent {
		text += ", of which urgent mail keeps a part"
	}
	if b.Until.IsZero() {
		return text + ", which what is being sent has in use"
	}
	return text
}
