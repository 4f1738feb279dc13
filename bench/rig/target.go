package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// target is what is measured: a control group (exact, short-lived children included) or process trees
// given by their root ids. A nil target measures as nothing.
type target struct {
	dir  string // control group: v1 cpuacct or v2
	pids []int
}

func newTarget(cgroup, pids string) (*target, error) {
	t := &target{}
	if cgroup != "" {
		if t.dir = groupDir(cgroup); t.dir == "" {
			return nil, fmt.Errorf("no control group %q", cgroup)
		}
	}
	for _, f := range strings.FieldsFunc(pids, func(r rune) bool { return r == ',' || r == ' ' }) {
		n, err := strconv.Atoi(f)
		if err != nil {
			return nil, fmt.Errorf("process ids %q: %w", pids, err)
		}
		t.pids = append(t.pids, n)
	}
	if t.dir == "" && t.pids == nil {
		return nil, nil
	}
	return t, nil
}

func groupDir(name string) string {
	for _, d := range []string{"/sys/fs/cgroup/cpuacct/" + name, "/sys/fs/cgroup/" + name, name} {
		if _, err := os.Stat(filepath.Join(d, "cgroup.procs")); err == nil {
			return d
		}
	}
	return ""
}

// cpu is the CPU seconds used so far.
func (t *target) cpu() float64 {
	switch {
	case t == nil:
		return 0
	case t.dir != "":
		return t.groupCPU()
	}
	var sum float64
	for _, p := range t.procs() {
		f := procStat(p)
		if len(f) < 15 {
			continue
		}
		for _, v := range f[11:15] { // own and waited-for children's user and system time
			sum += number(v) / 100
		}
	}
	return sum
}

func (t *target) groupCPU() float64 {
	if b, err := os.ReadFile(t.dir + "/cpuacct.usage"); err == nil {
		return number(string(b)) / 1e9
	}
	b, err := os.ReadFile(t.dir + "/cpu.stat")
	if err != nil {
		return 0
	}
	for l := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(l, "usage_usec "); ok {
			return number(v) / 1e6
		}
	}
	return 0
}

// procStat is /proc/PID/stat after the name in brackets: state, parent, ...
func procStat(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
}

func (t *target) procs() []int {
	if t.dir != "" {
		return t.groupProcs()
	}
	kids := children()
	var out []int
	todo := append([]int(nil), t.pids...)
	for len(todo) > 0 {
		p := todo[0]
		todo = append(todo[1:], kids[p]...)
		out = append(out, p)
	}
	return out
}

func (t *target) groupProcs() []int {
	b, err := os.ReadFile(t.dir + "/cgroup.procs")
	if err != nil {
		return nil
	}
	var out []int
	for _, l := range strings.Fields(string(b)) {
		if n, err := strconv.Atoi(l); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// children maps each process of the machine to those that it started.
func children() map[int][]int {
	kids := map[int][]int{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return kids
	}
	for _, e := range entries {
		p, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if f := procStat(p); len(f) > 1 {
			parent := int(number(f[1]))
			kids[parent] = append(kids[parent], p)
		}
	}
	return kids
}
