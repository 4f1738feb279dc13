package queue

import (
	"context"
	"time"

	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// unlistedPatience is how long an attempt's outcome waits for its unknown words to be kept.
const unlistedPatience = 5 * time.Second

// keepUnlisted keeps the words of answers that the catalogue does not know, so that
// somebody can report them. That they are not kept costs nothing but that.
func (e *Engine) keepUnlisted(ctx context.Context, en *store.Entry, o outcome) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlistedPatience)
	defer cancel()
	for _, problem := range o.problems() {
		u, ok := provider.AsUnlisted(problem)
		if !ok {
			continue
		}
		from := ""
		if a, err := e.accounts.get(ctx, en.Team, en.Route); err == nil {
			from = a.row.Transport
		}
		if err := e.cfg.Store.NoteUnlisted(ctx, store.Unlisted{
			Team: en.Team, Provider: from, Stage: string(u.Stage), Code: u.Code, Words: u.Words, Sample: u.Sample, LastAt: e.cfg.Now(),
		}); err != nil {
			e.cfg.Log.Warn("an answer that is not known could not be kept", "account", en.Route, "err", err)
		}
		return // one for each attempt is enough
	}
}

// problems are all that an attempt brought back besides yes.
func (o outcome) problems() []*provider.Error {
	all := []*provider.Error{o.err}
	for _, r := range o.receipt.Recipients {
		all = append(all, r.Err)
	}
	return all
}
