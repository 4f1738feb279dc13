package email

import (
	"errors"
	"io"
	"net/mail"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHeaderRecipients(t *testing.T) {
	msg := "From: a@b.c\r\n" +
		"To: =?utf-8?q?Zo=C3=AB=2C_x?= <Zoe@EXAMPLE.org>, \"Doe, Jane\"\r\n <jane@b.c>,\r\n x@Bücher.example (why not)\r\n" +
		"Cc: Team: one@b.c, Two <two@b.c>;, =?koi8-r?b?8NLJ?= <three@b.c>\r\n" +
		"Bcc: hidden@b.c\r\n\r\nTo: body@b.c\r\n"
	to, cc, err := HeaderRecipients(Bytes(msg))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"Zoe@example.org", "jane@b.c", "x@xn--bcher-kva.example"}, to); d != "" {
		t.Error("To", d)
	}
	if d := cmp.Diff([]string{"one@b.c", "two@b.c", "three@b.c"}, cc); d != "" {
		t.Error("Cc", d)
	}
}

func TestHeaderRecipientsOfNobody(t *testing.T) {
	for _, field := range []string{"", "To: undisclosed-recipients:;\r\n", "To:\r\n"} {
		to, cc, err := HeaderRecipients(Bytes("From: a@b.c\r\n" + field + "\r\nbody"))
		if err != nil || len(to)+len(cc) != 0 {
			t.Errorf("%q: %v %v %v", field, to, cc, err)
		}
	}
}

// Leaving out an address would let a message go to somebody whom the envelope
// does not name.
func TestHeaderRecipientsFailsRatherThanLeaveOneOut(t *testing.T) {
	for _, field := range []string{"To: a@b.c, nonsense\r\n", "Cc: \"x y\"@b.c\r\n", "To a@b.c\r\n", "To: a@b.c\r\nnonsense\r\n"} {
		if to, cc, err := HeaderRecipients(Bytes(field + "\r\nbody")); err == nil {
			t.Errorf("%q: %v %v", field, to, cc)
		}
	}
	if _, _, err := HeaderRecipients(unreadable{}); err == nil {
		t.Error("an unreadable content has recipients")
	}
}

type unreadable struct{}

func (unreadable) Size() int64                  { return 1 }
func (unreadable) Open() (io.ReadCloser, error) { return nil, errors.New("gone") }

func FuzzHeaderRecipients(f *testing.F) {
	f.Add("To: a@b.c\r\nCc: Team: one@b.c;\r\n\r\n")
	f.Add("To: =?utf-8?q?Zo=C3=AB?= <z@b.c>,\r\n \"x\" <y@b.c>\r\n\r\nbody")
	f.Add("To: undisclosed-recipients:;\r\n\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		to, cc, err := HeaderRecipients(Bytes(s))
		if err != nil {
			return
		}
		for _, a := range append(to, cc...) {
			if p, err := ParseAddress(a); err != nil || p.Addr() != a {
				t.Fatalf("%q gives %q: %v", s, a, err)
			}
		}
		if msg, err := mail.ReadMessage(strings.NewReader(s)); err == nil && len(msg.Header["To"]) == 1 {
			if list, err := msg.Header.AddressList("To"); err == nil && len(list) != len(to) {
				t.Fatalf("%q: net/mail reads %v, we %v", s, list, to)
			}
		}
	})
}
