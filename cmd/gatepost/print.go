package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"gatepost/client"
)

// printer writes what a command has to say: text for people, with colours on a
// terminal alone, or JSON for programs.
type printer struct {
	out, err io.Writer
	colours  bool // on out
	terminal bool // err is one: progress may be shown
	asJSON   bool
}

func newPrinter(env environment, asJSON bool) *printer {
	_, plain := env.lookup("NO_COLOR")
	kind, _ := env.lookup("TERM")
	return &printer{
		out: env.stdout, err: env.stderr, asJSON: asJSON,
		colours: isTerminal(env.stdout) && !plain && kind != "dumb", terminal: isTerminal(env.stderr) && kind != "dumb",
	}
}

func isTerminal(w any) bool {
	if o, ok := w.(*output); ok {
		w = o.to
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// paint is how words look on a terminal.
type paint string

const (
	bold   paint = "\x1b[1m"
	dim    paint = "\x1b[2m"
	red    paint = "\x1b[31m"
	green  paint = "\x1b[32m"
	yellow paint = "\x1b[33m"
)

// painted is text that was cleaned and coloured already.
type painted string

func (p *printer) in(c paint, s string) painted {
	s = clean(s)
	if !p.colours || s == "" || c == "" {
		return painted(s)
	}
	return painted(string(c) + s + "\x1b[0m")
}

// state is a word about a message, recipient or account, in its colour.
func (p *printer) state(s string) painted {
	switch s {
	case "accepted", "active", "open", "used":
		return p.in(green, s)
	case "failed", "bounced", "complained", "expired", "held":
		return p.in(red, s)
	case "unknown", "suppressed", "canceled", "parked", "scheduled":
		return p.in(yellow, s)
	}
	return p.in("", s)
}

func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(p.out, format+"\n", cleanAll(args)...)
}

// note is for people alone: beside JSON it goes to the standard error.
func (p *printer) note(format string, args ...any) {
	to := p.out
	if p.asJSON {
		to = p.err
	}
	fmt.Fprintf(to, format+"\n", cleanAll(args)...)
}

// errLine is for people, beside output that programs take.
func (p *printer) errLine(format string, args ...any) {
	fmt.Fprintf(p.err, format+"\n", cleanAll(args)...)
}

// progress shows where long work is, on one line that the next one overwrites.
func (p *printer) progress(format string, args ...any) {
	if p.terminal {
		fmt.Fprintf(p.err, "\r\x1b[K"+format, cleanAll(args)...)
	}
}

// progressEnd takes the line away.
func (p *printer) progressEnd() {
	if p.terminal {
		fmt.Fprint(p.err, "\r\x1b[K")
	}
}

// json writes one object, indented on a terminal.
func (p *printer) json(v any) error {
	e := json.NewEncoder(p.out)
	e.SetEscapeHTML(false)
	if isTerminal(p.out) {
		e.SetIndent("", "  ")
	}
	return e.Encode(v)
}

// show writes v as JSON, or calls text.
func (p *printer) show(v any, text func()) error {
	if p.asJSON {
		return p.json(v)
	}
	text()
	return nil
}

// table writes rows in columns. Colours come after the columns are measured.
func (p *printer) table(head []string, rows [][]string) {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(t, "\t")
			}
			fmt.Fprint(t, strings.ReplaceAll(clean(cell), "\n", " "))
		}
		fmt.Fprint(t, "\n")
	}
	_ = t.Flush() // into memory
	for i, line := range strings.Split(strings.TrimRight(b.String(), "\n"), "\n") {
		line = strings.TrimRight(line, " ")
		if i == 0 {
			line = string(p.in(dim, line))
		}
		fmt.Fprintln(p.out, line)
	}
}

// clean takes control characters out of what others wrote (subjects, replies of
// servers): a terminal would obey them.
func clean(s string) string {
	if !strings.ContainsFunc(s, isControl) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if isControl(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

func isControl(r rune) bool {
	return r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0
}

func cleanAll(args []any) []any {
	out := slices.Clone(args)
	for i, a := range out {
		if s, ok := a.(string); ok {
			out[i] = clean(s)
		}
	}
	return out
}

// when writes a time as people near it would.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.Local()
	if now := time.Now(); t.Year() == now.Year() && t.YearDay() == now.YearDay() {
		return t.Format(time.TimeOnly)
	}
	return t.Format("2006-01-02 15:04")
}

// writtenTime is a time as the API writes it into a sentence (RFC 3339).
var writtenTime = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`)

// inLocal says the times in a sentence as those beside it are said.
func inLocal(text string) string {
	return writtenTime.ReplaceAllStringFunc(text, func(s string) string {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return s
		}
		return when(t)
	})
}

func whenAt(t *client.Time) string {
	if t == nil {
		return ""
	}
	return when(t.Time)
}
