package provider

import "strings"

// Entry is one line of the catalogue, for those who read it.
type Entry struct {
	Numbers  []string // of the cases that it is of; they never change
	Vendor   Vendor   // empty: anybody's
	Stages   []Stage
	Codes    []string // HTTP status or SMTP reply code; y and z stand for any digit
	Reasons  []string // enhanced status codes, or the provider's words for errors
	Texts    []string // parts of the provider's text, in lower case
	Class    Class
	Scope    Scope
	Cause    string
	Action   Action
	Meaning  string
	Fix      string
	Link     string
	Unlisted bool // it takes what no other line of its stages knows
}

// Catalogue lists all that is known of providers' errors, in the order in which they are
// tried. What would be filled in of a case stands there in words.
func Catalogue() []Entry {
	var all []Entry
	for _, table := range tables() {
		for i := range table {
			all = append(all, table[i].entry())
		}
	}
	for i := range networkRows {
		all = append(all, networkRows[i].entry())
	}
	return all
}

func (r *row) entry() Entry {
	first, _, _ := strings.Cut(r.text, "|")
	a := Answer{Text: first}
	e := Entry{
		Numbers: parts(r.no), Vendor: r.vendor.vendor(), Codes: parts(r.code), Reasons: parts(r.reason), Texts: parts(r.text),
		Class: r.class, Scope: r.scope, Cause: r.cause, Action: r.action, Unlisted: r.rest,
		Meaning: fill(r.says, a), Fix: fill(r.fix, a), Link: fill(r.link, a),
	}
	for _, s := range parts(r.stages) {
		e.Stages = append(e.Stages, Stage(s))
	}
	if e.Scope == "" {
		e.Scope = ScopeAccount
	}
	return e
}

func (r *networkRow) entry() Entry {
	return Entry{
		Numbers: parts(r.no), Stages: []Stage{StageConnect}, Texts: parts(r.words), Class: r.class, Scope: ScopeAccount, Cause: r.cause,
		Meaning: r.text, Fix: r.fix,
	}
}

// parts are the alternatives of a condition.
func parts(alternatives string) []string {
	if alternatives == "" {
		return nil
	}
	return strings.Split(alternatives, "|")
}
