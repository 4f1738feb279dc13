package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// plan is what a run measures, how often, and where it writes.
type plan struct {
	servers, parts   []string
	clients, sizes   []int
	repeats          int
	limit            time.Duration // of the whole run
	many, one        int           // small messages from many clients, from one
	manyBig, oneBig  int           // large messages
	out, tmp         string
	databaseURL      string
	relayConnections int
	limited          int           // messages of a run under a provider's limits
	deep             int           // messages that wait in the deep queue
	idle             int           // accounts without mail
	idleTime, beside time.Duration // how long idleness is watched; how long a transaction is open beside
}

// large is the size from which a message counts as large.
const large = 50_000

// readPlan takes the form named by BENCH and lets the environment change its parts.
func readPlan(env func(string) string) (*plan, error) {
	p := &plan{
		servers: []string{"ceiling", "postfix", "postfix-reuse", "gatepost-sqlite", "gatepost-postgres", "gatepost-smtp-sqlite", "gatepost-smtp-postgres"},
		parts:   []string{"limits", "depth", "idle"},
		clients: []int{1, 16, 64}, sizes: []int{2048, 102400},
		out: "bench/results", databaseURL: env("GATEPOST_TEST_POSTGRES"), tmp: env("BENCH_TMP"),
		relayConnections: 10,
	}
	switch form := env("BENCH"); form {
	case "short":
		p.repeats, p.many, p.one, p.manyBig, p.oneBig, p.limit = 1, 4000, 600, 500, 150, 20*time.Minute
		p.limited, p.deep, p.idle, p.idleTime, p.beside = 300, 50_000, 1_000, 10*time.Second, 10*time.Second
	case "", "full":
		p.repeats, p.many, p.one, p.manyBig, p.oneBig, p.limit = 3, 10000, 2000, 2000, 500, 2*time.Hour
		p.limited, p.deep, p.idle, p.idleTime, p.beside = 3_000, 1_000_000, 10_000, time.Minute, 10*time.Minute
	default:
		return nil, fmt.Errorf("BENCH=%s: it is short or full", form)
	}
	return p, p.override(env)
}

func (p *plan) override(env func(string) string) error {
	if v := env("BENCH_OUT"); v != "" {
		p.out = v
	}
	for name, list := range map[string]*[]string{"BENCH_SERVERS": &p.servers, "BENCH_PARTS": &p.parts} {
		if err := choose(env, name, list); err != nil {
			return err
		}
	}
	for name, list := range map[string]*[]int{"BENCH_CLIENTS": &p.clients, "BENCH_SIZES": &p.sizes} {
		if err := override(env, name, func(v []int) { *list = v }); err != nil {
			return err
		}
	}
	for name, n := range map[string]*int{
		"BENCH_REPEATS": &p.repeats, "BENCH_MANY": &p.many, "BENCH_ONE": &p.one,
		"BENCH_MANY_BIG": &p.manyBig, "BENCH_ONE_BIG": &p.oneBig, "BENCH_RELAY_CONNECTIONS": &p.relayConnections,
		"BENCH_LIMITED": &p.limited, "BENCH_DEEP": &p.deep, "BENCH_IDLE": &p.idle,
	} {
		if err := override(env, name, func(v []int) { *n = v[0] }); err != nil {
			return err
		}
	}
	return nil
}

// choose takes those of a list that a setting names; "none" names none.
func choose(env func(string) string, name string, list *[]string) error {
	v := env(name)
	if v == "" {
		return nil
	}
	known := *list
	*list = nil
	if v == "none" {
		return nil
	}
	for _, s := range strings.Fields(v) {
		if !slices.Contains(known, s) {
			return fmt.Errorf("%s: no %q: %s, or none", name, s, strings.Join(known, ", "))
		}
		*list = append(*list, s)
	}
	return nil
}

// override reads a setting of one or more positive numbers, where it is set.
func override(env func(string) string, name string, set func([]int)) error {
	var all []int
	for _, f := range strings.Fields(env(name)) {
		n, err := strconv.Atoi(f)
		if err != nil || n < 1 {
			return fmt.Errorf("%s=%q: positive numbers are wanted", name, env(name))
		}
		all = append(all, n)
	}
	if len(all) > 0 {
		set(all)
	}
	return nil
}

// messages says how many to send.
func (p *plan) messages(clients, size int) int {
	switch {
	case size >= large && clients == 1:
		return p.oneBig
	case size >= large:
		return p.manyBig
	case clients == 1:
		return p.one
	}
	return p.many
}
