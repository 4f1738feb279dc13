package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func planOf(t *testing.T, env map[string]string) *plan {
	t.Helper()
	p, err := readPlan(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEnvironmentChangesThePlan(t *testing.T) {
	p := planOf(t, map[string]string{
		"BENCH": "short", "BENCH_SERVERS": "postfix", "BENCH_CLIENTS": "2 8", "BENCH_SIZES": "1000", "BENCH_REPEATS": "5", "BENCH_MANY": "70",
	})
	if diff := cmp.Diff([]string{"postfix"}, p.servers); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{2, 8}, p.clients); diff != "" {
		t.Error(diff)
	}
	if p.repeats != 5 || p.messages(8, 1000) != 70 {
		t.Errorf("%d repeats of %d messages, want 5 of 70", p.repeats, p.messages(8, 1000))
	}
}

func TestFewerMessagesFromOneClientAndOfLargeSize(t *testing.T) {
	p := planOf(t, nil)
	many, one := p.messages(16, 2048), p.messages(1, 2048)
	manyBig, oneBig := p.messages(16, 102400), p.messages(1, 102400)
	if many <= one || manyBig <= oneBig || many <= manyBig {
		t.Errorf("messages: %d and %d small, %d and %d large", many, one, manyBig, oneBig)
	}
}

func TestWrongSettingsAreRefused(t *testing.T) {
	for name, value := range map[string]string{
		"BENCH": "quick", "BENCH_SERVERS": "exim", "BENCH_PARTS": "speed", "BENCH_CLIENTS": "0", "BENCH_REPEATS": "many",
	} {
		if _, err := readPlan(func(n string) string { return map[string]string{name: value}[n] }); err == nil {
			t.Errorf("%s=%s is taken", name, value)
		}
	}
}

func TestPartsAndServersCanBeLeftOut(t *testing.T) {
	p := planOf(t, map[string]string{"BENCH_SERVERS": "none", "BENCH_PARTS": "depth idle"})
	if len(p.servers) != 0 || len(p.parts) != 2 {
		t.Errorf("servers %q, parts %q", p.servers, p.parts)
	}
	if p.deep != 1_000_000 || p.idle != 10_000 {
		t.Errorf("the full form: %d messages wait, %d accounts are idle", p.deep, p.idle)
	}
}
