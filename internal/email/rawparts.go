package email

import (
	"bytes"
	"mime"
	"strings"
)

// Budgets of MIME structure.
const (
	MaxDepth = 32    // multiparts within each other
	MaxParts = 1_000 // parts of a message, multiparts included
)

// The walk over the parts goes through the lines once and keeps the open
// boundaries on a stack: no recursion, no copies, and each problem has its line.
// Into message/rfc822 parts it looks for file names only (rawnested.go): they are
// somebody else's mail, whose faults are not the caller's.

// walk is where the walk over the parts stands.
type walk struct {
	c     *rawCheck
	b     []byte               // what is not yet read
	line  int                  // number of b's first line
	open  []string             // boundaries, outermost first
	marks map[string]delimiter // their boundary lines, without the leading --
	empty bool                 // the innermost multipart has no part yet
	parts int
	inner *inner // the message that the part is, not yet at its end
}

// parts checks the MIME structure and lists the attachments.
func (c *rawCheck) parts() {
	head := c.raw.Bytes[:len(c.raw.Bytes)-len(c.raw.body)]
	w := &walk{c: c, b: c.raw.body, line: 1 + bytes.Count(head, []byte("\n")), marks: map[string]delimiter{}}
	if !w.entity(c.raw.header, 1) {
		return
	}
	for len(w.open) > 0 && w.step() {
	}
	w.endInner(0)
	c.searchInner()
}

// step goes to the next boundary line; false ends the walk.
func (w *walk) step() bool {
	d, ok := w.next()
	if !ok {
		w.c.add(w.line, "a multipart does not end: the line --%s-- is missing", w.open[len(w.open)-1])
		return false
	}
	w.endInner(d.left)
	if d.depth != len(w.open)-1 {
		w.c.add(d.line, "a multipart does not end before the boundary of the one around it")
		return false
	}
	if !d.last {
		w.empty = false
		return w.part()
	}
	if w.empty {
		w.c.add(d.line, "a multipart has no part")
	}
	w.pop()
	return true
}

// delimiter is a boundary line.
type delimiter struct {
	depth, line int
	left        int  // bytes from its start to the message's end
	last        bool // it ends the multipart
}

// next finds the next line that is a boundary of an open multipart and moves
// behind it.
func (w *walk) next() (delimiter, bool) {
	for len(w.b) > 0 {
		if !bytes.HasPrefix(w.b, []byte("--")) {
			i := bytes.Index(w.b, []byte("\n--"))
			if i < 0 {
				i = len(w.b) - 1
			}
			w.skip(i + 1)
			continue
		}
		line, _, _ := bytes.Cut(w.b, []byte("\n"))
		at, left := w.line, len(w.b)
		w.skip(min(len(line)+1, len(w.b)))
		if d, ok := w.delimiter(line); ok {
			d.line, d.left = at, left
			return d, true
		}
		if w.resembles(line) {
			w.c.add(at, "starts like a boundary line and goes on: programs differ in what they see there")
		}
	}
	return delimiter{}, false
}

// skip moves on by n bytes.
func (w *walk) skip(n int) {
	w.line += bytes.Count(w.b[:n], []byte("\n"))
	w.b = w.b[n:]
}

// delimiter tells whether a line is one (RFC 2046 section 5.1.1).
func (w *walk) delimiter(line []byte) (delimiter, bool) {
	d, ok := w.marks[string(bytes.TrimRight(line[2:], " \t\r"))]
	return d, ok
}

func (w *walk) push(boundary string) {
	w.marks[boundary] = delimiter{depth: len(w.open)}
	w.marks[boundary+"--"] = delimiter{depth: len(w.open), last: true}
	w.open, w.empty = append(w.open, boundary), true
}

// pop closes the innermost multipart.
func (w *walk) pop() {
	n := len(w.open) - 1
	delete(w.marks, w.open[n])
	delete(w.marks, w.open[n]+"--")
	w.open, w.empty = w.open[:n], false
}

