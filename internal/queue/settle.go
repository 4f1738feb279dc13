package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// This file alone decides what an answer means. In short:
//
//	accepted            final
//	Fail                final: failed
//	Retry               queued, later; after the horizon failed
//	Park                queued; the account waits until the provider's time
//	Hold (account)      queued; the account waits for a person
//	Hold (message)      held
//	Unknown             unknown where Sent can tell, else by on_unknown:
//	                    retry: queued, marked; hold, reconcile: held
//	look: found         final: accepted; as where Sent cannot tell, if the copy may
//	                    be one that other recipients got
//	look: not yet       unknown until the last look, then queued (hold: held); as
//	                    where Sent cannot tell, if that came too soon to be sure
//	look: draft there   queued: it was not sent
//	look: draft gone    as not yet; at the last look as where Sent cannot tell
//
// Whatever would wait on, but for a look, is expired once its time is over.

// settling is one decision on its way into a store.Finish.
type settling struct {
	e      *Engine
	entry  *store.Entry
	now    time.Time
	began  time.Time // the attempt or look
	life   time.Duration
	learn  *store.Learn // what a refusal for a quota says of limits
	why    string       // why this account of a pool; empty: as the pool has it
	blind  bool         // nobody can look whether it left
	finish *store.Finish
	left   []store.OpenRecipient // those who wait on, once next is called; nil: unread
	err    error
}

func (e *Engine) settling(en *store.Entry) *settling {
	now := e.cfg.Now()
	s := &settling{e: e, entry: en, now: now, began: en.StartedAt, finish: store.FinishOf(en, now)}
	s.finish.CountedAt = e.clock.believed()
	return s
}

// settle decides what the outcome of an attempt means.
func (e *Engine) settle(en *store.Entry, o outcome) (*store.Finish, error) {
	s := e.settling(en)
	s.life, s.learn, s.why = o.life, o.learn, o.why
	if o.err != nil {
		s.waiting(o.err, o.open, o.canLook)
	} else {
		s.receipt(o)
	}
	s.rest(o.rest)
	if s.finish.Account != nil && teaches(o.learn) {
		s.finish.Account.Learn = o.learn
	}
	s.endWhenOver()
	return s.finish, s.err
}

// receipt takes the verdict on each recipient; those without one wait on, for
// the reason that asks most of us.
func (s *settling) receipt(o outcome) {
	var accepted, left []store.OpenRecipient
	var worst *provider.Error
	for i, r := range o.open {
		err := o.receipt.Recipients[i].Err
		switch {
		case err == nil:
			accepted = append(accepted, r)
		case err.Class == provider.Fail:
			s.failed(err, r)
		default:
			left = append(left, r)
			if worst == nil || err.Class > worst.Class {
				worst = err
			}
		}
	}
	if len(accepted) > 0 {
		s.accepted(o.receipt, "", accepted)
	}
	if len(left) > 0 {
		s.waiting(worst, left, o.canLook)
	}
}

func (s *settling) accepted(r provider.Receipt, text string, rs []store.OpenRecipient) {
	for _, to := range rs {
		s.verdict(to, email.Accepted, "", r.Reply)
	}
	s.finish.ProviderID = provider.CleanReply(r.ProviderID)
	s.note(email.EventAccepted, store.EventData{
		Reply: provider.CleanReply(r.Reply), Text: text, ProviderID: s.finish.ProviderID,
		ThreadID: provider.CleanReply(r.ThreadID), PossibleDuplicate: s.entry.Duplicate,
	}, rs)
}

func (s *settling) failed(err *provider.Error, rs ...store.OpenRecipient) {
	for _, r := range rs {
		s.verdict(r, email.Failed, err.Cause, err.Reply)
	}
	data := about(err)
	data.PossibleDuplicate = s.entry.Duplicate // whoever tries it again goes by it
	s.note(email.EventFailed, data, rs)
}

func (s *settling) verdict(r store.OpenRecipient, state email.State, cause, reply string) {
	s.finish.Verdicts = append(s.finish.Verdicts, store.Verdict{N: r.N, State: state, Cause: cause, Reply: provider.CleanReply(reply)})
}

// waiting decides about recipients on whom there is no verdict.
func (s *settling) waiting(err *provider.Error, rs []store.OpenRecipient, canLook bool) {
	switch err.Class {
	case provider.Fail:
		s.failed(err, rs...)
	case provider.Park:
		s.park(err, rs)
	case provider.Hold:
		s.hold(err, rs)
	case provider.Unknown:
		s.unknown(err, rs, canLook)
	default:
		s.retry(err, rs)
	}
}

