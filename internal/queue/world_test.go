package queue

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
	"gatepost/internal/vault"
)

// world is an engine on a real store, with one account at a provider whose
// answers the test gives. Its clocks stand unless the test uses the real ones.
type world struct {
	*Engine
	t      *testing.T
	now    time.Time
	grant  access.Grant
	limits provider.Limits
	rates  []provider.Rate
	send   sendFunc
	look   lookFunc // nil: Sent is empty
	asked  provider.LookQuery
}

type (
	sendFunc func(env email.Envelope, msg email.Content) (provider.Receipt, error)
	lookFunc func(ctx context.Context) (map[email.ID]string, error)
)

const worldAccount = "acc_1"

func newWorld(t *testing.T, opt store.Options, send sendFunc, change func(*Config)) *world {
	t.Helper()
	m, _, err := vault.LoadMaster(vault.Source{Dir: opt.Dir, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	st := storetest.Open(t, opt)
	w := &world{t: t, now: simStart, grant: access.Grant{Team: simTeam, Scopes: []string{access.ScopeAll}}, send: send}
	w.limits = provider.Limits{MaxParallel: 2}
	if send == nil {
		w.send = accepting
	}
	cfg := Config{
		Store: st, Vault: vault.New(st, m, rand.Reader, time.Now), Node: "node_a", Kinds: []provider.Kind{w.kind()},
		Now: func() time.Time { return w.now }, Elapsed: func() time.Duration { return w.now.Sub(simStart) },
	}
	if change != nil {
		change(&cfg)
	}
	w.Engine = New(cfg)
	if _, err := st.Account(t.Context(), simTeam, worldAccount); err != nil { // another node of the world may have made it
		w.must(st.AddAccount(t.Context(), &store.Account{
			Team: simTeam, ID: worldAccount, Address: "ada@acme.example", Transport: "world", Config: []byte("{}"), CreatedAt: simStart,
		}))
	}
	w.must(w.Enter(t.Context()))
	return w
}

func accepting(env email.Envelope, _ email.Content) (provider.Receipt, error) {
	return provider.AcceptedBy(env, "", "250 OK"), nil
}

func (w *world) kind() provider.Kind {
	return provider.Kind{
		Name: "world", Limits: func(json.RawMessage) provider.Limits { return w.limits },
		Rates: func(string, json.RawMessage) []provider.Rate { return w.rates },
		Open:  func(provider.Account, provider.Deps) (provider.Provider, error) { return worldProvider{w}, nil },
	}
}

type worldProvider struct{ w *world }

func (p worldProvider) Check(context.Context) error { return nil }

func (p worldProvider) Send(_ context.Context, env email.Envelope, msg email.Content) (provider.Receipt, error) {
	return p.w.send(env, msg)
}

func (p worldProvider) Look(ctx context.Context, q provider.LookQuery) (map[email.ID]string, error) {
	p.w.asked = q
	if p.w.look == nil {
		return nil, nil
	}
	return p.w.look(ctx)
}

func (w *world) must(errs ...error) {
	w.t.Helper()
	for _, err := range errs {
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) submit(files ...[]byte) email.ID {
	w.t.Helper()
	sub := toBob()
	for _, b := range files {
		sub.Attachments = append(sub.Attachments, Attachment{Filename: "a.bin", Content: b})
	}
	return w.take(sub).ID
}

// take submits what has nothing wrong about it.
func (w *world) take(sub Submission) Submitted {
	w.t.Helper()
	s, err := w.Submit(w.t.Context(), w.grant, sub)
	w.must(err)
	return s
}

func toBob() Submission {
	to, _ := email.ParseAddress("bob@example.com")
	return Submission{To: []email.Address{to}, Subject: "s", Text: "t"}
}

// sendOne claims the one message that is due, sends it, and settles the outcome.
func (w *world) sendOne() {
	w.t.Helper()
	c := w.claimOne()
	w.settleWith(c, w.attempt(w.t.Context(), c))
}

// claimOne claims the one message that is due.
func (w *world) claimOne() claimed {
	w.t.Helper()
	got, err := w.claim(w.t.Context(), simTeam, worldAccount, room{limit: 1})
	if err != nil || len(got.claims) != 1 {
		w.t.Fatalf("claimed %v, %v", got.claims, err)
	}
	return got.claims[0]
}

// settleWith writes the outcome of an attempt.
func (w *world) settleWith(c claimed, o outcome) {
	w.t.Helper()
	f, err := w.settle(c.Entry, o)
	w.must(err, w.finish(w.t.Context(), f))
}

// looks makes all looks for unknown outcomes, when they are due.
func (w *world) looks() {
	w.t.Helper()
	for range 5 {
		w.now = w.now.Add(10 * time.Minute)
		_, err := w.Engine.look(w.t.Context(), simTeam, worldAccount)
		w.must(err)
	}
}

// byHand has failed recipients tried again by a person.
func (w *world) byHand(id email.ID) {
	w.t.Helper()
	w.must(w.RetryMessage(w.t.Context(), w.grant, id))
}

// state is a message's place in the queue, and its recipient's state once it has
// left.
func (w *world) state(id email.ID) email.State {
	w.t.Helper()
	m, err := w.cfg.Store.Message(w.t.Context(), simTeam, id)
	w.must(err)
	if m.Entry != nil {
		return m.Entry.State
	}
	return m.Recipients[0].State
}

// run runs the engine until stop is called.
func (w *world) run() (stop func(), ended <-chan error) {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	return cancel, done
}

// eventually waits for a condition.
func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("not within 10 s: %s", what)
		}
	}
}

// live gives an engine the real clock.
func live(c *Config) { c.Now, c.Elapsed = time.Now, nil }
