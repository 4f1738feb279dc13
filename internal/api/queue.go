package api

import (
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"slices"

	"gatepost/client"
	"gatepost/internal/email"
	"gatepost/internal/queue"
)

// showQueue tells who waits for what and until when.
func (s *server) showQueue(c *call) error {
	one, wrong, err := c.only("account", "lane", "type", "cause", "state", "submitted_before")
	if err != nil {
		return err
	}
	wrong.empty(c.r.URL.Query())
	sel := queue.Selection{
		Type: one["type"], Cause: one["cause"], Lane: wrong.lane(one["lane"]), Before: wrong.time("submitted_before", one["submitted_before"]),
	}
	wrong.past("submitted_before", sel.Before)
	if sel.Route, err = c.routeNamed("account", one["account"], &wrong); err != nil {
		return err
	}
	wrong.selection(&sel, email.State(one["state"]), waitingStates())
	if err := alsoWrong(wrong, s.Engine.CheckCause(c.r.Context(), c.grant, sel.Cause)); err != nil {
		return err
	}
	q, err := s.Engine.Queue(c.r.Context(), c.grant, sel)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, client.Queue{Waiting: waitingOf(q.Waiting), Pauses: pausesOf(pausesAbout(q.Pauses, sel))})
}

// empty refuses what was given without a value: an empty variable of a script does
// not stand for everything.
func (w *wrongFields) empty(given map[string][]string) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if slices.Contains(given[name], "") {
			w.add(clip(name), "is empty: give a value, or leave it out, which stands for all")
		}
	}
}

// pausesAbout leaves out those that have nothing to do with what was asked for.
func pausesAbout(all []queue.Pause, sel queue.Selection) []queue.Pause {
	return slices.DeleteFunc(slices.Clone(all), func(p queue.Pause) bool {
		other := sel.Route != "" && p.Account != "" && p.Account != sel.Route
		return other || sel.Lane != nil && p.Lane != queue.EveryLane && p.Lane != *sel.Lane
	})
}

// waitingStates are those of messages that wait.
func waitingStates() []email.State {
	return []email.State{email.Scheduled, email.Queued, email.Sending, email.Unknown, email.Held}
}

// selection reads state and type.
func (w *wrongFields) selection(sel *queue.Selection, state email.State, states []email.State) {
	switch {
	case state == "":
	case slices.Contains(states, state):
		sel.States = []email.State{state}
	case state == email.Failed:
		w.add("state", "what failed waits no more: POST /v1/queue/retry with dry_run counts it")
	default:
		w.add("state", "one of "+joined(states))
	}
	if sel.Type != "" && !slices.Contains(queue.Types(), sel.Type) {
		w.add("type", "not a type: one of "+joined(queue.Types()))
	}
}

// lane reads the word of a lane; nil for none.
func (w *wrongFields) lane(word string) *email.Lane {
	if word == "" {
		return nil
	}
	for _, l := range []email.Lane{email.Urgent, email.Normal, email.Bulk} {
		if laneWord(l) == word {
			return &l
		}
	}
	w.add("lane", "one of urgent, normal, bulk")
	return nil
}

// routeNamed is what messages wait for: an account by its id or address, or a pool
// by its id or name.
func (c *call) routeNamed(field, name string, wrong *wrongFields) (string, error) {
	if name == "" {
		return "", nil
	}
	id, err := c.s.Engine.Named(c.r.Context(), c.grant.Team, name)
	if errors.Is(err, queue.ErrNotFound) {
		if field == "to" {
			wrong.add(field, "not the id or address of an account: GET /v1/accounts lists them")
		} else {
			wrong.add(field, "not the id or address of an account, nor the id or name of a pool: GET /v1/accounts and GET /v1/pools list them")
		}
		return "", nil
	}
	return id, err
}

func waitingOf(list []queue.Waiting) []client.Waiting {
	out := make([]client.Waiting, len(list))
	for i, w := range list {
		out[i] = client.Waiting{
			Account: w.Account, Address: w.Address, Lane: laneWord(w.Lane), State: string(w.State), Cause: w.Cause, Why: w.Why,
			Text: w.Text, Until: timeAt(w.Until), Messages: w.Messages, Recipients: w.Recipients, OldestAt: timeAt(w.OldestAt),
		}
	}
	return out
}

func pausesOf(list []queue.Pause) []client.Pause {
	out := make([]client.Pause, len(list))
	for i, p := range list {
		out[i] = client.Pause{Account: p.Account, Address: p.Name, Reason: p.Reason, Key: p.Key, Since: timeOf(p.At)}
		if p.Lane != queue.EveryLane {
			out[i].Lane = laneWord(p.Lane)
		}
	}
	return out
}