// over tells that the message must not leave any more. A clock that was set
// forward is not believed: an attempt asks it all the same, so in doubt the message
// neither leaves nor ends.
func (s *settling) over() bool { return over(s.entry, s.e.clock.believed()) }

func over(en *store.Entry, at time.Time) bool {
	return !en.ExpiresAt.IsZero() && !at.Before(en.ExpiresAt)
}

// endWhenOver ends what would wait on though its time is over. A look is waited
// for: the message may have left in time.
func (s *settling) endWhenOver() {
	if n := s.finish.Next; n != nil && n.State != email.Unknown && s.left != nil && s.over() {
		s.expired("its time was over before it left", s.left)
	}
}

// expired is the verdict on mail that was not sent in time.
func (s *settling) expired(text string, rs []store.OpenRecipient) {
	s.finish.Next = nil
	for _, r := range rs {
		s.verdict(r, email.Expired, "expired", "")
	}
	s.note(email.EventExpired, store.EventData{Cause: "expired", Text: text, PossibleDuplicate: s.entry.Duplicate}, rs)
}

// next starts the message's next place in the queue.
func (s *settling) next(state email.State, due time.Time, cause string, rs []store.OpenRecipient) *store.Next {
	s.left = rs
	s.finish.Next = &store.Next{
		State: state, DueAt: due, Cause: cause, Unsettled: s.unsettled(rs),
		Retries: s.entry.Retries, RetryTime: s.entry.RetryTime, Duplicate: s.entry.Duplicate,
	}
	return s.finish.Next
}

// unsettled is how many recipients wait on: those given, or all where the
// message could not even be read.
func (s *settling) unsettled(rs []store.OpenRecipient) int {
	if rs == nil {
		return s.entry.Unsettled
	}
	return len(rs)
}

func (s *settling) retry(err *provider.Error, rs []store.OpenRecipient) {
	if s.poisoned(err.Cause) {
		s.delayed(err, rs, time.Time{})
		s.holdPoison(false, rs)
		return
	}
	wait := s.backoff(s.entry.Retries)
	if until := err.Until.Sub(s.now); !err.Until.IsZero() && until > wait {
		wait = until
	}
	if s.spent() && rs != nil {
		s.failed(&provider.Error{
			Cause: "gave_up", Reply: err.Reply, Fix: err.Fix,
			Text: fmt.Sprintf("given up after %s of tries; the last answer: %s", s.e.cfg.Horizon, err.Text),
		}, rs...)
		return
	}
	n := s.next(email.Queued, s.now.Add(wait), err.Cause, rs)
	n.Retries, n.RetryTime = s.entry.Retries+1, s.entry.RetryTime+wait
	s.delayed(err, rs, n.DueAt)
}

// spent tells that the time for tries is over. A time that a provider names is
// waited for, though it lies beyond.
func (s *settling) spent() bool { return s.entry.RetryTime >= s.e.cfg.Horizon }

// The first wait, and the longest.
const (
	firstBackoff = 5 * time.Second
	mostBackoff  = time.Hour
)

// backoff doubles with each try, and is drawn from its upper half so that what
// failed together does not come again together.
func (s *settling) backoff(retries int) time.Duration {
	d := mostBackoff
	if retries < 10 {
		d = min(firstBackoff<<retries, mostBackoff)
	}
	return d/2 + s.draw(d/2)
}

// draw is a random part of d.
func (s *settling) draw(d time.Duration) time.Duration {
	var b [8]byte
	if _, err := io.ReadFull(s.e.cfg.Random, b[:]); err != nil {
		s.err = fmt.Errorf("draw a random number: %w", err)
		return 0
	}
	return time.Duration(binary.BigEndian.Uint64(b[:]) % uint64(d+1))
}

// usualPark is the pause when a provider refuses for its quota and names no time.
const usualPark = time.Minute

// shortestPark is the pause where it is known that the quota's window has passed by
// then.
func (s *settling) shortestPark() time.Duration {
	wait := usualPark
	if s.learn != nil {
		for _, l := range s.learn.Limits {
			wait = min(wait, max(time.Second, l.Window))
		}
	}
	return wait
}

func (s *settling) park(err *provider.Error, rs []store.OpenRecipient) {
	until := err.Until
	if until.IsZero() {
		until = s.now.Add(s.shortestPark())
	}
	due := s.now
	if err.Scope == provider.ScopeAccount {
		s.account(email.EventAccountParked, err, until)
	} else {
		due = until
	}
	s.next(email.Queued, due, err.Cause, rs)
	s.delayed(err, rs, until)
}

