package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatepost/internal/control"
)

// Whoever watches sees a dialogue as it goes on, without what proves who somebody is and
// without what mail says; and only those that are asked for.
func TestTraceShowsNoSecrets(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, folder(t), func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
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
	answers := w.sayKeys()

	said := heard(t, lines, "221 2.0.0 bye") + heard(t, lines, "221 2.0.0 bye") + heard(t, lines, "421 4.7.0 too many failed logins")
	for _, want := range []string{"EHLO client.example", "AUTH PLAIN [not shown]", "AUTH LOGIN", "[not shown]", "535 5.7.8", "235 2.7.0", "MAIL FROM:<ada@acme.example>", "354", "bytes, not shown]", "250 2.0.0 kept as msg_", "AUTH [not shown]", "AUTH CRAM-MD5", "HELP [not shown]", "QUIT"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing in\n%s", want, said)
		}
	}
	all := said + answers + log.String() + rest(lines)
	for _, secret := range []string{w.key[8:], w.key[9:20], plainOf("shop", w.key), plainOf("shop", "not-the-key"), base64.StdEncoding.EncodeToString([]byte(w.key)), "c2hvcA==", "4711", "hello\n"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is shown in\n%s", secret, all)
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

// sayKeys says the key where it does not belong, and tells all that is answered.
func (w *world) sayKeys() (answers string) {
	b64 := base64.StdEncoding.EncodeToString([]byte(w.key))
	c := w.hello(Implicit)
	for _, line := range []string{"AUTH " + b64, "AUTH " + w.key, "AUTH CRAM-MD5", "HELP " + w.key, "NOOP " + b64, "EHLO " + w.key, "VRFY <" + w.key[:20] + ">", b64, w.key} {
		answers += c.cmd(line, "")
	}
	answers += c.cmd("AUTH PLAIN "+plainOf("shop", w.key), "235")
	for _, line := range []string{"MAIL FROM:<> " + w.key, "MAIL FROM:<>", "RCPT TO:<" + w.key + ">", "RCPT TO:<a@" + w.key + ">", "RCPT TO:<" + w.key[1:] + ">", "RCPT TO:<a@b.example> " + w.key} {
		answers += c.cmd(line, "")
	}
	c.cmd("QUIT", "221")
	c = w.hello(Implicit)
	for _, p := range [][2]string{{w.key, "shop"}, {mistyped(w.key), w.key}, {strings.ToUpper(w.key[:8]) + w.key[8:], w.key[:30]}} {
		answers += c.cmd("AUTH PLAIN "+plainOf(p[0], p[1]), "535")
	}
	c.want("421")
	return answers
}

// rest are the lines that are there already.
func rest(lines <-chan control.TraceLine) (said string) {
	for {
		select {
		case l := <-lines:
			said += l.Text + "\n"
		default:
			return said
		}
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
