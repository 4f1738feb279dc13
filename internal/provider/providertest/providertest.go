// Package providertest is the suite that holds every provider to the contract of
// provider.Provider, against the simulated world of package sandbox.
//
// What only one provider has is tested in that provider's own folder.
package providertest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/sandbox"
)

// Harness is one kind of provider, ready to be opened in a world of its own.
type Harness struct {
	World *sandbox.World
	// Open opens the account. It is closed when the test ends.
	Open func(t *testing.T, o Options) provider.Provider
	From string
	// Envelope tells whether the transport has an envelope of its own (SMTP), so
	// that each recipient gets its own verdict and the header decides nothing.
	Envelope bool
	// MaxSize is the largest message that the world's side takes, byte for byte.
	MaxSize int64
	// ID is what the provider calls a message that the world's ledger calls otherwise; nil:
	// the ledger has the provider's own ids.
	ID func(ledger string) string
	// NoID tells that the answer to a send names no id; a look does.
	NoID bool
	// Timeless tells that the world's side names no time when mail comes too fast, so that
	// the account is parked for as long as the catalogue has it.
	Timeless bool
}

// id is the provider's id of a message in the ledger.
func (h Harness) id(e sandbox.Entry) string {
	if h.ID != nil {
		return h.ID(e.ProviderID)
	}
	return e.ProviderID
}

// within bounds the size of a body by what the world's side takes.
func (h Harness) within(size int) int { return int(min(int64(size), h.MaxSize-8<<10)) }

// Options are what a case wants different about an account.
type Options struct {
	Dial          func(ctx context.Context, network, address string) (net.Conn, error)
	Trace         func(stage string)
	BadCredential bool
	Distrust      bool // the world's authority is not known
}

// Run runs the suite. start is called once for each case.
func Run(t *testing.T, start func(t *testing.T) Harness) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Harness)
	}{
		{"subset of the header", testSubset},
		{"envelope equals header", testEqual},
		{"Bcc arrives unseen", testBcc},
		{"recipient refused", testRefusedRecipient},
		{"faults", testFaults},
		{"accepted all the same", testHarmless},
		{"network before the body", testNetwork},
		{"cut in the middle of the body", testCutBody},
		{"authority unknown", testDistrust},
		{"guard", testGuard},
		{"guard after the deadline", testDeadlineGuard},
		{"stages", testStages},
		{"large messages", testLarge},
		{"content shorter than it says", testShort},
		{"many at the same time", testMany},
		{"check", testCheck},
		{"look", testLook},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, start(t)) })
	}
}

// letter is a message with the fields that a case needs.
type letter struct {
	id          email.ID
	from        string
	to, cc      []string
	body        string
	messageID   string
	extraFields string
}

func newLetter(t *testing.T, h Harness, to ...string) letter {
	t.Helper()
	id, err := email.NewID(email.PrefixMessage, time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return letter{id: id, from: h.From, to: to, body: "Grüße.\r\n.\r\n..dots\r\nend\r\n", messageID: "<" + id + "@test.example>"}
}

// bytes writes the message.
func (l letter) bytes() email.Bytes {
	var b strings.Builder
	fmt.Fprintf(&b, "From: %s\r\n", l.from)
	if len(l.to) > 0 {
		fmt.Fprintf(&b, "To: %s\r\n", strings.Join(l.to, ",\r\n "))
	}
	if len(l.cc) > 0 {
		fmt.Fprintf(&b, "Cc: %s\r\n", strings.Join(l.cc, ", "))
	}
	fmt.Fprintf(&b, "Subject: =?utf-8?q?caf=C3=A9?=\r\nMessage-ID: %s\r\n%s: %s\r\n", l.messageID, email.HeaderID, l.id)
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n")
	b.WriteString(l.extraFields)
	b.WriteString("\r\n" + l.body)
	return email.Bytes(b.String())
}

func (l letter) envelope(recipients ...string) email.Envelope {
	return email.Envelope{From: l.from, Recipients: recipients}
}

// patience bounds what a case waits for.
const patience = 20 * time.Second

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// classOf returns the error of a send and of the recipients it refused, as one.
func classOf(receipt provider.Receipt, err error) (*provider.Error, error) {
	if err != nil {
		e, ok := errors.AsType[*provider.Error](err)
		if !ok {
			return nil, fmt.Errorf("the error is no *provider.Error: %w", err)
		}
		return e, nil
	}
	for _, r := range receipt.Recipients {
		if r.Err != nil {
			return r.Err, nil
		}
	}
	return nil, nil
}

// wantAccepted fails unless everybody in the envelope was accepted, in order.
func wantAccepted(t *testing.T, env email.Envelope, receipt provider.Receipt, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	if len(receipt.Recipients) != len(env.Recipients) {
		t.Fatalf("the receipt has %d recipients, the envelope %d", len(receipt.Recipients), len(env.Recipients))
	}
	for i, r := range receipt.Recipients {
		if r.Address != env.Recipients[i] || r.Err != nil {
			t.Errorf("recipient %d: %s %v, want %s accepted", i, r.Address, r.Err, env.Recipients[i])
		}
	}
}