// pauseQueue lets no attempt begin of an account, a lane or all.
func (s *server) pauseQueue(c *call) error {
	p, dry, err := s.pauseAsked(c)
	if err != nil {
		return err
	}
	if dry {
		return s.countPaused(c, p, false)
	}
	list, err := s.Engine.Pause(c.r.Context(), c.grant, p)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, client.PauseList{Data: pausesOf(list)})
}

// resumeQueue ends a pause.
func (s *server) resumeQueue(c *call) error {
	p, dry, err := s.pauseAsked(c)
	if err != nil {
		return err
	}
	if dry {
		return s.countPaused(c, p, true)
	}
	_, ended, err := s.Engine.Pauses(c.r.Context(), c.grant, p)
	if err != nil {
		return err
	}
	list, err := s.Engine.Resume(c.r.Context(), c.grant, p)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, client.PauseList{Data: pausesOf(list), Ended: pauseOf(ended)})
}

// countPaused tells what a pause, or its end, would be about.
func (s *server) countPaused(c *call, p queue.Pause, resume bool) error {
	counted, err := s.Engine.CountPaused(c.r.Context(), c.grant, p)
	if err != nil {
		return err
	}
	all, same, err := s.Engine.Pauses(c.r.Context(), c.grant, p)
	if err != nil {
		return err
	}
	found := orderedOf(true, counted)
	out := client.PauseList{Data: pausesOf(all), Counted: &found}
	if resume {
		out.Ended = pauseOf(same)
	}
	return c.answer(http.StatusOK, out)
}

func pauseOf(p *queue.Pause) *client.Pause {
	if p == nil {
		return nil
	}
	return &pausesOf([]queue.Pause{*p})[0]
}

func (s *server) pauseAsked(c *call) (p queue.Pause, dryRun bool, err error) {
	b, problems, err := decodeBody(c, s.pauses, nil)
	if err != nil {
		return queue.Pause{}, false, err
	}
	wrong := wrongFields(problems)
	p = queue.Pause{Lane: queue.EveryLane, Reason: b.Reason}
	if lane := wrong.lane(b.Lane); lane != nil {
		p.Lane = *lane
	}
	if p.Account, err = c.routeNamed("account", b.Account, &wrong); err != nil {
		return p, b.DryRun, err
	}
	return p, b.DryRun, invalid(wrong)
}

// orderQueue makes the operation of a verb.
func (s *server) orderQueue(verb queue.Verb) func(*call) error {
	return func(c *call) error {
		b, problems, err := decodeBody(c, s.orders, nil)
		if err != nil {
			return err
		}
		o, err := c.orderOf(verb, b, problems)
		if err != nil {
			return err
		}
		done, err := s.Engine.Operate(c.r.Context(), c.grant, o)
		if err != nil {
			return err
		}
		return c.answer(http.StatusOK, orderedOf(b.DryRun, done))
	}
}

func (c *call) orderOf(verb queue.Verb, b client.QueueOrder, problems []email.Problem) (queue.Order, error) {
	wrong := wrongFields(problems)
	o := queue.Order{Verb: verb, Reason: b.Reason, DryRun: b.DryRun, Selection: queue.Selection{
		Type: b.Type, Cause: b.Cause, Lane: wrong.lane(b.Lane), Before: moment(b.SubmittedBefore),
	}}
	wrong.past("submitted_before", o.Before)
	wrong.selection(&o.Selection, email.State(b.State), []email.State{email.Scheduled, email.Queued, email.Held})
	var err error
	if o.Route, err = c.routeNamed("account", b.Account, &wrong); err != nil {
		return o, err
	}
	if o.To, err = c.routeNamed("to", b.To, &wrong); err != nil {
		return o, err
	}
	if b.Cursor != "" {
		id, err := base64.RawURLEncoding.DecodeString(b.Cursor)
		if o.After = string(id); err != nil || isID(email.PrefixMessage, o.After) != nil {
			wrong.add("cursor", "not a next_cursor of an earlier answer")
		}
	}
	return o, invalid(wrong)
}

func orderedOf(dry bool, o *queue.Ordered) client.QueueOrdered {
	out := client.QueueOrdered{DryRun: dry, Messages: o.Messages, Recipients: o.Recipients, Waiting: waitingOf(o.Waiting), Twice: o.Twice}
	for _, why := range slices.Sorted(maps.Keys(o.Skipped)) {
		out.Skipped = append(out.Skipped, client.QueueSkipped{Why: why, Messages: o.Skipped[why]})
	}
	if o.Next != "" {
		out.NextCursor = base64.RawURLEncoding.EncodeToString([]byte(o.Next))
	}
	return out
}
