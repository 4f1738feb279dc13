package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// bind gives the world's grant a key that is in the store, bound as it says.
func (w *world) bind(change func(*access.Grant)) {
	w.t.Helper()
	w.grant.Key = "key_1"
	change(&w.grant)
	err := w.cfg.Store.AddAPIKey(w.t.Context(), store.APIKey{
		Team: simTeam, ID: w.grant.Key, Name: "k", Hash: []byte("k"), Scopes: w.grant.Scopes, CreatedAt: w.now, Rate: w.grant.Rate, Daily: w.grant.Daily,
	})
	w.must(err)
}

// over submits what is more than the key has left, and returns when it fits.
func (w *world) over(sub Submission) time.Time {
	w.t.Helper()
	_, err := w.Submit(w.t.Context(), w.grant, sub)
	var over *OverKey
	if !errors.As(err, &over) || !errors.Is(err, ErrKeyLimit) {
		w.t.Fatalf("taken, or refused for another reason: %v", err)
	}
	return over.Until
}

// kept counts the messages of the team.
func (w *world) kept() int {
	w.t.Helper()
	list, err := w.cfg.Store.Messages(w.t.Context(), simTeam, store.MessageQuery{Limit: 100})
	w.must(err)
	return len(list.Messages)
}

func manyPeople(n int) (out []email.Address) {
	for i := range n {
		out = append(out, email.Address{Local: fmt.Sprint("r", i), Domain: "example.com"})
	}
	return out
}

func wantProblem(t *testing.T, err error, field, text string) {
	t.Helper()
	var wrong *Invalid
	if !errors.As(err, &wrong) || len(wrong.Problems) != 1 || wrong.Problems[0].Field != field || !strings.Contains(wrong.Problems[0].Message, text) {
		t.Errorf("want %s: …%s…, got %v", field, text, err)
	}
}

// A key that is bound to senders writes as nobody else, whatever the account allows.
func TestKeySenders(t *testing.T) {
	w := newPoolWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, store.Pool{Strategy: Headroom})
	w.allow(ada, "shop@acme.example", "@news.example")
	w.bind(func(g *access.Grant) { g.Senders = []string{"shop@acme.example", "@news.example"} })
	from := func(address string) *email.Address {
		a, err := email.ParseAddress(address)
		w.must(err)
		return &a
	}
	for _, c := range []struct {
		account, from, field, text string
	}{
		{account: ada, from: "shop@acme.example"},
		{account: "shop", from: "Shop@ACME.example"},
		{from: "a@news.example"},
		{account: ada, field: "from", text: "may not send as ada@acme.example; allowed: shop@acme.example, @news.example"},
		{account: ada, from: "ada@acme.example", field: "from", text: "this API key may not send as ada@acme.example"},
		{account: "shop", from: "eve@acme.example", field: "from", text: "this API key may not send as eve@acme.example"},
		{from: "eve@sub.news.example", field: "from", text: "this API key may not send as eve@sub.news.example"},
		{account: cora, from: "shop@acme.example", field: "from", text: "the account cora@acme.example may not"},
	} {
		sub := toBob()
		if sub.Account = c.account; c.from != "" {
			sub.From = from(c.from)
		}
		_, err := w.Submit(t.Context(), w.grant, sub)
		if c.field != "" {
			wantProblem(t, err, c.field, c.text)
		} else if err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	raw := toBob()
	raw.Subject, raw.Text = "", ""
	raw.Raw = []byte("From: shop@acme.example\r\nSender: ada@acme.example\r\nTo: bob@example.com\r\n\r\nx\r\n")
	_, err := w.Submit(t.Context(), w.grant, raw)
	wantProblem(t, err, "raw", "the field Sender: this API key may not send as ada@acme.example")
}

