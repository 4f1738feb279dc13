package api

import (
	"net/http"
	"time"

	"gatepost/client"
	"gatepost/internal/control"
)

// healthDays is how far the health of an account goes back where nothing is said.
const healthDays = 7

// showAccountHealth tells how an account did.
func (s *server) showAccountHealth(c *call) error {
	one, wrong, err := c.only("since")
	if err != nil {
		return err
	}
	since := wrong.time("since", one["since"])
	if time.Until(since) > 0 {
		wrong.add("since", "lies in the future: give a time that has passed")
	}
	if err := invalid(wrong); err != nil {
		return err
	}
	if since.IsZero() {
		since = time.Now().AddDate(0, 0, -healthDays)
	}
	h, err := s.Control.Health(c.r.Context(), c.grant, c.r.PathValue("id"), since)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, healthOf(h))
}

func healthOf(h control.Health) client.AccountHealth {
	out := client.AccountHealth{
		Account: h.Account.ID, Address: h.Account.Address, From: timeOf(h.From), Until: timeOf(h.Until), Well: h.Well,
		Trouble: make([]client.Trouble, len(h.Trouble)),
	}
	for i, t := range h.Trouble {
		out.Trouble[i] = client.Trouble{
			State: t.State, Lane: t.Lane, From: timeOf(t.From), Until: timeAt(t.Until), Goes: t.Goes, Cause: t.Cause, Text: t.Text, Fix: t.Fix, Times: t.Times,
		}
	}
	for _, w := range h.Warned {
		out.Warned = append(out.Warned, client.Warned{Event: string(w.Kind), At: timeOf(w.At), EndsAt: timeOf(w.EndsAt), Text: w.Text, Fix: w.Fix})
	}
	return out
}

func describeAccountHealth(d *describer) {
	d.about("showAccountHealth", "Tell how an account did", "When it could not send, and why.")
	d.id("The account's id.", exampleAccountID)
	d.param("query", "since", "From when on; seven days ago where it is missing, and when it was connected at the earliest.", nil)
	d.gives(http.StatusOK, "How it did.", client.AccountHealth{}, `{"account": "acc_01jd2q0000e0080g40r40m30e2", "address": "app@example.com",
 "from": "2026-11-14T09:00:00.000Z", "until": "2026-11-21T09:00:00.000Z", "well": 0.994, "trouble": [{"state": "held", "from": "2026-11-18T10:00:00.000Z",
 "until": "2026-11-18T11:00:00.000Z", "goes_on": false, "cause": "auth_failed", "text": "the provider refused the login", "fix": "store a new password", "times": 1}]}`)
}
