package sandbox

import (
	"bytes"
	"strings"
)

// header is the header section of a message (RFC 5322 section 2.2) as ranges of
// its bytes, so that what is not changed stays as it came.
type header struct {
	raw    []byte
	fields []field
	end    int // where the blank line or the end of the message begins
}

// field is one header field. Lines that are no field have an empty name.
type field struct {
	name       string
	value      int // where the value begins, after the colon
	start, end int
}

// readHeader never fails: what is not a header field is kept as it is.
func readHeader(raw []byte) header {
	h := header{raw: raw, fields: make([]field, 0, 16)}
	for at := 0; at < len(raw); {
		line := raw[at:]
		if n := bytes.IndexByte(line, '\n'); n >= 0 {
			line = line[:n+1]
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			break
		}
		h.add(at, line)
		at += len(line)
		h.end = at
	}
	return h
}

// add takes a line: a folded one belongs to the field above it.
func (h *header) add(at int, line []byte) {
	end := at + len(line)
	if n := len(h.fields); n > 0 && (line[0] == ' ' || line[0] == '\t') {
		h.fields[n-1].end = end
		return
	}
	f := field{start: at, value: at, end: end}
	if name, _, ok := bytes.Cut(line, []byte(":")); ok {
		f.name = string(bytes.TrimRight(name, " \t"))
		f.value = at + len(name) + 1
	}
	h.fields = append(h.fields, f)
}

// all returns the unfolded values of the fields with this name.
func (h header) all(name string) []string {
	var values []string
	for _, f := range h.fields {
		if strings.EqualFold(f.name, name) {
			values = append(values, h.text(f))
		}
	}
	return values
}

// first returns the first value of a field, or "".
func (h header) first(name string) string {
	for _, f := range h.fields {
		if strings.EqualFold(f.name, name) {
			return h.text(f)
		}
	}
	return ""
}

// text unfolds a field (RFC 5322 section 2.2.3).
func (h header) text(f field) string {
	v := bytes.TrimSpace(h.raw[f.value:f.end])
	if bytes.IndexByte(v, '\n') < 0 {
		return string(v)
	}
	v = bytes.ReplaceAll(v, []byte("\r\n"), nil)
	return string(bytes.ReplaceAll(v, []byte("\n"), nil))
}

// change replaces all fields of one name by one with this value, at the place of
// the first; an empty value only removes.
type change struct{ name, value string }

func (c change) line() string { return c.name + ": " + c.value + "\r\n" }

// with returns the message with a changed header; the message itself when there
// is nothing to change.
func (h header) with(changes ...change) []byte {
	if len(changes) == 0 {
		return h.raw
	}
	out := make([]byte, 0, len(h.raw)+256)
	done := make([]bool, len(changes))
	for _, f := range h.fields {
		i := indexChange(changes, f.name)
		switch {
		case i < 0:
			out = append(out, h.raw[f.start:f.end]...)
		case !done[i] && changes[i].value != "":
			out = append(out, changes[i].line()...)
			done[i] = true
		}
	}
	for i, c := range changes {
		if !done[i] && c.value != "" {
			out = append(out, c.line()...)
		}
	}
	return append(out, h.raw[h.end:]...)
}

func indexChange(changes []change, name string) int {
	for i, c := range changes {
		if strings.EqualFold(c.name, name) {
			return i
		}
	}
	return -1
}

// has tells whether there is a field with this name.
func (h header) has(name string) bool {
	return indexField(h.fields, name) >= 0
}

func indexField(fields []field, name string) int {
	for i, f := range fields {
		if strings.EqualFold(f.name, name) {
			return i
		}
	}
	return -1
}
