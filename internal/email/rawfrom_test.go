package email

import (
	"bytes"
	"net/mail"
	"strings"
	"testing"
)

// sentAs is a message as it leaves when somebody else sends it.
func sentAs(t *testing.T, raw string, a Address) *mail.Message {
	t.Helper()
	r, problems := CheckRawByAnyone([]byte(raw))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	r.SendAs(a)
	var out bytes.Buffer
	if _, err := r.Rewrite(&out, testMarks); err != nil {
		t.Fatal(err)
	}
	if again, problems := CheckRaw(out.Bytes()); len(problems) > 0 || again.From.Addr() != a.Addr() {
		t.Errorf("what leaves is not right: %v\n%s", problems, out.String())
	}
	m, err := mail.ReadMessage(&out)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSendAs(t *testing.T) {
	office, _ := ParseAddress("office@acme.example")
	const to = "To: bob@example.com\r\nSender: root@nas\r\n"
	for name, c := range map[string]struct{ header, from, replyTo string }{
		"another one":         {"From: Scanner <scan@device.lan>\r\n", `"Scanner" <office@acme.example>`, `"Scanner" <scan@device.lan>`},
		"its own":             {"From: Office <OFFICE@acme.example>\r\n", `"Office" <office@acme.example>`, ""},
		"with a reply":        {"From: scan@device.lan\r\nReply-To: help@acme.example\r\n", "office@acme.example", "help@acme.example"},
		"a name beyond ASCII": {"From: =?utf-8?q?Zo=C3=AB_=22X=22?= <zoe@b.c>\r\n", "=?utf-8?b?Wm/DqyAiWCI=?= <office@acme.example>", "=?utf-8?b?Wm/DqyAiWCI=?= <zoe@b.c>"},
		"two authors":         {"From: a@b.c, Zoe <d@e.f>\r\n", "office@acme.example", "a@b.c,\r\n \"Zoe\" <d@e.f>"},
		"an empty reply":      {"From: scan@device.lan\r\nReply-To:\r\n", "office@acme.example", "scan@device.lan"},
		"of cron":             {"From: root (Cron Daemon)\r\n", "office@acme.example", ""},
		"none":                {"", "office@acme.example", ""},
	} {
		m := sentAs(t, c.header+to+"\r\nx\r\n", office)
		if got := m.Header.Get("From"); !sameAddress(got, c.from) {
			t.Errorf("%s: From %q, want %q", name, got, c.from)
		}
		if got := m.Header.Get("Reply-To"); got != strings.ReplaceAll(c.replyTo, "\r\n", "") && !sameAddress(got, c.replyTo) {
			t.Errorf("%s: Reply-To %q, want %q", name, got, c.replyTo)
		}
		if m.Header.Get("Sender") != "" {
			t.Errorf("%s: Sender stays", name)
		}
	}
}

// A device's To may name nobody. Who gets the message is named then, if it is one; blind
// recipients are not.
func TestAddressTo(t *testing.T) {
	bob, _ := ParseAddress("bob@example.com")
	eve, _ := ParseAddress("eve@example.com")
	for name, c := range map[string]struct {
		header string
		to     []Address
		want   string
	}{
		"a user of the machine": {"To: root\r\n", []Address{bob}, "bob@example.com"},
		"with semicolons":       {"To: bob@example.com; eve@example.com\r\n", []Address{bob, eve}, ""},
		"one of two fields":     {"To: Bob\r\nCc: eve@example.com\r\n", []Address{bob}, ""},
		"somebody":              {"To: eve@example.com\r\n", []Address{bob}, "eve@example.com"},
		"nobody at all":         {"", []Address{bob}, ""},
		"only blindly":          {"Bcc: root\r\n", []Address{bob}, "bob@example.com"},
	} {
		r, problems := CheckRawByAnyone([]byte("From: a@b.c\r\n" + c.header + "\r\nx"))
		r.AddressTo(c.to)
		var out bytes.Buffer
		if _, err := r.Rewrite(&out, testMarks); err != nil || len(problems) > 0 {
			t.Fatalf("%s: %v, %v", name, problems, err)
		}
		again, problems := CheckRaw(out.Bytes())
		if got := again.header.Value("To"); got != c.want || len(problems) > 0 {
			t.Errorf("%s: To %q, want %q; %v", name, got, c.want, problems)
		}
	}
}

func sameAddress(a, b string) bool {
	x, err := mail.ParseAddress(a)
	y, err2 := mail.ParseAddress(b)
	return err == nil && err2 == nil && *x == *y
}

// Whoever replaces From is as strict as anybody about all else.
func TestSendAsIsNoWayAround(t *testing.T) {
	for _, raw := range []string{
		"From: a@b.c\r\nFrom: d@e.f\r\nTo: bob@example.com\r\n\r\nx",
		"From: a@b.c\r\nTo: x@y.z\r\nTo: root\r\n\r\nx",
		"From: a@b.c\r\nTo: bob@example.com\r\n\r\nx\ry",
	} {
		if _, problems := CheckRawByAnyone([]byte(raw)); len(problems) == 0 {
			t.Errorf("taken: %q", raw)
		}
	}
}

func FuzzSendAs(f *testing.F) {
	f.Add("From: =?utf-8?q?Zo=C3=AB?= <zoe@b.c>\r\nTo: x@y.z\r\n\r\nx")
	f.Add("From: \"a \\\" b\" <zoe@b.c>\r\nReply-To: a\r\nTo: x@y.z\r\n\r\nx")
	office, _ := ParseAddress("office@acme.example")
	f.Fuzz(func(t *testing.T, raw string) {
		r, problems := CheckRawByAnyone([]byte(raw))
		if len(problems) > 0 || strings.Contains(raw, "\n") && !strings.Contains(raw, "\r\n") {
			return
		}
		fields := len(r.header)
		r.SendAs(office)
		var out bytes.Buffer
		if _, err := r.Rewrite(&out, testMarks); err != nil {
			t.Fatal(err)
		}
		again, problems := CheckRaw(out.Bytes())
		if len(problems) > 0 || again.From.Addr() != office.Addr() || len(again.header) > fields+5 || !bytes.Equal(again.body, r.body) {
			t.Fatalf("%v\n%q", problems, out.Bytes())
		}
	})
}