// part reads the header of a part and enters it.
func (w *walk) part() bool {
	if w.parts++; w.parts > MaxParts {
		w.c.add(w.line, "more than %d parts", MaxParts)
		return false
	}
	at := w.line
	h, rest, faults := splitHeader(w.b, at)
	if len(faults) > 0 {
		w.c.addAll(faults)
		return false
	}
	if w.hidesDelimiter(h) {
		return false
	}
	w.skip(len(w.b) - len(rest))
	return w.entity(h, at)
}

// hidesDelimiter finds boundary lines that also read as header fields: programs
// differ in what they see there.
func (w *walk) hidesDelimiter(h Header) bool {
	for _, f := range h {
		line, _, _ := bytes.Cut(f.Raw, []byte("\n"))
		if !bytes.HasPrefix(line, []byte("--")) {
			continue
		}
		if _, ok := w.delimiter(line); ok {
			w.c.add(f.Line, "a boundary line within the header of a part")
			return true
		}
	}
	return false
}

// entity looks at a header: a multipart opens its boundary, a file name is noted.
func (w *walk) entity(h Header, line int) bool {
	w.c.once(h, onceInPart)
	kind, params, err := mime.ParseMediaType(h.Value("Content-Type"))
	if !isMultipart(h) {
		if name := fileName(h, params); name != "" {
			w.c.raw.Attachments = append(w.c.raw.Attachments, name)
		}
		if isMessage(h) {
			w.inner = &inner{content: w.b, encoding: h.Value("Content-Transfer-Encoding"), line: line}
		}
		return true
	}
	if err != nil {
		w.c.add(line, "the Content-Type of a multipart cannot be read: %v", err)
		return false
	}
	return w.multipart(h, line, kind, params["boundary"])
}

// isMultipart goes by the start of the value, so that a type that cannot be
// parsed is refused, not overlooked.
func isMultipart(h Header) bool {
	v := h.Value("Content-Type")
	return len(v) >= 10 && strings.EqualFold(v[:10], "multipart/")
}

func (w *walk) multipart(h Header, line int, kind, boundary string) bool {
	switch strings.ToLower(h.Value("Content-Transfer-Encoding")) {
	case "", "7bit", "8bit", "binary":
	default:
		w.c.add(line, "a %s may not have a transfer encoding of its own (RFC 2045 section 6.4)", kind)
	}
	if !validBoundary(boundary) {
		w.c.add(line, "a %s without a usable boundary (RFC 2046 section 5.1.1)", kind)
		return false
	}
	if w.confused(boundary) {
		w.c.add(line, "the boundary of a %s can be taken for that of the one around it", kind)
		return false
	}
	if len(w.open) == MaxDepth {
		w.c.add(line, "multiparts more than %d deep", MaxDepth)
		return false
	}
	w.push(boundary)
	return true
}

// resembles tells whether a line that is no boundary line is one to some readers.
func (w *walk) resembles(line []byte) bool {
	start := string(line[2:min(len(line), 80)]) // longer than any boundary
	for _, o := range w.open {
		if extends(start, o) {
			return true
		}
	}
	return false
}

// extends tells whether s is the boundary followed by what may follow it.
func extends(s, boundary string) bool {
	rest, ok := strings.CutPrefix(s, boundary)
	return ok && (rest == "" || rest[0] == ' ' || rest[0] == '\t' || strings.HasPrefix(rest, "--"))
}

// confused tells whether lines of that boundary and of an open one can be taken
// for each other.
func (w *walk) confused(boundary string) bool {
	for _, o := range w.open {
		if extends(boundary, o) || extends(o, boundary) {
			return true
		}
	}
	return false
}

func validBoundary(s string) bool {
	if s == "" || len(s) > 70 || strings.HasSuffix(s, " ") {
		return false
	}
	for _, r := range s {
		alnum := r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
		if !alnum && !strings.ContainsRune("'()+_,-./:=? ", r) {
			return false
		}
	}
	return true
}
