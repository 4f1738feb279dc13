package control

import (
	"cmp"
	"slices"

	"gatepost/internal/email"
	"gatepost/internal/monitor"
	"gatepost/internal/queue"
	"gatepost/internal/store"
)

// toldPauses are those that stop mail of a route, an account's or a pool's.
func toldPauses(route email.ID, all []queue.Pause) (out []monitor.Pause) {
	for _, x := range all {
		p := monitor.Pause{Of: cmp.Or(x.Name, x.Account), Reason: x.Reason, Since: x.At}
		for i, lane := range []email.Lane{email.Urgent, email.Normal, email.Bulk} {
			if x.Lane == lane {
				p.Lane = lanesOfMail()[i]
			}
			if x.About(route, lane) {
				p.Covers = append(p.Covers, lanesOfMail()[i])
			}
		}
		if len(p.Covers) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// routes are pools and removed accounts: what waits for them, and a pause of just them.
func (x *examination) routes(waiting queue.Queue, pauses []queue.Pause) {
	if len(x.rows) < x.all {
		return
	}
	var ids []email.ID
	add := func(id email.ID) {
		if id != "" && !slices.Contains(ids, id) && !slices.ContainsFunc(x.rows, func(a *store.Account) bool { return a.ID == id }) {
			ids = append(ids, id)
		}
	}
	for _, w := range waiting.Waiting {
		add(w.Account)
	}
	for _, p := range pauses {
		add(p.Account)
	}
	for _, id := range ids {
		r := monitor.Route{Waiting: waitingOf(waiting, id)}
		for _, w := range waiting.Waiting {
			if w.Account == id {
				r.Name = w.Address
			}
		}
		for _, p := range pauses {
			if p.Account == id {
				r.Name = cmp.Or(r.Name, p.Name)
			}
		}
		r.Pauses = toldPauses(id, slices.DeleteFunc(slices.Clone(pauses), func(p queue.Pause) bool { return p.Account != id }))
		x.at.Routes = append(x.at.Routes, r)
	}
}
