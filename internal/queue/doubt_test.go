package queue

import (
	"context"
	"fmt"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// sentMail is a Sent of a provider that tells no ids when it takes a message.
type sentMail struct {
	w    *world
	id   email.ID
	mail []string // provider's ids, oldest first
}

func (m *sentMail) look(ctx context.Context) (map[email.ID]string, error) {
	for _, p := range m.mail {
		known, err := m.w.asked.Known(ctx, []string{p})
		if err != nil || !known[p] {
			return map[email.ID]string{m.id: p}, err
		}
	}
	return nil, nil
}

func toBobAndCarol(t *testing.T) Submission {
	sub := toBob()
	carol, err := email.ParseAddress("carol@example.com")
	if err != nil {
		t.Fatal(err)
	}
	sub.To = append(sub.To, carol)
	return sub
}

// The copy that an attempt left for Bob does not say that Carol has the message,
// whose own attempt ended without a verdict. A second copy does.
func TestCopyForOthersProvesNothing(t *testing.T) {
	lost := &provider.Error{Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: "no_answer", Text: "no answer"}
	for name, c := range map[string]struct {
		again   func(w *world, id email.ID) // how Carol's attempt comes about
		class   provider.Class              // what Carol was told in the first
		crash   bool                        // the process ends before it dials for Carol
		taken   bool                        // Carol's attempt reached her after all
		policy  email.OnUnknown
		want    email.State
		doubted bool
	}{
		"tried again":            {nil, provider.Retry, false, false, "", email.Held, false},
		"tried again by hand":    {(*world).byHand, provider.Fail, false, false, "", email.Held, false},
		"crash before dialling":  {nil, provider.Retry, true, false, "", email.Held, false},
		"retry is the policy":    {nil, provider.Retry, false, false, email.Retry, email.Queued, true},
		"she got a copy as well": {nil, provider.Retry, false, true, "", email.Accepted, false},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, opt store.Options) {
				w := newWorld(t, opt, nil, nil)
				sent := &sentMail{w: w}
				w.look = sent.look
				w.send = func(env email.Envelope, _ email.Content) (provider.Receipt, error) {
					if len(env.Recipients) == 1 {
						if c.taken {
							sent.mail = append(sent.mail, "sent_2")
						}
						return provider.Receipt{}, lost
					}
					sent.mail = append(sent.mail, "sent_1")
					r := provider.AcceptedBy(env, "", "250 OK")
					r.Recipients[1].Err = &provider.Error{Class: c.class, Scope: provider.ScopeRecipient, Cause: "mailbox", Text: "no"}
					return r, nil
				}
				sub := toBobAndCarol(t)
				sub.OnUnknown = c.policy
				sent.id = w.take(sub).ID
				w.sendOne()
				if c.again != nil {
					c.again(w, sent.id)
				}
				w.now = w.now.Add(time.Minute)
				if c.crash {
					w.claimOne()
					w.must(w.Enter(t.Context()))
				} else {
					w.sendOne()
				}
				w.looks()
				m, events, err := w.Message(t.Context(), w.grant, sent.id)
				w.must(err)
				if got := m.Recipients[1].State; got != c.want {
					t.Errorf("carol is %s, want %s", got, c.want)
				}
				if m.Entry != nil && m.Entry.Duplicate != c.doubted {
					t.Errorf("marked as a possible duplicate: %v; %+v", m.Entry.Duplicate, events)
				}
			})
		})
	}
}

// A copy of an attempt that may have been taken for some recipients only does not
// say for whom; where a provider takes all or nothing it does.
func TestCopyOfAnAttemptForSeveral(t *testing.T) {
	for whole, want := range map[bool]email.State{false: email.Held, true: email.Accepted} {
		t.Run(fmt.Sprint("all or nothing ", whole), func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, opt store.Options) {
				w := newWorld(t, opt, nil, nil)
				w.limits.HeaderDecides = whole
				w.AccountChanged(simTeam, worldAccount)
				sent := &sentMail{w: w, mail: []string{"sent_1"}}
				w.look = sent.look
				w.send = func(email.Envelope, email.Content) (provider.Receipt, error) {
					return provider.Receipt{}, &provider.Error{Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: "no_answer", Text: "no answer"}
				}
				sent.id = w.take(toBobAndCarol(t)).ID
				w.sendOne()
				w.looks()
				if got := w.state(sent.id); got != want {
					t.Errorf("it is %s, want %s", got, want)
				}
			})
		})
	}
}

// A copy that is accounted for is no news, though a look reports it.
func TestKnownCopyProvesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		first := true
		w.send = func(env email.Envelope, _ email.Content) (provider.Receipt, error) {
			if !first {
				return provider.Receipt{}, &provider.Error{Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: "no_answer", Text: "no answer"}
			}
			first = false
			r := provider.AcceptedBy(env, "sent_1", "250 OK")
			r.Recipients[1].Err = &provider.Error{Class: provider.Retry, Scope: provider.ScopeRecipient, Cause: "mailbox", Text: "no"}
			return r, nil
		}
		id := w.take(toBobAndCarol(t)).ID
		w.look = func(context.Context) (map[email.ID]string, error) { return map[email.ID]string{id: "sent_1"}, nil }
		w.sendOne()
		w.now = w.now.Add(time.Minute)
		w.sendOne()
		w.looks()
		m, _, err := w.Message(t.Context(), w.grant, id)
		w.must(err)
		if got := m.Recipients[1].State; got != email.Queued {
			t.Errorf("carol is %s, want queued: it is not in Sent", got)
		}
	})
}
