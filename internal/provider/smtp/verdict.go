package smtp

import (
	"errors"
	"os"
	"time"

	"gatepost/internal/provider"
)

// mail judges the reply to MAIL. Silence at this point means that a kept
// connection had died.
func (t *transaction) mail(r reply, err error) *provider.Error {
	switch {
	case err != nil:
		t.broken = true
		t.stale = t.s.reused && t.ctx.Err() == nil && !errors.Is(err, os.ErrDeadlineExceeded)
		return t.noReply(provider.StageMail, err)
	case r.code == 421:
		t.broken, t.stale = true, t.s.reused
		return t.problem(provider.StageMail, r)
	case !r.ok():
		return t.problem(provider.StageMail, r)
	}
	t.open = true
	return nil
}

// rcpt judges the reply to one RCPT: the verdict is that recipient's, but for a
// connection that ends.
func (t *transaction) rcpt(i int, r reply, err error) *provider.Error {
	t.results[i].Address = t.env.Recipients[i]
	switch {
	case err != nil:
		t.broken = true
		return t.noReply(provider.StageRcpt, err)
	case r.code == 421:
		t.broken = true
		return t.problem(provider.StageRcpt, r)
	case r.ok():
		t.accepted++
	default:
		t.results[i].Err = t.problem(provider.StageRcpt, r)
	}
	return nil
}

// data judges the reply to DATA.
func (t *transaction) data(before *provider.Error, r reply, err error) (problem *provider.Error, proceed bool) {
	switch {
	case err != nil:
		t.broken = true
		problem = t.noReply(provider.StageData, err)
	case r.code == 354:
		t.open = false
		// With no recipient the dot alone could be taken for an empty message by a
		// careless relay; closing the connection is safe (RFC 5321 section 4.1.1.4).
		proceed = before == nil && t.accepted > 0
		t.broken = !proceed
	default:
		t.broken = r.code == 421
		problem = t.problem(provider.StageData, r)
	}
	if before != nil || t.accepted == 0 && !t.broken {
		return before, false
	}
	return problem, proceed
}

// verdict reads the reply to the final dot: until then nobody knows.
func (t *transaction) verdict() (provider.Receipt, *provider.Error) {
	t.s.within(finalPatience)
	if end, ok := t.ctx.Deadline(); ok {
		t.s.within(time.Until(end))
	}
	r, err := t.s.hear()
	if err != nil {
		t.broken = true
		return provider.Receipt{}, t.noReply(provider.StageBody, err)
	}
	t.trace("answer.read")
	t.broken = r.code == 421
	if !r.ok() {
		return provider.Receipt{}, t.problem(provider.StageBody, r)
	}
	return t.receipt(r.words()), nil
}

// receipt has what is known of each recipient.
func (t *transaction) receipt(words string) provider.Receipt {
	return provider.Receipt{Reply: words, Recipients: t.results}
}
