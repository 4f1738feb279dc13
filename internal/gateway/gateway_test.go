package gateway

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

func folder(t *testing.T) store.Options { return store.Options{Dir: storetest.Folder(t)} }

// A 250 is a message that is kept and leaves as it came, to those of the envelope.
func TestMessageLeavesAsItCame(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil)
		c := w.login()
		raw := "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@acme.example>\r\nFrom: Ada <ada@acme.example>\r\nTo: list@acme.example\r\n" +
			"Subject: =?utf-8?q?=C3=A9?=\r\n\r\n.dot\r\n..\r\n \xc3\xa9\r\n\r\n"
		said := c.mail("bounce@acme.example", []string{"bob@example.com", "Eve@Example.com", "bob@example.com"}, raw)
		if !strings.HasPrefix(said, "250 2.0.0 kept as msg_") {
			t.Fatalf("said %q", said)
		}
		l := w.letters(1)[0]
		id := strings.TrimSpace(strings.TrimPrefix(said, "250 2.0.0 kept as "))
		if want := email.HeaderID + ": " + id + "\r\n" + raw; l.raw != want {
			t.Errorf("left as\n%q\nwant\n%q", l.raw, want)
		}
		if l.by != "ada@acme.example" || strings.Join(l.env.Recipients, " ") != "bob@example.com Eve@example.com" {
			t.Errorf("left by %s to %v", l.by, l.env.Recipients)
		}
		c.cmd("QUIT", "221")
		c.ends()
	})
}

// Each mechanism, over each way to TLS, with each name that a user may give.
func TestLogin(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for name, dialogue := range map[string][]string{
		"PLAIN at once":       {"AUTH PLAIN " + plainOf("shop", w.key)},
		"PLAIN asked for":     {"AUTH PLAIN", plainOf("ada@acme.example", w.key)},
		"PLAIN as itself":     {"AUTH PLAIN " + b64("shop\x00shop\x00"+w.key)},
		"LOGIN":               {"AUTH LOGIN", b64("acc_ada"), b64(w.key)},
		"the key in both":     {"AUTH PLAIN " + plainOf(w.key, w.key)},
		"LOGIN with both":     {"AUTH LOGIN", b64(w.key), b64(w.key + "\n")},
		"LOGIN with the user": {"auth login " + b64("SHOP"), b64(w.key + "\n")},
		"XOAUTH2":             {"AUTH XOAUTH2 " + b64("user=ada@acme.example\x01auth=Bearer "+w.key+"\x01\x01")},
		"OAUTHBEARER":         {"AUTH OAUTHBEARER " + b64("n,a=ada@acme.example,\x01host=h\x01auth=Bearer "+w.key+"\x01\x01")},
		"OAUTHBEARER no user": {"AUTH OAUTHBEARER", b64("n,,\x01auth=Bearer " + w.key + "\x01\x01")},
	} {
		for _, mode := range []Mode{StartTLS, Implicit} {
			c := w.dial(mode, "127.0.0.1")
			c.want("220 mail.acme.example ESMTP gatepost")
			if mode == StartTLS {
				if caps := c.cmd("EHLO x", "250"); strings.Contains(caps, "AUTH") || !strings.Contains(caps, "STARTTLS") {
					t.Errorf("in the clear it offers %q", caps)
				}
				c.startTLS(w.client)
			}
			caps := c.cmd("EHLO x", "250")
			for _, want := range []string{"SIZE 36700160", "8BITMIME", "SMTPUTF8", "PIPELINING", "CHUNKING", "DSN", "ENHANCEDSTATUSCODES", "AUTH PLAIN LOGIN XOAUTH2 OAUTHBEARER"} {
				if !strings.Contains(caps, want) {
					t.Errorf("it does not offer %s", want)
				}
			}
			for _, line := range dialogue[:len(dialogue)-1] {
				c.cmd(line, "334")
			}
			if said := c.cmd(dialogue[len(dialogue)-1], ""); !strings.HasPrefix(said, "235 ") {
				t.Errorf("%s: %s", name, said)
			}
			if strings.Contains(c.cmd("EHLO x", "250"), "AUTH") {
				t.Error("AUTH is offered after the login")
			}
		}
	}
}

