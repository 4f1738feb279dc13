package smtp_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// TestCommands: what is said, with pipelining and without.
func TestCommands(t *testing.T) {
	for name, offers := range map[string][]string{
		"one by one": {"AUTH LOGIN PLAIN", "SIZE 1000"},
		"pipelined":  {"auth plain", "SIZE 1000", "PIPELINING"},
	} {
		t.Run(name, func(t *testing.T) {
			r := startRelay(t, offers...)
			p := r.account(t, map[string]any{"user": "ada"})
			receipt, err := p.Send(t.Context(), email.Envelope{From: "", Recipients: []string{"ann@world.example", "ben@world.example"}}, anyMail)
			if err != nil || receipt.Reply != "250 2.0.0 queued as 1" || len(receipt.Recipients) != 2 {
				t.Fatalf("Send: %+v %v", receipt, err)
			}
			want := []string{"EHLO gatepost.example", plainKey, "MAIL FROM:<> SIZE=38", "RCPT TO:<ann@world.example>", "RCPT TO:<ben@world.example>", "DATA"}
			if d := cmp.Diff(want, r.list()); d != "" {
				t.Errorf("commands (-want +got):\n%s", d)
			}
			if got := r.taken(); len(got) != 1 || got[0] != "To: ann@world.example\r\n\r\nhello\r\n..dot\r\n" {
				t.Errorf("body %q", got)
			}
		})
	}
}

// TestKeptConnection: messages share a connection, at the same time no more than
// allowed are open, and one that died in between is replaced unseen.
func TestKeptConnection(t *testing.T) {
	for _, offers := range [][]string{{"SIZE"}, {"SIZE", "PIPELINING"}} {
		r := startRelay(t, offers...)
		p := r.account(t, nil)
		sendTo := func(want int) {
			t.Helper()
			if _, err := p.Send(t.Context(), toAnn, anyMail); err != nil {
				t.Fatalf("Send: %v", err)
			}
			if got := len(r.taken()); got != want {
				t.Fatalf("%d messages taken, want %d", got, want)
			}
		}
		for n := range 5 {
			sendTo(n + 1)
		}
		if r.connections() != 1 {
			t.Errorf("%d connections for five messages", r.connections())
		}
		r.cutAll()
		sendTo(6)
		r.says(func(verb, _ string, n int) string {
			if verb == "MAIL" && n == 7 {
				return "421 4.4.2 idle for too long\r\n"
			}
			return ""
		})
		sendTo(7)
		if r.connections() != 3 {
			t.Errorf("%d connections after two that ended, want 3", r.connections())
		}
	}
}

func TestMostConnections(t *testing.T) {
	r := startRelay(t, "PIPELINING")
	hold := make(chan struct{})
	r.says(func(verb, _ string, _ int) string {
		if verb == "DOT" {
			<-hold
		}
		return ""
	})
	p := r.account(t, map[string]any{"max_connections": 2})
	done := make(chan error, 6)
	for range 6 {
		go func() {
			_, err := p.Send(t.Context(), toAnn, anyMail)
			done <- err
		}()
	}
	for end := time.Now().Add(10 * time.Second); len(r.taken()) < 2 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := p.Send(ctx, toAnn, anyMail) // waits for a place in vain
	if e, ok := errors.AsType[*provider.Error](err); !ok || e.Class != provider.Retry {
		t.Errorf("without a free place: %v, want retry", err)
	}
	close(hold)
	for range 6 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if r.connections() != 2 {
		t.Errorf("%d connections, want 2", r.connections())
	}
}

