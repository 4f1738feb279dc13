package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// simWorld is the providers of a history: one that takes all or nothing and whose
// Sent can be looked into, a relay, and one that judges each recipient as a relay
// does, tells no id of what it took, and has a Sent. It knows what it really took.
type simWorld struct {
	s      *simulation
	copies map[email.ID]map[string]int // message to recipient to copies
	sent   []simSent
	used   map[string][]simUse // by what is counted together
	drafts map[string]simDraft // in the mailbox with drafts
	made   int                 // drafts so far
	late   []simLate
}

// simUse is how much was used of something at a time.
type simUse struct {
	at time.Duration
	n  int
}

// The providers' limits: of each account, and of the mailbox that two of them are.
const (
	simMessages, simMessagesIn     = 5, 15 * time.Minute
	simRecipients, simRecipientsIn = 20, 5 * time.Minute
)

func (w *simWorld) rates(name string) []provider.Rate {
	if !w.s.rates.limited {
		return nil
	}
	out := []provider.Rate{{Scope: provider.RateOfAccount, Unit: provider.UnitMessages, Max: simMessages, Window: simMessagesIn}}
	if name != "relay" {
		out = append(out, provider.Rate{Scope: provider.RateOfMailbox, Of: "shared", Unit: provider.UnitRecipients, Max: simRecipients, Window: simRecipientsIn})
	}
	return out
}

// use is a provider counting what it takes. Nobody can keep to a limit whose window
// a clock that was set forward has shortened: such histories are not judged.
func (w *simWorld) use(key string, n, most int, window time.Duration) {
	if w.s.visited["clock forward"] > 0 {
		return
	}
	list := append(w.used[key], simUse{w.s.true, n})
	w.used[key] = list
	sum := 0
	for _, u := range list {
		if u.at > w.s.true-window {
			sum += u.n
		}
	}
	if sum > most {
		w.s.wrong("limit: %d of %s within %s, and %d may be", sum, key, window, most)
	}
}

// simSent is a copy in Sent, visible from a time on. It bears the time at which it was
// sent, by the provider's clock.
type simSent struct {
	account  email.ID
	id       email.ID
	provided string
	at       time.Duration
	sent     time.Time
}

func (w *simWorld) kinds() []provider.Kind {
	kind := func(name string, open func(provider.Account) provider.Provider) provider.Kind {
		limits := provider.Limits{MaxParallel: simSlots, HeaderDecides: name == "looks" || name == "drafts"}
		return provider.Kind{
			Name: name, Limits: func(json.RawMessage) provider.Limits { return limits },
			Rates: func(string, json.RawMessage) []provider.Rate { return w.rates(name) },
			Open:  func(a provider.Account, _ provider.Deps) (provider.Provider, error) { return open(a), nil },
		}
	}
	return []provider.Kind{
		kind("looks", func(a provider.Account) provider.Provider { return &simLooker{simSender{w, a.ID, false}} }),
		kind("drafts", func(a provider.Account) provider.Provider { return &simDrafter{simLooker{simSender{w, a.ID, false}}} }),
		kind("relay", func(a provider.Account) provider.Provider { return &simSender{w, a.ID, true} }),
		kind("submits", func(a provider.Account) provider.Provider { return &simLooker{simSender{w, a.ID, true}} }),
	}
}

// simSender is an account at one of them.
type simSender struct {
	w    *simWorld
	id   email.ID
	each bool // recipients are judged one by one, and no id is told
}

func (p *simSender) Check(context.Context) error { return nil }

// Send does what the seed says. The process may have slept before: the guard is
// asked before anything is taken, as the contract demands.
func (p *simSender) Send(ctx context.Context, env email.Envelope, msg email.Content) (provider.Receipt, error) {
	s, id := p.w.s, idOf(msg)
	s.checkSender(p.id, id, env)
	if !s.calm && s.down[p.id] > s.true {
		s.visit("server down")
		return provider.Receipt{}, &provider.Error{Class: provider.Retry, Scope: provider.ScopeAccount, Cause: "connection_refused", Text: "down"}
	}
	if err := provider.Guard(ctx); err != nil {
		s.visit("guard stopped a send")
		return provider.Receipt{}, &provider.Error{Class: provider.Retry, Cause: "stale", Text: err.Error()}
	}
	if s.rates.parts && !s.calm {
		return p.takeSome(id, env)
	}
	if s.calm || s.chance(45) {
		s.visit("accepted")
		return p.accept(id, env), nil
	}
	return p.misbehave(id, env)
}

// takeSome mostly takes a message for some of its recipients, and often does not say so.
func (p *simSender) takeSome(id email.ID, env email.Envelope) (provider.Receipt, error) {
	s := p.w.s
	unknown := &provider.Error{Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: "no_answer", Text: "no answer"}
	switch x := s.rng.IntN(100); {
	case x < 50:
		return p.partial(id, env), nil
	case x < 65:
		s.visit("unknown taken for some")
		p.partial(id, env)
		return provider.Receipt{}, unknown
	case x < 90:
		s.visit("unknown not taken")
		return provider.Receipt{}, unknown
	}
	return p.accept(id, env), nil
}

func (p *simSender) accept(id email.ID, env email.Envelope) provider.Receipt {
	provided := p.take(id, env.Recipients)
	if p.each {
		provided = ""
	}
	return provider.AcceptedBy(env, provided, "250 OK")
}

