package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// limitsOf are the limits that an account has to keep to, with the keys under which
// they are counted. Where two would be counted under one key the lower one holds.
func (x *accounts) limitsOf(row *store.Account, kind provider.Kind) []store.Limit {
	if kind.Rates == nil {
		return nil
	}
	var out []store.Limit
	at := map[string]int{}
	for _, r := range kind.Rates(row.Address, row.Config) {
		l := store.Limit{
			Key: store.LimitKey(x.scopeOf(row, r), r.Unit, r.Window), Name: nameOf(r), Scope: r.Scope, Unit: r.Unit, Source: r.Source,
			Max: r.Max, Window: r.Window, Cost: max(1, r.Cost), Recipients: r.Unit == provider.UnitRecipients, Paced: r.Window <= longestPace,
		}
		if i, ok := at[l.Key]; ok {
			if l.Max < out[i].Max {
				out[i] = l
			}
			continue
		}
		at[l.Key] = len(out)
		out = append(out, l)
	}
	return out
}

// scopeOf names what a rate is counted by.
func (x *accounts) scopeOf(row *store.Account, r provider.Rate) string {
	switch {
	case r.Of != "":
		return r.Scope + ":" + r.Of
	case r.Scope == provider.RateOfProject:
		return r.Scope + ":" + x.project(row.Team, row.Credential)
	}
	return r.Scope + ":" + row.ID
}

// project is the Google Cloud project of a credential, or the credential itself
// where that is not known. A user's credential goes by its OAuth client.
func (x *accounts) project(team, credential email.ID) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for range 2 {
		c, err := x.e.cfg.Store.Credential(ctx, team, credential)
		if err != nil {
			break
		}
		var public struct{ Project, Client string }
		_ = json.Unmarshal(c.Public, &public) // ours
		if public.Project != "" {
			return public.Project
		}
		if public.Client == "" {
			break
		}
		credential = public.Client
	}
	return credential
}

// nameOf is a rate in the words of a person: "units per minute of the project".
func nameOf(r provider.Rate) string {
	of := ""
	if r.Scope != provider.RateOfAccount {
		of = " of the " + r.Scope
	}
	return r.Unit + " per " + windowName(r.Window) + of
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
	b, err := e.cfg.Store.Blocks(ctx, e.paces.credit(a.opened.limits), en.Lane, en.Unsettled, e.clock.believed())
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
	if b.Lane != email.Urgent {
		text += ", of which urgent mail keeps a part"
	}
	if b.Until.IsZero() {
		return text + ", which what is being sent has in use"
	}
	return text
}