// A refusal says what is wrong; three close the connection; nothing is locked.
func TestLoginIsRefused(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	reader := w.newKey(control.NewKey{Name: "reader", Scopes: []string{access.ScopeMessagesRead}})
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for i, c := range []struct{ name, line, want string }{
		{"wrong password", "AUTH PLAIN " + plainOf("shop", "secret"), "535 5.7.8 "},
		{"unknown key", "AUTH PLAIN " + plainOf("shop", mistyped(w.key)), "535 5.7.8 "},
		{"wrong user", "AUTH PLAIN " + plainOf("nobody@acme.example", w.key), `535 5.7.8 the API key is right, but the user "nobody@acme.example" is neither its name (shop) nor an account or pool`},
		{"may not send", "AUTH PLAIN " + plainOf("reader", reader), "535 5.7.8 this API key may not send: it lacks the scope messages:send"},
		{"swapped", "AUTH PLAIN " + plainOf(w.key, "shop"), "535 5.7.8 user and password are swapped"},
		{"swapped, the password is empty", "AUTH PLAIN " + plainOf(w.key, ""), "535 5.7.8 user and password are swapped"},
		{"as somebody else", "AUTH PLAIN " + b64("eve\x00shop\x00"+w.key), "501 5.5.2 PLAIN: it asks to act as somebody else"},
		{"not base64", "AUTH PLAIN !!!", "501 5.5.2 PLAIN: what was said is no base64"},
		{"nothing", "AUTH PLAIN =", "501 5.5.2 PLAIN: neither a user nor a key was said"},
		{"empty fields", "AUTH PLAIN " + plainOf("", ""), "501 5.5.2 PLAIN: neither a user nor a key was said"},
		{"no password", "AUTH PLAIN " + plainOf("shop", ""), "535 5.7.8 no API key was given"},
		{"not of the form", "AUTH PLAIN " + b64("shop "+w.key), "501 5.5.2 PLAIN: what was said is base64, but not of"},
		{"no token", "AUTH XOAUTH2 " + b64("user=a"), "501 5.5.2 XOAUTH2: what was said is base64, but not of"},
		{"another mechanism", "AUTH CRAM-MD5", "504 5.5.4 "},
		{"none", "AUTH", "504 5.5.4 "},
	} {
		from := w.dial(Implicit, fmt.Sprintf("127.0.%d.1", i)) // networks of their own: none has to wait
		from.want("220")
		from.cmd("EHLO x", "250")
		if said := from.cmd(c.line, ""); !strings.HasPrefix(said, c.want) {
			t.Errorf("%s: %q, want %q", c.name, said, c.want)
		}
	}
	c := w.hello(Implicit)
	c.cmd("AUTH LOGIN", "334")
	c.cmd("*", "501 5.7.0")
	challenge := c.cmd("AUTH XOAUTH2 "+b64("user=a\x01auth=Bearer no\x01\x01"), "334 ")
	if b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(challenge[4:])); err != nil || !strings.Contains(string(b), "invalid_token") {
		t.Errorf("challenge %q", challenge)
	}
	c.cmd("", "535 5.7.8")
	c.cmd("AUTH PLAIN "+plainOf("shop", "wrong"), "535")
	c.cmd("AUTH PLAIN "+plainOf("shop", "wrong"), "535")
	c.want("421 4.7.0 too many failed logins")
	c.ends()
	w.login()
}

// mistyped is a key with one wrong character.
func mistyped(key string) string {
	wrong := "x"
	if strings.HasSuffix(key, wrong) {
		wrong = "y"
	}
	return key[:len(key)-1] + wrong
}

