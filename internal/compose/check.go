package compose

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"gatepost/internal/email"
)

// Budgets of one message.
const (
	maxHeaders     = 100
	maxAttachments = 500
)

// Invalid is the error of parts that cannot become a message: all that is wrong.
type Invalid []email.Problem

// Error implements error.
func (v Invalid) Error() string {
	texts := make([]string, len(v))
	for i, p := range v {
		texts[i] = p.String()
	}
	return "invalid message: " + strings.Join(texts, "; ")
}

// problems collects what is wrong.
type problems []email.Problem

func (ps *problems) add(field string, err error) {
	if err != nil {
		*ps = append(*ps, email.Problem{Field: field, Message: err.Error()})
	}
}

// Check tells everything that is wrong with the parts, by the names that the API
// gives them: "subject", "to[0]", "headers.X-Foo", "attachments[1].filename".
func Check(p Parts) []email.Problem {
	var ps problems
	ps.add("from", checkAddress(p.From))
	ps.addresses("to", p.To)
	ps.addresses("cc", p.Cc)
	ps.addresses("reply_to", p.ReplyTo)
	ps.add("subject", email.CheckHeaderValue(p.Subject))
	ps.add("text", checkBody(p.Text))
	ps.add("html", checkBody(p.HTML))
	if p.Text == "" && p.HTML == "" && len(p.Attachments) == 0 {
		ps.add("text", errors.New("the message is empty: give text, html or attachments"))
	}
	ps.headers(p.Headers)
	ps.attachments(p.Attachments)
	ps.size(p)
	return ps
}

func (ps *problems) addresses(field string, list []email.Address) {
	for i, a := range list {
		ps.add(fmt.Sprintf("%s[%d]", field, i), checkAddress(a))
	}
}

// checkAddress catches addresses that did not come from email.ParseAddress.
func checkAddress(a email.Address) error {
	if a.IsZero() {
		return errors.New("missing")
	}
	b, err := email.NewAddress(a.Name, a.Addr())
	if err == nil && a != b {
		err = errors.New("not in the form in which it is sent")
	}
	return err
}

func checkBody(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("not UTF-8")
	}
	if strings.Contains(s, "\x00") {
		return errors.New("contains a NUL byte")
	}
	return nil
}

func (ps *problems) headers(list []Header) {
	if len(list) > maxHeaders {
		ps.add("headers", fmt.Errorf("more than %d headers", maxHeaders))
		return
	}
	seen := map[string]bool{}
	for _, h := range list {
		field := "headers." + h.Name
		ps.add(field, email.CheckHeaderName(h.Name))
		ps.add(field, email.CheckHeaderValue(h.Value))
		if isASCII(h.Value) && longestWord(h.Value) > maxWord {
			ps.add(field, fmt.Errorf("more than %d characters without a space cannot be folded", maxWord))
		}
		if name := strings.ToLower(h.Name); seen[name] {
			ps.add(field, errors.New("given twice"))
		} else {
			seen[name] = true
		}
	}
}

func (ps *problems) attachments(list []Attachment) {
	if len(list) > maxAttachments {
		ps.add("attachments", fmt.Errorf("more than %d attachments", maxAttachments))
		return
	}
	for i, a := range list {
		field := fmt.Sprintf("attachments[%d]", i)
		ps.add(field+".filename", email.CheckFileName(a.Filename))
		_, _, err := a.mediaType()
		ps.add(field+".content_type", err)
	}
}

// size bounds the header as a whole.
func (ps *problems) size(p Parts) {
	n := encodedSize(p.Subject)
	for _, h := range p.Headers {
		n += encodedSize(h.Name) + encodedSize(h.Value)
	}
	for _, list := range [][]email.Address{p.To, p.Cc, p.ReplyTo} {
		for _, a := range list {
			n += encodedSize(a.Name) + encodedSize(a.Addr())
		}
	}
	if n > email.MaxHeaderBytes-10_000 { // room for our own fields
		ps.add("headers", fmt.Errorf("the header would be larger than %d bytes", email.MaxHeaderBytes))
	}
}

// encodedSize is the most that a text takes in a header.
func encodedSize(s string) int {
	if isASCII(s) {
		return 2*len(s) + 4
	}
	return 4*len(s) + 16
}
