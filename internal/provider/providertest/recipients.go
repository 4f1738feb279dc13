package providertest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/provider"
)

// testSubset: after one recipient of To and Cc has the message and another must
// be tried again, nobody gets it twice.
func testSubset(t *testing.T, h Harness) {
	p := h.Open(t, Options{})
	l := newLetter(t, h, "ann@world.example", "Ben Example <ben@world.example>")
	l.cc = []string{"cleo@world.example"}
	env := l.envelope("ben@world.example")
	receipt, err := p.Send(within(t, patience), env, l.bytes())

	if h.Envelope {
		wantAccepted(t, env, receipt, err)
		wantTaken(t, h.World, l.id, 1)
		if got := taken(t, h.World, l.id)[0].Recipients; !slices.Equal(got, env.Recipients) {
			t.Errorf("the message went to %v, want %v only", got, env.Recipients)
		}
	} else {
		e, bad := classOf(receipt, err)
		if bad != nil || e == nil || e.Class != provider.Fail || e.Cause != "subset_of_header" {
			t.Errorf("Send: %v, want fail with cause subset_of_header (%v)", err, bad)
		}
		wantTaken(t, h.World, l.id, 0)
	}
	for _, other := range []string{"ann@world.example", "cleo@world.example"} {
		if received(t, h.World, other, l.id) {
			t.Errorf("%s got the message, which was not for them", other)
		}
	}
}

func testEqual(t *testing.T, h Harness) {
	p := h.Open(t, Options{})
	l := newLetter(t, h, "Ann <ann@world.example>", "BEN@world.example")
	l.cc = []string{"=?iso-8859-1?Q?Cl=E9o?= <cleo@world.example>"}
	env := l.envelope("cleo@world.example", "ben@world.example", "ann@world.example")
	receipt, err := p.Send(within(t, patience), env, l.bytes())
	wantAccepted(t, env, receipt, err)
	wantTaken(t, h.World, l.id, 1)
	for _, to := range env.Recipients {
		if !received(t, h.World, to, l.id) {
			t.Errorf("%s did not get the message", to)
		}
	}
	entry := taken(t, h.World, l.id)[0]
	raw := asReceived(t, h.World, entry.ProviderID)
	if !strings.HasSuffix(raw, "\r\n\r\n"+l.body) {
		t.Errorf("the body changed on its way: %q", raw)
	}
	if want := h.id(entry); !h.Envelope && !h.NoID && receipt.ProviderID != want {
		t.Errorf("provider id %q, want %q", receipt.ProviderID, want)
	}
	if receipt.Reply == "" || len(receipt.Reply) > 512 {
		t.Errorf("reply %q, want the next hop's words", receipt.Reply)
	}
}

// testBcc: recipients that stand in no header field get the message, and nobody
// sees them in it.
func testBcc(t *testing.T, h Harness) {
	p := h.Open(t, Options{})
	for name, to := range map[string][]string{"beside To": {"ann@world.example"}, "alone": nil} {
		t.Run(name, func(t *testing.T) {
			l := newLetter(t, h, to...)
			env := l.envelope(append(slices.Clone(to), "hidden1@world.example", "hidden2@world.example")...)
			receipt, err := p.Send(within(t, patience), env, l.bytes())
			wantAccepted(t, env, receipt, err)
			wantTaken(t, h.World, l.id, 1)
			for _, address := range env.Recipients {
				if !received(t, h.World, address, l.id) {
					t.Errorf("%s did not get the message", address)
				}
			}
			if raw := asReceived(t, h.World, taken(t, h.World, l.id)[0].ProviderID); strings.Contains(raw, "hidden") {
				t.Errorf("recipients can see who got a blind copy:\n%s", header(raw))
			}
		})
	}
}

// testRefusedRecipient: where there is an envelope, one refused recipient does
// not keep the others from the message; where there is none, all are refused.
func testRefusedRecipient(t *testing.T, h Harness) {
	p := h.Open(t, Options{})
	const bad = "fault.refused@world.example"
	l := newLetter(t, h, "ann@world.example", bad, "ben@world.example")
	env := l.envelope("ann@world.example", bad, "ben@world.example")
	receipt, err := p.Send(within(t, patience), env, l.bytes())
	if !h.Envelope {
		if e, _ := classOf(receipt, err); err == nil || e == nil || e.Class != provider.Fail {
			t.Errorf("Send: %v, want fail for the whole message", err)
		}
		wantTaken(t, h.World, l.id, 0)
		return
	}
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	var verdicts []string
	for _, r := range receipt.Recipients {
		verdict := r.Address + " accepted"
		if r.Err != nil {
			verdict = r.Address + " " + r.Err.Class.String() + " " + r.Err.Cause + " " + string(r.Err.Scope)
		}
		verdicts = append(verdicts, verdict)
	}
	want := []string{"ann@world.example accepted", bad + " fail no_such_mailbox recipient", "ben@world.example accepted"}
	if d := cmp.Diff(want, verdicts); d != "" {
		t.Errorf("receipt (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"ann@world.example", "ben@world.example"}, taken(t, h.World, l.id)[0].Recipients); d != "" {
		t.Errorf("the world gave it to (-want +got):\n%s", d)
	}
	// All refused: nothing is sent, and the connection serves the next message.
	l = newLetter(t, h, bad)
	receipt, err = p.Send(within(t, patience), l.envelope(bad), l.bytes())
	if e, _ := classOf(receipt, err); e == nil || e.Class != provider.Fail {
		t.Errorf("all refused: %v %v, want fail", receipt, err)
	}
	wantTaken(t, h.World, l.id, 0)
	l = newLetter(t, h, "ann@world.example")
	receipt, err = p.Send(within(t, patience), l.envelope("ann@world.example"), l.bytes())
	wantAccepted(t, l.envelope("ann@world.example"), receipt, err)
}