func TestNoLoginWithoutTLS(t *testing.T) {
	w := newWorld(t, folder(t), func(c *Config) { c.Plain = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")} })
	c := w.hello(StartTLS)
	if said := c.cmd("AUTH PLAIN "+plainOf("shop", w.key), "538 5.7.11 "); !strings.Contains(said, "STARTTLS") || !strings.Contains(said, "replace it") {
		t.Errorf("said %q", said)
	}
	c.cmd("MAIL FROM:<ada@acme.example>", "530 5.7.0 ")
	listed := w.dial(StartTLS, "127.0.0.2")
	listed.want("220")
	if caps := listed.cmd("EHLO nas", "250"); !strings.Contains(caps, "AUTH PLAIN") {
		t.Errorf("a listed network is offered %q", caps)
	}
	listed.cmd("AUTH PLAIN "+plainOf("shop", w.key), "235")
}

// Devices say HELO, with a bare name, or EHLO with none.
func TestGreetings(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	for _, line := range []string{"EHLO", "EHLO scanner", "EHLO [192.168.1.4]", "HELO", "HELO büro", "ehlo  x y"} {
		c := w.dial(Open, "127.0.0.9")
		c.want("220")
		c.cmd(line, "250")
		if said := c.mail("scanner", []string{"bob@example.com"}, simple("office@acme.example", "bob@example.com")); !strings.HasPrefix(said, "250") {
			t.Errorf("%s: %s", line, said)
		}
	}
}

// A device at a listed address sends without a login, as its account; others are told so.
func TestTrustedDevices(t *testing.T) {
	w := newWorld(t, folder(t), func(c *Config) { c.Limits.TrustedRate = 3 })
	c := w.dial(Open, "127.0.0.9")
	c.want("220")
	c.cmd("HELO scanner", "250")
	c.mail("scan@device.lan", []string{"bob@example.com"}, "To: bob@example.com\r\nFrom: Scan <scan@device.lan>\r\n\r\nx\r\n")
	l := w.letters(1)[0]
	if l.by != "office@acme.example" || !strings.Contains(l.raw, "From: \"Scan\" <office@acme.example>\r\n") || !strings.Contains(l.raw, "Reply-To: \"Scan\" <scan@device.lan>\r\n") {
		t.Errorf("left by %s as %q", l.by, l.raw)
	}
	c.mail("", []string{"bob@example.com"}, simple("office@acme.example", "bob@example.com"))
	c.mail("", []string{"bob@example.com"}, simple("office@acme.example", "bob@example.com"))
	if said := c.mail("", []string{"bob@example.com"}, simple("office@acme.example", "bob@example.com")); !strings.HasPrefix(said, "451 4.7.1 more than 3 messages a minute") {
		t.Errorf("the fourth: %s", said)
	}
	other := w.dial(Open, "127.0.0.8")
	other.want("554 5.7.1 127.0.0.8 may not send here without a login")
	other.ends()
}

// What a key is bound to holds here; the answer says what is allowed.
func TestBoundKeys(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	bound := func(b control.KeyBounds) *talk {
		key := w.newKey(control.NewKey{Name: "bound", Scopes: []string{access.ScopeMessagesSend}, KeyBounds: b})
		c := w.hello(Implicit)
		c.cmd("AUTH PLAIN "+plainOf("bound", key), "235")
		return c
	}
	send := func(c *talk, from string) string {
		return c.mail(from, []string{"bob@example.com"}, simple(from, "bob@example.com"))
	}
	c := bound(control.KeyBounds{Senders: []string{"office@acme.example"}})
	if said := send(c, "ada@acme.example"); !strings.HasPrefix(said, "550 5.7.1 from: this API key may not send as ada@acme.example; allowed: office@acme.example") {
		t.Errorf("another sender: %s", said)
	}
	if said := send(c, "office@acme.example"); !strings.HasPrefix(said, "250") {
		t.Errorf("its sender: %s", said)
	}
	c = bound(control.KeyBounds{Account: "office@acme.example", RewriteFrom: true})
	send(c, "wordpress@blog.example")
	if l := w.letters(2)[1]; !strings.Contains(l.raw, "From: office@acme.example\r\n") || !strings.Contains(l.raw, "Reply-To: wordpress@blog.example\r\n") {
		t.Errorf("left as %q", l.raw)
	}
	c = bound(control.KeyBounds{Daily: 1})
	send(c, "ada@acme.example")
	if said := send(c, "ada@acme.example"); !strings.HasPrefix(said, "452 4.7.1 this API key may send to 1 recipients in") {
		t.Errorf("over the day: %s", said)
	}
	for text, b := range map[string]control.KeyBounds{"2 recipients in a minute": {Rate: 2}, "2 recipients in 24 hours": {Rate: 3, Daily: 2}} {
		c = bound(b) // what is over it is another message's: programs divide it so
		c.cmd("MAIL FROM:<ada@acme.example>", "250")
		c.cmd("RCPT TO:<bob@example.com>", "250")
		c.cmd("RCPT TO:<eve@example.com>", "250")
		c.cmd("RCPT TO:<bob@example.com>", "250")
		c.cmd("RCPT TO:<ian@example.com>", "452 4.5.3 this API key may send to "+text+": send the others another one")
		c.cmd("DATA", "354")
		c.cmd(simple("ada@acme.example", "bob@example.com")+".", "250 2.0.0 kept as")
	}
	key := w.newKey(control.NewKey{Name: "far", Scopes: []string{access.ScopeMessagesSend}, KeyBounds: control.KeyBounds{Networks: []string{"192.0.2.0/24"}}})
	if said := w.hello(Implicit).cmd("AUTH PLAIN "+plainOf("far", key), "535 5.7.8"); !strings.Contains(said, "127.0.0.1") {
		t.Errorf("from elsewhere: %s", said)
	}
}

// The fields of a program's own say what the API has fields for, and do not leave.
func TestWishes(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	c := w.login()
	send := func(more ...string) string {
		return c.mail("", []string{"bob@example.com"}, simple("ada@acme.example", "bob@example.com", more...))
	}
	first := send("X-Gatepost-Idempotency-Key: k1\r\nX-Gatepost-Type: invoice\r\nx-gatepost-tags: a, b\r\nBcc: secret@example.com\r\n")
	if again := send("Resend-Idempotency-Key: k1\r\nX-Gatepost-Type: reminder\r\nx-gatepost-tags: a, b\r\n"); !strings.HasPrefix(again, "550 5.6.0") {
		t.Errorf("another message under the key: %s", again)
	}
	if again := send("X-Gatepost-Idempotency-Key: k1\r\nX-Gatepost-Type: invoice\r\nx-gatepost-tags: a, b\r\nBcc: secret@example.com\r\n"); again != first {
		t.Errorf("the same again: %s, before: %s", again, first)
	}
	if again := send("Message-ID: <another>\r\nX-Gatepost-Idempotency-Key: k1\r\nX-Gatepost-Type: invoice\r\nx-gatepost-tags: a, b\r\nBcc: secret@example.com\r\n"); again != first {
		t.Errorf("the same as a library writes it again: %s, before: %s", again, first)
	}
	l := w.letters(1)[0]
	if strings.Contains(strings.ToLower(l.raw), "idempotency") || strings.Contains(l.raw, "X-Gatepost-T") || strings.Contains(l.raw, "secret@") {
		t.Errorf("left as %q", l.raw)
	}
	if !strings.Contains(l.raw, "\r\nDate: ") && !strings.HasPrefix(l.raw, "Date: ") || !strings.Contains(l.raw, "Message-ID: <msg_") {
		t.Errorf("without date or id: %q", l.raw)
	}
	id := strings.TrimSpace(strings.TrimPrefix(first, "250 2.0.0 kept as "))
	m, _, err := w.Engine.Message(t.Context(), w.grant, email.ID(id))
	must(t, err)
	if m.Type != "invoice" || strings.Join(m.Tags, " ") != "a b" {
		t.Errorf("type %s, tags %v", m.Type, m.Tags)
	}
	soon := "X-Gatepost-Send-At: " + time.Now().Add(time.Hour).Format(time.RFC3339) + "\r\n"
	said := send("X-Gatepost-Tags: a, b\r\nX-Gatepost-Type: invoice\r\nX-Gatepost-Tags: c, a\r\nX-Gatepost-Type: invoice\r\n", soon, soon)
	m, _, err = w.Engine.Message(t.Context(), w.grant, email.ID(strings.TrimSpace(strings.TrimPrefix(said, "250 2.0.0 kept as "))))
	must(t, err)
	if m.Type != "invoice" || strings.Join(m.Tags, " ") != "a b c" {
		t.Errorf("of fields that come twice: type %s, tags %v", m.Type, m.Tags)
	}
	for more, want := range map[string]string{
		"X-Gatepost-Send-At: tomorrow\r\n":                     "550 5.6.0 X-Gatepost-Send-At: \"tomorrow\" is no time such as",
		"X-Gatepost-Typ: invoice\r\n":                          "550 5.6.0 unknown field X-Gatepost-Typ: one of X-Gatepost-Idempotency-Key, X-Gatepost-Type, X-Gatepost-Tags, X-Gatepost-Send-At",
		"X-Gatepost-Type: news\r\n":                            "550 5.6.0 type: not a message type",
		"X-Gatepost-Type: invoice\r\nX-Gatepost-Type: otp\r\n": "550 5.6.0 X-Gatepost-Type is there twice",
		"X-Gatepost-Send-At: 2099-12-01T08:00:00Z\r\nX-Gatepost-Send-At: 2099-12-01T08:00:01Z\r\n": "550 5.6.0 X-Gatepost-Send-At is there twice",
		"X-Gatepost-Idempotency-Key: a\r\nResend-Idempotency-Key: b\r\n":                           "550 5.6.0 two idempotency keys",
		"X-Gatepost-Send-At: " + time.Now().Add(time.Hour).Format(time.RFC3339) + "\r\n":           "250 2.0.0",
	} {
		if said := send(more); !strings.HasPrefix(said, want) {
			t.Errorf("%q: %s", more, said)
		}
	}
}

// One transaction for each recipient, as many programs do it, reaches each once; and what
// comes again because its 250 was lost is one message.
func TestNothingIsMultiplied(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	raw := simple("ada@acme.example", "bob@example.com, eve@example.com", "Message-ID: <7@client>\r\n")
	for range 2 {
		c := w.login()
		for _, to := range []string{"bob@example.com", "eve@example.com"} {
			if said := c.mail("ada@acme.example", []string{to}, raw); !strings.HasPrefix(said, "250") {
				t.Fatal(said)
			}
		}
	}
	c := w.login()
	c.mail("ada@acme.example", []string{"last@example.com"}, simple("ada@acme.example", "last@example.com"))
	got := map[string]int{}
	for _, l := range w.letters(3) {
		for _, r := range l.env.Recipients {
			got[r]++
		}
	}
	if len(got) != 3 || got["bob@example.com"] != 1 || got["eve@example.com"] != 1 {
		t.Errorf("reached %v", got)
	}
}

// Commands that come together are answered in their order; BDAT takes chunks.
func TestPipeliningAndChunks(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	c := w.login()
	body := simple("ada@acme.example", "bob@example.com")
	c.send("MAIL FROM:<ada@acme.example> SIZE=200 BODY=8BITMIME RET=HDRS ENVID=a+2Bb\r\nRCPT TO:<bob@example.com> NOTIFY=FAILURE,DELAY ORCPT=rfc822;bob@example.com\r\n" +
		"BDAT 10\r\n" + body[:10] + "BDAT 0\r\nBDAT " + strconv.Itoa(len(body)-10) + " LAST\r\n" + body[10:] + "NOOP\r\n")
	for _, want := range []string{"250 2.1.0", "250 2.1.5", "250 2.0.0 10 bytes", "250 2.0.0 0 bytes", "250 2.0.0 kept as msg_", "250 2.0.0 yes"} {
		c.want(want)
	}
	if l := w.letters(1)[0]; !strings.HasSuffix(l.raw, body) {
		t.Errorf("left as %q", l.raw)
	}
	c.send("MAIL FROM:<a@acme.example>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n")
	c.want("250")
	c.want("250")
	c.want("354")
	c.send(body + ".\r\nNOOP\r\n")
	c.want("250 2.0.0 kept as")
	c.want("250 2.0.0 yes")
}

// A message may come in any number of chunks that bring something, as some clients send it.
func TestManyChunks(t *testing.T) {
	w := newWorld(t, folder(t), func(c *Config) { c.Limits.IdleCommands, c.Limits.Recipients = 10, 1 })
	c := w.ready()
	head, line := simple("ada@acme.example", "bob@example.com"), strings.Repeat(strings.Repeat("x", 62)+"\r\n", progress/64)
	c.send("BDAT " + strconv.Itoa(len(head)) + "\r\n" + head)
	c.want("250")
	for range 300 {
		c.send("BDAT " + strconv.Itoa(len(line)) + "\r\n" + line)
		c.want("250")
	}
	c.cmd("BDAT 0 LAST", "250 2.0.0 kept as")
	if l := w.letters(1)[0]; !strings.HasSuffix(l.raw, head+strings.Repeat(line, 300)) {
		t.Errorf("left with %d bytes", len(l.raw))
	}
	c.cmd("MAIL FROM:<ada@acme.example>", "250")
	c.cmd("RCPT TO:<bob@example.com>", "250")
	for range 9 {
		c.send("BDAT 1\r\nx")
		c.want("250")
	}
	c.send("BDAT 1\r\nx")
	c.want("421 4.7.0 too many commands without a message")
}

// A stop lets a message that is being taken come to its answer and ends what is idle.
func TestShutdown(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	idle, busy := w.login(), w.login()
	busy.cmd("MAIL FROM:<ada@acme.example>", "250")
	busy.cmd("RCPT TO:<bob@example.com>", "250")
	busy.cmd("DATA", "354")
	busy.send("From: ada@acme.example\r\n")
	stopped := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		stopped <- w.Shutdown(ctx)
	}()
	idle.want("421 4.3.2 gatepost stops")
	busy.send("To: bob@example.com\r\n\r\nx\r\n.\r\n")
	busy.want("250 2.0.0 kept as")
	busy.want("421 4.3.2 gatepost stops")
	must(t, <-stopped)
}

// A key that is removed is of no use any more, also where somebody is logged in with it.
func TestRemovedKeyEndsItsConnections(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	secret, key, err := w.control.CreateKey(t.Context(), w.grant, control.NewKey{Name: "old", Scopes: []string{access.ScopeMessagesSend}})
	must(t, err)
	c := w.hello(Implicit)
	c.cmd("AUTH PLAIN "+plainOf("old", secret.Reveal()), "235")
	c.mail("ada@acme.example", []string{"bob@example.com"}, simple("ada@acme.example", "bob@example.com"))
	must(t, w.control.DeleteKey(t.Context(), w.grant, key.ID))
	c.cmd("MAIL FROM:<ada@acme.example>", "421 4.7.0 the login is no longer good: this API key is not known here")
	c.ends()
}
