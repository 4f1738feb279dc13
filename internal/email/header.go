package email

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Field is one header field as it stands in a message.
type Field struct {
	Name string // as written
	Raw  []byte // name, colon, value and folding, with its CRLFs
	Line int    // number of its first line, from 1
}

// Value is the text after the colon, unfolded (RFC 5322 section 2.2.3), not
// decoded.
func (f Field) Value() string {
	v := f.Raw[len(f.Name)+1:]
	return string(bytes.Trim(bytes.ReplaceAll(v, []byte("\r\n"), nil), " \t"))
}

// Is tells whether the field has that name; case does not matter.
func (f Field) Is(name string) bool { return strings.EqualFold(f.Name, name) }

// Header is the fields of a message or part, in their order.
type Header []Field

// Values lists the values of all fields of that name.
func (h Header) Values(name string) []string {
	var vs []string
	for _, f := range h {
		if f.Is(name) {
			vs = append(vs, f.Value())
		}
	}
	return vs
}

// Value is the value of the first field of that name, or empty.
func (h Header) Value(name string) string {
	for _, f := range h {
		if f.Is(name) {
			return f.Value()
		}
	}
	return ""
}

// HeaderOf is the header of a message with CRLF line ends, where it is well formed.
func HeaderOf(message []byte) (Header, error) {
	h, _, faults := splitHeader(message, 1)
	if len(faults) > 0 {
		return nil, fmt.Errorf("read header: %s", faults[0])
	}
	return h, nil
}

// ReadHeader reads the header of a message with CRLF line ends, no further than
// MaxHeaderBytes and some buffer, and refuses one that is not well formed.
func ReadHeader(r io.Reader) (Header, error) {
	br := bufio.NewReader(io.LimitReader(r, MaxHeaderBytes+MaxLine))
	var b []byte
	for {
		line, err := br.ReadBytes('\n')
		b = append(b, line...)
		if err == io.EOF || isBlankLine(line) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read header: %w", err)
		}
	}
	h, _, faults := splitHeader(b, 1)
	if len(faults) > 0 {
		return nil, fmt.Errorf("read header: %s", faults[0])
	}
	return h, nil
}

// fault is something wrong at a line of a message.
type fault struct {
	line int
	text string
}

func (f fault) String() string { return fmt.Sprintf("line %d: %s", f.line, f.text) }

// splitHeader takes the fields off the front of b. rest is what follows the
// empty line; line is the number of b's first line.
func splitHeader(b []byte, line int) (h Header, rest []byte, faults []fault) {
	size := len(b)
	for len(b) > 0 {
		n, lines := fieldEnd(b)
		raw := b[:n]
		b = b[n:]
		if isBlankLine(raw) {
			return h, b, faults
		}
		if size-len(b) > MaxHeaderBytes || len(h) == MaxHeaderFields {
			faults = append(faults, fault{line, fmt.Sprintf("a header has more than %d bytes or %d fields", MaxHeaderBytes, MaxHeaderFields)})
			return h, nil, faults
		}
		f, err := newField(raw, line)
		if err != nil {
			faults = append(faults, fault{line, err.Error()})
		} else {
			h = append(h, f)
		}
		line += lines
	}
	return h, b, faults
}

func isBlankLine(b []byte) bool { return len(b) <= 2 && (string(b) == "\r\n" || string(b) == "\n") }

// fieldEnd finds the end of the first field: a line and those after it that
// start with a blank.
func fieldEnd(b []byte) (n, lines int) {
	for {
		i := bytes.IndexByte(b[n:], '\n')
		if i < 0 {
			return len(b), lines + 1
		}
		n += i + 1
		lines++
		if isBlankLine(b[:n]) || n == len(b) || b[n] != ' ' && b[n] != '\t' {
			return n, lines
		}
	}
}

// newField checks the form of one field.
func newField(raw []byte, line int) (Field, error) {
	name, value, ok := bytes.Cut(raw, []byte(":"))
	if !ok {
		return Field{}, errors.New("not a header field: there is no colon")
	}
	if err := checkFieldName(string(name)); err != nil {
		return Field{}, fmt.Errorf("not a header field: %w", err)
	}
	for i, l := range bytes.Split(bytes.TrimSuffix(value, []byte("\r\n")), []byte("\r\n")) {
		if err := checkLine(string(l)); err != nil {
			return Field{}, fmt.Errorf("the field %s %w", name, err)
		}
		// Some readers take a line of blanks for the end of the header.
		if i > 0 && len(bytes.Trim(l, " \t")) == 0 {
			return Field{}, fmt.Errorf("the field %s is folded with an empty line", name)
		}
	}
	return Field{Name: string(name), Raw: raw, Line: line}, nil
}
