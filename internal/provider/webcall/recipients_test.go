package webcall

import (
	"io"
	"net/mail"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
)

func TestHeaderRecipients(t *testing.T) {
	for name, c := range map[string]struct {
		head string
		want []string // nil: an error
	}{
		"plain":              {"To: a@x.example\r\nCc: B <b@x.example>\r\n\r\n", []string{"a@x.example", "b@x.example"}},
		"folded":             {"To: a@x.example,\r\n b@x.example\r\nSubject: To: c@x.example\r\n\r\n", []string{"a@x.example", "b@x.example"}},
		"case and repeats":   {"TO: a@x.example\r\nto: b@x.example\r\nBCC: c@x.example\r\n\r\n", []string{"a@x.example", "b@x.example", "c@x.example"}},
		"resent":             {"Resent-To: a@x.example\r\nTo: b@x.example\r\n\r\n", []string{"a@x.example", "b@x.example"}},
		"space before colon": {"To : a@x.example\r\n\r\n", []string{"a@x.example"}},
		"unknown charset":    {"To: =?iso-2022-kr?Q?name?= <a@x.example>\r\n\r\n", []string{"a@x.example"}},
		"group":              {"To: friends: a@x.example, b@x.example;\r\n\r\n", []string{"a@x.example", "b@x.example"}},
		"empty To":           {"To: \r\nCc: a@x.example\r\n\r\n", []string{"a@x.example"}},
		"header only":        {"To: a@x.example\r\n", []string{"a@x.example"}},
		"body is not read":   {"To: a@x.example\r\n\r\nCc: b@x.example\r\n", []string{"a@x.example"}},
		"bare LF":            {"Subject: x\nTo: victim@x.example\r\nTo: a@x.example\r\n\r\n", nil},
		"bare CR":            {"Subject: x\rTo: victim@x.example\r\n\r\n", nil},
		"NUL":                {"Subject: \x00\r\nTo: a@x.example\r\n\r\n", nil},
		"leading space":      {" To: a@x.example\r\nSubject: x\r\n\r\n", nil},
		"no field":           {"To: a@x.example\r\nhello\r\n\r\n", nil},
		"mbox":               {"From a@x.example Sat Nov 21\r\nTo: a@x.example\r\n\r\n", nil},
		"bad list":           {"To: a@x.example b@x.example\r\n\r\n", nil},
		"endless":            {"X: " + strings.Repeat("x", maxHeader) + "\r\n\r\n", nil},
	} {
		got, err := headerRecipients(email.Bytes(c.head))
		if (err != nil) != (c.want == nil) {
			t.Errorf("%s: %v %v", name, got, err)
		}
		if d := cmp.Diff(c.want, got); err == nil && d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestAddressed(t *testing.T) {
	for name, c := range map[string]struct {
		head       string
		recipients []string
		cause, bcc string
	}{
		"equal":               {"To: a@x.example\r\n", []string{"A@X.example"}, "", ""},
		"Bcc of the content":  {"To: a@x.example\r\nBcc: b@x.example\r\n", []string{"a@x.example", "b@x.example"}, "", ""},
		"missing":             {"To: a@x.example\r\n", []string{"a@x.example", "b@x.example", "c@x.example"}, "", "Bcc: <b@x.example>,\r\n <c@x.example>\r\n"},
		"undisclosed":         {"To: undisclosed-recipients:;\r\n", []string{"b@x.example"}, "", "Bcc: <b@x.example>\r\n"},
		"quoted local part":   {"Subject: x\r\n", []string{`"a,b"@x.example`}, "", "Bcc: <\"a,b\"@x.example>\r\n"},
		"subset of To":        {"To: a@x.example, b@x.example\r\n", []string{"b@x.example"}, "subset_of_header", ""},
		"subset of Cc":        {"To: a@x.example\r\nCc: b@x.example\r\n", []string{"a@x.example"}, "subset_of_header", ""},
		"subset of Bcc":       {"To: a@x.example\r\nBcc: b@x.example\r\n", []string{"a@x.example"}, "subset_of_header", ""},
		"subset of Resent-Cc": {"To: a@x.example\r\nResent-Cc: b@x.example\r\n", []string{"a@x.example"}, "subset_of_header", ""},
		"nobody":              {"Subject: x\r\n", nil, "no_recipients", ""},
		"injection":           {"Subject: x\r\n", []string{"a@x.example>\r\nTo: <v@x.example"}, "invalid_recipient", ""},
		"unreadable":          {"To: ,;:\r\n", []string{"a@x.example"}, "invalid_header", ""},
	} {
		msg := email.Bytes(c.head + "\r\nbody\r\n")
		got, problem := Addressed(email.Envelope{Recipients: c.recipients}, msg, "Gmail")
		if problem != nil {
			if problem.Cause != c.cause {
				t.Errorf("%s: %v, want cause %q", name, problem, c.cause)
			}
			continue
		}
		if c.cause != "" {
			t.Errorf("%s: taken, want cause %s", name, c.cause)
			continue
		}
		if whole := read(t, got); whole != c.bcc+string(msg) || got.Size() != int64(len(whole)) {
			t.Errorf("%s: %q of size %d, want %q before the message", name, whole, got.Size(), c.bcc)
		}
	}
}

func read(t testing.TB, c email.Content) string {
	t.Helper()
	r, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// FuzzAddressed: whatever the header, if the message is sent, another parser of
// headers finds nobody in it who is not in the envelope.
func FuzzAddressed(f *testing.F) {
	f.Add("To: a@x.example\r\nCc: b@x.example\r\n", "a@x.example", "b@x.example")
	f.Add("To: a@x.example\r\n", "a@x.example", "b@x.example")
	f.Add("Subject: x\nTo: v@x.example\r\n", "a@x.example", "b@x.example")
	f.Add(" folded\r\nTo: g:a@x.example;\r\n", "a@x.example", "b@x.example")
	f.Fuzz(func(t *testing.T, head, one, two string) {
		env := email.Envelope{Recipients: []string{one, two}}
		got, problem := Addressed(env, email.Bytes(head+"\r\nbody\r\n"), "Gmail")
		if problem != nil {
			return
		}
		m, err := mail.ReadMessage(strings.NewReader(read(t, got)))
		if err != nil {
			return
		}
		allowed := setOf(env.Recipients)
		for _, field := range []string{"To", "Cc", "Bcc"} {
			for _, value := range m.Header[field] {
				list, err := addressParser().ParseList(value)
				if err != nil {
					continue
				}
				for _, a := range list {
					if !allowed[fold(a.Address)] {
						t.Errorf("%q: %s would get it; envelope %q", head, a.Address, env.Recipients)
					}
				}
			}
		}
	})
}
