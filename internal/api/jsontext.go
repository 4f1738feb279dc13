package api

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// str reads a string into memory of its own.
func (r *reader) str() (string, error) {
	s, escapes, err := r.quoted()
	if err != nil || !escapes {
		return string(s), err
	}
	return r.unescape(s)
}

// text reads a string. Without escapes the result shares memory with the body,
// which is used again: it must not be kept.
func (r *reader) text() ([]byte, error) {
	s, escapes, err := r.quoted()
	if err != nil || !escapes {
		return s, err
	}
	plain, err := r.unescape(s)
	return []byte(plain), err
}

// quoted consumes a string and gives what stands between its quotes. The steps go
// over the bytes one after the other, because each does many bytes at once.
func (r *reader) quoted() (s []byte, escapes bool, err error) {
	start := r.i + 1
	end := closingQuote(r.b, start)
	if end < 0 {
		return nil, false, r.broken("a string does not end")
	}
	s = r.b[start:end]
	if hasControl(s) {
		return nil, false, r.broken("a control character in a string is not escaped")
	}
	if !utf8.Valid(s) {
		return nil, false, r.broken("a string is not UTF-8")
	}
	r.i = end + 1
	return s, bytes.IndexByte(s, '\\') >= 0, nil
}

// closingQuote finds the first quote from i on that is not escaped: one with an
// even number of backslashes before it.
func closingQuote(b []byte, start int) int {
	for i := start; ; {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return -1
		}
		end := i + n
		slashes := 0
		for end-slashes > start && b[end-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return end
		}
		i = end + 1
	}
}

// hasControl tells whether a byte is below the space, eight bytes at a time: in
// none of them may subtracting a space borrow.
func hasControl(s []byte) bool {
	const spaces, tops = 0x2020202020202020, 0x8080808080808080
	for len(s) >= 8 {
		x := binary.LittleEndian.Uint64(s)
		if (x-spaces)&^x&tops != 0 {
			return true
		}
		s = s[8:]
	}
	for _, c := range s {
		if c < ' ' {
			return true
		}
	}
	return false
}

// unescape resolves the escapes of a string, which is never longer then.
func (r *reader) unescape(s []byte) (string, error) {
	var out strings.Builder
	out.Grow(len(s))
	for {
		k := bytes.IndexByte(s, '\\')
		if k < 0 {
			out.Write(s)
			return out.String(), nil
		}
		out.Write(s[:k])
		c, n, wrong := escape(s[k:])
		if wrong != "" {
			return "", r.broken(wrong)
		}
		out.WriteRune(c)
		s = s[k+n:]
	}
}

// escape reads one escape: what it stands for and how long it is, or what is
// wrong with it.
func escape(s []byte) (c rune, n int, wrong string) {
	const short, plain = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if s[1] == 'u' { // a backslash is never the last byte between quotes
		return escapedRune(s)
	}
	k := strings.IndexByte(short, s[1])
	if k < 0 {
		return 0, 0, "not an escape of JSON"
	}
	return rune(plain[k]), 2, ""
}

// escapedRune reads \uXXXX, or a pair of them. Half a pair is refused, because it
// is no character and programs make different ones of it.
func escapedRune(s []byte) (c rune, n int, wrong string) {
	c, ok := hex(s)
	switch {
	case !ok:
		return 0, 0, "not an escape of JSON"
	case !utf16.IsSurrogate(c):
		return c, 6, ""
	}
	second, ok := hex(s[6:])
	if c = utf16.DecodeRune(c, second); !ok || c == utf8.RuneError {
		return 0, 0, "half a surrogate pair"
	}
	return c, 12, ""
}

// hex reads the number of \uXXXX.
func hex(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s[2:6]), 16, 32)
	return rune(n), err == nil
}
