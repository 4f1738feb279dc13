package sandbox

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// lines speaks SMTP by hand and reads whole replies.
type lines struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func (w *World) dialTLS(t *testing.T, address string) lines {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: w.pool(t)})
	if err != nil {
		t.Fatal(err)
	}
	return newLines(t, conn)
}

func newLines(t *testing.T, conn net.Conn) lines {
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return lines{t, conn, bufio.NewReader(conn)}
}

// reply reads a reply, its lines joined by "|".
func (l lines) reply() string {
	l.t.Helper()
	var all []string
	for {
		line, err := l.in.ReadString('\n')
		if err != nil {
			return strings.Join(append(all, "("+err.Error()+")"), "|")
		}
		all = append(all, strings.TrimRight(line, "\r\n"))
		if len(line) < 4 || line[3] != '-' {
			return strings.Join(all, "|")
		}
	}
}

func (l lines) ask(line string) string {
	l.t.Helper()
	if _, err := l.conn.Write([]byte(line + "\r\n")); err != nil {
		l.t.Fatal(err)
	}
	return l.reply()
}

// want asks and checks how the reply begins.
func (l lines) want(line, prefix string) {
	l.t.Helper()
	if got := l.ask(line); !strings.HasPrefix(got, prefix) {
		l.t.Errorf("%.60q: %s, want %s", line, got, prefix)
	}
}

func xoauth2(user, token string) string {
	return base64.StdEncoding.EncodeToString([]byte("user=" + user + "\x01auth=Bearer " + token + "\x01\x01"))
}

// mailToken is an access token of a user for SMTP.
func (w *World) mailToken(t *testing.T, user string) string {
	t.Helper()
	return w.app(t, ClientOptions{}, scopeFull).consent(user).AccessToken
}

func TestSubmissionSpeaksAsGoogle(t *testing.T) {
	w := world(t)
	conn, err := net.Dial("tcp", w.GmailSMTPAddr)
	if err != nil {
		t.Fatal(err)
	}
	plain := newLines(t, conn)
	if got := plain.reply(); !strings.HasPrefix(got, "220 smtp.gmail.com ESMTP ") || !strings.HasSuffix(got, " - gsmtp") {
		t.Errorf("greeting: %s", got)
	}
	plain.want("MAIL FROM:<ada@acme.example>", "503 5.5.1 EHLO/HELO first")
	if got := plain.ask("EHLO client.example"); !strings.Contains(got, "|250-STARTTLS|") || strings.Contains(got, "AUTH") {
		t.Errorf("before TLS: %s", got)
	}
	plain.want("AUTH XOAUTH2 x", "530 5.7.0 Must issue a STARTTLS command first.")
	plain.want("MAIL FROM:<ada@acme.example>", "530 5.7.0 Must issue a STARTTLS command first.")
	plain.want("STARTTLS\r\nEHLO smuggled.example", "454 4.5.0")

	l := w.dialTLS(t, w.GmailSMTPSAddr)
	l.reply()
	want := "250-smtp.gmail.com at your service, [127.0.0.1]|250-SIZE 35882577|250-8BITMIME|" +
		"250-AUTH LOGIN PLAIN XOAUTH2 PLAIN-CLIENTTOKEN OAUTHBEARER XOAUTH|" +
		"250-ENHANCEDSTATUSCODES|250-PIPELINING|250-CHUNKING|250 SMTPUTF8"
	if got := l.ask("EHLO client.example"); got != want {
		t.Errorf("after TLS:\n%s\nwant\n%s", got, want)
	}
	l.want("MAIL FROM:<ada@acme.example>", "530-5.7.0 Authentication Required.")
	l.want("AUTH PLAIN "+base64Plain(ada, "secret"), "534-5.7.9 Application-specific password required.")
	l.want("AUTH CRAM-MD5", "504 5.7.4")
	l.want("AUTH XOAUTH2 !", "501 5.5.2 Cannot Decode response")
	l.want("FROB", "502-5.5.1 Unrecognized command.")
	l.want("QUIT", "221 2.0.0 closing connection ")
}