// TestAnswerAtEachStage: what a reply or the end of the connection at each point
// means, that a bad connection is not used again, and that nothing is sent twice.
func TestAnswerAtEachStage(t *testing.T) {
	for _, c := range []struct {
		verb, reply string
		class       provider.Class
		cause       string
		taken       int // of this message, as far as the relay read it to the dot
		conns       int // after one more message, which goes well
	}{
		{"GREETING", "554 5.7.1 go away\r\n", provider.Hold, "connection_refused_by_policy", 0, 2},
		{"GREETING", "421 4.7.0 try again later\r\n", provider.Retry, "service_unavailable", 0, 2},
		{"GREETING", "HTTP/1.1 400 Bad Request\r\n", provider.Retry, "unexpected_answer", 0, 2},
		{"GREETING", "cut", provider.Retry, "connection_closed", 0, 2},
		{"GREETING", "hang", provider.Retry, "timeout", 0, 2},
		{"EHLO", "550 5.7.1 bad name\r\n", provider.Hold, "connection_refused_by_policy", 0, 2},
		{"AUTH", "535 5.7.8 no\r\n", provider.Hold, "credential_refused", 0, 2},
		{"AUTH", "454 4.7.0 Too many login attempts\r\n", provider.Park, "too_many_logins", 0, 2},
		{"AUTH", "cut", provider.Retry, "connection_closed", 0, 2},
		{"MAIL", "451 4.3.0 later\r\n", provider.Retry, "service_unavailable", 0, 1},
		{"MAIL", "550 5.4.5 Daily user sending limit exceeded.\r\n", provider.Park, "daily_limit", 0, 1},
		{"MAIL", "553 5.1.8 sender\r\n", provider.Fail, "sender_refused", 0, 1},
		{"MAIL", "421 4.3.2 bye\r\n", provider.Retry, "service_unavailable", 0, 2},
		{"MAIL", "cut", provider.Retry, "connection_closed", 0, 2},
		{"RCPT", "421 4.3.2 bye\r\n", provider.Retry, "service_unavailable", 0, 2},
		{"RCPT", "550-5.1.1 The mailbox\r\n550 5.1.1 does not exist\r\n", provider.Fail, "no_such_mailbox", 0, 1},
		{"RCPT", "550 5.7.1 Mail relay denied\r\n", provider.Hold, "relay_denied", 0, 1},
		{"RCPT", "cut", provider.Retry, "connection_closed", 0, 2},
		{"RCPT", "hang", provider.Retry, "timeout", 0, 2},
		{"DATA", "451 4.3.0 later\r\n", provider.Retry, "service_unavailable", 0, 1},
		{"DATA", "554 5.6.0 no\r\n", provider.Fail, "message_refused", 0, 1},
		{"DATA", "421 4.3.2 bye\r\n", provider.Retry, "service_unavailable", 0, 2},
		{"DATA", "hang", provider.Retry, "timeout", 0, 2},
		{"DOT", "451 4.3.0 later\r\n", provider.Retry, "service_unavailable", 1, 1},
		{"DOT", "554 5.7.1 spam\r\n", provider.Fail, "message_refused", 1, 1},
		{"DOT", "421 4.3.2 bye\r\n", provider.Retry, "service_unavailable", 1, 2},
		{"DOT", "nonsense\r\n", provider.Unknown, "no_answer", 1, 2},
		{"DOT", "cut", provider.Unknown, "no_answer", 1, 2},
		{"DOT", "hang", provider.Unknown, "no_answer", 1, 2},
	} {
		for _, pipelining := range []string{"", "PIPELINING"} {
			t.Run(c.verb+" "+strings.TrimSpace(c.reply)+" "+pipelining, func(t *testing.T) {
				r := startRelay(t, "AUTH PLAIN", "SIZE", pipelining)
				r.says(func(verb, _ string, n int) string {
					if verb == c.verb && n == 1 {
						return c.reply
					}
					return ""
				})
				p := r.account(t, map[string]any{"user": "ada"})
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				if c.reply == "hang" {
					ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
				}
				defer cancel()
				receipt, err := p.Send(ctx, toAnn, anyMail)
				e, _ := errors.AsType[*provider.Error](err)
				if err == nil {
					e = receipt.Recipients[0].Err
				}
				if e == nil || e.Class != c.class || e.Cause != c.cause {
					t.Errorf("Send: %+v %v, want %v %s", receipt, err, c.class, c.cause)
				}
				if got := len(r.taken()); got != c.taken {
					t.Errorf("the relay read %d messages, want %d", got, c.taken)
				}
				if _, err := p.Send(t.Context(), toAnn, anyMail); err != nil {
					t.Errorf("the next message: %v", err)
				}
				if r.connections() != c.conns {
					t.Errorf("%d connections, want %d", r.connections(), c.conns)
				}
			})
		}
	}
}

// TestCarelessRelay: a relay that lets DATA pass with no recipient gets no empty
// message from us.
func TestCarelessRelay(t *testing.T) {
	r := startRelay(t, "PIPELINING")
	r.careless = true
	r.says(func(verb, _ string, n int) string {
		if verb == "RCPT" && n == 1 {
			return "550 5.1.1 no\r\n"
		}
		return ""
	})
	p := r.account(t, nil)
	receipt, err := p.Send(t.Context(), toAnn, anyMail)
	if err != nil || receipt.Recipients[0].Err == nil {
		t.Errorf("Send: %+v %v, want the recipient refused", receipt, err)
	}
	if _, err := p.Send(t.Context(), toAnn, anyMail); err != nil {
		t.Errorf("the next message: %v", err)
	}
	if len(r.taken()) != 1 || r.connections() != 2 {
		t.Errorf("%d messages over %d connections, want 1 over 2", len(r.taken()), r.connections())
	}
}

