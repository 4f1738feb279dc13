package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// draftBox is a mailbox that sends by drafts, and what came out of it.
type draftBox struct {
	worldProvider
	drafts map[string]email.ID
	made   int
	taken  []email.ID
	create func() error                           // nil: it works
	listed func()                                 // after they were listed
	send   func(id string) (took bool, err error) // nil: it works
}

func (b *draftBox) CreateDraft(_ context.Context, _ email.Envelope, msg email.Content) (string, error) {
	b.made++
	id := fmt.Sprintf("r%d", b.made)
	b.drafts[id] = idOf(msg)
	if b.create != nil {
		return id, b.create()
	}
	return id, nil
}

func (b *draftBox) SendDraft(ctx context.Context, env email.Envelope, id string) (provider.Receipt, error) {
	if err := provider.Guard(ctx); err != nil {
		return provider.Receipt{}, &provider.Error{Class: provider.Retry, Cause: "guard", Text: err.Error()}
	}
	return b.arrive(env, id)
}

// arrive is the request at the provider.
func (b *draftBox) arrive(env email.Envelope, id string) (provider.Receipt, error) {
	if b.drafts[id] == "" {
		return provider.Receipt{}, &provider.Error{Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: provider.CauseDraftGone}
	}
	took, err := true, error(nil)
	if b.send != nil {
		took, err = b.send(id)
	}
	if took {
		b.taken = append(b.taken, b.drafts[id])
		delete(b.drafts, id)
	}
	return provider.AcceptedBy(env, "p"+id, "200 OK"), err
}

func (b *draftBox) HasDraft(_ context.Context, id string) (bool, error) {
	return b.drafts[id] != "", nil
}

func (b *draftBox) DeleteDraft(_ context.Context, id string) error {
	delete(b.drafts, id)
	return nil
}

func (b *draftBox) Drafts(context.Context, map[string]email.ID) (map[string]email.ID, error) {
	out := map[string]email.ID{"r-by-hand": ""}
	for id, of := range b.drafts {
		out[id] = of
	}
	if b.listed != nil {
		b.listed()
	}
	return out, nil
}

var errNoAnswer = &provider.Error{Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: "no_answer"}

// newDraftWorld is a world whose account sends by drafts.
func newDraftWorld(t *testing.T, opt store.Options, change func(*Config)) (*world, *draftBox) {
	b := &draftBox{drafts: map[string]email.ID{}}
	w := newWorld(t, opt, nil, func(c *Config) {
		c.Kinds[0].Open = func(provider.Account, provider.Deps) (provider.Provider, error) { return b, nil }
		if change != nil {
			change(c)
		}
	})
	w.limits.HeaderDecides = true
	b.w = w
	return w, b
}

func (w *world) marked(id email.ID) bool {
	w.t.Helper()
	events, err := w.cfg.Store.Events(w.t.Context(), simTeam, id)
	w.must(err)
	return marked(events)
}

// pass lets time go by in which the heart has beaten.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	w.now = w.now.Add(d)
	w.must(w.beat(w.t.Context()))
}

func (w *world) lookAfter(d time.Duration) {
	w.t.Helper()
	w.pass(d)
	_, err := w.Engine.look(w.t.Context(), simTeam, worldAccount)
	w.must(err)
}

// A draft that is still there was not sent: the same one is sent, without a wait
// for the last look and without a mark.
func TestDraftThatIsThereIsSentAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w, b := newDraftWorld(t, opt, nil)
		b.send = func(string) (bool, error) { return false, errNoAnswer }
		id := w.submit()
		w.sendOne()
		if got := w.state(id); got != email.Unknown || len(b.taken) > 0 {
			t.Fatalf("%s, %v", got, b.taken)
		}
		w.lookAfter(30 * time.Second)
		b.send = nil
		w.sendOne()
		if got := w.state(id); got != email.Accepted || b.made != 1 || !slices.Equal(b.taken, []email.ID{id}) {
			t.Errorf("%s, %d drafts, sent %v", got, b.made, b.taken)
		}
		if w.marked(id) {
			t.Error("marked as a possible duplicate")
		}
	})
}

