// Package provider is the contract between gatepost and the services that carry
// its mail on: what a send promises, what its error says, and which limits hold.
// Each provider has a folder of its own (gmail, smtp); cmd lists the kinds.
//
// It is not the place where an answer is judged: the engine decides by the
// class that an Error carries, in queue.settle.
package provider

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net"
	"time"

	"gatepost/internal/email"
)

// Provider sends through one account. It is safe for use by many goroutines.
//
// Send hands one message to the next hop, at most once:
//   - Nothing under Send repeats a request that may have been taken. (A token
//     refused before anything was taken may be refreshed and used once more.)
//   - The message reaches exactly the recipients of the envelope. A provider
//     that reads recipients from the header adds those that are missing there as
//     Bcc, and refuses (class Fail, cause "subset_of_header") an envelope that
//     leaves out an address of To or Cc: it would get the message again.
//   - Bcc is never visible to a recipient.
//   - A nil error means that the receipt has one result per recipient, in the
//     envelope's order, each accepted or with its own error. Any other outcome is
//     an *Error for the whole message, and nobody has it, except with class
//     Unknown: the bytes were handed over and no verdict came back.
//   - Right before the write that lets the next hop take the message, Send asks
//     Guard(ctx) and gives up (class Retry, nothing taken) when that fails.
//   - Send returns by the context's deadline.
//
// Check proves that the account works without sending: reach, TLS, credential.
type Provider interface {
	Send(ctx context.Context, env email.Envelope, msg email.Content) (Receipt, error)
	Check(ctx context.Context) error
}

// Closer is implemented by providers that keep connections. Close waits for
// nothing; sends under way may fail.
type Closer interface{ Close() error }

// Looker is implemented by accounts whose Sent mail may be read: an attempt
// without an outcome can be decided.
type Looker interface {
	// Look lists Sent, newest first, back to q.Since, and reports which of the
	// wanted messages are there, by the header email.HeaderID: gatepost's id to
	// the provider's. A missing id means "not there yet", not "not sent".
	// An error says that nothing was learned; one with the cause CauseLookUnfinished that
	// Sent has more than one look may read, and that the next one goes on.
	Look(ctx context.Context, q LookQuery) (map[email.ID]string, error)
}

// CauseLookUnfinished is the cause of an error that says that a look is to go on.
const CauseLookUnfinished = "look_unfinished"

// Prover is implemented by accounts that can show step by step what works. Each
// step is tried live, also after one that failed where it can be; nothing is sent.
type Prover interface {
	Prove(ctx context.Context) []Step
}

// Step is one step of a live check.
type Step struct {
	Name     string // "token", "scope:send", "mailbox", "connect", "tls", "sign_in" …
	Optional bool   // sending works without it
	Detail   string // what was seen
	Err      *Error // nil: it went well
}

// Aliaser is implemented by accounts whose provider tells which addresses the
// mailbox may send as.
type Aliaser interface {
	Aliases(ctx context.Context) ([]Alias, error)
}

// Alias is an address that a mailbox may send as.
type Alias struct {
	Address  string
	Name     string
	Primary  bool
	Default  bool
	Verified bool // others are replaced by the primary address when mail leaves
}

// LookQuery is one look for all unknown attempts of an account.
type LookQuery struct {
	IDs map[email.ID]bool // the gatepost ids that are wanted
	// Since is how far back to look, by our clock: whoever looks knows by how much the
	// provider's differs.
	Since time.Time
	// Known tells which provider ids belong to messages that are accounted for;
	// their headers need not be read. It may be nil.
	Known func(ctx context.Context, providerIDs []string) (map[string]bool, error)
}

// Receipt is what the next hop said when it took the message.
type Receipt struct {
	ProviderID string   // the provider's own id of the message, if it gives one
	ThreadID   string   // the provider's own id of its conversation, if it gives one
	Reply      string   // its words, at most 512 bytes
	Recipients []Result // one per recipient of the envelope, same order
}