// TestSomeRefused: the receipt keeps the order, and a refusal that speaks of the
// account stays that recipient's where others were accepted.
func TestSomeRefused(t *testing.T) {
	r := startRelay(t)
	r.says(func(verb, line string, _ int) string {
		switch {
		case strings.Contains(line, "full@"):
			return "452 4.5.3 too many recipients\r\n"
		case strings.Contains(line, "gone@"):
			return "550 5.1.1 unknown\r\n"
		}
		return ""
	})
	receipt, err := r.account(t, nil).Send(t.Context(), email.Envelope{From: "ada@acme.example", Recipients: []string{"gone@x.example", "ann@x.example", "full@x.example"}}, anyMail)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range receipt.Recipients {
		verdict := "accepted"
		if r.Err != nil {
			verdict = r.Err.Class.String() + " " + r.Err.Cause
		}
		got = append(got, r.Address+" "+verdict)
	}
	if d := cmp.Diff([]string{"gone@x.example fail no_such_mailbox", "ann@x.example accepted", "full@x.example retry too_many_recipients"}, got); d != "" {
		t.Errorf("receipt (-want +got):\n%s", d)
	}
}

func TestLogin(t *testing.T) {
	encode := base64.StdEncoding.EncodeToString
	r := startRelay(t, "AUTH XOAUTH2 LOGIN")
	r.says(func(verb, line string, _ int) string {
		switch line {
		case "AUTH LOGIN":
			return "334 " + encode([]byte("User Name\x00")) + "\r\n"
		case encode([]byte("ada")):
			return "334 " + encode([]byte("Password")) + "\r\n"
		case encode([]byte(password)):
			return "235 2.7.0 welcome\r\n"
		}
		return ""
	})
	if err := r.account(t, map[string]any{"user": "ada"}).Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	for _, offers := range []string{"AUTH XOAUTH2", "SIZE"} {
		err := startRelay(t, offers).account(t, map[string]any{"user": "ada"}).Check(t.Context())
		if e, ok := errors.AsType[*provider.Error](err); !ok || e.Class != provider.Hold || e.Cause != "auth_not_offered" {
			t.Errorf("%s: Check: %v, want hold with cause auth_not_offered", offers, err)
		}
	}
}

// TestPasswordStaysHidden: a relay that repeats what it was told does not get the
// password into an error.
func TestPasswordStaysHidden(t *testing.T) {
	r := startRelay(t, "AUTH PLAIN")
	r.says(func(verb, line string, _ int) string {
		if verb == "AUTH" {
			return "535 5.7.8 I was told: " + line + " (" + password + ")\r\n"
		}
		return ""
	})
	err := r.account(t, map[string]any{"user": "ada"}).Check(t.Context())
	e, ok := errors.AsType[*provider.Error](err)
	if !ok || strings.Contains(e.Error(), password) || strings.Contains(e.Error(), strings.TrimPrefix(plainKey, "AUTH PLAIN ")) || !strings.Contains(e.Reply, "I was told") {
		t.Errorf("Check: %v", err)
	}
}

// TestStartTLSOnly: mode starttls never goes on in plain text, and trusts nothing
// that came before TLS.
func TestStartTLSOnly(t *testing.T) {
	for name, c := range map[string]struct {
		offer, reply, cause string
	}{
		"not offered": {"SIZE", "", "tls_not_offered"},
		"refused":     {"STARTTLS", "454 4.7.0 TLS not available\r\n", "service_unavailable"},
		"injected":    {"STARTTLS", "220 go on\r\n250-relay\r\n250 AUTH PLAIN\r\n", "tls_injected"},
		"no TLS":      {"STARTTLS", "220 go on\r\n", "tls_wrong_mode"},
	} {
		r := startRelay(t, c.offer)
		r.says(func(verb, _ string, _ int) string {
			if verb == "STARTTLS" {
				return c.reply
			}
			return ""
		})
		if name == "no TLS" { // plain text in place of the handshake
			r.says(func(verb, _ string, _ int) string {
				switch verb {
				case "STARTTLS":
					return c.reply
				case "GREETING", "EHLO":
					return ""
				}
				return "500 what?\r\n"
			})
		}
		p := r.account(t, map[string]any{"tls": "starttls", "user": "ada"})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		_, err := p.Send(ctx, toAnn, anyMail)
		cancel()
		if e, ok := errors.AsType[*provider.Error](err); !ok || e.Cause != c.cause && name != "no TLS" || e.Class == provider.Fail {
			t.Errorf("%s: %v, want cause %s", name, err, c.cause)
		}
		for _, line := range r.list() {
			if strings.HasPrefix(line, "AUTH") || strings.HasPrefix(line, "MAIL") {
				t.Errorf("%s: in plain text: %s", name, line)
			}
		}
	}
}

