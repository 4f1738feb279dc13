package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

func get(url string) ([]byte, error) {
	cl := http.Client{Timeout: 20 * time.Second}
	resp, err := cl.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// sinkCount is how many messages the sink has, or -1 when it does not say.
func (c *config) sinkCount() int {
	b, err := get(c.sinkURL + "/count")
	if err != nil {
		return -1
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return -1
	}
	return n
}

func (c *config) sinkStats(prefix string) (st sinkStats, err error) {
	b, err := get(c.sinkURL + "/stats?prefix=" + prefix)
	if err != nil {
		return st, fmt.Errorf("ask the sink for its figures: %w", err)
	}
	return st, json.Unmarshal(b, &st)
}

// awaitArrivals waits, within -wait and -stall, until the sink has all that was accepted.
func (l *load) awaitArrivals() {
	want := l.result.Accepted + l.urgent.counts[accepted]
	deadline, lastN, moved := time.Now().Add(l.wait), -1, time.Now()
	for {
		n := l.sinkCount()
		if n != lastN {
			lastN, moved = n, time.Now()
		}
		if n >= want && l.complete(want, moved) {
			return
		}
		if time.Now().After(deadline) || time.Since(moved) > l.stall {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// complete: after a kill, duplicates are given three quiet seconds to show.
func (l *load) complete(want int, moved time.Time) bool {
	st, err := l.sinkStats(l.runID)
	return err == nil && st.Unique >= want && (l.killCmd == "" || time.Since(moved) > 3*time.Second)
}

func (l *load) noteSink(st sinkStats) {
	r := l.result
	r.SinkConns, r.SinkPeak, r.SinkToken = st.OpenedConns, st.PeakConns, st.TokenRequests
	r.SinkAuthX, r.SinkAuthPlain = st.AuthXOAuth2+st.AuthOAuthBearer, st.AuthPlain
	if st.NoID > 0 {
		r.Note += fmt.Sprintf("%d messages without id (bounces?); ", st.NoID)
	}
}

// arrived is what the sink saw of this run.
type arrived struct {
	copies     map[string]int
	bulk, fast []float64 // ms from due to first arrival; fast are the urgent ones
	last       int64     // ns of the last arrival
}

func (l *load) arrivals() (*arrived, error) {
	b, err := get(l.sinkURL + "/ids?prefix=" + l.runID)
	if err != nil {
		return nil, fmt.Errorf("ask the sink for its arrivals: %w", err)
	}
	a := &arrived{copies: map[string]int{}}
	for line := range strings.Lines(string(b)) {
		if err := a.read(strings.TrimSpace(line)); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// read takes one line of /ids: id, arrival, due, size.
func (a *arrived) read(line string) error {
	var id string
	var at, sent, size int64
	if _, err := fmt.Sscanf(line, "%s %d %d %d", &id, &at, &sent, &size); err != nil {
		return fmt.Errorf("read arrival %q: %w", line, err)
	}
	a.copies[id]++
	a.last = max(a.last, at)
	if a.copies[id] > 1 {
		return nil
	}
	ms := float64(at-sent) / 1e6
	if strings.Contains(id, "-u") {
		a.fast = append(a.fast, ms)
	} else {
		a.bulk = append(a.bulk, ms)
	}
	return nil
}

// judge compares what was accepted with what arrived.
func (l *load) judge(a *arrived) {
	r := l.result
	for _, t := range []*tally{l.bulk, l.urgent} {
		for id, o := range t.state {
			r.count(o, a.copies[id])
		}
	}
	q, uq := quantiles(a.bulk), quantiles(a.fast)
	r.Received, r.UrgentArrived = len(a.bulk), len(a.fast)
	r.E2EP50Ms, r.E2EP99Ms, r.E2EMaxMs = q.P50, q.P99, q.Max
	r.UrgentP50Ms, r.UrgentP99Ms, r.UrgentMax = uq.P50, uq.P99, uq.Max
	if a.last > 0 {
		r.Seconds = float64(a.last-l.start.UnixNano()) / 1e9
		r.E2EPerS = float64(r.Received+r.UrgentArrived) / r.Seconds
	}
}

// count books one id that the clients hold for o and that the sink has copies of.
func (r *result) count(o outcome, copies int) {
	switch {
	case o == accepted && copies == 0:
		r.Lost++
	case o != accepted && copies > 0:
		r.AmbiguousArrived++
	}
	if copies > 1 {
		r.DuplicateIDs++
		r.Duplicates += copies - 1
	}
}