func (s *settling) hold(err *provider.Error, rs []store.OpenRecipient) {
	if err.Scope == provider.ScopeAccount {
		s.account(email.EventAccountHeld, err, time.Time{})
		s.next(email.Queued, s.now, err.Cause, rs)
		s.delayed(err, rs, time.Time{})
		return
	}
	s.next(email.Held, s.now, err.Cause, rs)
	s.note(email.EventHeld, about(err), rs)
}

// account says that the whole account waits, with the message.
func (s *settling) account(kind email.EventKind, err *provider.Error, until time.Time) {
	ev := s.event(kind, about(err))
	if !until.IsZero() {
		ev.Data.NextAt = until.UnixMilli()
	}
	s.finish.Account = &store.AccountChange{Hold: until.IsZero(), Until: until, Began: s.began, Event: ev}
}

func (s *settling) unknown(err *provider.Error, rs []store.OpenRecipient, canLook bool) {
	data := about(err)
	if canLook {
		n := s.next(email.Unknown, s.now.Add(s.looks()[0]), err.Cause, rs)
		n.UnknownAt = s.now
		data.NextAt = n.DueAt.UnixMilli()
		s.note(email.EventUnknown, data, rs)
		return
	}
	s.blind = true
	s.undecided(data, rs)
}

// undecided goes by the message's policy where Sent cannot tell.
func (s *settling) undecided(data store.EventData, rs []store.OpenRecipient) {
	if s.over() && rs != nil {
		s.note(email.EventUnknown, data, rs)
		s.expired("its time is over, and whether the last attempt was taken cannot be known", rs)
		return
	}
	if s.poisoned(data.Cause) {
		s.note(email.EventUnknown, data, rs)
		s.holdPoison(true, rs)
		return
	}
	if s.entry.OnUnknown == email.Retry && !s.spent() {
		wait := s.backoff(s.entry.Retries)
		n := s.next(email.Queued, s.now.Add(wait), data.Cause, rs)
		n.Duplicate, n.Retries, n.RetryTime = true, s.entry.Retries+1, s.entry.RetryTime+wait
		data.NextAt, data.PossibleDuplicate = n.DueAt.UnixMilli(), true
		s.note(email.EventUnknown, data, rs)
		return
	}
	s.note(email.EventUnknown, data, rs)
	if s.blind {
		s.holdUnknown("it is not known whether the message left, and the account has no Sent mail in which gatepost may look", rs)
		return
	}
	s.holdUnknown("it is not known whether the message left, and the account's Sent mail cannot tell", rs)
}

// holdUnknown leaves it to a person whether a second copy may be risked.
func (s *settling) holdUnknown(text string, rs []store.OpenRecipient) {
	n := s.next(email.Held, s.now, "outcome_unknown", rs)
	n.UnknownAt = s.now
	s.note(email.EventHeld, store.EventData{
		Cause: "outcome_unknown", Text: text,
		Fix: "ask a recipient, or look at what the account has sent; if it did not leave, POST /v1/messages/" + s.entry.Message + "/release",
	}, rs)
}

// found settles an unknown outcome by the copy in Sent.
func (s *settling) found(providerID string, rs []store.OpenRecipient) {
	s.accepted(provider.Receipt{ProviderID: providerID}, "found in the account's Sent mail", rs)
}

// notFound settles a look that began at a time and found no copy: there may be
// another look, and after the last one the message has not left.
func (s *settling) notFound(began time.Time, rs []store.OpenRecipient) {
	if s.lookLater(began, rs) {
		return
	}
	last := s.looks()[len(s.looks())-1]
	if s.over() {
		s.expired("its time is over, and it was not in the account's Sent mail at the last look", rs)
		return
	}
	if s.poisoned(s.entry.Cause) {
		s.holdPoison(true, rs)
		return
	}
	if last < s.e.settled() {
		s.undecided(store.EventData{
			Cause: "looked_early", Text: "not in the account's Sent mail at the last look that the message's time allows; a copy may appear there later",
		}, rs)
		return
	}
	if s.entry.OnUnknown == email.Hold || s.spent() {
		s.holdUnknown("the attempt had no answer, and the message was not in the account's Sent mail at the last look", rs)
		return
	}
	n := s.next(email.Queued, s.now, s.entry.Cause, rs)
	n.Retries, n.RetryTime = s.entry.Retries+1, s.entry.RetryTime+last
	s.note(email.EventNotSent, store.EventData{Cause: s.entry.Cause, Text: "not in the account's Sent mail at the last look: it is sent now"}, rs)
}

// looks are the times of this message's looks. One that is not to leave any more has
// no hurry, so it is looked for until there is certainty.
func (s *settling) looks() []time.Duration {
	policy := s.entry.OnUnknown
	if s.over() {
		policy = email.Reconcile
	}
	return s.e.looksOf(s.life, policy)
}

