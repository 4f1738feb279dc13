package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// report prints the tables with machine, date and commit on top, and keeps them beside the results.
func (b *bench) report(ctx context.Context) error {
	var text bytes.Buffer
	b.writeHead(ctx, &text)
	tables, err := exec.CommandContext(ctx, b.rig, "summary", "-against", "Postfix", "-against", "Reusing Postfix", b.results).Output()
	if err != nil {
		return fmt.Errorf("sum up: %w: %s", err, stderr(err))
	}
	text.Write(tables)
	writeDepths(&text, b.depths)
	fmt.Print(text.String())
	file := filepath.Join(b.plan.out, "report.md")
	b.say("kept in %s and %s", file, b.results)
	return os.WriteFile(file, text.Bytes(), 0o644)
}

func (b *bench) writeHead(ctx context.Context, text *bytes.Buffer) {
	fmt.Fprintf(text, "%s, commit %s. %d processors (%s), %s MiB of memory, Linux %s, %s, %s.\n",
		time.Now().Format("2006-01-02 15:04"), commit(ctx), runtime.NumCPU(),
		field("/proc/cpuinfo", "model name"), mib(field("/proc/meminfo", "MemTotal")),
		firstLine("/proc/sys/kernel/osrelease"), field("/etc/os-release", "PRETTY_NAME"), runtime.Version())
	fmt.Fprintf(text, "Medians of %d runs. Load, server and provider share the machine; each answer waits for a sync of the disk.\n", b.plan.repeats)
	if onTmpfs(b.dir) {
		fmt.Fprintln(text, "THE TEMPORARY FOLDER IS IN MEMORY: syncs cost nothing, the figures mean little. Set BENCH_TMP to a folder on a disk.")
	}
	for _, name := range slices.Sorted(maps.Keys(b.missing)) {
		fmt.Fprintln(text, b.missing[name])
	}
	fmt.Fprintln(text)
}

// commit is what was measured, with a plus when the work tree differs from it.
func commit(ctx context.Context) string {
	id, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	changes, err := exec.CommandContext(ctx, "git", "status", "--porcelain").Output()
	if err != nil || len(changes) > 0 {
		return strings.TrimSpace(string(id)) + "+"
	}
	return strings.TrimSpace(string(id))
}

// field is the value of the first line "name: value" or "name=value" of a file.
func field(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.Trim(strings.TrimLeft(rest, " \t:="), "\"\n")
		}
	}
	return "unknown"
}

func firstLine(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// mib turns "16398800 kB" into MiB.
func mib(kb string) string {
	var n int
	if _, err := fmt.Sscanf(kb, "%d kB", &n); err != nil {
		return kb
	}
	return fmt.Sprint(n / 1024)
}

func onTmpfs(dir string) bool {
	const tmpfsMagic = 0x01021994 // statfs(2)
	var st syscall.Statfs_t
	return syscall.Statfs(dir, &st) == nil && int64(st.Type) == tmpfsMagic
}