func TestSubmissionChallengesABadToken(t *testing.T) {
	w := world(t)
	good := w.mailToken(t, grace)
	narrow := w.app(t, ClientOptions{}, scopeSend).consent(grace).AccessToken
	challenge := "334 " + base64.StdEncoding.EncodeToString(
		[]byte(`{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}`))
	l := w.dialTLS(t, w.GmailSMTPSAddr)
	l.reply()
	l.ask("EHLO client.example")
	for name, response := range map[string]string{
		"no token":      xoauth2(grace, "ya29.x"),
		"narrow scope":  xoauth2(grace, narrow),
		"other mailbox": xoauth2(ada, good),
	} {
		if got := l.ask("AUTH XOAUTH2 " + response); got != challenge {
			t.Errorf("%s: %s", name, got)
		}
		got := l.ask("")
		if !strings.HasPrefix(got, "535-5.7.8 Username and Password not accepted. For more information, go to|535 5.7.8  https://support.google.com/mail/?p=BadCredentials ") {
			t.Errorf("%s: %s", name, got)
		}
	}
	bearer := base64.StdEncoding.EncodeToString([]byte("n,a=" + grace + ",\x01host=smtp.gmail.com\x01port=465\x01auth=Bearer x\x01\x01"))
	l.want("AUTH OAUTHBEARER "+bearer, challenge)
	l.want("AQ==", "535-5.7.8 ")
	if got := l.ask("AUTH XOAUTH2"); got != "334 " {
		t.Errorf("without initial response: %q", got)
	}
	l.want(xoauth2(grace, good), "235 2.7.0 Accepted ")
	l.want("AUTH XOAUTH2 "+xoauth2(grace, good), "503 5.5.1")
}

func TestSubmissionTokenEnds(t *testing.T) {
	c := &clock{at: time.Now()}
	w := world(t, func(cfg *Config) { cfg.Now = c.now })
	token := w.mailToken(t, grace)
	c.advance(time.Hour)
	l := w.dialTLS(t, w.GmailSMTPSAddr)
	l.reply()
	l.ask("EHLO client.example")
	got := l.ask("AUTH XOAUTH2 " + xoauth2(grace, token))
	data, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(got, "334 "))
	if !strings.Contains(string(data), `"status":"401"`) {
		t.Errorf("an hour later: %s", data)
	}
}

