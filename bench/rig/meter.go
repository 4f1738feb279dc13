package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// meter takes the machine's and the servers' figures before and after a run.
type meter struct {
	l            *load
	sink         sinkStats
	peer, beside *watch
	own          float64
	busy, steal  float64
	flushes, mib float64
}

func (l *load) startMeter(sink sinkStats) *meter {
	m := &meter{l: l, sink: sink, peer: l.peer.watch(), beside: l.beside.watch(), own: selfCPU()}
	m.busy, m.steal = machineCPU()
	m.flushes, m.mib = diskIO()
	return m
}

// stop writes the differences into r. It returns the sink's figures.
func (m *meter) stop(r *result) (sinkStats, error) {
	if m.l.peer != nil {
		time.Sleep(50 * time.Millisecond) // let the server write down its last deliveries
	}
	peer, beside := m.peer.stop(), m.beside.stop()
	busy, steal := machineCPU()
	flushes, mib := diskIO()
	r.LoadCPU = selfCPU() - m.own
	sink, err := m.l.sinkStats(m.l.runID)
	if err != nil {
		return sink, err
	}
	r.PeerCPU, r.RSSMiB, r.PSSMiB, r.Procs = peer.cpu, peer.mem.RSSMiB, peer.mem.PSSMiB, peer.mem.Procs
	r.BesideCPUPer1000, r.BesidePSSMiB = beside.cpu, beside.mem.PSSMiB
	r.DiskFlushes, r.DiskMiB = flushes-m.flushes, mib-m.mib
	r.SinkCPU = sink.CPUSeconds - m.sink.CPUSeconds
	r.OtherCPU = max(0, busy-m.busy-peer.cpu-beside.cpu-r.LoadCPU-r.SinkCPU)
	r.StealCPU = steal - m.steal
	return sink, nil
}

// perThousand divides the servers' CPU by the messages that arrived.
func (m *meter) perThousand(r *result) {
	if n := r.Received + r.UrgentArrived; n > 0 {
		r.PeerCPUPer1000 = r.PeerCPU * 1000 / float64(n)
		r.BesideCPUPer1000 = r.BesideCPUPer1000 * 1000 / float64(n)
	}
}

func selfCPU() float64 {
	var ru syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &ru) != nil {
		return 0
	}
	return float64(ru.Utime.Nano()+ru.Stime.Nano()) / 1e9
}

// machineCPU returns busy and stolen CPU seconds of the whole machine.
func machineCPU() (busy, steal float64) {
	line := firstLine("/proc/stat")
	f := strings.Fields(line)
	if len(f) < 9 {
		return 0, 0
	}
	v := func(i int) float64 { return number(f[i]) / 100 }
	return v(1) + v(2) + v(3) + v(6) + v(7), v(8)
}

// diskIO returns flushes and MiB written of all whole disks, machine-wide.
func diskIO() (flushes, mib float64) {
	b, err := os.ReadFile("/proc/diskstats")
	if err != nil {
		return 0, 0
	}
	for l := range strings.Lines(string(b)) {
		f := strings.Fields(l)
		if len(f) < 20 || !wholeDisk(f[2]) {
			continue
		}
		flushes += number(f[18])
		mib += number(f[9]) / 2048
	}
	return flushes, mib
}

func wholeDisk(name string) bool {
	if strings.HasPrefix(name, "loop") || strings.HasPrefix(name, "ram") {
		return false
	}
	_, err := os.Stat(filepath.Join("/sys/block", name))
	return err == nil
}

func firstLine(name string) string {
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Scan()
	return sc.Text()
}

// number reads a figure of /proc; what is none counts as 0.
func number(s string) float64 {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		return 0
	}
	return n
}
