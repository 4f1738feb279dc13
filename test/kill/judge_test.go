package kill

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Promises that can be broken, as the verdict calls them.
const (
	lost        = "acknowledged, not in the world, and not held"
	forgotten   = "acknowledged and not known to the API"
	restless    = "neither settled nor held at the end"
	secondCopy  = "second copy where there may be none"
	unmarked    = "second copy that is not marked as a possible duplicate"
	tooMany     = "more copies than unknown outcomes explain"
	keyTwice    = "one Idempotency-Key, or Message-ID over SMTP, and two messages"
	stranger    = "in the world, and nobody submitted it"
	unaccounted = "recipients unaccounted for in the metrics"
	leftBehind  = "draft that was left in the mailbox"
)

// shown is a message as the API shows it.
type shown struct {
	known      bool
	Submitted  time.Time `json:"submitted_at"`
	Duplicate  bool      `json:"possible_duplicate"`
	Recipients []struct{ Status string }
	Events     []struct {
		Type string
		Data struct{ Attempt int }
	}
}

func (m shown) status() string {
	if len(m.Recipients) != 1 {
		return ""
	}
	return m.Recipients[0].Status
}

func (m shown) count(event string) (n int) {
	for _, e := range m.Events {
		if e.Type == event {
			n++
		}
	}
	return n
}

// found tells whether an unknown outcome was settled without another attempt: by the copy in Sent.
func (m shown) found() bool {
	unknown := 0
	for _, e := range m.Events {
		switch e.Type {
		case "message.unknown":
			unknown = e.Data.Attempt
		case "message.accepted":
			return e.Data.Attempt == unknown
		}
	}
	return false
}

// judge gives the verdict on all that was submitted so far: first what is missing, which must be held
// until it is released, then everything.
func (r *run) judge(name string) *result {
	r.t.Helper()
	res := &result{Database: name, Kills: r.kills, Breaches: map[string][]string{}, class: map[class]*tally{}}
	for _, c := range classes() {
		res.class[c] = &tally{Class: c}
	}
	r.station.start(kill{})
	defer r.station.stop()
	r.releaseMissing(res)
	r.replay(res)
	r.rest()
	r.judgeAll(res)
	r.judgeDrafts(res)
	for _, where := range r.unaccounted {
		res.breach(unaccounted, where)
	}
	res.Seconds = time.Since(r.began).Seconds()
	return res
}

// judgeDrafts waits until what the kills left in drafts is swept: each draft is left for as long as an
// attempt may last.
func (r *run) judgeDrafts(res *result) {
	r.t.Helper()
	var left []string
	for end := time.Now().Add(sweepPatience); ; time.Sleep(500 * time.Millisecond) {
		if left = r.world.drafts(); len(left) == 0 || time.Now().After(end) {
			break
		}
	}
	for _, id := range left {
		res.breach(leftBehind, id)
	}
}

// sweepPatience is more than two sweeps and the time limit of a send.
const sweepPatience = 150 * time.Second

// releaseMissing looks at what the world never got. What is held goes out now, once.
func (r *run) releaseMissing(res *result) {
	r.t.Helper()
	world := r.world.ledger()
	for _, m := range r.load.all {
		if world.copies[m.id] > 0 {
			continue
		}
		if m.class.told() || r.show(m.id).status() != "held" {
			res.breach(lost, m.id)
			continue
		}
		status, answer, err := r.station.call(http.MethodPost, "/v1/messages/"+m.id+"/release", nil)
		if err != nil || status != http.StatusOK {
			r.t.Errorf("release %s: %d: %v: %s", m.id, status, err, answer)
		}
		r.released[m.id] = true
	}
}

// replay repeats some requests under their keys, at the door they came by: that must add nothing.
func (r *run) replay(res *result) {
	r.t.Helper()
	for _, m := range r.load.all {
		if !m.keyed || m.unanswered+m.cut == 0 && m.n%50 != 1 {
			continue
		}
		again, err := r.station.hand(m)
		if err != nil {
			r.t.Errorf("repeat message %d: %v", m.n, err)
			continue
		}
		if again != m.id {
			res.breach(keyTwice, m.id+" and "+again)
		}
		res.Repeated++
	}
}

// show asks the API for a message.
func (r *run) show(id string) (m shown) {
	status, answer, err := r.station.call(http.MethodGet, "/v1/messages/"+id, nil)
	if err == nil && status == http.StatusOK {
		err = json.Unmarshal(answer, &m)
		m.known = true
	}
	if err != nil || status != http.StatusOK && status != http.StatusNotFound {
		r.t.Errorf("GET /v1/messages/%s: %d: %v: %s", id, status, err, answer)
	}
	return m
}

// showAll asks for many.
func (r *run) showAll(ids []string) map[string]shown {
	out, mu, group := map[string]shown{}, sync.Mutex{}, sync.WaitGroup{}
	for part := range slices.Chunk(ids, 1+len(ids)/8) {
		group.Go(func() {
			for _, id := range part {
				m := r.show(id)
				mu.Lock()
				out[id] = m
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return out
}

// judgeAll compares the clients' ledger, the world's and the API.
func (r *run) judgeAll(res *result) {
	r.t.Helper()
	world := r.world.ledger()
	var ids []string
	for _, m := range r.load.all {
		ids = append(append(ids, m.id), others(m, world.markers[m.marker()])...)
	}
	answers := r.showAll(ids)
	for _, m := range r.load.all {
		res.acknowledged(m, world.copies[m.id], answers[m.id], r.released[m.id])
		unknown := others(m, world.markers[m.marker()])
		res.unasked(m, unknown)
		for _, id := range unknown {
			res.copies(m.class, id, world.copies[id], answers[id])
		}
		delete(world.markers, m.marker())
	}
	for marker := range world.markers {
		res.breach(stranger, marker)
	}
}

// others are the ids in the world for a message besides the acknowledged one.
func others(m *submission, ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == m.id })
}