// A key for some of the mail steers such mail alone, message by message: the queue has
// everybody's.
func TestBoundKeysSteerTheirOwnMail(t *testing.T) {
	w := newPoolWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, store.Pool{Strategy: Headroom})
	w.allow(ada, "shop@acme.example")
	later := func(account email.ID) email.ID {
		sub := toBob()
		sub.Account, sub.SendAt = account, w.now.Add(time.Hour)
		return w.take(sub).ID
	}
	free := w.grant
	free.Scopes = append(slices.Clone(free.Scopes), access.ScopeMessagesWrite)
	for _, c := range []struct {
		name string
		bind func(*access.Grant)
	}{
		{"account", func(g *access.Grant) { g.Account = bob }},
		{"senders", func(g *access.Grant) { g.Senders = []string{"bob@acme.example"} }},
	} {
		bound, own, others := free, later(bob), later(ada)
		c.bind(&bound)
		for verb, do := range map[string]func(email.ID) error{
			"cancel":  func(id email.ID) error { return w.Cancel(t.Context(), bound, id) },
			"release": func(id email.ID) error { return w.Release(t.Context(), bound, id) },
			"retry":   func(id email.ID) error { return w.RetryMessage(t.Context(), bound, id) },
		} {
			if err := do(others); !errors.Is(err, ErrForbidden) {
				t.Errorf("%s: %s of others' mail: %v", c.name, verb, err)
			}
			if err := do(own); errors.Is(err, ErrForbidden) {
				t.Errorf("%s: %s of its own: %v", c.name, verb, err)
			}
		}
		_, ordered := w.Operate(t.Context(), bound, Order{Verb: MoveMail, Selection: Selection{Route: bob}, To: ada})
		_, paused := w.Pause(t.Context(), bound, Pause{Account: bob, Lane: EveryLane})
		if !errors.Is(ordered, ErrForbidden) || !errors.Is(paused, ErrForbidden) {
			t.Errorf("%s: the queue: %v, %v", c.name, ordered, paused)
		}
		if m := w.message(others); m.State() != email.Scheduled {
			t.Errorf("%s: others' mail is %s", c.name, m.State())
		}
	}
}

// A key that is bound to an account sends by that alone, without naming it, and
// hears nothing of others.
func TestKeyAccount(t *testing.T) {
	w := newPoolWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, store.Pool{Strategy: Headroom})
	w.bind(func(g *access.Grant) { g.Account = bob })
	for _, name := range []string{"", bob, "Bob@acme.example"} {
		sub := toBob()
		sub.Account = name
		if s := w.take(sub); s.Account != bob {
			t.Errorf("%q: went to %s", name, s.Account)
		}
	}
	shop := toShop()
	shop.Account = ""
	if s := w.take(shop); s.Account != bob { // ada is the older one that may
		t.Errorf("went to %s", s.Account)
	}
	for _, name := range []string{ada, "ada@acme.example", "shop", "nobody@acme.example"} {
		sub := toShop()
		sub.Account = name
		_, err := w.Submit(t.Context(), w.grant, sub)
		wantProblem(t, err, "account", "this API key may not send by that; allowed: bob@acme.example")
	}
	from := toBob()
	from.From = &email.Address{Local: "cora", Domain: "acme.example"}
	_, err := w.Submit(t.Context(), w.grant, from)
	wantProblem(t, err, "from", "the account bob@acme.example may not send as cora@acme.example")

	w.grant.Account = "pool_1"
	shop.Account = ""
	if m := w.message(w.take(shop).ID); askedOf(m) != "pool_1" {
		t.Errorf("went to %s", askedOf(m))
	}
	shop.Account = ada
	_, err = w.Submit(t.Context(), w.grant, shop)
	wantProblem(t, err, "account", "allowed: the pool Shop")
	w.grant.Account = "acc_gone"
	_, err = w.Submit(t.Context(), w.grant, toBob())
	wantProblem(t, err, "account", "acc_gone is not there any more")
}

