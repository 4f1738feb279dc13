package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/vault"
)

// outcome is what an attempt brought back, before anybody decides what it means.
type outcome struct {
	open    []store.OpenRecipient // the envelope, in order
	receipt provider.Receipt
	err     *provider.Error // for the whole message; nil: the receipt tells of each
	rest    *rest           // what it says about the account's server; nil: nothing new
	learn   *store.Learn    // what it says about the account's limits; nil: nothing
	canLook bool            // the account can tell, should the outcome be unknown
	why     string          // why this account of a pool, where it is in another's place
	life    time.Duration   // of the message, where the outcome is unknown; 0: without end
}

// attempt sends one claimed message. It always comes back with an outcome, by
// the time limit of a send, and never sends twice.
func (e *Engine) attempt(ctx context.Context, c claimed) (o outcome) {
	en, handed := c.Entry, false
	defer func() { e.keepUnlisted(ctx, en, o) }()
	defer func() { o.rest, o.learn = e.judge(ctx, en, o), e.learn(context.WithoutCancel(ctx), en, o) }()
	defer func() {
		if o.unknown() {
			o.life, _ = e.lifeOf(context.WithoutCancel(ctx), en) // unread: the usual looks
		}
	}()
	defer func() {
		if p := recover(); p != nil {
			e.cfg.Log.Error("an attempt panicked", "message", en.Message, "account", en.Route, "handed_over", handed, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			o.err = panicked(handed)
		}
	}()
	msg, failed := e.load(ctx, en, &o)
	if failed != nil {
		o.err = failed
		return o
	}
	o.canLook, o.why = msg.account.canLook(), e.inPlaceOf(ctx, en)
	if over(en, e.cfg.Now()) {
		o.err = before(nil, "expired", "its time was over before it left")
		return o
	}
	env := email.Envelope{From: msg.mailFrom, Thread: msg.thread}
	for _, r := range o.open {
		env.Recipients = append(env.Recipients, r.Address)
	}
	handed = true
	receipt, err := e.send(provider.WithGuard(ctx, func() error { return e.guard(c) }), en, msg, env)
	o.receipt, o.err = receipt, asProviderError(err)
	if o.err == nil && len(receipt.Recipients) != len(o.open) {
		o.err = &provider.Error{
			Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: "incomplete_receipt",
			Text: fmt.Sprintf("the transport told of %d recipients out of %d", len(receipt.Recipients), len(o.open)),
		}
	}
	return o
}

// loaded is what a send needs besides the envelope's recipients.
type loaded struct {
	account  *account
	mailFrom string
	thread   string
	content  email.Content
}

// load reads what a send needs. Whatever fails here, nothing has left.
func (e *Engine) load(ctx context.Context, en *store.Entry, o *outcome) (*loaded, *provider.Error) {
	stored, err := e.stored(ctx, en)
	if errors.Is(err, store.ErrShredded) {
		if o.open, err = e.cfg.Store.OpenRecipients(ctx, en.Team, en.Message); err == nil {
			return nil, unreadable(store.ErrShredded)
		}
	}
	if err != nil {
		return nil, before(err, "store_unreadable", "the message could not be read from the store")
	}
	o.open = stored.Open
	a, err := e.accounts.get(ctx, en.Team, en.Route)
	if err != nil {
		return nil, before(err, "account_unreadable", "the account could not be read from the store")
	}
	if a.opened.err != nil {
		return nil, &provider.Error{
			Class: provider.Hold, Scope: provider.ScopeAccount, Cause: "account_unusable",
			Text: "the account's settings cannot be used", Fix: "correct the account", Err: a.opened.err, Reply: a.opened.err.Error(),
		}
	}
	key, err := e.cfg.Vault.UnwrapContentKey(ctx, en.Team, en.Message, stored.WrappedKey)
	if errors.Is(err, vault.ErrNotOpened) {
		return nil, unreadable(err)
	}
	if err != nil {
		return nil, before(err, "store_unreadable", "the message's key could not be read from the store")
	}
	l := &loaded{account: a, mailFrom: stored.MailFrom, thread: stored.Thread}
	if en.Pooled != "" {
		if r, ok := readRoute(en.Pooled); !ok || !a.mayServe(r) {
			return nil, before(nil, "sender_not_allowed", "the account may not send as the message's From any more")
		}
		l.mailFrom = a.row.Address
	}
	if l.content, err = (content{e.cfg.Store.Bucket, key, stored}).open(); damaged(err) {
		return nil, unreadable(err)
	} else if err != nil {
		return nil, before(err, "store_unreadable", "the message's content could not be read")
	}
	return l, nil
}

// stored reads a message, unless it lies here as it was submitted. One to which
// something was done before its first attempt may have been moved, on another node.
func (e *Engine) stored(ctx context.Context, en *store.Entry) (*store.Stored, error) {
	if s := e.recent.take(en); s != nil && (en.Attempt > 1 || en.Seq == 1) {
		return s, nil
	}
	return e.cfg.Store.Load(ctx, en.Team, en.Message)
}

func before(err error, cause, text string) *provider.Error {
	return &provider.Error{Class: provider.Retry, Scope: provider.ScopeMessage, Cause: cause, Text: text, Err: err}
}

// damaged tells content that will never open from a passing failure to read it.
func damaged(err error) bool {
	return errors.Is(err, vault.ErrNotOpened) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, errLength)
}

func unreadable(err error) *provider.Error {
	return &provider.Error{
		Class: provider.Hold, Scope: provider.ScopeMessage, Cause: "content_unreadable", Err: err,
		Text: "the stored content is damaged and does not open", Fix: "restore the data folder from a backup, then release the message",
	}
}

// asProviderError takes an error that a transport did not classify for an
// unknown outcome: that is the reading which can lose nothing.
func asProviderError(err error) *provider.Error {
	if err == nil {
		return nil
	}
	var p *provider.Error
	if errors.As(err, &p) {
		return p
	}
	return &provider.Error{Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: "unclassified", Text: "the transport gave no verdict", Err: err, Reply: err.Error()}
}

// Why a provider must not take its last step.
var (
	// ErrStale says that this process may no longer count a claim as its own.
	ErrStale = errors.New("this node was not heard of for longer than its lease: others may have taken the message over")
	// ErrExpired says that a message's time was over in the middle of its attempt.
	ErrExpired = errors.New("the message's time is over")
)

// guard is asked by a provider right before the write that lets the next hop
// take a message. Its time must not be over. Where several nodes share a database,
// a process that was frozen must not go on with a claim that others may have taken
// over: its heart must have been beating, without a gap, since before the claim.
func (e *Engine) guard(c claimed) error {
	if over(c.Entry, e.cfg.Now()) {
		return ErrExpired
	}
	if !e.shared() {
		return nil
	}
	if e.pulse.gap() >= e.cfg.Lease || e.pulse.restarted() > c.at {
		return ErrStale
	}
	return nil
}

// shared tells whether other nodes may take over what this one claimed.
func (e *Engine) shared() bool { return e.cfg.Shared || e.cfg.Store.Engine() == "postgres" }