// TestWrongMode: TLS where the server starts plain is found out and explained.
func TestWrongMode(t *testing.T) {
	r := startRelay(t, "SIZE")
	err := r.account(t, map[string]any{"tls": "implicit"}).Check(t.Context())
	e, ok := errors.AsType[*provider.Error](err)
	if !ok || e.Class != provider.Hold || e.Cause != "tls_wrong_mode" || !strings.Contains(e.Fix, "465") {
		t.Errorf("Check: %v, want hold with cause tls_wrong_mode", err)
	}
}

// TestContent: what SMTP or this relay cannot carry is refused, before the relay
// hears of it.
func TestContent(t *testing.T) {
	big := strings.Repeat("line\r\n", 40_000)
	for name, c := range map[string]struct {
		offers  []string
		env     email.Envelope
		content string
		cause   string // empty: accepted
		mail    string // the MAIL command
	}{
		"ASCII":              {[]string{"8BITMIME", "SMTPUTF8", "SIZE"}, toAnn, "A: b\r\n\r\nc\r\n", "", "MAIL FROM:<ada@acme.example> SIZE=11"},
		"8-bit":              {[]string{"8BITMIME"}, toAnn, "A: b\r\n\r\nü\r\n", "", "MAIL FROM:<ada@acme.example> BODY=8BITMIME"},
		"8-bit, mislabelled": {nil, toAnn, "A: b\r\nContent-Transfer-Encoding: base64\r\n\r\nü\r\n", "needs_8bitmime", ""},
		"IDN domain":         {nil, email.Envelope{From: "ada@bücher.example", Recipients: []string{"ann@world.example"}}, "A: b\r\n\r\nc\r\n", "", "MAIL FROM:<ada@xn--bcher-kva.example>"},
		"no domain":          {nil, email.Envelope{From: "ada@\u200d.example", Recipients: []string{"ann@world.example"}}, "", "invalid_sender", ""},
		"UTF-8 header":       {[]string{"8BITMIME", "SMTPUTF8"}, toAnn, "A: ü\r\n\r\nc\r\n", "", "MAIL FROM:<ada@acme.example> BODY=8BITMIME SMTPUTF8"},
		"UTF-8 header, no":   {[]string{"8BITMIME"}, toAnn, "A: ü\r\n\r\nc\r\n", "needs_smtputf8", ""},
		"UTF-8 recipient":    {[]string{"SMTPUTF8"}, email.Envelope{Recipients: []string{"jürg@x.example"}}, "A: b\r\n\r\nc\r\n", "", "MAIL FROM:<> SMTPUTF8"},
		"UTF-8 sender, no":   {nil, email.Envelope{From: "jürg@x.example", Recipients: []string{"a@x.example"}}, "A: b\r\n\r\nc\r\n", "needs_smtputf8", ""},
		"larger than SIZE":   {[]string{"SIZE 10"}, toAnn, "A: b\r\n\r\nc\r\n", "message_too_large", ""},
		"SIZE 0 is no limit": {[]string{"SIZE 0"}, toAnn, "A: b\r\n\r\nc\r\n", "", "MAIL FROM:<ada@acme.example> SIZE=11"},
		"bare LF":            {nil, toAnn, "A: b\r\n\r\nx\n.\r\nMAIL FROM:<evil@x.example>\r\n", "bare_line_end", ""},
		"bare CR":            {nil, toAnn, "A: b\r\n\r\nx\r.\r\n", "bare_line_end", ""},
		"ends with CR":       {nil, toAnn, "A: b\r\n\r\nx\r", "bare_line_end", ""},
		"bare LF, large":     {nil, toAnn, "A: b\r\n\r\n" + big + "\n.\r\n", "bare_line_end", ""},
		"Bcc":                {nil, toAnn, "A: b\r\nBCC : x@x.example\r\n\r\nc\r\n", "bcc_in_header", ""},
		"Bcc in the body":    {nil, toAnn, "A: b\r\n\r\nBcc: x\r\n", "", "MAIL FROM:<ada@acme.example>"},
		"no last line end":   {nil, toAnn, "A: b\r\n\r\nc", "", "MAIL FROM:<ada@acme.example>"},
		"dot lines":          {nil, toAnn, "A: b\r\n\r\n.\r\n..\r\n.x\r\n.", "", "MAIL FROM:<ada@acme.example>"},
		"empty":              {nil, toAnn, "", "", "MAIL FROM:<ada@acme.example>"},
		"large":              {[]string{"PIPELINING"}, toAnn, "A: b\r\n\r\n" + big, "", "MAIL FROM:<ada@acme.example>"},
		"sender injects":     {nil, email.Envelope{From: "a@x> SIZE=1", Recipients: []string{"b@x"}}, "", "invalid_sender", ""},
		"recipient injects":  {nil, email.Envelope{Recipients: []string{"b@x>\r\nRCPT TO:<c@x"}}, "", "invalid_recipient", ""},
		"empty recipient":    {nil, email.Envelope{Recipients: []string{""}}, "", "invalid_recipient", ""},
		"no recipient":       {nil, email.Envelope{}, "", "no_recipients", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := startRelay(t, c.offers...)
			_, err := r.account(t, nil).Send(t.Context(), c.env, email.Bytes(c.content))
			e, _ := errors.AsType[*provider.Error](err)
			if c.cause != "" {
				if e == nil || e.Class != provider.Fail || e.Cause != c.cause || len(r.taken()) != 0 {
					t.Errorf("Send: %v, want fail with cause %s", err, c.cause)
				}
				return
			}
			if err != nil {
				t.Fatalf("Send: %v", err)
			}
			want := c.content
			if want != "" && !strings.HasSuffix(want, "\r\n") {
				want += "\r\n"
			}
			if got := unstuff(r.taken()[0]); got != want {
				t.Errorf("arrived: %.100q, want %.100q", got, want)
			}
			if got := r.list()[1]; got != c.mail {
				t.Errorf("said %q, want %q", got, c.mail)
			}
		})
	}
}

