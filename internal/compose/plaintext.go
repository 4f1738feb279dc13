package compose

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// Text from HTML, for readers that show no HTML and for those who prefer none. It
// goes through the tokens once, without a tree and without recursion: time and
// space are in proportion to the HTML, however hostile it is. Tags that are left
// open need no guessing: what matters is where blocks begin and end.

const (
	maxLists  = 16    // lists within each other that are indented
	maxQuotes = 8     // quotes within each other that are marked
	maxLink   = 2_000 // bytes of a link that is shown
	underline = 76    // characters of the longest heading that is underlined
)

// texter is the text so far and what must come before the next word.
type texter struct {
	out    []byte
	breaks int    // line breaks that are due; 2 make an empty line
	space  bool   // a space is due
	cell   bool   // a table's next cell begins
	marker string // of the list item that begins

	lists   []list
	deeper  int // lists that are open beyond maxLists
	quotes  int
	quoted  int // quotes of the last line
	pre     int
	link    link
	heading heading
}

// textOf makes text from HTML, with LF line ends; empty where it shows no text.
func textOf(s string) string {
	w := walker{z: html.NewTokenizer(strings.NewReader(s))}
	for w.step() {
	}
	w.t.endLink()
	if len(w.t.out) == 0 {
		return ""
	}
	return string(w.t.out) + "\n"
}

// text adds inline text: blanks in a row are one space.
func (t *texter) text(s string) {
	if t.pre > 0 {
		t.lines(s)
		return
	}
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			t.space = true
		case shown(r):
			t.begin()
			t.out = utf8.AppendRune(t.out, r)
		}
	}
}

// shown leaves out control characters and those that only say where a line may
// break.
func shown(r rune) bool {
	switch r {
	case '\u00ad', '\u034f', '\u200b', '\u2060', '\ufeff':
		return false
	}
	return !unicode.IsControl(r)
}

// lines adds preformatted text.
func (t *texter) lines(s string) {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n").Replace(s)
	first := true
	for line := range strings.SplitSeq(s, "\n") {
		if !first {
			t.breaks = min(t.breaks+1, 2)
		}
		first = false
		line = strings.Map(func(r rune) rune {
			if r == '\t' || shown(r) {
				return r
			}
			return -1
		}, line)
		if line != "" {
			t.begin()
			t.out = append(t.out, line...)
		}
	}
}

// begin writes what is due before the next character.
func (t *texter) begin() {
	switch {
	case len(t.out) == 0:
		t.startLine()
	case t.breaks > 0:
		for ; t.breaks > 1; t.breaks-- {
			t.out = append(t.out, '\n')
			t.out = append(t.out, strings.TrimRight(quote(min(t.quotes, t.quoted)), " ")...)
		}
		t.out = append(t.out, '\n')
		t.startLine()
	case t.cell:
		t.out = append(t.out, " | "...)
	case t.space:
		t.out = append(t.out, ' ')
	}
	t.breaks, t.space, t.cell = 0, false, false
	if t.heading.mark != 0 && t.heading.start < 0 {
		t.heading.start = len(t.out)
	}
}

func quote(n int) string { return strings.Repeat("> ", min(n, maxQuotes)) }

// startLine writes the marks of quotes, the indentation of lists and the marker.
func (t *texter) startLine() {
	t.out = append(t.out, quote(t.quotes)...)
	t.quoted = t.quotes
	indent := 0
	for _, l := range t.lists {
		indent += l.width
	}
	t.out = append(t.out, strings.Repeat(" ", max(indent-len(t.marker), 0))...)
	t.out = append(t.out, t.marker...)
	t.marker = ""
}

// block ends the line; an empty line follows if n is 2, and nothing ends if it is 0.
// A block at the start of a list item stands behind its marker.
func (t *texter) block(n int) {
	if t.marker != "" {
		n = min(n, 1)
	}
	if n > 0 {
		t.breaks, t.space, t.cell = max(t.breaks, n), false, false
	}
}

func (t *texter) lineBreak() { t.breaks, t.space, t.cell = min(t.breaks+1, 2), false, false }

// nextCell separates the cells of a row that stand on one line.
func (t *texter) nextCell() {
	if len(t.out) > 0 && t.breaks == 0 {
		t.cell = true
	}
}