func TestAccountNamed(t *testing.T) {
	w := newPoolWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, store.Pool{Strategy: Headroom})
	for name, want := range map[string]email.ID{
		bob: bob, "BOB@acme.example": "", "bob@ACME.example": bob, "pool_1": "pool_1", "sHOP": "pool_1", "": "", "acc_9": "", "x@y.example": "",
	} {
		for _, bound := range []email.ID{"", bob, "pool_1"} {
			g := w.grant
			g.Account = bound
			got, err := w.AccountNamed(t.Context(), g, name)
			switch {
			case want == "" && name != "BOB@acme.example":
				if !errors.Is(err, ErrNotFound) {
					t.Errorf("%q: %v", name, err)
				}
			case want == "": // whether cases differ is the address's to say
			case bound != "" && bound != want:
				if !errors.Is(err, ErrForbidden) || got != "" {
					t.Errorf("%q, bound to %s: %v", name, bound, err)
				}
			case err != nil || got != want:
				t.Errorf("%q: %s, %v", name, got, err)
			}
		}
	}
}

// What a key may in a minute and in a day is counted in recipients; nothing is kept
// beyond it, and afterwards there is room again.
func TestKeyLimits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		w.bind(func(g *access.Grant) { g.Rate, g.Daily = 3, 5 })
		two := toBob()
		two.To = manyPeople(2)
		w.take(two)
		if until := w.over(two); until.Sub(w.now) < time.Minute || until.Sub(w.now) > 62*time.Second {
			t.Errorf("until %s, now %s", until, w.now)
		}
		w.take(toBob())
		w.now = w.now.Add(62 * time.Second)
		w.take(two)
		if until := w.over(toBob()); until.Sub(w.now) < 23*time.Hour || until.Sub(w.now) > 25*time.Hour {
			t.Errorf("until %s, now %s", until, w.now)
		}
		if n := w.kept(); n != 3 {
			t.Errorf("%d messages are kept", n)
		}
		w.now = w.now.Add(25 * time.Hour)
		w.take(two)
		for sub, want := range map[*Submission]string{
			{To: manyPeople(4), Text: "t"}: "4 recipients, and this API key may send to 3 in a minute",
		} {
			_, err := w.Submit(t.Context(), w.grant, *sub)
			wantProblem(t, err, "to", want)
			wantProblem(t, w.CheckSubmission(t.Context(), w.grant, *sub), "to", want)
		}
		w.must(w.cfg.Store.DeleteAPIKey(t.Context(), simTeam, w.grant.Key))
		if _, err := w.Submit(t.Context(), w.grant, toBob()); !errors.Is(err, ErrForbidden) {
			t.Errorf("a deleted key: %v", err)
		}
	})
}

// A repetition costs nothing, not even one that comes at the same moment, and is
// answered when nothing is left.
func TestRepetitionsCostNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		w.bind(func(g *access.Grant) { g.Daily = 11 })
		sub := toBob()
		sub.IdempotencyKey = "once"
		var all sync.WaitGroup
		var fresh atomic.Int64
		for range 10 {
			all.Go(func() {
				s, err := w.Submit(context.Background(), w.grant, sub)
				if err != nil {
					t.Error(err)
				} else if !s.Replayed {
					fresh.Add(1)
				}
			})
		}
		all.Wait()
		other := toBob()
		other.IdempotencyKey = "once"
		other.Text = "other"
		if _, err := w.Submit(t.Context(), w.grant, other); !errors.Is(err, ErrKeyReused) {
			t.Error(err)
		}
		ten := toBob()
		ten.To = manyPeople(10)
		w.take(ten)
		w.over(toBob())
		if s := w.take(sub); !s.Replayed || fresh.Load() != 1 {
			t.Errorf("replayed %t, %d of the first", s.Replayed, fresh.Load())
		}
		if _, err := w.Submit(t.Context(), w.grant, Submission{Text: "t"}); errors.Is(err, ErrKeyLimit) {
			t.Error("what is wrong is told of the limit")
		}
	})
}

