package api

import (
	"bytes"
	"strings"
)

// skip consumes a value of any kind and checks that it is JSON.
func (r *reader) skip() error {
	switch r.peek() {
	case '{':
		return r.object(func([]byte) error { return r.skip() })
	case '[':
		return r.array(func(int) error { return r.skip() })
	case '"':
		_, err := r.text()
		return err
	case 't', 'f', 'n':
		return r.word()
	case 0:
		return r.broken("the text ends where a value is expected")
	}
	_, err := r.number()
	return err
}

// word consumes true, false or null.
func (r *reader) word() error {
	for _, w := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(r.b[r.i:], []byte(w)) {
			r.i += len(w)
			return nil
		}
	}
	return r.broken("not a value of JSON")
}

// number consumes a number (RFC 8259 section 6).
func (r *reader) number() ([]byte, error) {
	start := r.i
	r.sign("-")
	if !r.sign("0") && !r.digits() {
		return nil, r.broken("not a value of JSON")
	}
	if r.sign(".") && !r.digits() {
		return nil, r.broken("a number ends too early")
	}
	if r.sign("eE") {
		r.sign("+-")
		if !r.digits() {
			return nil, r.broken("a number ends too early")
		}
	}
	return r.b[start:r.i], nil
}

// sign consumes one byte of the set, if it is next.
func (r *reader) sign(set string) bool {
	if r.i == len(r.b) || strings.IndexByte(set, r.b[r.i]) < 0 {
		return false
	}
	r.i++
	return true
}

func (r *reader) digits() bool {
	start := r.i
	for r.i < len(r.b) && r.b[r.i] >= '0' && r.b[r.i] <= '9' {
		r.i++
	}
	return r.i > start
}

// refuse notes that the next value is of the wrong type and goes over it.
func (r *reader) refuse(text string) error {
	r.wrong(text)
	return r.skip()
}
