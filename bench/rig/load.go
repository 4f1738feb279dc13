package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

func loadMain(kind string, args []string) error {
	c, err := parseConfig(kind, args)
	if err != nil {
		return err
	}
	peer, err := newTarget(c.cgroup, c.pids)
	if err != nil {
		return err
	}
	beside, err := newTarget("", c.besidePids)
	if err != nil {
		return err
	}
	mk := c.httpSenders
	if kind == "smtp" {
		mk = c.smtpSenders
	}
	l := &load{
		config: c, newSender: mk(bodyText(c.size)), peer: peer, beside: beside,
		runID: fmt.Sprintf("r%x", time.Now().UnixNano()/1000), bulk: newTally(c.n), urgent: newTally(c.urgentN),
		result: &result{Label: c.label, Mode: c.mode(kind), Time: time.Now().Format(time.RFC3339), N: c.n, C: c.c, Size: c.size, AllowedPerS: c.allowed},
	}
	if err := l.run(); err != nil {
		return err
	}
	return l.result.write(c.out)
}

func (c *config) mode(kind string) string {
	switch {
	case c.urgentN > 0:
		return "mixed-" + kind
	case c.killCmd != "":
		return "kill-" + kind
	case c.allowed > 0:
		return "limit-" + kind
	}
	return kind
}

// load is one run: clients submit, the sink's arrivals are awaited, both are compared.
type load struct {
	*config
	newSender    func() sender
	peer, beside *target
	runID        string
	bulk, urgent *tally
	start        time.Time
	result       *result

	killOnce sync.Once
	killed   chan error
}

func (l *load) run() error {
	if !l.noReset {
		if _, err := get(l.sinkURL + "/reset"); err != nil {
			return fmt.Errorf("reset the sink: %w", err)
		}
	}
	before, err := l.sinkStats(l.runID)
	if err != nil {
		return err
	}
	m := l.startMeter(before)
	l.submit()
	if l.urgentN > 0 {
		l.result.BacklogAtUrgent = l.result.Accepted - l.sinkCount()
		l.submitUrgent()
	}
	l.awaitArrivals()
	after, err := m.stop(l.result)
	if err != nil {
		return err
	}
	l.noteSink(after)
	arrived, err := l.arrivals()
	if err != nil {
		return err
	}
	l.judge(arrived)
	m.perThousand(l.result)
	return nil
}

// submit sends n messages from c clients, each in a closed loop.
func (l *load) submit() {
	l.killed = make(chan error, 1)
	l.start = time.Now()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range l.c {
		wg.Go(func() { l.client(&next) })
	}
	wg.Wait()
	seconds := time.Since(l.start).Seconds()
	if l.killDue() {
		if err := <-l.killed; err != nil {
			l.result.Note += "kill-cmd: " + err.Error() + "; "
		}
	}
	l.noteAccepted(seconds)
}

func (l *load) client(next *atomic.Int64) {
	s := l.newSender()
	defer s.close()
	for {
		i := int(next.Add(1)) - 1
		if i >= l.n {
			return
		}
		m := job{id: fmt.Sprintf("%s-%d", l.runID, i), n: i, at: time.Now()}
		o, err := s.send(m)
		l.bulk.add(m, o, err)
		if l.killDue() {
			l.killOnce.Do(func() { go func() { l.killed <- l.kill() }() })
		}
		if o == notSent && errors.Is(err, errDial) {
			return // the server is gone: no point in hammering it
		}
	}
}

func (l *load) noteAccepted(seconds float64) {
	r, counts := l.result, l.bulk.counts
	q := quantiles(l.bulk.lats)
	r.Accepted, r.Refused, r.Ambiguous, r.NotSent = counts[accepted], counts[refused], counts[ambiguous], counts[notSent]
	r.AcceptP50Ms, r.AcceptP99Ms = q.P50, q.P99
	r.AcceptPerS = float64(r.Accepted) / seconds
	if l.bulk.lastErr != nil {
		r.Note += "last error: " + l.bulk.lastErr.Error() + "; "
	}
}

func (l *load) killDue() bool {
	return l.killCmd != "" && float64(l.bulk.ok.Load()) >= l.killAt*float64(l.n)
}

func (l *load) kill() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "sh", "-c", l.killCmd).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// submitUrgent sends on a fixed schedule; latency counts from the scheduled time, so a server that is
// slow to accept does not hide it.
func (l *load) submitUrgent() {
	jobs := make(chan job, l.urgentN)
	var wg sync.WaitGroup
	for range l.urgentC {
		wg.Go(func() {
			s := l.newSender()
			defer s.close()
			for m := range jobs {
				o, err := s.send(m)
				l.urgent.add(m, o, err)
			}
		})
	}
	begin := time.Now()
	for i := range l.urgentN {
		at := begin.Add(time.Duration(i) * l.urgentEvery)
		time.Sleep(time.Until(at))
		jobs <- job{id: fmt.Sprintf("%s-u%d", l.runID, i), n: i, urgent: true, at: at}
	}
	close(jobs)
	wg.Wait()
	l.result.UrgentN = l.urgentN
	l.result.UrgentAcceptP50Ms = quantiles(l.urgent.lats).P50
}