// stillDraft settles an unknown outcome by the draft: it is there, so it was not
// sent. The next attempt sends the same one, so it can go only once.
func (s *settling) stillDraft(rs []store.OpenRecipient) {
	switch {
	case s.over():
		s.expired("its time is over, and its draft was not sent", rs)
		return
	case s.poisoned(s.entry.Cause):
		s.holdPoison(false, rs)
		return
	case s.spent():
		s.failed(&provider.Error{Cause: "gave_up", Text: fmt.Sprintf("given up after %s of tries; the draft of the last one was not sent", s.e.cfg.Horizon)}, rs...)
		return
	}
	n := s.next(email.Queued, s.now, s.entry.Cause, rs)
	n.Retries, n.RetryTime = s.entry.Retries+1, s.entry.RetryTime+s.looks()[0]
	s.note(email.EventNotSent, store.EventData{Cause: s.entry.Cause, Text: "its draft is still there, so it was not sent: it is sent now"}, rs)
}

// draftGone settles a look that found neither the draft nor a copy: it was sent, and
// the copy is late, or somebody deleted it. After the last look nobody can tell.
func (s *settling) draftGone(began time.Time, rs []store.OpenRecipient) {
	if s.lookLater(began, rs) {
		return
	}
	s.undecided(store.EventData{
		Cause: provider.CauseDraftGone, Text: "its draft is gone, and no copy is in the account's Sent mail",
	}, rs)
}

// lookLater leaves it to another look, unless this one was the last.
func (s *settling) lookLater(began time.Time, rs []store.OpenRecipient) bool {
	looks := s.looks()
	for _, after := range looks {
		if next := s.entry.UnknownAt.Add(after); next.After(began) {
			s.next(email.Unknown, next, s.entry.Cause, rs).UnknownAt = s.entry.UnknownAt
			return true
		}
	}
	rest := looks[len(looks)-1] - s.e.clock.even()
	if rest > 0 {
		s.postpone(rest, rs) // the clock was set, or this process is new: wait it out once more
		return true
	}
	return false
}

// doubtful settles a look that found copies which others may have got: one more may
// show up and decide it; after the last look Sent cannot tell.
func (s *settling) doubtful(began time.Time, there *sent, rs []store.OpenRecipient) {
	if there.needed > 0 && s.lookLater(began, rs) {
		return
	}
	s.undecided(store.EventData{
		Cause: "copy_in_doubt", Text: "a copy is in the account's Sent mail, and it may be one that other recipients got",
	}, rs)
}

// lookFailed keeps an unknown outcome for another look, not before the time that
// the provider named.
func (s *settling) lookFailed(err error, rs []store.OpenRecipient) {
	wait := lookAgain
	var p *provider.Error
	if errors.As(err, &p) && !p.Until.IsZero() {
		wait = max(wait, p.Until.Sub(s.now))
		if p.Class == provider.Park && p.Scope == provider.ScopeAccount {
			s.account(email.EventAccountParked, p, p.Until)
		}
	}
	s.postpone(wait, rs)
}

// postpone keeps an unknown outcome for another look, because this one could not
// be made.
func (s *settling) postpone(wait time.Duration, rs []store.OpenRecipient) {
	s.next(email.Unknown, s.now.Add(wait), s.entry.Cause, rs).UnknownAt = s.entry.UnknownAt
}

func (s *settling) delayed(err *provider.Error, rs []store.OpenRecipient, next time.Time) {
	data := about(err)
	if !next.IsZero() {
		data.NextAt = next.UnixMilli()
	}
	s.note(email.EventDelayed, data, rs)
}

// note adds an event; recipients are named where it is not about all of them.
func (s *settling) note(kind email.EventKind, data store.EventData, rs []store.OpenRecipient) {
	data.Account, data.Attempt, data.Why = store.Asked(s.entry.Route), s.entry.Attempt, s.why
	if rs != nil && len(rs) < s.entry.Unsettled {
		for _, r := range rs {
			data.Recipients = append(data.Recipients, r.Address)
		}
	}
	s.finish.Events = append(s.finish.Events, s.event(kind, data))
}

func (s *settling) event(kind email.EventKind, data store.EventData) store.Event {
	ev, err := s.e.event(kind, data)
	if err != nil {
		s.err = err
	}
	return ev
}

// about tells of an error. What came from outside is cleaned: a database refuses
// some bytes, and an outcome that cannot be written would be tried for ever.
func about(err *provider.Error) store.EventData {
	return store.EventData{
		Cause: err.Cause, Text: provider.CleanAdvice(err.Text), Fix: provider.CleanAdvice(err.Fix), Reply: provider.CleanReply(err.Reply),
	}
}
