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
	maxReferences  = 500
	maxMessageID   = maxWord // lines fold at spaces only, and an id has none
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
	ps.conversation(p)
	ps.add("text", checkBody(p.Text))
	ps.add("html", checkBody(p.HTML))
	if p.Text == "" && p.HTML == "" && len(p.Attachments) == 0 {
		ps.add("text", errors.New("the message is empty: give text, html or attachments"))
	}
	ps.headers(p)
	ps.attachments(p)
	ps.add("message_id_host", checkHost(p.MessageIDHost))
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

// conversation checks the fields that make the message an answer.
func (ps *problems) conversation(p Parts) {
	if p.InReplyTo != "" {
		ps.add("in_reply_to", checkMessageID(p.InReplyTo))
	}
	if len(p.References) > maxReferences {
		ps.add("references", fmt.Errorf("more than %d", maxReferences))
		return
	}
	for i, id := range p.References {
		if id == p.InReplyTo {
			continue // told already
		}
		ps.add(fmt.Sprintf("references[%d]", i), checkMessageID(id))
	}
}

// checkMessageID holds an id of another message to RFC 5322 section 3.6.4 as far
// as programs keep to it: <left@right>, in ASCII, nothing that could end it early.
func checkMessageID(s string) error {
	inner, opened := strings.CutPrefix(s, "<")
	inner, closed := strings.CutSuffix(inner, ">")
	left, right, at := strings.Cut(inner, "@")
	switch {
	case !opened || !closed || !at || left == "" || right == "":
		return errors.New("not a Message-ID in angle brackets, such as <4711@example.org>")
	case len(s) > maxMessageID:
		return fmt.Errorf("longer than %d bytes", maxMessageID)
	case strings.Contains(s, "=?"):
		return errors.New("contains =?, the start of an encoded word")
	}
	for _, r := range inner {
		if r <= ' ' || r > '~' || strings.ContainsRune(`<>()\,;"`, r) {
			return fmt.Errorf("%q may not be in a Message-ID", r)
		}
	}
	return nil
}

// checkHost tells whether a host can stand in a Message-ID as it is.
func checkHost(host string) error {
	if host == "" {
		return nil
	}
	a, err := email.NewAddress("", "x@"+host)
	if err == nil && a.Domain != host {
		err = errors.New("not in the form in which it is sent: lower case, A-labels")
	}
	return err
}

func (ps *problems) headers(p Parts) {
	if len(p.Headers) > maxHeaders {
		ps.add("headers", fmt.Errorf("more than %d headers", maxHeaders))
		return
	}
	seen := map[string]bool{"in-reply-to": p.InReplyTo != "", "references": len(p.references()) > 0}
	for _, h := range p.Headers {
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

func (ps *problems) attachments(p Parts) {
	if len(p.Attachments) > maxAttachments {
		ps.add("attachments", fmt.Errorf("more than %d attachments", maxAttachments))
		return
	}
	for i, a := range p.Attachments {
		field := fmt.Sprintf("attachments[%d]", i)
		ps.add(field+".filename", email.CheckFileName(a.Filename))
		_, _, err := a.mediaType()
		ps.add(field+".content_type", err)
	}
	ps.inline(p)
}

// size bounds the header as a whole.
func (ps *problems) size(p Parts) {
	n := encodedSize(p.Subject)
	for _, h := range p.Headers {
		n += encodedSize(h.Name) + encodedSize(h.Value)
	}
	for _, id := range p.references() {
		n += encodedSize(id)
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
