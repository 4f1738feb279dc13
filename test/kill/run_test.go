package kill

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// run is one gatepost on one database, with its world, its clients and all its deaths.
type run struct {
	t       *testing.T
	world   *world
	station *station
	load    *load
	random  *rand.Rand
	limit   time.Duration // for coming to rest
	began   time.Time

	kills       []string
	released    map[string]bool
	unaccounted []string
}

// newRun sets gatepost up; it is not running afterwards.
func newRun(t *testing.T, p program, database string, seed uint64, rest time.Duration) *run {
	t.Helper()
	w := startWorld(t, p.path)
	r := &run{
		t: t, world: w, station: newStation(t, p, database, w), random: rand.New(rand.NewPCG(seed, 0)),
		limit: rest, began: time.Now(), released: map[string]bool{},
	}
	r.station.start(kill{})
	w.connect(r.station)
	r.station.stop()
	r.load = newLoad(r.station)
	return r
}

// phase goes through a row of kills, then lets everything come to rest.
func (r *run) phase(p phase) {
	r.t.Helper()
	filled := false
	for _, k := range p.kills {
		if k.quiet && !filled {
			r.fill(p)
			filled = true
		}
		r.life(p, k)
	}
	r.begin(kill{})
	r.rest()
	r.station.stop()
}

// begin starts serve and asks whether anything has got lost in the counting.
func (r *run) begin(k kill) {
	r.t.Helper()
	r.station.start(k)
	if k.quiet {
		return
	}
	all, err := r.station.metrics()
	if err != nil && k.point != "" {
		return // it may have met its point already
	}
	r.station.must(err)
	r.account(all)
}

func (r *run) account(all map[string]float64) {
	n, there := all["gatepost_recipients_unaccounted"]
	if n != 0 || !there {
		r.unaccounted = append(r.unaccounted, r.lastKill())
	}
}

func (r *run) lastKill() string {
	if len(r.kills) == 0 {
		return "before any kill"
	}
	return "after " + r.kills[len(r.kills)-1]
}

// life is one life of serve, up to its death.
func (r *run) life(p phase, k kill) {
	r.t.Helper()
	before := int(r.load.acked.Load())
	r.begin(k)
	if !k.quiet {
		r.load.add(p.mix, p.each)
	}
	if k.point == "" {
		r.station.until("acknowledgements for the "+k.label+" kill", time.Minute, time.Millisecond, func() bool {
			return int(r.load.acked.Load()) >= before+k.after
		})
		time.Sleep(k.then) // the moment is what varies
	} else {
		r.awaitPoint(p, k)
	}
	r.station.kill()
	r.kills = append(r.kills, strings.TrimSpace(k.label+" "+k.point))
	fmt.Fprintln(r.station.log, "killed:", k.label, k.point)
}

// patience is how long a point may take before serve gets more mail.
const patience = 500 * time.Millisecond

// awaitPoint waits for serve to end itself, with more mail when what it had was not enough.
func (r *run) awaitPoint(p phase, k kill) {
	r.t.Helper()
	more := time.Now().Add(patience)
	r.station.until("the point "+k.point, time.Minute, 2*time.Millisecond, func() bool {
		if !k.quiet && r.load.waiting() == 0 && time.Now().After(more) {
			r.load.add(p.mix, clients)
			more = time.Now().Add(patience)
		}
		return r.station.serve.over()
	})
}

// fill leaves a backlog, and a gatepost that was stopped in order.
func (r *run) fill(p phase) {
	r.t.Helper()
	r.world.takesItsTime(sluggish)
	r.begin(kill{})
	r.load.add(p.mix, p.each)
	r.acknowledged()
	r.station.stop()
	r.world.takesItsTime(usually)
}

func (r *run) acknowledged() {
	r.t.Helper()
	r.station.until("every message is acknowledged", time.Minute, 5*time.Millisecond, func() bool { return r.load.waiting() == 0 })
}

// rest waits until gatepost has nothing left to do by itself.
func (r *run) rest() {
	r.t.Helper()
	r.acknowledged()
	var all map[string]float64
	r.station.until("everything is at rest", r.limit, 100*time.Millisecond, func() bool {
		var err error
		all, err = r.station.metrics()
		r.station.must(err)
		busy := 0.0
		for _, state := range []string{"scheduled", "queued", "sending", "unknown"} {
			busy += all[`gatepost_recipients{state="`+state+`"}`]
		}
		return busy == 0
	})
	r.account(all)
}
