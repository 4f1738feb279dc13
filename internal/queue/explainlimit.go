package queue

import "context"

// ExplainedLimit is a limit of the account and what the message takes of it.
type ExplainedLimit struct {
	Name        string
	Limit, Used int64
	InUse       *int64 // what is used of it now, by all; nil: it is not used up
	Source      string
}

// explainLimits reads what is used of the account's limits.
func (e *Engine) explainLimits(ctx context.Context, x *explaining) error {
	if x.account == nil {
		return nil
	}
	standings, err := e.cfg.Store.Standings(ctx, x.account.opened.limits, e.clock.believed())
	x.used = make(map[string]int64, len(standings))
	for _, s := range standings {
		x.used[s.Key] = s.Used
	}
	return err
}

// limits tells of the account's limits what the message takes.
func (x *explaining) limits() {
	l := x.account.limits
	x.limit("recipients per message", int64(l.MaxRecipients), int64(len(x.m.Recipients)))
	x.limit("bytes of a message", l.MaxSize, x.m.Size)
	x.limit("sends at a time", int64(l.MaxParallel), 1)
	for _, l := range x.account.opened.limits {
		used := l.Cost
		if l.Recipients {
			used *= int64(len(x.m.Recipients))
		}
		inUse := x.used[l.Key]
		x.out.Limits = append(x.out.Limits, ExplainedLimit{Name: l.Name, Limit: l.Max, Used: used, InUse: &inUse, Source: l.Source})
	}
}

func (x *explaining) limit(name string, limit, used int64) {
	if limit > 0 {
		x.out.Limits = append(x.out.Limits, ExplainedLimit{Name: name, Limit: limit, Used: used, Source: x.account.limits.Source})
	}
}
