package smtp

import (
	"context"
	"errors"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// Send implements provider.Provider. Recipients that the relay refuses do not
// keep the others from getting the message; the receipt says who got it.
func (a *account) Send(ctx context.Context, env email.Envelope, msg email.Content) (provider.Receipt, error) {
	wire, problem := onWire(env)
	if problem != nil {
		return provider.Receipt{}, problem
	}
	b, problem := prepare(msg)
	if problem != nil {
		return provider.Receipt{}, problem
	}
	defer b.done()
	s, problem := a.pool.get(ctx)
	if problem != nil {
		return provider.Receipt{}, problem
	}
	receipt, problem := a.carry(ctx, s, wire, b)
	if problem == nil {
		problem = allRefused(receipt)
	}
	if problem != nil {
		return provider.Receipt{}, problem
	}
	for i, to := range env.Recipients { // as the caller named them
		receipt.Recipients[i].Address = to
	}
	return receipt, nil
}

// carry runs the transaction on a session, and once more on a fresh one when a
// kept one turned out dead before anything was said on it.
func (a *account) carry(ctx context.Context, s *session, env email.Envelope, b *body) (provider.Receipt, *provider.Error) {
	for {
		fitting, problem := fit(s, b)
		if problem != nil {
			a.pool.put(s)
			return provider.Receipt{}, problem
		}
		t := &transaction{account: a, s: s, ctx: ctx, env: env, body: fitting, results: make([]provider.Result, len(env.Recipients))}
		s.bind(ctx)
		receipt, problem := t.run()
		if good := s.release(); !good {
			t.broken = true
		}
		if fitting != b {
			fitting.done()
		}
		if t.stale {
			if s, problem = a.pool.stale(ctx, s); problem != nil {
				return provider.Receipt{}, problem
			}
			continue
		}
		a.giveBack(t)
		return receipt, problem
	}
}

// giveBack returns the session for the next message, or ends it. A transaction
// that stayed open is reset by the next message, so that this one's answer does
// not wait.
func (a *account) giveBack(t *transaction) {
	if t.broken {
		a.pool.drop(t.s)
		return
	}
	t.s.dirty = t.open
	t.s.conn.SetDeadline(time.Time{})
	a.pool.put(t.s)
}

// allRefused turns a refusal of every recipient that speaks of the account into
// an error for the whole: nobody has the message, and nobody will before a
// person or time has changed something.
func allRefused(receipt provider.Receipt) *provider.Error {
	var ofAccount *provider.Error
	for _, r := range receipt.Recipients {
		if r.Err == nil {
			return nil
		}
		if r.Err.Scope == provider.ScopeAccount && ofAccount == nil {
			ofAccount = r.Err
		}
	}
	return ofAccount
}

// content writes the message. The guard is asked right before the write that
// holds the final dot; an error means that the dot has not left whole, so the
// relay cannot have taken the message (RFC 5321 section 4.1.1.4).
func (t *transaction) content() *provider.Error {
	last, problem := t.firstPart()
	if problem != nil {
		return problem
	}
	if err := provider.Guard(t.ctx); err != nil {
		return guardError(err)
	}
	return t.write(last)
}

// firstPart writes all but what holds the final dot, and returns that.
func (t *transaction) firstPart() (last []byte, problem *provider.Error) {
	if t.body.whole == nil {
		return t.stream()
	}
	last = t.body.whole
	if t.deps.Trace != nil { // whoever watches wants to see it half written
		half := len(last) / 2
		if problem := t.write(last[:half]); problem != nil {
			return nil, problem
		}
		t.trace("body.half")
		last = last[half:]
	}
	return last, nil
}

// stream writes a large message block by block.
func (t *transaction) stream() (last []byte, problem *provider.Error) {
	var st stuffer
	var written int64
	half := false
	last, err := t.body.each(&st, func(out []byte) ([]byte, error) {
		if problem = t.write(out); problem != nil {
			return out, problem
		}
		if written += int64(len(out)); !half && written >= t.body.msg.Size()/2 {
			half = true
			t.trace("body.half")
		}
		return out[:0], nil
	})
	*t.body.buffer = last
	if problem == nil && err != nil {
		problem = contentError(err)
	}
	return last, problem
}

// write sends bytes. Where that fails, the relay may have said why before it
// closed the connection.
func (t *transaction) write(p []byte) *provider.Error {
	t.s.within(blockPatience)
	_, err := t.s.conn.Write(p)
	if err == nil {
		return nil
	}
	if t.ctx.Err() == nil {
		t.s.within(farewell)
		if r, errRead := t.s.hear(); errRead == nil && r.code >= 400 {
			return t.problem(provider.StageData, r)
		}
	}
	return t.noReply(provider.StageData, err)
}

func guardError(err error) *provider.Error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return provider.NoAnswer(provider.StageData, false, err)
	}
	return &provider.Error{
		Class: provider.Retry, Scope: provider.ScopeMessage, Cause: "guard", Err: err,
		Text: "This node was not sure any more that the attempt was its own, and stopped before the final dot.",
	}
}
