package api

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

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