// A draft that is gone was sent or deleted: what Sent does not show is held, or sent
// anew and marked where the message says so. Only then there is a second draft.
func TestDraftThatIsGone(t *testing.T) {
	for policy, want := range map[email.OnUnknown]email.State{email.Reconcile: email.Held, email.Retry: email.Queued} {
		w, b := newDraftWorld(t, store.Options{Dir: storetest.Folder(t)}, nil)
		b.send = func(id string) (bool, error) { delete(b.drafts, id); return false, errNoAnswer }
		sub := toBob()
		sub.OnUnknown = policy
		id := w.take(sub).ID
		w.sendOne()
		w.lookAfter(30 * time.Second)
		if got := w.state(id); got != email.Unknown {
			t.Errorf("%s: %s after the first look", policy, got)
		}
		w.lookAfter(10 * time.Minute)
		if got := w.state(id); got != want {
			t.Fatalf("%s: %s, want %s", policy, got, want)
		}
		if policy == email.Reconcile {
			w.must(w.Release(t.Context(), w.grant, id))
		}
		b.send = nil
		w.pass(time.Minute)
		w.sendOne()
		if w.state(id) != email.Accepted || !w.marked(id) || b.made != 2 || len(b.taken) != 1 {
			t.Errorf("%s: %s, marked %t, %d drafts, sent %v", policy, w.state(id), w.marked(id), b.made, b.taken)
		}
	}
}

// The draft of another attempt tells nothing about one that went without.
func TestDraftOfAnotherAttemptTellsNothing(t *testing.T) {
	w, b := newDraftWorld(t, store.Options{Dir: storetest.Folder(t)}, nil)
	b.send = func(string) (bool, error) { return false, &provider.Error{Class: provider.Retry, Cause: "busy"} }
	id := w.submit()
	w.sendOne() // leaves its draft
	w.now = w.now.Add(time.Minute)
	c := w.claimOne() // as an account does that sends without drafts
	w.settleWith(c, outcome{open: []store.OpenRecipient{{Address: "bob@example.com"}}, canLook: true, err: errNoAnswer})
	w.lookAfter(30 * time.Second)
	if got := w.state(id); got != email.Unknown {
		t.Errorf("%s: the draft of the first attempt was taken for the second's", got)
	}
}

// A draft whose id was not kept is never sent, and swept once no attempt can be at
// it any more; drafts of people and of others stay.
func TestOrphanDraftIsSweptAndNeverSent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w, b := newDraftWorld(t, opt, nil)
		b.create = func() error {
			return &provider.Error{Class: provider.Retry, Scope: provider.ScopeMessage, Cause: "busy"}
		}
		id := w.submit()
		w.sendOne()
		b.drafts["theirs"] = "msg_of_another_database"
		b.create = nil
		w.pass(time.Minute)
		w.sendOne()
		if got := w.state(id); got != email.Accepted || len(b.taken) != 1 || b.drafts["r1"] != id {
			t.Fatalf("%s, sent %v, drafts %v", got, b.taken, b.drafts)
		}
		for _, after := range []time.Duration{0, 10 * time.Minute, time.Minute} {
			if b.drafts["r1"] == "" {
				t.Errorf("swept while an attempt might have been at it")
			}
			w.now = w.now.Add(after)
			w.must(w.sweepDrafts(t.Context()))
		}
		if d := cmp.Diff(map[string]email.ID{"theirs": "msg_of_another_database"}, b.drafts); d != "" || len(b.taken) != 1 {
			t.Errorf("drafts left: %s; sent %v", d, b.taken)
		}
	})
}

// What one node found empty and forgot, another leaves a draft in, and ends: the draft
// is found all the same.
func TestDraftLeftAfterAnotherNodesSweep(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w, b := newDraftWorld(t, opt, nil)
		other := New(w.cfg)
		w.submit()
		w.sendOne()
		w.must(other.sweepDrafts(t.Context()))
		noted, err := w.cfg.Store.DraftAccounts(t.Context())
		if w.must(err); len(noted) != 0 {
			t.Errorf("an empty mailbox goes on being swept: %v", noted)
		}
		b.create = func() error {
			return &provider.Error{Class: provider.Retry, Scope: provider.ScopeMessage, Cause: "busy"}
		}
		w.submit()
		w.sendOne()
		for range 2 {
			w.must(other.sweepDrafts(t.Context()))
			w.now = w.now.Add(11 * time.Minute)
		}
		if len(b.drafts) != 0 {
			t.Errorf("drafts left: %v", b.drafts)
		}
	})
}

