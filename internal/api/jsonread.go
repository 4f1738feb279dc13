package api

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

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

// text reads a string. The result may share memory with the body, which is used
// again: it must be copied before the request ends.
func (r *reader) text() ([]byte, error) {
	r.i++
	start := r.i
	for r.i < len(r.b) {
		switch c := r.b[r.i]; {
		case c == '"':
			s := r.b[start:r.i]
			r.i++
			return s, r.utf8(s, start)
		case c == '\\':
			return r.escaped(start)
		case c < ' ':
			return nil, r.broken("a control character in a string is not escaped")
		}
		r.i++
	}
	return nil, r.broken("a string does not end")
}

func (r *reader) utf8(s []byte, start int) error {
	if utf8.Valid(s) {
		return nil
	}
	r.i = start
	return r.broken("a string is not UTF-8")
}

// escaped reads the rest of a string that has escapes, from the first one.
func (r *reader) escaped(start int) ([]byte, error) {
	out := append(make([]byte, 0, 2*(r.i-start)+64), r.b[start:r.i]...)
	for from := r.i; r.i < len(r.b); {
		switch c := r.b[r.i]; {
		case c == '"':
			out = append(out, r.b[from:r.i]...)
			r.i++
			return out, r.utf8(out, start)
		case c == '\\':
			out = append(out, r.b[from:r.i]...)
			var err error
			if out, err = r.escape(out); err != nil {
				return nil, err
			}
			from = r.i
		case c < ' ':
			return nil, r.broken("a control character in a string is not escaped")
		default:
			r.i++
		}
	}
	return nil, r.broken("a string does not end")
}

// escape appends what one escape stands for.
func (r *reader) escape(out []byte) ([]byte, error) {
	if r.i+1 == len(r.b) {
		return nil, r.broken("a string does not end")
	}
	c := r.b[r.i+1]
	if c == 'u' {
		return r.escapedRune(out)
	}
	const short, plain = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	k := strings.IndexByte(short, c)
	if k < 0 {
		return nil, r.broken("not an escape of JSON")
	}
	r.i += 2
	return append(out, plain[k]), nil
}

// escapedRune appends the character of \uXXXX, or of a pair of them. Half a pair
// is refused, because it is no character and programs make different ones of it.
func (r *reader) escapedRune(out []byte) ([]byte, error) {
	first, ok := r.hex()
	if !ok {
		return nil, r.broken("not an escape of JSON")
	}
	if utf16.IsSurrogate(first) {
		second, ok := r.hex()
		if first = utf16.DecodeRune(first, second); !ok || first == utf8.RuneError {
			return nil, r.broken("half a surrogate pair")
		}
	}
	return utf8.AppendRune(out, first), nil
}

// hex consumes \uXXXX.
func (r *reader) hex() (rune, bool) {
	if r.i+6 > len(r.b) || r.b[r.i] != '\\' || r.b[r.i+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(r.b[r.i+2:r.i+6]), 16, 32)
	if err != nil {
		return 0, false
	}
	r.i += 6
	return rune(n), true
}
