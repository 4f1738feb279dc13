package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// group holds the processes of one server, so that their CPU and memory are counted and that they,
// and nothing else, are stopped at the end: a control group where one can be made, else a process tree.
type group struct {
	dir  string // control group; "" for none
	root int    // else: the id of the process above all others
}

// newGroup makes a control group of its own, in version 1 or 2 of the system.
func newGroup(label string) *group {
	for _, top := range []string{"/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup"} {
		dir := filepath.Join(top, fmt.Sprintf("bench-%s-%d", label, os.Getpid()))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
			return &group{dir: dir}
		}
		_ = os.Remove(dir) // not a file system of control groups
	}
	return &group{}
}

// command is name with args, run inside the group.
func (g *group) command(name string, args ...string) *exec.Cmd {
	if g.dir == "" {
		return exec.Command(name, args...)
	}
	script := `echo $$ > "$0/cgroup.procs" && exec "$@"`
	return exec.Command("sh", append([]string{"-c", script, g.dir, name}, args...)...)
}

// flags tell the rig what to count.
func (g *group) flags() []string {
	if g.dir != "" {
		return []string{"-cgroup", g.dir}
	}
	return []string{"-pids", strconv.Itoa(g.root)}
}

// end kills what is left in the control group and removes it.
func (g *group) end() {
	if g.dir == "" {
		return
	}
	for range 100 {
		pids, err := os.ReadFile(filepath.Join(g.dir, "cgroup.procs"))
		if err != nil {
			return
		}
		for _, f := range strings.Fields(string(pids)) {
			if pid, err := strconv.Atoi(f); err == nil {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may just have ended
			}
		}
		if os.Remove(g.dir) == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// stopProcess asks a process that we started to end, and kills it when it does not.
func stopProcess(cmd *exec.Cmd) {
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended does not matter any more
		close(ended)
	}()
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		_ = cmd.Process.Kill()
		<-ended
	}
}
