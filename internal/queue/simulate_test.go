package queue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/vault"
)

// The simulation runs the real engine and the real store through histories that
// a seed decides: which step runs next on which node, what the providers do with
// a message, when a process crashes or freezes, when a commit's answer is lost,
// how the clock moves. After each history the faults stop, everything is let come
// to rest, and the promises are held against what the client was told and what
// the simulated providers took.
//
//	GATEPOST_SIMULATE_HISTORIES  how many (default 500)
//	GATEPOST_SIMULATE_FROM       and from which one on (default 1)
//	GATEPOST_SIMULATE_SEED       one history again, told step by step; or several, with commas
//	GATEPOST_SIMULATE_STOP       end at the first failure

func TestSimulation(t *testing.T) {
	seeds := simSeeds(t)
	n := len(seeds)
	if os.Getenv("GOGC") == "" { // histories make much garbage, and keep little
		defer debug.SetGCPercent(debug.SetGCPercent(400))
	}
	template := simTemplate(t)
	var mu sync.Mutex
	visited := map[string]int{}
	failures := 0
	work := make(chan uint64)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for seed := range work {
				s := newSimulation(t, seed, template)
				problems := s.run()
				mu.Lock()
				for k, v := range s.visited {
					visited[k] += v
				}
				if len(problems) > 0 {
					failures++
					if failures <= 5 {
						t.Errorf("history %d breaks a promise; repeat it with: make simulate SEED=%d\n  %s", seed, seed, strings.Join(problems, "\n  "))
					}
				}
				mu.Unlock()
			}
		})
	}
	stop := os.Getenv("GATEPOST_SIMULATE_STOP") != "" // at the first failure
	for i, seed := range seeds {
		if stop && t.Failed() {
			break
		}
		work <- seed
		if i > 0 && i%1000 == 0 {
			t.Logf("%d histories began", i)
		}
	}
	close(work)
	workers.Wait()
	if failures > 5 {
		t.Errorf("%d histories out of %d failed", failures, n)
	}
	if n >= 500 && failures == 0 {
		for _, want := range mustVisit {
			if visited[want] == 0 {
				t.Errorf("no history went through %q: the simulation tests less than it says", want)
			}
		}
	}
	t.Logf("%d histories; visited: %v", n, visited)
}

// simSeeds are those of the histories to go through.
func simSeeds(t *testing.T) (seeds []uint64) {
	t.Helper()
	if v := os.Getenv("GATEPOST_SIMULATE_SEED"); v != "" {
		for one := range strings.SplitSeq(v, ",") {
			seed, err := strconv.ParseUint(one, 10, 64)
			if err != nil {
				t.Fatalf("GATEPOST_SIMULATE_SEED: %v", err)
			}
			seeds = append(seeds, seed)
		}
		return seeds
	}
	n := 500
	if v := os.Getenv("GATEPOST_SIMULATE_HISTORIES"); v != "" {
		n, _ = strconv.Atoi(v)
	}
	if testing.Short() { // under the race detector a history takes ten times as long
		n = min(n, 10)
	}
	first := 1
	if v := os.Getenv("GATEPOST_SIMULATE_FROM"); v != "" {
		first, _ = strconv.Atoi(v)
	}
	for i := range n {
		seeds = append(seeds, uint64(first+i))
	}
	return seeds
}

// mustVisit are the bad paths; a set of histories that misses one proves little.
var mustVisit = []string{
	"accepted", "unknown taken", "unknown not taken", "retry", "fail", "park", "hold", "partial", "poison",
	"crash", "crash before commit", "crash after commit", "lost answer of commit", "freeze", "clock forward", "clock back",
	"fenced", "guard stopped a send", "found in sent", "not yet in sent", "not sent, sent again", "look failed", "rescued",
	"possible duplicate", "second copy", "held", "released", "account released", "replayed", "key reused",
	"scheduled", "promoted", "due by a clock that was set", "expired", "expired in sending", "expired while unknown", "found after its time",
	"canceled", "cancel too late", "retried", "nothing to retry", "shredded",
	"unknown taken for some", "copy in doubt",
	"sent by a pool", "server down", "rests", "well again", "sent by another member", "limit reached", "limit paced", "looked early",
	"draft made", "draft left behind", "draft disappeared", "draft gone", "draft still there", "draft swept", "draft sent late",
	"draft was sent before", "crash around a draft",
}