// submission is a client of smtp.gmail.com, signed in by a library that is not
// ours.
func (w *World) submission(t *testing.T, user, token string) *smtp.Client {
	t.Helper()
	c, err := smtp.DialStartTLS(w.GmailSMTPAddr, &tls.Config{RootCAs: w.pool(t), ServerName: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Auth(sasl.NewOAuthBearerClient(&sasl.OAuthBearerOptions{Username: user, Token: token, Host: "smtp.gmail.com", Port: 587})); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSubmissionTakesMailAndKeepsACopy(t *testing.T) {
	w := world(t)
	w.SetSendAs(grace, SendAs{Address: "hello@acme.example"}, SendAs{Address: "late@acme.example", Verification: "pending"})
	token := w.mailToken(t, grace)
	c := w.submission(t, grace, token)
	raw := strings.Replace(mailTo("bob@example.net"), "Hi.", "..Hi.\r\n.\r\n.Ho.", 1)
	for _, from := range []string{"hello@acme.example", "late@acme.example"} {
		one := strings.Replace(raw, ada, from, 1)
		if err := submit(c, from, one, "eve@acme.example"); err != nil {
			t.Fatal(err)
		}
	}
	entry := w.ledger(t)[0]
	if entry.Via != viaGmailSMTP || entry.Account != grace || entry.MailFrom != grace || strings.Join(entry.Recipients, " ") != "eve@acme.example" {
		t.Errorf("ledger: %+v", entry)
	}
	got := w.mailbox(t, "eve@acme.example")
	refs := got.list("").Messages
	if len(refs) != 2 || !strings.Contains(got.raw(refs[0].ID), "From: \"Ada\" <"+grace+">") {
		t.Errorf("an alias that is pending counts: %v", refs)
	}
	if text := got.raw(refs[1].ID); !strings.Contains(text, "From: Ada <hello@acme.example>") || !strings.HasSuffix(text, "\r\n\r\n..Hi.\r\n.\r\n.Ho.\r\n") {
		t.Errorf("as eve has it:\n%s", text)
	}
	if n := len(w.post.store.in(grace, labelSent, 10)); n != 2 {
		t.Errorf("%d in Sent", n)
	}
}

func TestSubmissionChunksAndLimits(t *testing.T) {
	w := world(t)
	l := w.dialTLS(t, w.GmailSMTPSAddr)
	l.reply()
	l.ask("EHLO client.example")
	l.want("AUTH XOAUTH2 "+xoauth2(grace, w.mailToken(t, grace)), "235")
	l.want("MAIL FROM:<grace@gmail.example> SIZE=35882578", "552 5.2.3 Your message exceeded Google's message size limits.")
	l.want("MAIL FROM:<grace@gmail.example> FOO=1", "555 5.5.4")
	l.want("MAIL FROM:<grüße@gmail.example>", "553 5.1.7")
	l.want("MAIL FROM:<grüße@gmail.example> SMTPUTF8 BODY=8BITMIME", "250 2.1.0 OK")
	l.want("DATA", "503 5.5.1 RCPT first.")
	l.want("RCPT TO:<bob>", "553-5.1.3")
	for i := range maxTransaction {
		l.want(fmt.Sprintf("RCPT TO:<bob%d@example.net>", i), "250 2.1.5 OK")
	}
	l.want("RCPT TO:<bob@example.net>", "452-4.5.3 Your message has too many recipients.")
	raw := mailTo("bob@example.net")
	if _, err := fmt.Fprintf(l.conn, "BDAT 10\r\n%sBDAT %d LAST\r\n%s", raw[:10], len(raw)-10, raw[10:]); err != nil {
		t.Fatal(err)
	}
	if first, last := l.reply(), l.reply(); !strings.HasPrefix(first, "250 2.0.0") || !strings.HasPrefix(last, "250 2.0.0 OK  ") || !strings.HasSuffix(last, " - gsmtp") {
		t.Errorf("chunks: %s, %s", first, last)
	}
	if e := w.ledger(t); len(e) != 1 || e[0].Size != len(raw) || len(e[0].Recipients) != maxTransaction {
		t.Errorf("ledger: %+v", e)
	}
	l.want("BDAT 5 LAST\r\nabc", "503 5.5.1")
	l.want("NOOP", "250") // the octets were read
}

func TestSubmissionFaults(t *testing.T) {
	w := world(t)
	token := w.mailToken(t, grace)
	l := w.dialTLS(t, w.GmailSMTPSAddr)
	l.reply()
	l.ask("EHLO client.example")
	w.fault(t, `{"fault":"too_many_logins","count":1}`)
	l.want("AUTH XOAUTH2 "+xoauth2(grace, token), "454-4.7.0 Too many login attempts, please try again later.")
	w.fault(t, `{"fault":"unauthorized","via":"gmail_smtp","count":1}`)
	l.want("AUTH XOAUTH2 "+xoauth2(grace, token), "334 ")
	l.want("", "535-5.7.8")
	l.want("AUTH XOAUTH2 "+xoauth2(grace, token), "235")
	w.fault(t, `{"fault":"quota","account":"`+grace+`","count":1}`)
	l.want("MAIL FROM:<"+grace+">", "550-5.4.5 Daily user sending limit exceeded.")
	l.want("MAIL FROM:<"+grace+">", "250")
	l.want("RCPT TO:<fault.refused@example.net>", "550-5.1.1 The email account that you tried to reach does not exist.")
	l.want("RCPT TO:<fault.rate.30@example.net>", "450-4.2.1")
	l.want("RCPT TO:<fault.server_error-once@example.net>", "250")
	l.want("DATA", "354 Go ahead")
	l.want("Subject: x\r\n\r\nHi.\r\n.", "451 4.3.0")
	w.fault(t, `{"fault":"server_error","arg":"421","count":1}`)
	l.want("MAIL FROM:<"+grace+">", "421 4.3.0")
	if got := l.reply(); !strings.Contains(got, "EOF") {
		t.Errorf("after 421: %s", got)
	}
	if n := len(w.ledger(t)); n != 0 {
		t.Errorf("%d were taken", n)
	}
}

func TestRelayByAddress(t *testing.T) {
	w := world(t)
	l := func() lines {
		conn, err := net.Dial("tcp", w.RelayOpenAddr)
		if err != nil {
			t.Fatal(err)
		}
		l := newLines(t, conn)
		if got := l.reply(); !strings.HasPrefix(got, "220 smtp-relay.gmail.com ESMTP ") {
			t.Errorf("greeting: %s", got)
		}
		return l
	}
	for _, name := range []string{"localhost", "[127.0.0.1]", "127.0.0.1"} {
		l().want("EHLO "+name, "421 4.7.0 Try again later, closing connection. (EHLO)")
	}
	one := l()
	if got := one.ask("EHLO mail.acme.example"); !strings.Contains(got, "250-STARTTLS") || strings.Contains(got, "AUTH") {
		t.Errorf("EHLO: %s", got)
	}
	one.want("MAIL FROM:<grace@gmail.example>", "550-5.7.1 Invalid credentials for relay [127.0.0.1].")
	w.fault(t, `{"fault":"quota","count":1}`)
	one.want("MAIL FROM:<ada@acme.example>", "550-5.4.5 Daily SMTP relay limit exceeded for user.")
	one.want("MAIL FROM:<ada@acme.example>", "250")
	one.want("RCPT TO:<bob@example.net>", "250")
	one.want("DATA", "354")
	one.want(strings.TrimSuffix(mailTo("bob@example.net"), "\r\n")+"\r\n.", "250 2.0.0 OK  ")
	if e := w.ledger(t); len(e) != 1 || e[0].Via != viaSMTP || e[0].Account != ada {
		t.Errorf("ledger: %+v", e)
	}
	c, err := smtp.DialStartTLS(w.RelayOpenAddr, &tls.Config{RootCAs: w.pool(t), ServerName: "127.0.0.1"})
	if err == nil {
		t.Error("a client that calls itself localhost was let in")
		_ = c.Close()
	}
}

func TestContentWithLongLines(t *testing.T) {
	w := world(t)
	l := w.dialTLS(t, w.GmailSMTPSAddr)
	l.reply()
	l.ask("EHLO client.example")
	l.want("AUTH XOAUTH2 "+xoauth2(ada, w.saToken(t)), "235")
	head := "Subject: x\r\n\r\n"
	for _, n := range []int{maxCommand - 2, maxCommand - 1, maxCommand, maxCommand + 1, 3*maxCommand - 1} {
		l.want("MAIL FROM:<"+ada+">", "250")
		l.want("RCPT TO:<bob@acme.example>", "250")
		l.want("DATA", "354")
		body := head + strings.Repeat("a", n)
		l.want(body+"\r\n.", "250")
		e := w.ledger(t)
		if got := e[len(e)-1].Size; got != len(body)+2 {
			t.Errorf("a line of %d: %d bytes, want %d", n, got, len(body)+2)
		}
	}
}

// saToken is a token of a service account for ada's SMTP.
func (w *World) saToken(t *testing.T) string {
	t.Helper()
	s := newSigner(t, w.ServiceAccountKey(scopeFull))
	var got tokenAnswer
	w.askToken(t, jwtBearer, s.sign(s.header(), s.claims(time.Now(), object{"scope": scopeFull}))).into(t, &got)
	return got.AccessToken
}

func FuzzSMTPArguments(f *testing.F) {
	for _, seed := range []string{
		"FROM:<a@b> SIZE=1", "FROM:<>", "FROM:<>\x15", "FROM:<a@b> BODY=8BITMIME SMTPUTF8", "from: <\xff@b>", "FROM:>a<", "FROM:",
		"user=a@b\x01auth=Bearer t\x01\x01", "n,a=a@b,\x01host=h\x01auth=Bearer t\x01\x01", "\x01\x01\x01",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if from, params, err := path(text, "FROM:"); err == nil {
			if _, _, said := mailParams(params, from); ascii(said) != said {
				t.Errorf("the reply to %q is not ASCII: %q", text, said)
			}
		}
		for _, mechanism := range []string{"XOAUTH2", "OAUTHBEARER"} {
			if user, token, ok := saslToken(mechanism, text); ok && strings.ContainsAny(user+token, "\x01") {
				t.Errorf("%q: %q %q", text, user, token)
			}
		}
	})
}
