// Command run measures gatepost beside the machine's ceiling and the distribution's Postfix, all in one
// run on one machine: figures of different machines or days say little about each other. It starts
// what it measures itself, on loopback and in a temporary folder, and stops only that.
//
// It is started by make bench; bench/README.md tells how to read what it prints.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	p, err := readPlan(os.Getenv)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	b, err := newBench(ctx, p)
	if err != nil {
		return err
	}
	defer b.close()
	for round := range p.repeats {
		for _, name := range p.servers {
			b.say("round %d of %d: %s", round+1, p.repeats, name)
			if err := b.measure(ctx, name); err != nil {
				return fmt.Errorf("measure %s: %w", name, err)
			}
		}
	}
	for _, part := range p.parts {
		b.say("%s", part)
		if err := b.measurePart(ctx, part); err != nil {
			return fmt.Errorf("measure %s: %w", part, err)
		}
	}
	return b.report(ctx)
}

// measurePart measures what is not the matrix of servers.
func (b *bench) measurePart(ctx context.Context, part string) error {
	switch part {
	case "limits":
		return b.measureLimits(ctx)
	case "depth":
		return b.measureDepth(ctx)
	}
	return b.measureIdle(ctx)
}

// bench is one run: its folders, the programs built for it, and the provider that takes all mail.
type bench struct {
	plan     *plan
	dir      string // temporary, on the disk that is measured
	results  string // JSON lines
	rig      string
	gatepost string
	sink     *sink
	missing  map[string]string // servers that could not be measured, and why
	depths   []depth
}

func newBench(ctx context.Context, p *plan) (*bench, error) {
	if err := os.MkdirAll(p.out, 0o755); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(p.tmp, "gatepost-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{plan: p, dir: dir, results: filepath.Join(p.out, "results.jsonl"), missing: map[string]string{}}
	if err := b.prepare(ctx); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) prepare(ctx context.Context) error {
	// Postfix gives up root and must still reach its queue.
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(b.results, nil, 0o644); err != nil {
		return err
	}
	var err error
	if b.rig, err = b.build(ctx, "rig", "./bench/rig"); err != nil {
		return err
	}
	ours := slices.ContainsFunc(b.plan.servers, func(s string) bool { return strings.HasPrefix(s, "gatepost") })
	if ours || len(b.plan.parts) > 0 {
		if b.gatepost, err = b.build(ctx, "gatepost", "./cmd/gatepost"); err != nil {
			return err
		}
	}
	b.sink, err = startSink(ctx, b)
	return err
}

func (b *bench) build(ctx context.Context, name, pkg string) (string, error) {
	b.say("building %s", pkg)
	out := filepath.Join(b.dir, name)
	return out, output(ctx, "go", "build", "-trimpath", "-o", out, pkg)
}

func (b *bench) close() {
	if b.sink != nil {
		b.sink.stop()
	}
	if err := os.RemoveAll(b.dir); err != nil {
		b.say("remove %s: %v", b.dir, err)
	}
}

func (b *bench) say(format string, a ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", a...) }