// unstuff takes dot stuffing out, line by line.
func unstuff(s string) string {
	lines := strings.SplitAfter(s, "\r\n")
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, ".")
	}
	return strings.Join(lines, "")
}

// TestOneWrite: a small message is one write, for the envelope and for the body,
// and a refusal while a large one is on its way is heard.
func TestOneWrite(t *testing.T) {
	r := startRelay(t, "PIPELINING")
	writes := 0
	a := r.listener.Addr().(*net.TCPAddr)
	p := openWith(t, map[string]any{"host": "127.0.0.1", "port": a.Port, "tls": "none"}, provider.Deps{
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, address)
			return &counted{c, &writes}, err
		},
	})
	for range 2 {
		writes = 0
		if _, err := p.Send(t.Context(), toAnn, email.Bytes("A: b\r\n\r\n"+strings.Repeat("line\r\n", 15_000))); err != nil {
			t.Fatal(err)
		}
	}
	if writes != 2 {
		t.Errorf("%d writes for a message of 90 KB on a kept connection, want 2", writes)
	}
}

type counted struct {
	net.Conn
	n *int
}

func (c *counted) Write(p []byte) (int, error) { *c.n++; return c.Conn.Write(p) }

// TestClose ends the kept connections with QUIT.
func TestClose(t *testing.T) {
	r := startRelay(t)
	p := r.account(t, nil)
	if _, err := p.Send(t.Context(), toAnn, anyMail); err != nil {
		t.Fatal(err)
	}
	if err := p.(provider.Closer).Close(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if list := r.list(); list[len(list)-1] == "QUIT" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("no QUIT in %q", r.list())
		}
	}
}

// TestOtherProtocol: a service that speaks something else is told apart, at any
// point, and nothing that it said is repeated: an account can be pointed anywhere.
func TestOtherProtocol(t *testing.T) {
	for _, at := range []string{"GREETING", "EHLO", "AUTH", "MAIL", "DOT"} {
		for _, answer := range []string{"-ERR banner 7.2\r\n", "250-banner\r\nbanner\r\n", "250-banner\r\n251 banner\r\n"} {
			r := startRelay(t, "SIZE", "AUTH PLAIN")
			r.says(func(verb, _ string, _ int) string {
				if verb == at {
					return answer
				}
				return ""
			})
			_, err := r.account(t, map[string]any{"user": "ada"}).Send(t.Context(), toAnn, anyMail)
			e, ok := errors.AsType[*provider.Error](err)
			if !ok || at != "DOT" && e.Reply != "not an SMTP reply" { // after the dot it only matters that nobody can know
				t.Errorf("%s: %v", at, err)
				continue
			}
			if told := strings.Join([]string{e.Error(), e.Fix, e.Reply, fmt.Sprint(e.Err)}, " "); strings.Contains(told, "banner") {
				t.Errorf("%s: repeats %s", at, told)
			}
		}
	}
}
