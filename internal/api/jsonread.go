package api

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"gatepost/internal/email"
)

// Budgets of a body.
const (
	maxDepth     = 64  // of nested values
	maxProblems  = 100 // that are told one by one
	maxPathName  = 80  // bytes of a name in a path
	maxListItems = 10_000
)

// reader reads JSON (RFC 8259) and collects what is wrong with the values, each
// with its path, so that all of it is told at once. The library stops at the
// first wrong type or unknown field, and goes over the bytes several times. An
// error of a method means that the text is not JSON; nothing can be said about
// the rest then.
type reader struct {
	b        []byte
	i        int
	depth    int
	path     []step
	problems []email.Problem
	more     int // problems that are only counted
}

// step is one part of a path: a name, or the index of an element.
type step struct {
	name    string
	index   int
	element bool
}

// notJSON says where a text stops being JSON.
type notJSON struct {
	at   int
	text string
}

// Error implements error.
func (e *notJSON) Error() string { return fmt.Sprintf("at byte %d: %s", e.at+1, e.text) }

func (r *reader) broken(text string) error { return &notJSON{r.i, text} }

// wrong notes a problem with the value at the present path.
func (r *reader) wrong(text string) {
	if len(r.problems) == maxProblems {
		r.more++
		return
	}
	r.problems = append(r.problems, email.Problem{Field: r.field(), Message: text})
}

// wrongAt notes a problem one step further.
func (r *reader) wrongAt(name, text string) {
	r.path = append(r.path, step{name: name})
	r.wrong(text)
	r.path = r.path[:len(r.path)-1]
}

// field is the present path: attachments[0].filename.
func (r *reader) field() string {
	if len(r.path) == 0 {
		return "body"
	}
	var b strings.Builder
	for i, s := range r.path {
		switch {
		case s.element:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
			continue
		case i > 0:
			b.WriteByte('.')
		}
		b.WriteString(clip(s.name))
	}
	return b.String()
}

// clip keeps a name that the caller made up from filling the answer.
func clip(name string) string {
	if name == "" {
		return `""`
	}
	if len(name) <= maxPathName {
		return name
	}
	return strings.ToValidUTF8(name[:maxPathName], "") + "…"
}

// peek is the first byte of the next value or sign, 0 at the end.
func (r *reader) peek() byte {
	for r.i < len(r.b) {
		switch c := r.b[r.i]; c {
		case ' ', '\t', '\r', '\n':
			r.i++
		default:
			return c
		}
	}
	return 0
}

// take consumes c, if it is next.
func (r *reader) take(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.i++
	return true
}

// end makes sure that nothing follows.
func (r *reader) end() error {
	if r.peek() != 0 || r.i < len(r.b) {
		return r.broken("something follows the value")
	}
	return nil
}

// null consumes a null, which stands for a value that is not given.
func (r *reader) null() bool {
	if r.peek() != 'n' || !bytes.HasPrefix(r.b[r.i:], []byte("null")) {
		return false
	}
	r.i += 4
	return true
}

// object calls member for each member of an object; member consumes the value.
func (r *reader) object(member func(name []byte) error) error {
	return r.nested('}', "a comma or } is missing in an object", func(int) error {
		if r.peek() != '"' {
			return r.broken("a name in quotes is missing in an object")
		}
		name, err := r.text()
		if err != nil {
			return err
		}
		if !r.take(':') {
			return r.broken("a colon is missing after a name")
		}
		return member(name)
	})
}

// array calls element for each element, which consumes it.
func (r *reader) array(element func(i int) error) error {
	return r.nested(']', "a comma or ] is missing in a list", func(i int) error {
		r.path = append(r.path, step{index: i, element: true})
		err := element(i)
		r.path = r.path[:len(r.path)-1]
		return err
	})
}

// nested reads what stands between brackets, the opening one being next.
func (r *reader) nested(closing byte, missing string, one func(i int) error) error {
	r.i++
	if r.depth++; r.depth > maxDepth {
		return r.broken("nested too deeply")
	}
	defer func() { r.depth-- }()
	if r.take(closing) {
		return nil
	}
	for i := 0; ; i++ {
		if err := one(i); err != nil {
			return err
		}
		if r.take(closing) {
			return nil
		}
		if !r.take(',') {
			return r.broken(missing)
		}
	}
}
