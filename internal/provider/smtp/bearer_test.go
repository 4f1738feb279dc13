package smtp_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/smtp"
)

// asked counts the tokens asked for; renewed ones differ.
type asked struct {
	renewed []bool
	err     error
}

func (a *asked) token(_ context.Context, renew bool) (email.Secret, error) {
	a.renewed = append(a.renewed, renew)
	return email.NewSecret(fmt.Sprintf("ya29.token-%d", len(a.renewed))), a.err
}

// bearer opens an account with a token at the relay.
func (r *relay) bearer(t testing.TB, a *asked, mechanism string) smtp.Login {
	t.Helper()
	l, err := smtp.OpenBearer(smtp.Bearer{
		Host: "127.0.0.1", Port: r.listener.Addr().(*net.TCPAddr).Port, TLS: "none", Mailbox: "ada=a,b@acme.example", Mechanism: mechanism,
		MaxConnections: 2, Scope: "https://mail.google.com/", Token: a.token,
	}, provider.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func encoded(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// gmailChallenge is how smtp.gmail.com refuses a token.
const gmailChallenge = `{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}`

// TestBearerWords: what is said with each mechanism, and which is chosen.
func TestBearerWords(t *testing.T) {
	const offered = "AUTH LOGIN PLAIN XOAUTH2 PLAIN-CLIENTTOKEN OAUTHBEARER XOAUTH"
	for _, c := range []struct{ offers, mechanism, verb, words string }{
		{offered, "", "OAUTHBEARER", "n,a=ada=3Da=2Cb@acme.example,\x01host=127.0.0.1\x01port=%d\x01auth=Bearer ya29.token-1\x01\x01"},
		{offered, smtp.XOAUTH2, "XOAUTH2", "user=ada=a,b@acme.example\x01auth=Bearer ya29.token-1\x01\x01"},
		{"AUTH PLAIN XOAUTH2", "", "XOAUTH2", "user=ada=a,b@acme.example\x01auth=Bearer ya29.token-1\x01\x01"},
	} {
		r := startRelay(t, c.offers)
		var a asked
		if _, err := r.bearer(t, &a, c.mechanism).Send(t.Context(), toAnn, anyMail); err != nil {
			t.Fatalf("%s %s: %v", c.offers, c.mechanism, err)
		}
		if strings.Contains(c.words, "%d") {
			c.words = fmt.Sprintf(c.words, r.listener.Addr().(*net.TCPAddr).Port)
		}
		if got, want := r.list()[1], "AUTH "+c.verb+" "+encoded(c.words); got != want {
			t.Errorf("said %q, want %q", got, want)
		}
		if !slices.Equal(a.renewed, []bool{false}) {
			t.Errorf("tokens asked for: %v", a.renewed)
		}
	}
	for _, c := range [][2]string{{"AUTH PLAIN LOGIN", ""}, {"AUTH XOAUTH2", smtp.OAuthBearer}, {"SIZE", ""}} {
		err := startRelay(t, c[0]).bearer(t, &asked{}, c[1]).Check(t.Context())
		if e, ok := errors.AsType[*provider.Error](err); !ok || e.Class != provider.Hold || e.Cause != "auth_not_offered" {
			t.Errorf("%s, wanted %q: %v, want hold with cause auth_not_offered", c[0], c[1], err)
		}
	}
}

// TestBearerRefused: the challenge is answered as the mechanism wants it and read,
// the real reply is heard, and the token is renewed once, on another connection.
func TestBearerRefused(t *testing.T) {
	for mechanism, end := range map[string]string{smtp.XOAUTH2: "", smtp.OAuthBearer: "AQ=="} {
		for refusals, want := range map[int]bool{1: true, 2: false} {
			r := startRelay(t, "AUTH XOAUTH2 OAUTHBEARER")
			r.says(func(verb, line string, n int) string {
				switch {
				case verb == "AUTH" && n <= refusals:
					return "334 " + encoded(gmailChallenge) + "\r\n"
				case line == end && verb == strings.ToUpper(end):
					return "535-5.7.8 Username and Password not accepted. For more information, go to\r\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials x - gsmtp\r\n"
				}
				return ""
			})
			var a asked
			err := r.bearer(t, &a, mechanism).Check(t.Context())
			if (err == nil) != want || !slices.Equal(a.renewed, []bool{false, true}) || r.connections() != 2 {
				t.Errorf("%s refused %d times: %v, tokens %v, %d connections", mechanism, refusals, err, a.renewed, r.connections())
			}
			if want {
				continue
			}
			e, ok := errors.AsType[*provider.Error](err)
			if !ok || e.Class != provider.Hold || e.Cause != provider.CauseTokenRefused {
				t.Fatalf("%s: %v, want hold", mechanism, err)
			}
			for _, part := range []string{"BadCredentials", "status 400", "scope https://mail.google.com/", "ada=a,b@acme.example", "purpose smtp"} {
				if !strings.Contains(e.Error()+e.Fix, part) {
					t.Errorf("%s: %v %s does not tell %q", mechanism, e, e.Fix, part)
				}
			}
		}
	}
}

// TestBearerAnswers: what other answers to a token mean.
func TestBearerAnswers(t *testing.T) {
	for answer, want := range map[string]struct {
		class provider.Class
		cause string
		asked int
	}{
		"454 4.7.0 Too many login attempts, please try again later. x - gsmtp\r\n": {provider.Park, "too_many_logins", 1},
		"421 4.7.0 Temporary System Problem\r\n":                                   {provider.Retry, "auth_unavailable", 1},
		"534-5.7.14 Please log in via\r\n534 5.7.14 your web browser\r\n":          {provider.Hold, "web_login_required", 1},
		"504 5.7.4 Unrecognized authentication type\r\n":                           {provider.Hold, "auth_not_offered", 1},
		"535 5.7.8 no\r\n":                 {provider.Hold, provider.CauseTokenRefused, 2},
		"334 not base64!\r\n":              {provider.Retry, "unexpected_answer", 1},
		"334 " + encoded("[1,2]") + "\r\n": {provider.Retry, "unexpected_answer", 1},
		"cut":                              {provider.Retry, "connection_closed", 1},
		"535 5.7.8 you said ya29.token-1 and " + strings.Repeat("x", 600) + "\r\n": {provider.Hold, provider.CauseTokenRefused, 2},
	} {
		r := startRelay(t, "AUTH XOAUTH2")
		r.says(func(verb, _ string, _ int) string {
			switch verb {
			case "AUTH":
				return answer
			case "": // the end of the exchange
				return "250 2.0.0 what was that?\r\n"
			}
			return ""
		})
		var a asked
		err := r.bearer(t, &a, "").Check(t.Context())
		e, ok := errors.AsType[*provider.Error](err)
		if !ok || e.Class != want.class || e.Cause != want.cause || len(a.renewed) != want.asked {
			t.Errorf("%.40q: %v after %d tokens, want %v %s after %d", answer, err, len(a.renewed), want.class, want.cause, want.asked)
		}
		if ok && (strings.Contains(e.Error(), "ya29.") || len(e.Reply) > 512) {
			t.Errorf("%.40q: the reply shows too much: %s", answer, e.Reply)
		}
	}
	var a asked
	a.err = &provider.Error{Class: provider.Hold, Scope: provider.ScopeAccount, Cause: "scope_missing"}
	err := startRelay(t, "AUTH XOAUTH2").bearer(t, &a, "").Check(t.Context())
	if e, ok := errors.AsType[*provider.Error](err); !ok || e.Cause != "scope_missing" {
		t.Errorf("without a token: %v", err)
	}
	a.err = errors.New("database is away")
	err = startRelay(t, "AUTH XOAUTH2").bearer(t, &a, "").Check(t.Context())
	if e, ok := errors.AsType[*provider.Error](err); !ok || e.Class != provider.Retry || e.Cause != "token_unavailable" {
		t.Errorf("vault away: %v", err)
	}
}

func TestOpenBearerRefuses(t *testing.T) {
	for _, mailbox := range []string{"", "a@b>\r\nRSET", "a\x01b@c"} {
		if _, err := smtp.OpenBearer(smtp.Bearer{Host: "h", Mailbox: mailbox, Token: (&asked{}).token}, provider.Deps{}); err == nil {
			t.Errorf("%q is taken for a mailbox", mailbox)
		}
	}
	if _, err := smtp.OpenBearer(smtp.Bearer{Host: "h", Mailbox: "a@b"}, provider.Deps{}); err == nil {
		t.Error("opened without a source of tokens")
	}
}

// steps are a proof in short: name, cause of what is wrong, and whether it matters.
func steps(proof []provider.Step) []string {
	var list []string
	for _, s := range proof {
		word := s.Name
		if s.Optional {
			word = "(" + word + ")"
		}
		if s.Err != nil {
			word += " " + s.Err.Cause
		}
		list = append(list, word)
	}
	return list
}

// TestProve: each step is told, the first that fails ends it, and no content
// leaves.
func TestProve(t *testing.T) {
	for name, c := range map[string]struct {
		verb, reply string
		user        string
		want        []string
	}{
		"all well":         {"", "", "ada", []string{"connect", "hello", "sign_in", "senders", "(mailbox)"}},
		"no sign-in":       {"", "", "", []string{"connect", "hello", "senders", "(mailbox)"}},
		"greeting":         {"GREETING", "554 5.7.1 go away\r\n", "ada", []string{"connect", "hello connection_refused_by_policy"}},
		"name refused":     {"EHLO", "501-5.5.4 HELO/EHLO argument invalid\r\n501 5.5.4 closing\r\n", "ada", []string{"connect", "hello hello_refused"}},
		"password refused": {"AUTH", "535 5.7.8 no\r\n", "ada", []string{"connect", "hello", "sign_in credential_refused"}},
		"sender refused":   {"MAIL", "550 5.1.8 no\r\n", "ada", []string{"connect", "hello", "sign_in", "senders sender_refused"}},
		"own mail refused": {"RCPT", "550 5.1.1 no\r\n", "ada", []string{"connect", "hello", "sign_in", "senders", "(mailbox) no_such_mailbox"}},
		"relay denied":     {"MAIL", "550 5.7.1 Invalid credentials for relay [192.0.2.1]\r\n", "", []string{"connect", "hello", "senders relay_denied"}},
		"cut":              {"MAIL", "cut", "", []string{"connect", "hello", "senders connection_closed"}},
	} {
		r := startRelay(t, "AUTH PLAIN", "8BITMIME")
		r.says(func(verb, _ string, _ int) string {
			if verb == c.verb {
				return c.reply
			}
			return ""
		})
		proof := r.account(t, map[string]any{"user": c.user}).(provider.Prover).Prove(t.Context())
		if d := cmp.Diff(c.want, steps(proof)); d != "" {
			t.Errorf("%s: steps (-want +got):\n%s", name, d)
		}
		for _, s := range proof {
			if (s.Detail == "") == (s.Err == nil) {
				t.Errorf("%s: step %s has detail %q and error %v", name, s.Name, s.Detail, s.Err)
			}
		}
		if slices.ContainsFunc(r.list(), func(l string) bool { return strings.HasPrefix(l, "DATA") }) {
			t.Errorf("%s: content was offered: %q", name, r.list())
		}
	}
	proof := (&relayAway{}).account(t).(provider.Prover).Prove(t.Context())
	if d := cmp.Diff([]string{"connect connection_refused"}, steps(proof)); d != "" {
		t.Errorf("nobody there: steps (-want +got):\n%s", d)
	}
}

// relayAway is a relay at a port where nobody listens.
type relayAway struct{}

func (*relayAway) account(t *testing.T) provider.Provider {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return openWith(t, map[string]any{"host": "127.0.0.1", "port": l.Addr().(*net.TCPAddr).Port, "tls": "none"}, provider.Deps{})
}

// TestEncodedAnew: a relay without 8BITMIME gets the same text in another
// encoding, also over a connection that turned out dead; a signed message is left
// alone.
func TestEncodedAnew(t *testing.T) {
	const head = "To: ann@world.example\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
	for _, size := range []int{1, 20_000} {
		r := startRelay(t, "PIPELINING", "SIZE")
		p := r.account(t, nil)
		msg := email.Bytes(head + strings.Repeat("Grüße\r\n", size))
		for n := range 2 {
			if _, err := p.Send(t.Context(), toAnn, msg); err != nil {
				t.Fatal(err)
			}
			got := r.taken()[n]
			if strings.Contains(got, "ü") || strings.Count(got, "Gr=C3=BC=C3=9Fe") != size || !strings.Contains(got, "quoted-printable") {
				t.Errorf("arrived as %.300q", got)
			}
			if line := r.list()[1]; strings.Contains(line, "8BITMIME") {
				t.Errorf("said %s", line)
			}
			r.cutAll()
		}
		with := startRelay(t, "8BITMIME")
		if _, err := with.account(t, nil).Send(t.Context(), toAnn, msg); err != nil || with.taken()[0] != string(msg) {
			t.Errorf("with 8BITMIME: %v, changed", err)
		}
	}
	r := startRelay(t)
	signed := "To: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=x; protocol=\"application/pgp-signature\"; micalg=pgp-sha256\r\n\r\n" +
		"--x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n--x\r\nContent-Type: application/pgp-signature\r\n\r\nsig\r\n--x--\r\n"
	p := r.account(t, nil)
	_, err := p.Send(t.Context(), toAnn, email.Bytes(signed))
	if e, ok := errors.AsType[*provider.Error](err); !ok || e.Class != provider.Fail || e.Cause != "needs_8bitmime" || !strings.Contains(e.Text, "signature") {
		t.Errorf("signed: %v, want fail with cause needs_8bitmime", err)
	}
	if _, err := p.Send(t.Context(), toAnn, anyMail); err != nil || r.connections() != 1 {
		t.Errorf("the next message: %v over %d connections, want the same one", err, r.connections())
	}
}

// TestHelloOfRelay: Google's relay hears the sending domain where nothing else is
// set.
func TestHelloOfRelay(t *testing.T) {
	r := startRelay(t)
	p := r.account(t, map[string]any{"preset": "gmail_relay", "hello": ""})
	if _, err := p.Send(t.Context(), toAnn, anyMail); err != nil || r.list()[0] != "EHLO acme.example" {
		t.Errorf("Send: %v; said %q", err, r.list())
	}
}

// TestInternationalDomain: domains go out in ASCII, so that no SMTPUTF8 is needed,
// and the receipt names the recipients as they were given.
func TestInternationalDomain(t *testing.T) {
	r := startRelay(t, "PIPELINING")
	env := email.Envelope{From: "ada@acme.example", Recipients: []string{"ann@world.example", "jo@Bücher.example"}}
	receipt, err := r.account(t, nil).Send(t.Context(), env, anyMail)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"MAIL FROM:<ada@acme.example>", "RCPT TO:<ann@world.example>", "RCPT TO:<jo@xn--bcher-kva.example>", "DATA"}
	if d := cmp.Diff(want, r.list()[1:]); d != "" {
		t.Errorf("commands (-want +got):\n%s", d)
	}
	if receipt.Recipients[1].Address != "jo@Bücher.example" || env.Recipients[1] != "jo@Bücher.example" {
		t.Errorf("receipt %+v, envelope %+v", receipt, env)
	}
}