// simTemplate is a migrated, empty data folder, copied for each history.
type simData struct {
	file   []byte
	master *vault.Master
}

func simTemplate(t *testing.T) *simData {
	t.Helper()
	dir := t.TempDir()
	m, _, err := vault.LoadMaster(vault.Source{Dir: dir, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(t.Context(), store.Options{Dir: dir, Inline: true, Synchronous: "OFF"})
	if err != nil {
		t.Fatal(err)
	}
	v := vault.New(st, m, rand.Reader, time.Now)
	if _, err := v.NewContentKey(t.Context(), simTeam, "msg_x"); err != nil { // makes the data key
		t.Fatal(err)
	}
	for _, a := range []*store.Account{
		{ID: "acc_looks", Address: "ada@acme.example", Transport: "looks"},
		{ID: "acc_drafts", Address: "dan@acme.example", Transport: "drafts"},
		{ID: "acc_relay", Address: "relay@acme.example", Transport: "relay"},
		{ID: "acc_submits", Address: "eve@acme.example", Transport: "submits"},
	} {
		a.Team, a.Config, a.CreatedAt = simTeam, []byte("{}"), simStart
		if a.ID != simStranger {
			a.Senders = []string{simShop}
		}
		if err := st.AddAccount(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	for _, strategy := range simPools {
		p := &store.Pool{Team: simTeam, ID: "pool_" + strategy, Name: strategy, Strategy: strategy, CreatedAt: simStart}
		for _, id := range simRoutes {
			p.Members = append(p.Members, store.PoolMember{Account: id, Weight: 1})
		}
		if err := st.AddPool(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, store.DatabaseFile))
	if err != nil {
		t.Fatal(err)
	}
	return &simData{file: file, master: m}
}

const simTeam = "team_sim"

var simStart = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// simulation is one history.
type simulation struct {
	t       *testing.T
	rng     *mrand.Rand
	random  *mrand.ChaCha8
	true    time.Duration // time that has passed, whatever clocks say
	skew    time.Duration // what the wall clock was set by
	store   *store.Store
	vault   *vault.Vault
	nodes   []*simNode
	world   *simWorld
	grant   access.Grant
	calm    bool // the faults have stopped
	rates   rates
	commit  string // what happens around the next commit
	died    bool   // the process, at a commit
	acked   map[email.ID]*simMessage
	keyed   []*simMessage
	parked  map[email.ID]simPark       // accounts whose parked time is in a committed row
	tried   map[email.ID]email.ID      // which account tried a pool's message last
	down    map[email.ID]time.Duration // servers, until then, in true time
	visited map[string]int
	broken  []string
}

// simPark is until when an account is parked: by the wall clock, and in true time as long
// as nobody sets the clock forward, because parks go by it.
type simPark struct {
	wall     time.Time
	true     time.Duration
	forwards int
}

// simMessage is what the client knows of a submission.
type simMessage struct {
	id         email.ID
	submission Submission
	released   int
	changed    bool           // another request came under its key, and nobody heard what became of that
	canceled   map[string]int // copies when it was canceled, or may have been; nil: it was not
}

// simNode is one process: an engine and what it has in hand.
type simNode struct {
	name     email.ID
	engine   *Engine
	claims   []claimed
	outcomes []simOutcome
	frozen   time.Duration // until then, in true time
	skew     time.Duration // what the wall clock was set by when the process started
}

type simOutcome struct {
	entry   *store.Entry
	outcome outcome
}

func newSimulation(t *testing.T, seed uint64, data *simData) *simulation {
	var key [32]byte
	copy(key[:], fmt.Sprintf("%032d", seed))
	s := &simulation{
		t: t, rng: mrand.New(mrand.NewPCG(seed, 1)), random: mrand.NewChaCha8(key), acked: map[email.ID]*simMessage{},
		parked: map[email.ID]simPark{}, down: map[email.ID]time.Duration{}, tried: map[email.ID]email.ID{}, visited: map[string]int{}, grant: access.Grant{Team: simTeam, Scopes: []string{access.ScopeAll}},
	}
	s.rates = s.draw()
	s.world = &simWorld{s: s, copies: map[email.ID]map[string]int{}, used: map[string][]simUse{}, drafts: map[string]simDraft{}}
	dir, err := os.MkdirTemp(simFolder(), "gatepost-simulation-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, store.DatabaseFile), data.file, 0o600); err != nil {
		t.Fatal(err)
	}
	s.store, err = store.Open(context.Background(), store.Options{
		Dir: dir, Inline: true, Synchronous: "OFF", Now: s.now, Random: s.random, Fault: s.fault,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.vault = vault.New(s.store, data.master, s.random, s.now)
	for i := range 2 {
		n := &simNode{name: fmt.Sprintf("node_%d", i)}
		s.nodes = append(s.nodes, n)
		s.start(n)
	}
	return s
}

// simFolder is memory where there is such a folder: nothing here needs a disk.
func simFolder() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

func (s *simulation) now() time.Time         { return simStart.Add(s.true + s.skew) }
func (s *simulation) elapsed() time.Duration { return s.true }
func (s *simulation) visit(what string)      { s.visited[what]++ }
func (s *simulation) chance(percent int) bool {
	return s.rng.IntN(100) < percent
}

// tell writes the story of a history that is repeated alone.
func (s *simulation) tell(format string, args ...any) {
	if os.Getenv("GATEPOST_SIMULATE_SEED") != "" {
		s.t.Logf("%s %s  %s", s.true, s.now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
	}
}

func (s *simulation) wrong(format string, args ...any) {
	s.broken = append(s.broken, fmt.Sprintf(format, args...))
}

// crash is what ends a process in the middle of a step.
type crash struct{ point string }

// errLost is a commit whose answer did not come.
var errLost = errors.New("connection lost")

// fault is asked by the store around each commit.
func (s *simulation) fault(point string) error {
	switch {
	case s.commit == "crash "+point:
		s.commit, s.died = "", true
		panic(crash{point})
	case s.commit == "lose answer" && point == "commit.after":
		s.commit = ""
		s.visit("lost answer of commit")
		return errLost
	}
	return nil
}

// start makes a new process of a node: a new engine that knows nothing.
func (s *simulation) start(n *simNode) {
	s.tell("%s starts", n.name)
	n.claims, n.outcomes, n.skew = nil, nil, s.skew
	n.engine = New(Config{
		Store: s.store, Vault: s.vault, Kinds: s.world.kinds(), Node: n.name, Now: s.now, Elapsed: s.elapsed, Random: s.random,
		Shared: true, Looks: []time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute},
	})
	s.step(n, func() error { return n.engine.Enter(context.Background()) })
}

// step runs one step of a node's process; a crash in it starts the next process.
func (s *simulation) step(n *simNode, do func() error) {
	defer func() {
		if p := recover(); p != nil {
			c, ok := p.(crash)
			if !ok {
				panic(p)
			}
			s.died = false
			s.visit(map[string]string{"commit.before": "crash before commit", "commit.after": "crash after commit"}[c.point])
			s.start(n)
		}
	}()
	if err := do(); err != nil && !errors.Is(err, errLost) {
		s.wrong("a step failed: %v", err)
	}
}

// run is one history: some hundred steps with faults, then rest, then the checks.
func (s *simulation) run() []string {
	defer s.store.Close()
	for range 150 {
		s.disturb()
		n := s.nodes[s.rng.IntN(len(s.nodes))]
		if s.rates.sleepy && n.frozen > s.true {
			n = s.nodes[1] // who is awake
		}
		if n.frozen <= s.true {
			s.act(n)
		}
		s.pass(s.pause())
		if len(s.broken) > 0 {
			return s.broken
		}
	}
	s.rest()
	s.check()
	return s.broken
}

// pause is mostly short, and sometimes as long as looks and backoffs.
func (s *simulation) pause() time.Duration {
	switch {
	case s.rates.only() != nil:
		return time.Duration(s.rng.IntN(60)) * time.Second
	case s.chance(85):
		return time.Duration(s.rng.IntN(400)) * time.Millisecond
	case s.chance(80):
		return time.Duration(s.rng.IntN(60)) * time.Second
	}
	return time.Duration(s.rng.IntN(900)) * time.Second
}

// pass lets time go by. Hearts mostly beat in it, but for those of frozen nodes.
func (s *simulation) pass(d time.Duration) {
	silent := s.chance(15)
	for d > 0 {
		part := min(d, 8*time.Second)
		s.true, d = s.true+part, d-part
		s.world.arrive()
		for _, n := range s.nodes {
			if !silent && n.frozen <= s.true {
				s.step(n, func() error { return n.engine.beat(context.Background()) })
			}
		}
	}
}

// rates are how often each thing goes wrong, in steps out of a thousand. Each
// history has its own: in one where everything crashes all the time no process
// lives long enough to sleep through the others' work. In plain ones mail has no
// times and nobody cancels: it lives as long as a sleeper sleeps. In sleepy ones
// there is one account, and a process falls asleep with messages in hand for as
// long as another takes to look for them and to send them again. In those of parts
// there is one account too, whose provider takes messages for some recipients.
type rates struct {
	crash, commit, lose, freeze, clock, down int
	plain, sleepy, parts                     bool
	limited                                  bool // the providers have limits
}

func (s *simulation) draw() rates {
	pick := func(n ...int) int { return n[s.rng.IntN(len(n))] }
	if s.chance(15) {
		sleepy := s.chance(67)
		return rates{commit: pick(0, 5), plain: true, sleepy: sleepy, parts: !sleepy}
	}
	r := rates{
		crash: pick(0, 5, 20), commit: pick(0, 5, 20), lose: pick(0, 40), freeze: pick(0, 10, 30), clock: pick(0, 10, 20), down: pick(0, 30, 200, 500),
		plain: s.chance(50), limited: s.chance(30),
	}
	if r.limited { // which is not judged once a clock was set forward
		r.clock = pick(0, 0, 10)
	}
	return r
}

// only is the one account of some histories, nil in others.
func (r rates) only() *simAccount {
	switch {
	case r.sleepy:
		return &simAccount{"acc_looks", "ada@acme.example"}
	case r.parts:
		return &simAccount{"acc_submits", "eve@acme.example"}
	}
	return nil
}

type simAccount struct{ id, address string }

// disturb decides what goes wrong around the next step.
func (s *simulation) disturb() {
	n := s.nodes[s.rng.IntN(len(s.nodes))]
	s.commit = ""
	is := func(rate int) bool { return s.rng.IntN(1000) < rate }
	switch {
	case is(s.rates.crash):
		s.visit("crash")
		s.start(n)
	case is(s.rates.commit):
		s.commit = "crash commit.before"
	case is(s.rates.commit):
		s.commit = "crash commit.after"
	case is(s.rates.lose):
		s.commit = "lose answer"
	case is(s.rates.freeze):
		s.freeze(n, time.Duration(s.rng.IntN([]int{40, 3600}[s.rng.IntN(2)]))*time.Second)
	case s.rates.sleepy && n == s.nodes[0] && n.frozen <= s.true && len(n.claims) > 0 && s.chance(30):
		s.freeze(n, time.Duration(1200+s.rng.IntN(1800))*time.Second)
	case is(s.rates.down):
		s.down[simRoutes[s.rng.IntN(len(simRoutes))]] = s.true + time.Duration(s.rng.IntN(1800))*time.Second
	case is(s.rates.clock):
		s.visit("clock forward")
		s.skew += time.Duration(s.rng.IntN(7200)) * time.Second
		s.tell("the clock is set forward")
	case is(s.rates.clock):
		s.visit("clock back")
		s.skew -= time.Duration(s.rng.IntN(7200)) * time.Second
		s.tell("the clock is set back")
	}
}

func (s *simulation) freeze(n *simNode, d time.Duration) {
	s.visit("freeze")
	s.tell("%s sleeps for %s", n.name, d)
	n.frozen = max(n.frozen, s.true+d)
}

var simRoutes = []email.ID{"acc_looks", "acc_relay", "acc_submits", "acc_drafts"}

// act lets a node do one of the steps that its loops would.
func (s *simulation) act(n *simNode) {
	ctx, route := context.Background(), simRoutes[s.rng.IntN(len(simRoutes))]
	if only := s.rates.only(); only != nil {
		route = only.id
	}
	switch x := s.rng.IntN(100); {
	case x < 17:
		s.submit(n)
	case x < 37:
		s.step(n, func() error { return s.claim(ctx, n, route, 1+s.rng.IntN(3)) })
	case x < 58:
		s.attempt(n)
	case x < 75:
		s.step(n, func() error { return s.finish(ctx, n) })
	case x < 84:
		s.step(n, func() error { _, err := n.engine.look(ctx, simTeam, route); return err })
	case x < 89:
		s.step(n, func() error { return s.rescue(ctx, n) })
	case x < 92:
		s.step(n, func() error {
			return s.promote(ctx, n, append(simRoutes, "pool_failover", "pool_random", "pool_headroom")[s.rng.IntN(6)])
		})
	case x < 94:
		s.step(n, func() error { return n.engine.expire(ctx) })
	case x < 96 && !s.rates.plain:
		s.cancel(n)
	case x < 98:
		s.person(n)
	case x < 99:
		s.step(n, func() error { return s.store.FoldCounts(ctx) })
	default:
		s.step(n, func() error { return n.engine.sweepDrafts(ctx) })
	}
}

func (s *simulation) submit(n *simNode) {
	m := s.newSubmission()
	repeat := len(s.keyed) > 0 && s.chance(30)
	if repeat {
		m = s.keyed[s.rng.IntN(len(s.keyed))]
	}
	sub := m.submission
	other := repeat && s.chance(30)
	if other {
		sub.Text += " (changed)"
	}
	if !repeat && sub.IdempotencyKey != "" {
		s.keyed = append(s.keyed, m)
	}
	unheard := m.changed
	m.changed = m.changed || other
	s.step(n, func() error {
		got, err := n.engine.Submit(context.Background(), s.grant, sub)
		if errors.Is(err, ErrKeyReused) {
			s.visit("key reused")
			m.changed = unheard
			if !other && (!unheard || m.id != "") {
				s.wrong("the same request under the same key was refused")
			}
			return nil
		}
		var wrong *Invalid
		if errors.As(err, &wrong) && !sub.ExpiresAt.IsZero() && m.id == "" {
			return nil // it was not kept the first time, and now its time is over, or too long by a clock that was set back
		}
		if err != nil {
			return err
		}
		s.acknowledged(m, got, other)
		return nil
	})
}

// acknowledged notes what the client was told.
func (s *simulation) acknowledged(m *simMessage, got Submitted, other bool) {
	if got.Replayed {
		s.visit("replayed")
	}
	if other && m.id != "" {
		s.wrong("another request under key %q was taken", m.submission.IdempotencyKey)
	}
	if m.id != "" && m.id != got.ID {
		s.wrong("key %q stands for %s and %s", m.submission.IdempotencyKey, m.id, got.ID)
	}
	if other {
		m.submission.Text += " (changed)"
	}
	m.id = got.ID
	s.acked[got.ID] = m
}

func (s *simulation) newSubmission() *simMessage {
	account := []string{"ada@acme.example", "relay@acme.example", "eve@acme.example", "dan@acme.example"}[s.rng.IntN(4)]
	var from *email.Address
	if only := s.rates.only(); only != nil {
		account = only.address
	} else if s.chance(40) {
		shop, _ := email.ParseAddress(simShop)
		account, from = simPools[s.rng.IntN(len(simPools))], &shop
	}
	sub := Submission{Account: account, From: from, Subject: "s", Text: "t", OnUnknown: []email.OnUnknown{"", email.Reconcile, email.Retry, email.Hold}[s.rng.IntN(4)]}
	for i := range 1 + s.rng.IntN(3) {
		a, _ := email.ParseAddress(fmt.Sprintf("r%d@example.com", i))
		sub.To = append(sub.To, a)
	}
	if s.chance(50) {
		sub.IdempotencyKey = fmt.Sprint("key", s.rng.Uint32())
	}
	if s.rates.plain {
		return &simMessage{submission: sub}
	}
	sub.Type = []string{"", "", "", "", "otp", "notification"}[s.rng.IntN(6)]
	begin := s.now()
	if s.chance(20) {
		s.visit("scheduled")
		begin = begin.Add(time.Duration(1+s.rng.IntN(900)) * time.Second)
		sub.SendAt = begin
	}
	if s.chance(20) {
		sub.ExpiresAt = begin.Add(time.Duration(1+s.rng.IntN(600)) * time.Second)
	}
	return &simMessage{submission: sub}
}

const simSlots = 3

func (s *simulation) claim(ctx context.Context, n *simNode, route email.ID, limit int) error {
	free := min(limit, simSlots-len(n.claims))
	if free <= 0 {
		return nil
	}
	until, row := s.parked[route], time.Time{}
	if a, err := s.store.Account(ctx, simTeam, route); err == nil {
		row = a.ParkedUntil
	}
	got, err := n.engine.claim(ctx, simTeam, route, room{limit: free})
	claims := got.claims
	if b := got.blocked; b != nil && b.Paced {
		s.visit("limit paced")
	} else if b != nil {
		s.visit("limit reached")
	}
	if len(claims) > free {
		s.wrong("%d messages were claimed for %d slots", len(claims), free)
	}
	if len(claims) > 0 && (row.After(s.now()) || until.true > s.true && until.forwards == s.visited["clock forward"]) {
		s.wrong("account %s was tried before its parked time", route)
	}
	for _, c := range claims {
		if c.Attempt == 1 && !s.rates.plain { // a clock may be set back after that
			s.checkClaim(c.Message)
		}
	}
	n.claims = append(n.claims, claims...)
	return err
}

// checkClaim is G6: nothing is tried before its time.
func (s *simulation) checkClaim(id email.ID) {
	m, err := s.store.Message(context.Background(), simTeam, id)
	if err != nil {
		s.wrong("claimed %s: %v", id, err)
	} else if m.SendAt.After(s.now()) {
		s.wrong("G6: %s was tried at %s, and not to be before %s", id, s.now(), m.SendAt)
	}
}

// promote lets scheduled mail go: not before its time by the wall clock, nor by
// what has passed since the process started.
func (s *simulation) promote(ctx context.Context, n *simNode, route email.ID) error {
	dues, err := s.dues(ctx, route)
	if err != nil || s.rates.plain { // nothing has a time
		return err
	}
	waits := slices.ContainsFunc(dues, func(d store.Due) bool { return !d.Promote.IsZero() })
	scheduled := store.MessageQuery{Status: email.Scheduled, Account: route, Limit: 1000}
	var before store.MessagePage
	if waits {
		if before, err = s.store.Messages(ctx, simTeam, scheduled); err != nil {
			return err
		}
	}
	for _, d := range dues {
		if _, err := n.engine.promote(ctx, simTeam, d.Route); err != nil {
			return err
		}
	}
	if !waits {
		return nil
	}
	after, err := s.store.Messages(ctx, simTeam, scheduled)
	if err != nil {
		return err
	}
	left := map[email.ID]bool{}
	for _, m := range after.Messages {
		left[m.ID] = true
	}
	latest := simStart.Add(s.true + min(s.skew, n.skew+10*time.Second))
	for _, m := range before.Messages {
		switch {
		case !left[m.ID] && m.SendAt.After(latest):
			s.wrong("G6: %s was let go at %s (by time that passed %s), and not to leave before %s", m.ID, s.now(), latest, m.SendAt)
		case !left[m.ID]:
			s.visit("promoted")
		case !m.SendAt.After(s.now()):
			s.visit("due by a clock that was set")
		}
	}
	return nil
}

// dues tell what waits for an account, or on the routes of a pool.
func (s *simulation) dues(ctx context.Context, route string) ([]store.Due, error) {
	if strings.HasPrefix(route, "pool_") {
		return s.store.PoolDues(ctx, route)
	}
	all, err := s.store.Dues(ctx)
	if i := slices.IndexFunc(all, func(d store.Due) bool { return d.Route == route }); i >= 0 {
		return all[i : i+1], err
	}
	return []store.Due{{Team: simTeam, Route: route}}, err
}

// cancel takes a message back. An answer that is lost leaves open whether it was.
func (s *simulation) cancel(n *simNode) {
	ids := s.ids()
	if len(ids) == 0 {
		return
	}
	m := s.acked[ids[s.rng.IntN(len(ids))]]
	if m.canceled == nil {
		m.canceled = maps.Clone(s.world.copies[m.id])
		if m.canceled == nil {
			m.canceled = map[string]int{}
		}
	}
	s.step(n, func() error {
		err := n.engine.Cancel(context.Background(), s.grant, m.id)
		if errors.Is(err, ErrTooLate) {
			s.visit("cancel too late")
			m.canceled = nil
			return nil
		}
		if err == nil {
			s.visit("canceled")
		}
		return err
	})
}

// attempt lets a node's process go on with one claim: the time between the claim
// and this is what a frozen process has slept.
func (s *simulation) attempt(n *simNode) {
	if len(n.claims) == 0 {
		return
	}
	i := s.rng.IntN(len(n.claims))
	en := n.claims[i]
	n.claims = slices.Delete(n.claims, i, i+1)
	s.tell("%s attempts %s, attempt %d, claimed at %s", n.name, en.Message, en.Attempt, en.StartedAt.Format(time.TimeOnly))
	o := n.engine.attempt(context.Background(), en)
	if s.died { // the engine takes a crash for a panic of the provider, and would go on
		s.died = false
		s.visit("crash around a draft")
		s.start(n)
		return
	}
	s.tell("  outcome %v", o.err)
	n.outcomes = append(n.outcomes, simOutcome{en.Entry, o})
}

func (s *simulation) finish(ctx context.Context, n *simNode) error {
	if len(n.outcomes) == 0 {
		return nil
	}
	i := s.rng.IntN(len(n.outcomes))
	o := n.outcomes[i]
	f, err := n.engine.settle(o.entry, o.outcome)
	if err != nil {
		return err
	}
	errs := s.store.FinishAttempts(ctx, f)
	n.outcomes = slices.Delete(n.outcomes, i, i+1)
	if errors.Is(errs[0], store.ErrFenced) {
		s.visit("fenced")
		return nil
	}
	if errs[0] == nil {
		s.settled(f)
		n.engine.hand.put(o.entry)
		n.engine.report(f)
	}
	return errs[0]
}

// settled notes what a committed outcome said.
func (s *simulation) settled(f *store.Finish) {
	if f.Account != nil && !f.Account.Hold {
		// An outcome from before a release has no say, so the row is asked.
		a, err := s.store.Account(context.Background(), simTeam, f.Route)
		if err == nil && a.ParkedUntil.After(s.parked[f.Route].wall) {
			s.parked[f.Route] = simPark{a.ParkedUntil, s.true + a.ParkedUntil.Sub(s.now()), s.visited["clock forward"]}
		}
	}
	if f.Account != nil && f.Account.Learn != nil {
		s.visit("limit taught")
	}
	if f.Account != nil && f.Account.Rests > 0 {
		s.visit("rests")
	}
	if f.Account != nil && f.Account.Well {
		s.visit("well again")
	}
	if f.Next != nil && f.Next.Duplicate {
		s.visit("possible duplicate")
	}
	if f.Next != nil && f.Next.State == email.Held {
		s.visit("held")
	}
}

func (s *simulation) rescue(ctx context.Context, n *simNode) error {
	lost, err := s.store.Abandoned(ctx, n.name, n.engine.cfg.Lease)
	if err == nil && len(lost) > 0 {
		s.visit("rescued")
	}
	if err != nil {
		return err
	}
	if err := n.engine.bringBack(ctx); err != nil {
		return err
	}
	return n.engine.rescue(ctx)
}

// person releases what waits for a person.
func (s *simulation) person(n *simNode) {
	ctx := context.Background()
	for _, route := range simRoutes {
		s.step(n, func() error { return s.releaseAccount(ctx, n, route) })
	}
	for _, id := range s.ids() {
		if s.chance(30) {
			s.step(n, func() error { return s.release(ctx, n, s.acked[id]) })
		}
		if s.chance(30) {
			s.step(n, func() error { return s.retry(ctx, n, id) })
		}
	}
}

// retry has failed recipients tried again.
func (s *simulation) retry(ctx context.Context, n *simNode, id email.ID) error {
	err := n.engine.RetryMessage(ctx, s.grant, id)
	switch {
	case err == nil:
		s.visit("retried")
	case errors.Is(err, ErrNothingToRetry):
		s.visit("nothing to retry")
		return nil
	case errors.Is(err, ErrShredded), errors.Is(err, ErrTooLate):
		return nil
	}
	return err
}

func (s *simulation) releaseAccount(ctx context.Context, n *simNode, route email.ID) error {
	a, err := s.store.Account(ctx, simTeam, route)
	if err != nil || !a.Held {
		return err
	}
	ev, err := n.engine.event(email.EventAccountReleased, store.EventData{})
	if err != nil {
		return err
	}
	s.visit("account released")
	delete(s.parked, route)
	return s.store.ReleaseAccount(ctx, simTeam, route, ev)
}

func (s *simulation) release(ctx context.Context, n *simNode, m *simMessage) error {
	err := n.engine.Release(ctx, s.grant, m.id)
	if errors.Is(err, ErrNotHeld) {
		return nil
	}
	if err == nil {
		s.visit("released")
	}
	m.released++ // also when the answer was lost
	return err
}

// ids lists acknowledged messages in an order that does not depend on the map.
func (s *simulation) ids() []email.ID {
	out := make([]email.ID, 0, len(s.acked))
	for id := range s.acked {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}