func (p *simSender) misbehave(id email.ID, env email.Envelope) (provider.Receipt, error) {
	s := p.w.s
	refuse := func(c provider.Class, scope provider.Scope, cause string) (provider.Receipt, error) {
		s.visit(map[provider.Class]string{provider.Retry: "retry", provider.Park: "park", provider.Hold: "hold", provider.Fail: "fail"}[c])
		e := &provider.Error{Class: c, Scope: scope, Cause: cause, Text: cause}
		if c == provider.Park {
			seconds := 1 + s.rng.IntN(600)
			e.Until = s.now().Add(time.Duration(seconds) * time.Second)
			e.Quota = []provider.Quota{provider.QuotaNone, provider.QuotaRate, provider.QuotaDay}[seconds%3]
		}
		return provider.Receipt{}, e
	}
	unknown := &provider.Error{Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: "no_answer", Text: "no answer"}
	switch x := s.rng.IntN(100); {
	case x < 25:
		s.visit("unknown taken")
		if p.each && s.chance(30) {
			s.visit("unknown taken for some")
			p.partial(id, env)
			return provider.Receipt{}, unknown
		}
		p.take(id, env.Recipients)
		return provider.Receipt{}, unknown
	case x < 45:
		s.visit("unknown not taken")
		return provider.Receipt{}, unknown
	case x < 50:
		s.visit("poison")
		panic("poison")
	case x < 65:
		return refuse(provider.Retry, provider.ScopeMessage, "busy")
	case x < 72:
		return refuse(provider.Park, provider.ScopeAccount, "quota")
	case x < 77:
		return refuse(provider.Hold, provider.ScopeAccount, "refused_credential")
	case x < 84:
		return refuse(provider.Fail, provider.ScopeMessage, "refused")
	case p.each:
		return p.partial(id, env), nil
	default:
		return p.accept(id, env), nil
	}
}

// partial takes the message for some recipients.
func (p *simSender) partial(id email.ID, env email.Envelope) provider.Receipt {
	s := p.w.s
	s.visit("partial")
	r := provider.AcceptedBy(env, "", "250 OK")
	var taken []string
	for i, a := range env.Recipients {
		switch s.rng.IntN(3) {
		case 0:
			r.Recipients[i].Err = &provider.Error{Class: provider.Fail, Scope: provider.ScopeRecipient, Cause: "no_such_user"}
		case 1:
			r.Recipients[i].Err = &provider.Error{Class: provider.Retry, Scope: provider.ScopeRecipient, Cause: "greylisted"}
		default:
			taken = append(taken, a)
		}
	}
	if len(taken) > 0 {
		p.take(id, taken)
	}
	return r
}

// take is the provider counting a message and taking it.
func (p *simSender) take(id email.ID, recipients []string) (providerID string) {
	if p.w.s.rates.limited {
		p.w.use("messages of "+p.id, 1, simMessages, simMessagesIn)
		if p.id != "acc_relay" {
			p.w.use("recipients of both", len(recipients), simRecipients, simRecipientsIn)
		}
	}
	return p.w.take(p.id, id, recipients)
}

// take is the provider taking a message. The copy in Sent may show up late, but
// before the last look.
func (w *simWorld) take(account, id email.ID, recipients []string) (providerID string) {
	if m, err := w.s.store.Message(context.Background(), simTeam, id); err != nil {
		w.s.wrong("%s is sent: %v", id, err)
	} else if !m.ExpiresAt.IsZero() && !m.ExpiresAt.After(w.s.now()) {
		w.s.wrong("G6: %s is sent at %s, and its time was over at %s", id, w.s.now(), m.ExpiresAt)
	}
	if w.copies[id] == nil {
		w.copies[id] = map[string]int{}
	}
	for _, r := range recipients {
		if w.copies[id][r]++; w.copies[id][r] > 1 {
			w.s.visit("second copy")
		}
	}
	late := time.Duration(0)
	if w.s.chance(50) {
		late = time.Duration(w.s.rng.IntN(590)) * time.Second
	}
	providerID = fmt.Sprintf("p%d", len(w.sent))
	w.s.tell("the world takes %s for %v as %s, in Sent %s later", id, recipients, providerID, late)
	w.sent = append(w.sent, simSent{account, id, providerID, w.s.true + late, simStart.Add(w.s.true)})
	return providerID
}

// simLooker is an account whose Sent can be looked into.
type simLooker struct{ simSender }

// Look implements provider.Looker.
func (p *simLooker) Look(ctx context.Context, q provider.LookQuery) (map[email.ID]string, error) {
	s := p.w.s
	if !s.calm && s.chance(15) {
		s.visit("look failed")
		return nil, &provider.Error{Class: provider.Retry, Cause: "busy", Text: "busy"}
	}
	since := q.Since.Add(simStart.Add(s.true).Sub(s.now())) // the provider's answers have its time
	found := map[email.ID]string{}
	for _, c := range slices.Backward(p.w.sent) {
		if c.account != p.id || c.at > s.true || c.sent.Before(since) || !q.IDs[c.id] {
			continue
		}
		if known, err := q.Known(ctx, []string{c.provided}); err != nil || known[c.provided] {
			continue
		}
		found[c.id] = c.provided
	}
	for id := range q.IDs {
		if found[id] != "" {
			s.visit("found in sent")
		} else {
			s.visit("not yet in sent")
		}
	}
	return found, nil
}

// idOf reads gatepost's id from the message as a provider gets it.
func idOf(msg email.Content) email.ID {
	r, err := msg.Open()
	if err != nil {
		panic(err)
	}
	defer r.Close()
	h, err := email.ReadHeader(r)
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(h.Value(email.HeaderID))
}