// Result is the verdict on one recipient.
type Result struct {
	Address string
	Err     *Error // nil: accepted
}

// AcceptedBy is the receipt for an envelope all of whose recipients were taken.
func AcceptedBy(env email.Envelope, providerID, reply string) Receipt {
	r := Receipt{ProviderID: providerID, Reply: reply, Recipients: make([]Result, len(env.Recipients))}
	for i, a := range env.Recipients {
		r.Recipients[i].Address = a
	}
	return r
}

// Account is what a provider needs to know of an account.
type Account struct {
	ID      email.ID
	Address string          // the mailbox, and for delegation the user to act for
	Config  json.RawMessage // the kind's own settings
}

// Deps are what a provider is given from outside. Zero values mean the real
// network, the system's certificates and the real clock.
type Deps struct {
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
	RootCAs *x509.CertPool // further to, not instead of, a CA file of the account
	Now     func() time.Time
	// Token gives an access token for the account; renew asks for one that is
	// newer than the last one given, because that was refused.
	Token func(ctx context.Context, scopes []string, renew bool) (email.Secret, error)
	// ClientID names the OAuth client, app registration or service account behind Token,
	// for advice. It may be nil, and its answer empty.
	ClientID func() string
	// Password gives the account's password where its kind has one.
	Password func(ctx context.Context) (email.Secret, error)
	// BaseURL is the provider's API where that is not its public one (sandbox).
	BaseURL string
	// SMTPAddress is the provider's SMTP server, host:port, where that is not its
	// public one (sandbox). The certificate is checked for this host.
	SMTPAddress string
	// Trace, when set, is told each stage of a send as it is passed: "connected",
	// "body.half" (part of the message written), "body.done" (all of it written,
	// no answer read), "answer.read". Tests crash there.
	Trace func(stage string)
}

// Limits are what a provider allows, as data: shown, checked before a message is
// kept, and changeable per account. Zero means no limit known.
type Limits struct {
	MaxSize       int64 // bytes of the RFC 5322 message
	MaxRecipients int   // per message
	MaxParallel   int   // sends at a time through one account
	// HeaderDecides says that the provider has no envelope: everybody in To and Cc
	// gets the message.
	HeaderDecides bool
	// EightBit says that the next hop takes bytes above ASCII in bodies, so text need
	// not be encoded. Where a relay does not offer 8BITMIME the transport encodes.
	EightBit bool
	// Threads says that the provider keeps to Envelope.Thread.
	Threads bool
	// BlockedExtensions are file name endings, lower case with the dot, that the
	// provider refuses as attachments.
	BlockedExtensions []string
	Source            string // page and date the figures come from
}

// Kind is a way to send: a transport with its credential.
type Kind struct {
	Name string // "gmail", "smtp": the account's transport
	// Credentials are the kinds of credentials it takes; "" among them says that it
	// may do without.
	Credentials []string
	// Validate checks an account's own settings and completes them with defaults.
	// Errors are fields of the configuration with what is wrong about them.
	Validate func(config json.RawMessage) (json.RawMessage, []FieldError)
	Limits   func(config json.RawMessage) Limits
	Rates    Rater // nil: it takes whatever comes
	Open     func(Account, Deps) (Provider, error)
}

// FieldError says what is wrong with one field of an account's settings.
type FieldError struct {
	Field   string // path within the settings: "host"
	Message string
}

type guardKey struct{}

// WithGuard attaches a check to the context of a send: it fails once the node
// can no longer be sure that the attempt is its own.
func WithGuard(ctx context.Context, guard func() error) context.Context {
	return context.WithValue(ctx, guardKey{}, guard)
}

// Guard says whether a send may still take its last step. It asks the clock,
// not the context's timer, because in a process that was frozen the timer may
// not have fired yet.
func Guard(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d, ok := ctx.Deadline(); ok && !time.Now().Before(d) {
		return context.DeadlineExceeded
	}
	if guard, ok := ctx.Value(guardKey{}).(func() error); ok {
		return guard()
	}
	return nil
}
