package queue

import (
	"context"
	"fmt"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// simDraft is a draft in the simulated mailbox.
type simDraft struct {
	id         email.ID
	recipients []string
}

// simLate is a request to send a draft that is still on its way: whoever made it
// stood still between the guard's question and the last byte.
type simLate struct {
	draft string
	at    time.Duration
}

// simDrafter is an account that sends by drafts.
type simDrafter struct{ simLooker }

// Send implements provider.Provider; a drafter is not asked to.
func (p *simDrafter) Send(context.Context, email.Envelope, email.Content) (provider.Receipt, error) {
	p.w.s.wrong("an account with drafts was asked to send without one")
	return provider.Receipt{}, &provider.Error{Class: provider.Retry, Cause: "no_draft"}
}

// CreateDraft implements provider.Drafter.
func (p *simDrafter) CreateDraft(_ context.Context, env email.Envelope, msg email.Content) (string, error) {
	s, busy := p.w.s, &provider.Error{Class: provider.Retry, Scope: provider.ScopeMessage, Cause: "busy", Text: "busy"}
	if !s.calm && s.chance(5) {
		return "", busy
	}
	p.w.made++
	id := fmt.Sprintf("r%d", p.w.made)
	p.w.drafts[id] = simDraft{idOf(msg), env.Recipients}
	s.visit("draft made")
	if !s.calm && s.chance(10) {
		s.visit("draft left behind")
		return "", busy
	}
	return id, nil
}

// SendDraft implements provider.Drafter.
func (p *simDrafter) SendDraft(ctx context.Context, env email.Envelope, id string) (provider.Receipt, error) {
	s := p.w.s
	if err := provider.Guard(ctx); err != nil {
		s.visit("guard stopped a send")
		return provider.Receipt{}, &provider.Error{Class: provider.Retry, Cause: "stale", Text: err.Error()}
	}
	if !s.calm && s.chance(3) {
		s.visit("draft disappeared")
		delete(p.w.drafts, id)
	}
	d, there := p.w.drafts[id]
	if !there {
		s.visit("draft gone")
		return provider.Receipt{}, &provider.Error{Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: provider.CauseDraftGone, Text: "gone"}
	}
	unknown := &provider.Error{Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: "no_answer", Text: "no answer"}
	switch x := s.rng.IntN(100); {
	case s.calm || x < 40:
		delete(p.w.drafts, id)
		return p.accept(d.id, env), nil
	case x < 55:
		s.visit("unknown taken")
		delete(p.w.drafts, id)
		p.take(d.id, d.recipients)
		return provider.Receipt{}, unknown
	case x < 65:
		s.visit("unknown not taken")
		return provider.Receipt{}, unknown
	case x < 80 && s.rates.plain: // in others it may be canceled meanwhile, or its time be over
		p.w.late = append(p.w.late, simLate{id, s.true + time.Duration(s.rng.IntN(1500))*time.Second})
		return provider.Receipt{}, unknown
	}
	return provider.Receipt{}, &provider.Error{Class: provider.Retry, Scope: provider.ScopeMessage, Cause: "busy", Text: "busy"}
}

// arrive lets requests arrive that were on their way. A draft goes once.
func (w *simWorld) arrive() {
	left := w.late[:0]
	for _, l := range w.late {
		d, there := w.drafts[l.draft]
		switch {
		case l.at > w.s.true:
			left = append(left, l)
		case there:
			w.s.visit("draft sent late")
			delete(w.drafts, l.draft)
			w.take(simDrafts, d.id, d.recipients)
		default:
			w.s.visit("draft was sent before")
		}
	}
	w.late = left
}

// HasDraft implements provider.Drafter.
func (p *simDrafter) HasDraft(_ context.Context, id string) (bool, error) {
	s := p.w.s
	if !s.calm && s.chance(10) {
		return false, &provider.Error{Class: provider.Retry, Scope: provider.ScopeAccount, Cause: "busy", Text: "busy"}
	}
	_, there := p.w.drafts[id]
	if there {
		s.visit("draft still there")
	}
	return there, nil
}

// DeleteDraft implements provider.Drafter.
func (p *simDrafter) DeleteDraft(_ context.Context, id string) error {
	if _, there := p.w.drafts[id]; there {
		p.w.s.visit("draft swept")
	}
	delete(p.w.drafts, id)
	return nil
}

// Drafts implements provider.Drafter.
func (p *simDrafter) Drafts(context.Context, map[string]email.ID) (map[string]email.ID, error) {
	out := map[string]email.ID{}
	for id, d := range p.w.drafts {
		out[id] = d.id
	}
	return out, nil
}

// sweepAll sweeps drafts until none is left that may be, and looks whether that is so.
func (s *simulation) sweepAll() {
	ctx := context.Background()
	for range 3 {
		for _, n := range s.nodes {
			s.step(n, func() error { return n.engine.beat(ctx) })
			s.step(n, func() error { return n.engine.sweepDrafts(ctx) })
		}
		s.true += 11 * time.Minute
	}
	kept, err := s.store.KnownDrafts(ctx, "acc_drafts")
	if err != nil {
		s.wrong("drafts: %v", err)
	}
	for id, d := range s.world.drafts {
		if !kept[id] {
			s.wrong("draft %s of %s was left in the mailbox", id, d.id)
		}
	}
}
