package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// memory of a target. In PSS a shared page counts once, divided among those that share it.
type memory struct {
	RSSMiB, PSSMiB float64
	Procs          int
}

func (t *target) mem() memory {
	var m memory
	if t == nil {
		return m
	}
	for _, p := range t.procs() {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p))
		if err != nil {
			continue
		}
		m.add(string(b))
	}
	return m
}

// add takes the smaps_rollup of one process.
func (m *memory) add(rollup string) {
	for line := range strings.Lines(rollup) {
		w := strings.Fields(line)
		if len(w) < 2 {
			continue
		}
		switch w[0] {
		case "Rss:":
			m.RSSMiB += number(w[1]) / 1024
		case "Pss:":
			m.PSSMiB += number(w[1]) / 1024
		}
	}
	m.Procs++
}

// watch follows a target from now on: its CPU, and the largest memory seen.
type watch struct {
	t    *target
	cpu  float64
	done chan struct{}
	top  chan memory
}

type consumed struct {
	cpu float64
	mem memory
}

func (t *target) watch() *watch {
	w := &watch{t: t, cpu: t.cpu(), done: make(chan struct{}), top: make(chan memory, 1)}
	if t != nil {
		go w.sample()
	}
	return w
}

func (w *watch) sample() {
	var top memory
	tick := time.NewTicker(400 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-w.done:
			w.top <- top
			return
		case <-tick.C:
			top = larger(top, w.t.mem())
		}
	}
}

func (w *watch) stop() consumed {
	if w.t == nil {
		return consumed{}
	}
	cpu := w.t.cpu() - w.cpu
	close(w.done)
	return consumed{cpu: cpu, mem: larger(<-w.top, w.t.mem())}
}

func larger(a, b memory) memory {
	if b.PSSMiB > a.PSSMiB {
		return b
	}
	return a
}

func idleMain(args []string) error {
	fs := flag.NewFlagSet("idle", flag.ExitOnError)
	cg := fs.String("cgroup", "", "control group")
	pids := fs.String("pids", "", "root process ids")
	label := fs.String("label", "", "label of the server")
	over := fs.Duration("for", 5*time.Second, "how long to watch the idle CPU use")
	out := fs.String("out", "", "append the result to this JSON-lines file")
	if err := fs.Parse(args); err != nil {
		return err
	}
	t, err := newTarget(*cg, *pids)
	if err != nil {
		return err
	}
	if t == nil {
		return fmt.Errorf("idle needs -cgroup or -pids")
	}
	before := t.cpu()
	time.Sleep(*over)
	m := t.mem()
	r := result{
		Label: *label, Mode: "idle", Time: time.Now().Format(time.RFC3339), Seconds: over.Seconds(),
		RSSMiB: m.RSSMiB, PSSMiB: m.PSSMiB, Procs: m.Procs, PeerCPU: t.cpu() - before,
	}
	return r.write(*out)
}