// Never more goes through than a day's worth, from however many sides; a restart
// forgets nothing.
func TestKeyLimitTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		w.bind(func(g *access.Grant) { g.Daily = 20 })
		var through atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				sub := toBob()
				sub.To = manyPeople(3)
				for range 4 {
					_, err := w.Submit(context.Background(), w.grant, sub)
					if err == nil {
						through.Add(3)
					} else if !errors.Is(err, ErrKeyLimit) {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if n := through.Load(); n != 18 || w.kept() != 6 {
			t.Errorf("%d recipients of 20 got through, %d messages are kept", n, w.kept())
		}
		e := New(w.cfg)
		sub := toBob()
		sub.To = manyPeople(3)
		if _, err := e.Submit(t.Context(), w.grant, sub); !errors.Is(err, ErrKeyLimit) {
			t.Errorf("after a restart: %v", err)
		}
	})
}

// A batch is charged as one: all of it fits, or nothing is kept. What is wrong in
// it, and what was kept before, costs nothing.
func TestKeyLimitOfBatches(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		for _, all := range []bool{true, false} {
			w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
			if opt.Database != "" && all {
				w = newWorld(t, opt, nil, nil)
			}
			w.bind(func(g *access.Grant) { g.Daily = 10 })
			batch := func(n int, key string) []Submission {
				subs := make([]Submission, n)
				for i := range subs {
					if subs[i] = toBob(); key != "" {
						subs[i].IdempotencyKey = fmt.Sprint(key, i)
					}
				}
				return subs
			}
			subs := batch(6, "first")
			if _, err := w.SubmitBatch(t.Context(), w.grant, append(subs, subs[0]), all); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := w.SubmitBatch(t.Context(), w.grant, subs, all); err != nil { // costs nothing
					t.Fatal(err)
				}
			}
			for range 2 {
				results, err := w.SubmitBatch(t.Context(), w.grant, batch(5, "second"), all)
				if !errors.Is(err, ErrKeyLimit) {
					t.Errorf("%+v, %v", results, err)
				}
			}
			_, err := w.SubmitBatch(t.Context(), w.grant, batch(11, ""), all)
			wantProblem(t, err, "messages", "11 recipients, and this API key may send to 10 in 24 hours")
			if n := w.kept(); n != 6 {
				t.Errorf("%d messages are kept", n)
			}
			mixed := append(batch(4, "third"), Submission{Text: "to nobody"})
			_, err = w.SubmitBatch(t.Context(), w.grant, mixed, all)
			want := 10
			if all {
				want = 6
			}
			if n := w.kept(); n != want || (err != nil) != all {
				t.Errorf("all %t: %d messages are kept, %v", all, n, err)
			}
			left := toBob()
			left.To = manyPeople(10 - want)
			if want < 10 {
				w.take(left)
			}
			w.over(toBob())
		}
	})
}

// A store that takes nothing costs nothing.
func TestKeyIsNotChargedForWhatIsNotKept(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
	w.bind(func(g *access.Grant) { g.Daily = 2 })
	one := &store.NewMessage{ID: "msg_1", Recipients: make([]store.Recipient, 1)}
	for _, err := range []error{store.ErrBusy, store.ErrOtherRequest} {
		for range 3 {
			c, charged := w.charge(t.Context(), w.grant, one)
			w.must(charged)
			c.settle(t.Context(), []*store.NewMessage{one}, err)
		}
	}
	c, err := w.charge(t.Context(), w.grant, one, one)
	w.must(err)
	c.settle(t.Context(), []*store.NewMessage{one, one}, nil, errors.New("the outcome of the commit is not known"))
	if _, err := w.charge(t.Context(), w.grant, one); !errors.Is(err, ErrKeyLimit) {
		t.Errorf("what may be kept costs nothing: %v", err)
	}
}
