package gateway

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatepost/internal/control"
)

// Whoever watches sees a dialogue as it goes on, without what proves who somebody is and
// without what mail says; and only those that are asked for.
func TestTraceShowsNoSecrets(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	lines, err := w.control.Trace(ctx, w.grant, control.Whom{Clients: netip.MustParsePrefix("127.0.0.1/32")})
	must(t, err)
	elsewhere, err := w.control.Trace(ctx, w.grant, control.Whom{Clients: netip.MustParsePrefix("192.0.2.0/24")})
	must(t, err)
	ofKey, err := w.control.Trace(ctx, w.grant, control.Whom{Key: "SHOP"})
	must(t, err)

	c := w.hello(Implicit)
	c.cmd("AUTH PLAIN "+plainOf("shop", "not-the-key"), "535")
	c.cmd("AUTH LOGIN", "334")
	c.cmd("c2hvcA==", "334")
	c.cmd(plainOf("", w.key)[:20], "535")
	c.cmd("AUTH PLAIN "+plainOf("shop", w.key), "235")
	c.mail("ada@acme.example", []string{"bob@example.com"}, simple("ada@acme.example", "bob@example.com", "X-Secret: 4711\r\n"))
	c.cmd("AUTH LOGIN", "503")
	c.cmd("c2hvcA==", "500")
	c.cmd(plainOf("shop", w.key), "500")
	c.cmd("QUIT", "221")

	said := heard(t, lines, "221 2.0.0 bye")
	for _, want := range []string{"EHLO client.example", "AUTH PLAIN [not shown]", "AUTH LOGIN", "[not shown]", "535 5.7.8", "235 2.7.0", "MAIL FROM:<ada@acme.example>", "354", "bytes, not shown]", "250 2.0.0 kept as msg_", "QUIT"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing in\n%s", want, said)
		}
	}
	for _, secret := range []string{w.key, plainOf("shop", w.key), plainOf("shop", "not-the-key"), "c2hvcA==", "4711", "hello\n"} {
		if strings.Contains(said, secret) {
			t.Errorf("%q is shown in\n%s", secret, said)
		}
	}
	if after := heard(t, ofKey, "221 2.0.0 bye"); strings.Contains(after, "EHLO") || !strings.Contains(after, "MAIL FROM") {
		t.Errorf("of the key: %s", after)
	}
	stop()
	for l := range elsewhere {
		t.Errorf("somebody else hears %+v", l)
	}
}

// heard are the lines up to one.
func heard(t *testing.T, lines <-chan control.TraceLine, last string) string {
	t.Helper()
	var b strings.Builder
	for end := time.After(10 * time.Second); ; {
		select {
		case l := <-lines:
			b.WriteString(l.Who + " " + l.Text + "\n")
			if strings.Contains(l.Text, last) {
				return b.String()
			}
		case <-end:
			t.Fatalf("%q was not heard:\n%s", last, b.String())
		}
	}
}