// A sweep that finds no draft forgets the mailbox only if none can have been made since:
// neither by an attempt that is under way, nor by one that came and went while it looked.
// Their processes end there, and cannot note it again.
func TestDraftsAreNotForgottenBesideAnAttempt(t *testing.T) {
	for name, swept := range map[string]func(w *world, b *draftBox, attempt func()){
		"while it lasts": func(w *world, b *draftBox, attempt func()) {
			b.create = func() error {
				late := b.drafts
				b.drafts = map[string]email.ID{}
				w.must(w.sweepDrafts(w.t.Context()))
				b.drafts = late
				panic("the process ends")
			}
			attempt()
		},
		"while the sweep looks": func(w *world, b *draftBox, attempt func()) {
			b.create = func() error { panic("the process ends") }
			b.listed = func() { b.listed = nil; attempt() }
			w.must(w.sweepDrafts(w.t.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, b := newDraftWorld(t, store.Options{Dir: storetest.Folder(t)}, nil)
			w.submit()
			w.sendOne()
			w.submit()
			swept(w, b, func() { New(w.cfg).attempt(t.Context(), w.claimOne()) })
			if len(b.drafts) != 1 {
				t.Fatalf("drafts %v", b.drafts)
			}
			w.must(w.adopt(t.Context()))
			for range 2 {
				w.now = w.now.Add(11 * time.Minute)
				w.must(w.sweepDrafts(t.Context()))
			}
			if len(b.drafts) != 0 {
				t.Errorf("drafts left: %v", b.drafts)
			}
		})
	}
}

// The draft of a message that ended without being sent is deleted.
func TestDraftOfAnEndedMessageIsDeleted(t *testing.T) {
	w, b := newDraftWorld(t, store.Options{Dir: storetest.Folder(t)}, nil)
	b.send = func(string) (bool, error) { return false, &provider.Error{Class: provider.Fail, Cause: "refused"} }
	w.submit()
	w.sendOne()
	w.must(w.sweepDrafts(t.Context()))
	w.now = w.now.Add(11 * time.Minute)
	w.must(w.sweepDrafts(t.Context()))
	if len(b.drafts) != 0 || len(b.taken) != 0 {
		t.Errorf("drafts %v, sent %v", b.drafts, b.taken)
	}
}

// Nothing is sent by an attempt that is no longer its process's own.
func TestDraftIsNotKeptWithoutItsClaim(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w, b := newDraftWorld(t, opt, nil)
		w.submit()
		c := w.claimOne()
		other := *c.Entry
		other.Fence++
		if err := w.cfg.Store.KeepDraft(t.Context(), &other, "r9"); !errors.Is(err, store.ErrFenced) {
			t.Errorf("kept for another claim: %v", err)
		}
		if _, err := w.cfg.Store.Draft(t.Context(), c.Message); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a draft was noted: %v", err)
		}
		w.settleWith(c, w.attempt(t.Context(), c))
		if len(b.taken) != 1 {
			t.Errorf("sent %v", b.taken)
		}
	})
}

// A draft stays behind when its message is moved, and the request to send it may
// still be on its way: what the other account sends is marked.
func TestMovedAwayFromItsDraftIsMarked(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w, b := newDraftWorld(t, opt, nil)
		b.send = func(string) (bool, error) { return false, errNoAnswer }
		id := w.submit()
		w.must(w.cfg.Store.AddAccount(t.Context(), &store.Account{
			Team: simTeam, ID: otherAccount, Address: "bob@acme.example", Transport: "world", Config: []byte("{}"),
			Senders: []string{"@acme.example"}, CreatedAt: simStart,
		}))
		w.accounts.forget(simTeam, otherAccount)
		w.sendOne()
		w.lookAfter(30 * time.Second)
		if c := w.order(Order{Verb: MoveMail, To: otherAccount}); c.Messages != 1 {
			t.Fatalf("moved %+v", c)
		}
		b.send = nil
		got, err := w.claim(t.Context(), simTeam, otherAccount, room{limit: 1})
		w.must(err)
		w.settleWith(got.claims[0], w.attempt(t.Context(), got.claims[0]))
		_, err = b.arrive(email.Envelope{}, "r1") // the first request
		if w.must(err); len(b.taken) != 2 || w.state(id) != email.Accepted || !w.marked(id) {
			t.Errorf("sent %d times, %s, marked %t", len(b.taken), w.state(id), w.marked(id))
		}
	})
}
