package monitor

import (
	"slices"
	"strings"
	"time"
)

// Pause is a person's pause of mail of some account.
type Pause struct {
	Of     string   // the account's address, or the pool's name; empty: mail of all accounts
	Lane   string   // empty: every lane
	Covers []string // of the account that is examined, the lanes that wait for it
	Reason string
	Since  time.Time
}

// lanes is how many there are.
const lanes = 3

// pauses are the findings about an account's pauses, each with the command that ends
// just it: a pause of all mail is not ended account by account.
func (p *Patient) pauses() (list []Finding) {
	var stopped []string
	for _, x := range p.Pauses {
		stopped = append(stopped, x.Covers...)
	}
	slices.Sort(stopped)
	for _, x := range p.Pauses {
		f := x.finding()
		if len(slices.Compact(slices.Clone(stopped))) >= lanes {
			f.Severity = Broken
		}
		list = append(list, f)
	}
	return list
}

func (x *Pause) finding() Finding {
	f := Finding{
		Check: CheckState, Severity: Warning, Cause: pausedMail, Who: You, on: "pause " + x.Of + " " + x.Lane,
		Why: "Since " + timeWords(x.Since), Fix: "Resume it.",
	}
	if x.Reason != "" {
		f.Why += ": " + x.Reason
	}
	command, of := "gatepost queue resume", x.Of
	if of == "" {
		of = "All mail"
	} else {
		command += " --account " + word(x.Of)
	}
	f.What = of + " is paused: somebody stopped its mail."
	if x.Of == "" {
		f.What = of + " is paused: somebody stopped it."
	}
	if x.Lane != "" {
		f.What = of + " is paused in the lane " + x.Lane + "."
		command += " --lane " + x.Lane
	}
	f.Commands = []string{command}
	return f
}

// Route is a pool, or an account that is gone, for which mail waits.
type Route struct {
	Name    string // empty: it is not there any more
	Pauses  []Pause
	Waiting []Waiting
}

// findings tell what mail of a pool waits for. What its members lack is told of them.
func (r *Route) findings() (list []Finding) {
	for _, x := range r.Pauses {
		f := x.finding()
		if x.Lane == "" {
			f.Severity = Broken
		}
		list = append(list, f)
	}
	for _, w := range r.Waiting {
		if w.passes() {
			continue
		}
		f := w.finding(orElse(r.Name, "an account or a pool that was removed"), r.Name)
		if w.Why == noMember || r.Name == "" {
			f.Severity = Broken
		}
		if r.Name == "" {
			f.Fix, f.Commands = "Have it sent by another account, or cancel it.", []string{"gatepost queue", "gatepost queue move --to ADDRESS --dry-run"}
		}
		list = append(list, f)
	}
	return folded(list)
}

// noMember is why mail of a pool waits where none of its accounts can send.
const noMember = "no_member"

// beneathMembers folds mail of pools beneath what keeps an account of theirs from sending.
func beneathMembers(list, routes []Finding) []Finding {
	for _, f := range routes {
		i := slices.IndexFunc(list, func(m Finding) bool {
			return m.Severity == Broken && slices.ContainsFunc(m.Accounts, func(a Subject) bool { return strings.Contains(f.What, a.Address) })
		})
		if f.Cause == noMember && i >= 0 {
			list[i].Follows = append(list[i].Follows, f)
			continue
		}
		list = append(list, f)
	}
	return list
}

// word is an argument as a shell takes it. Names have no quotation marks.
func word(s string) string {
	if strings.ContainsAny(s, " $`\\&;|<>()*?#~!'{}[]") {
		return `"` + s + `"`
	}
	return s
}
