package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

type sinkStats struct {
	Count, Unique, Duplicates, NoID int
	FirstNs, LastNs                 int64
	P50Ms, P99Ms, MaxMs             float64
	Conns, PeakConns, OpenedConns   int64
	TLSConns                        int64
	AuthXOAuth2, AuthOAuthBearer    int64
	AuthPlain, Unauthenticated      int64
	TokenRequests, Refused          int64
	CPUSeconds                      float64
}

func (s *sink) showStats(w http.ResponseWriter, r *http.Request) {
	st := statsOf(s.all(), r.URL.Query().Get("prefix"))
	s.mu.Lock()
	st.NoID = s.noID
	s.mu.Unlock()
	st.Conns, st.PeakConns, st.OpenedConns = s.conns.Load(), s.peak.Load(), s.opened.Load()
	st.TLSConns = s.tlsConns.Load()
	st.AuthXOAuth2, st.AuthOAuthBearer, st.AuthPlain = s.authXOAuth2.Load(), s.authBearer.Load(), s.authPlain.Load()
	st.Unauthenticated, st.TokenRequests, st.Refused = s.anonMsg.Load(), s.tokenReqs.Load(), s.refused.Load()
	st.CPUSeconds = selfCPU()
	answer(w, http.StatusOK, st)
}

// statsOf sums up the arrivals whose id begins with prefix.
func statsOf(arrivals []arrival, prefix string) sinkStats {
	var st sinkStats
	var lats []float64
	seen := map[string]bool{}
	for _, a := range arrivals {
		if !strings.HasPrefix(a.ID, prefix) {
			continue
		}
		st.Count++
		seen[a.ID] = true
		if st.FirstNs == 0 || a.At < st.FirstNs {
			st.FirstNs = a.At
		}
		st.LastNs = max(st.LastNs, a.At)
		if a.Sent > 0 {
			lats = append(lats, float64(a.At-a.Sent)/1e6)
		}
	}
	st.Unique = len(seen)
	st.Duplicates = st.Count - st.Unique
	q := quantiles(lats)
	st.P50Ms, st.P99Ms, st.MaxMs = q.P50, q.P99, q.Max
	return st
}

// showCount is the cheap poll: how many arrivals, duplicates included.
func (s *sink) showCount(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, len(s.all()))
}

func (s *sink) showIDs(w http.ResponseWriter, r *http.Request) {
	prefix := r.URL.Query().Get("prefix")
	var b bytes.Buffer
	for _, a := range s.all() {
		if strings.HasPrefix(a.ID, prefix) {
			fmt.Fprintf(&b, "%s\t%d\t%d\t%d\n", a.ID, a.At, a.Sent, a.Size)
		}
	}
	_, _ = b.WriteTo(w) // a client that is gone does not read it
}

func (s *sink) reset(http.ResponseWriter, *http.Request) {
	s.mu.Lock()
	s.arrivals, s.noID = nil, 0
	s.mu.Unlock()
	s.peak.Store(s.conns.Load())
	for _, c := range []*atomic.Int64{&s.opened, &s.authXOAuth2, &s.authBearer, &s.authPlain, &s.tokenReqs, &s.refused, &s.tlsConns, &s.anonMsg} {
		c.Store(0)
	}
}

// configure changes the running sink: latency=50ms, rate=30, mode=delay|reject, max-conns=3.
func (s *sink) configure(w http.ResponseWriter, r *http.Request) {
	for name, values := range r.URL.Query() {
		if err := s.set(name, values[0]); err != nil {
			http.Error(w, name+": "+err.Error(), http.StatusBadRequest)
			return
		}
	}
	fmt.Fprintf(w, "latency=%s rate=%d delay=%t max-conns=%d\n",
		time.Duration(s.latency.Load()), s.pace.rate.Load(), s.pace.delay.Load(), s.maxConns.Load())
}

func (s *sink) set(name, value string) error {
	switch name {
	case "latency":
		d, err := time.ParseDuration(value)
		if err == nil {
			s.latency.Store(int64(d))
		}
		return err
	case "rate", "max-conns":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return err
		}
		if name == "rate" {
			s.pace.rate.Store(n)
		} else {
			s.maxConns.Store(n)
		}
		return nil
	case "mode":
		s.pace.delay.Store(value == "delay")
		return nil
	}
	return fmt.Errorf("unknown: latency, rate, max-conns or mode")
}
