package control

import (
	"context"
	"slices"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/monitor"
	"gatepost/internal/queue"
	"gatepost/internal/store"
)

// known adds what gatepost itself knows: states, pauses, limits, mail that waits and
// mail that failed.
func (x *examination) known(ctx context.Context) {
	x.beyond(ctx)
	x.proven()
	pauses, _ := x.c.cfg.Store.Pauses(ctx, x.g.Team) // where it cannot be read, the database is a finding already
	capacity, _, _ := x.c.cfg.Engine.Capacities(ctx, x.g)
	x.at.Ends, _ = x.c.Expiries(ctx, x.g)
	mayRead := x.g.May(access.ScopeMessagesRead)
	var waiting queue.Queue
	if mayRead {
		waiting, _ = x.c.cfg.Engine.Queue(ctx, x.g, queue.Selection{})
	} else {
		x.at.Machine.NotSaid = append(x.at.Machine.NotSaid, monitor.Checked{Check: monitor.CheckMail, Not: "mail that waits or failed: the key lacks the scope " + access.ScopeMessagesRead})
	}
	for i := range x.at.Patients {
		p := &x.at.Patients[i]
		standing(p, x.rows[i], x.c.cfg.Now())
	}
	for i := range x.at.Patients {
		p := &x.at.Patients[i]
		p.Pauses = toldPauses(p.ID, pauses)
		p.Limits = usedUp(capacity, p.ID)
		p.Waiting = waitingOf(waiting, p.ID)
		if mayRead {
			p.Failed = x.failed(ctx, p.ID)
		}
	}
	x.routes(waiting, pauses)
}

// standing reads what a row says of its account.
func standing(p *monitor.Patient, row *store.Account, now time.Time) {
	p.Held, p.Cause, p.Reason = row.Held, row.Cause, row.Reason
	switch {
	case row.Held:
	case row.ParkedUntil.After(now):
		p.State, p.Until = "parked", row.ParkedUntil
	case row.RestingUntil.After(now):
		p.State, p.Until = "resting", row.RestingUntil
	}
}

// usedUp are the limits of an hour or more that let nothing more begin: shorter ones
// are the pace.
func usedUp(all []queue.Capacity, id email.ID) (out []monitor.Limit) {
	i := slices.IndexFunc(all, func(c queue.Capacity) bool { return c.ID == id })
	if i < 0 {
		return nil
	}
	for _, l := range all[i].Limits {
		if l.Window >= time.Hour && l.Left <= l.Reserved {
			out = append(out, monitor.Limit{Name: l.Name, Source: l.Source, Max: l.Max, Used: l.Used, FreesAt: l.FreesAt, Learned: !l.LearnedUntil.IsZero()})
		}
	}
	return out
}

func waitingOf(q queue.Queue, id email.ID) (out []monitor.Waiting) {
	for _, w := range q.Waiting {
		if w.Account == id {
			out = append(out, monitor.Waiting{Messages: w.Messages, Lane: lanesOfMail()[w.Lane], Why: w.Why, Text: w.Text, Until: w.Until})
		}
	}
	return out
}

// failed are the causes for which the last messages of an account failed, as far as none
// of the same sender went since.
func (x *examination) failed(ctx context.Context, id email.ID) (out []monitor.Failed) {
	page, err := x.c.cfg.Engine.Messages(ctx, x.g, queue.MessageQuery{Account: id, Limit: lastMessages, Since: x.c.cfg.Now().Add(-lately)})
	if err != nil {
		return nil
	}
	well := map[string]bool{}
	for _, m := range page.Messages {
		cause, accepted := fateOf(m)
		if well[m.Sender] = well[m.Sender] || accepted; well[m.Sender] || cause == "" {
			continue
		}
		i := slices.IndexFunc(out, func(f monitor.Failed) bool { return f.Cause == cause && f.Sender == m.Sender })
		if i >= 0 {
			out[i].Messages++
			continue
		}
		out = append(out, x.whyFailed(ctx, m, cause))
	}
	return out
}

// fateOf is for what a message failed for all who have a verdict, or that it did not.
func fateOf(m *queue.Message) (cause string, accepted bool) {
	for _, r := range m.Recipients {
		switch r.State {
		case email.Accepted:
			return "", true
		case email.Failed:
			cause = r.Cause
		}
	}
	return cause, false
}

// whyFailed tells of a failure in the words of its event.
func (x *examination) whyFailed(ctx context.Context, m *queue.Message, cause string) monitor.Failed {
	f := monitor.Failed{Messages: 1, Cause: cause, Sender: m.Sender, Last: m.ID, Text: "Mail of " + m.Sender + " failed: " + cause + "."}
	_, events, err := x.c.cfg.Engine.Message(ctx, x.g, m.ID)
	if err != nil {
		return f
	}
	for _, e := range events {
		if e.Kind == email.EventFailed && e.Data.Cause == cause && e.Data.Text != "" {
			f.Text, f.Fix, f.Reply = e.Data.Text, e.Data.Fix, e.Data.Reply
		}
	}
	return f
}
