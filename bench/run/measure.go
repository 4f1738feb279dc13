package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// server is one that is running and being measured.
type server struct {
	label  string
	load   []string // the load generator's kind and flags that submit to it
	group  *group   // nil for none: the ceiling
	beside string   // process ids of the database that serves it
	stop   func()

	gatepost *gatepost // nil for others
}

// errMissing: what is to be measured is not on this machine. The others are measured all the same.
var errMissing = errors.New("not measured")

func (b *bench) start(ctx context.Context, name string) (*server, error) {
	switch name {
	case "ceiling":
		return b.ceiling(), nil
	case "postfix":
		return b.startPostfix(ctx, false)
	case "postfix-reuse":
		return b.startPostfix(ctx, true)
	case "gatepost-sqlite":
		return b.startGatepost(ctx, "", b.usualRelay())
	case "gatepost-smtp-sqlite":
		return bySMTP(b.startGatepost(ctx, "", b.usualRelay()))
	case "gatepost-smtp-postgres":
		return bySMTP(b.startGatepostOnPostgres(ctx))
	}
	return b.startGatepostOnPostgres(ctx)
}

// bySMTP makes the load come through gatepost's SMTP door, in the clear as Postfix has it, with an
// API key as the password.
func bySMTP(s *server, err error) (*server, error) {
	if err != nil {
		return nil, err
	}
	s.label += ", SMTP in"
	s.load = []string{"smtp", "-addr", s.gatepost.smtp, "-user", "bench", "-pass", s.gatepost.key, "-from", sender}
	return s, nil
}

// ceiling is no server at all: the load goes straight to the provider.
func (b *bench) ceiling() *server {
	load := []string{"smtp", "-addr", b.sink.smtp, "-starttls", "-user", relayUser, "-pass", relayPassword}
	return &server{label: "none (ceiling)", load: load, stop: func() {}}
}

// measure starts a server, runs the matrix against it, and stops it.
func (b *bench) measure(ctx context.Context, name string) error {
	s, err := b.start(ctx, name)
	if errors.Is(err, errMissing) {
		b.missing[name] = err.Error()
		b.say("%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer s.stop()
	if s.group != nil {
		idle := append([]string{"idle", "-label", s.label, "-out", b.results}, s.group.flags()...)
		if err := output(ctx, b.rig, idle...); err != nil {
			return err
		}
	}
	if err := b.load(ctx, s, "-n", "200", "-c", "4"); err != nil { // warm-up, not recorded
		return err
	}
	for _, size := range b.plan.sizes {
		for _, clients := range b.plan.clients {
			b.awaitQuiet(ctx)
			n := b.plan.messages(clients, size)
			if err := b.load(ctx, s, "-n", strconv.Itoa(n), "-c", strconv.Itoa(clients), "-size", strconv.Itoa(size), "-out", b.results); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) load(ctx context.Context, s *server, flags ...string) error {
	args := append([]string{"load"}, s.load...)
	args = append(args, flags...)
	args = append(args, "-label", s.label, "-sink", "http://"+b.sink.http)
	if s.group != nil {
		args = append(args, s.group.flags()...)
	}
	if s.beside != "" {
		args = append(args, "-beside-pids", s.beside)
	}
	return output(ctx, b.rig, args...)
}

// output runs a command to its end; what it printed is told when it fails.
func output(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, args[0], err, out)
	}
	return nil
}

// awaitQuiet waits, half a minute at most, for half a second in which the machine does little else.
func (b *bench) awaitQuiet(ctx context.Context) {
	for range 30 {
		before := busyTicks()
		select {
		case <-ctx.Done():
			return
		case <-time.After(500 * time.Millisecond):
		}
		if busyTicks()-before < 10*runtime.NumCPU() {
			return
		}
	}
	b.say("the machine is not quiet: see the column of other CPU")
}

// busyTicks are hundredths of a second in which any processor was busy.
func busyTicks() int {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	sum := 0
	for i, f := range strings.Fields(line) {
		if n, err := strconv.Atoi(f); err == nil && i != 4 && i != 5 && i < 9 { // but idle and iowait
			sum += n
		}
	}
	return sum
}
