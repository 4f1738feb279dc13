package sandbox

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// wantReply checks an SMTP reply.
func wantReply(t *testing.T, what string, err error, code int, enhanced smtp.EnhancedCode) {
	t.Helper()
	var got *smtp.SMTPError
	if !errors.As(err, &got) || got.Code != code || got.EnhancedCode != enhanced {
		t.Errorf("%s: %v, want %d %v", what, err, code, enhanced)
	}
}

func TestRelayOffersLoginOnlyWithTLS(t *testing.T) {
	w := world(t)
	plain, err := smtp.Dial(w.SMTPAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = plain.Close() }()
	if err := plain.Hello("test"); err != nil {
		t.Fatal(err)
	}
	if ok, _ := plain.Extension("STARTTLS"); !ok {
		t.Error("no STARTTLS")
	}
	if ok, _ := plain.Extension("AUTH"); ok {
		t.Error("AUTH is offered before TLS")
	}
	wantReply(t, "MAIL before login", plain.Mail(ada, nil), 530, smtp.EnhancedCode{5, 7, 0})

	c := w.smtp(t)
	for _, name := range []string{"AUTH", "ENHANCEDSTATUSCODES", "PIPELINING", "8BITMIME", "SIZE"} {
		if ok, _ := c.Extension(name); !ok {
			t.Errorf("%s is not offered", name)
		}
	}
	if _, n := c.Extension("SIZE"); n != "36700160" {
		t.Errorf("SIZE %s", n)
	}
}

func TestRelayRefusesAWrongLogin(t *testing.T) {
	w := world(t)
	c, err := smtp.DialTLS(w.SMTPSAddr, &tls.Config{RootCAs: w.pool(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	user, password := w.SMTPLogin()
	wantReply(t, "wrong password", c.Auth(sasl.NewPlainClient("", user, password+"x")), 535, smtp.EnhancedCode{5, 7, 8})
	wantReply(t, "wrong user", c.Auth(sasl.NewPlainClient("", ada, password)), 535, smtp.EnhancedCode{5, 7, 8})
	wantReply(t, "MAIL after it", c.Mail(ada, nil), 530, smtp.EnhancedCode{5, 7, 0})
	if err := c.Auth(sasl.NewPlainClient("", user, password)); err != nil {
		t.Fatal("right login on the same connection:", err)
	}
	if err := submit(c, "", mailTo("bob@example.net"), "bob@example.net"); err != nil {
		t.Error("implicit TLS:", err)
	}
}

func TestRelayDeliversByEnvelopeAlone(t *testing.T) {
	w := world(t)
	raw := mailTo("bob@acme.example", "Bcc: eve@acme.example")
	c := w.smtp(t)
	for range 2 { // the connection is good for more than one
		if err := submit(c, "bounces@acme.example", raw, "mal@acme.example"); err != nil {
			t.Fatal(err)
		}
	}
	got := w.mailbox(t, "mal@acme.example")
	if refs := got.list("").Messages; len(refs) != 2 || got.raw(refs[0].ID) != raw {
		t.Errorf("mal has %d messages, or not as sent", len(refs))
	}
	for _, user := range []string{"bob@acme.example", "eve@acme.example"} {
		if n := len(w.mailbox(t, user).list("").Messages); n != 0 {
			t.Errorf("%s stands in the header only and has mail", user)
		}
	}
}

func TestRelayRefusesBareLineEnds(t *testing.T) {
	w := world(t)
	for name, raw := range map[string]string{
		"LF":          "Subject: x\n\nHi.\r\n",
		"CR":          "Subject: x\r\n\r\nHi\rthere.\r\n",
		"LF dot LF":   "Subject: x\r\n\r\nHi.\n.\nMAIL FROM:<x@example.net>\r\n",
		"LF dot CRLF": "Subject: x\r\n\r\nHi.\n.\r\nMAIL FROM:<x@example.net>\r\n",
	} {
		err := rawSubmit(t, w, raw)
		wantReply(t, name, err, 550, smtp.EnhancedCode{5, 6, 0})
	}
	if n := len(w.ledger(t)); n != 0 {
		t.Errorf("%d were taken", n)
	}
}

// rawSubmit writes a message as it is: the client library would mend it.
func rawSubmit(t *testing.T, w *World, raw string) error {
	t.Helper()
	conn, err := tls.Dial("tcp", w.SMTPSAddr, &tls.Config{RootCAs: w.pool(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	user, password := w.SMTPLogin()
	auth := base64Plain(user, password)
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	r := newReplies(conn)
	for _, step := range []struct {
		line string
		code int
	}{
		{"", 220},
		{"EHLO test\r\n", 250},
		{"AUTH PLAIN " + auth + "\r\n", 235},
		{"MAIL FROM:<" + ada + ">\r\n", 250},
		{"RCPT TO:<bob@example.net>\r\n", 250},
		{"DATA\r\n", 354},
	} {
		if err := r.ask(step.line, step.code); err != nil {
			t.Fatal(err)
		}
	}
	return r.ask(raw+".\r\n", 250)
}

func TestRelayRefusesOneRecipientAndTakesTheOther(t *testing.T) {
	w := world(t)
	c := w.smtp(t)
	if err := c.Mail(ada, nil); err != nil {
		t.Fatal(err)
	}
	wantReply(t, "refused", c.Rcpt("fault.refused@example.net", nil), 550, smtp.EnhancedCode{5, 1, 1})
	wantReply(t, "rate", c.Rcpt("bob+fault.rate@example.net", nil), 450, smtp.EnhancedCode{4, 7, 0})
	if err := c.Rcpt("bob@example.net", nil); err != nil {
		t.Fatal(err)
	}
	d, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = d.Write([]byte(mailTo("bob@example.net")))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if got := w.ledger(t)[0].Recipients; strings.Join(got, " ") != "bob@example.net" {
		t.Errorf("recipients: %v", got)
	}
}
