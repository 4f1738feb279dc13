package monitor

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// checked tells what was looked at and is well, and what was not looked at.
func (x *Exam) checked(found []Finding) []Checked {
	var list []Checked
	add := func(check Check, format string, args ...any) {
		list = append(list, Checked{Check: check, Seen: fmt.Sprintf(format, args...), Well: !mentions(found, check)})
	}
	c := &x.Machine
	if c.Database != "" {
		add(CheckDatabase, "%s, a write in %s", c.Database, c.Took.Round(100*time.Microsecond))
		add(CheckKey, "opens the stored secrets")
		add(CheckNode, "%d at work", len(c.Nodes))
	}
	if c.Disk > 0 {
		add(CheckDisk, "%d MB free", c.Free>>20)
	}
	for _, d := range c.Doors {
		add(CheckDoor, "%s at %s", d.Name, d.Address)
	}
	if offset, by := x.offset(); by != "" {
		add(CheckClock, "within %s of %s", max(offset.Abs(), time.Second), by)
	}
	list = append(list, x.servers(found)...)
	for i := range x.Patients {
		list = append(list, x.Patients[i].checked(found)...)
	}
	return append(slices.DeleteFunc(list, func(c Checked) bool { return !c.Well }), c.NotSaid...)
}

// mentions tells whether anything was found in a check, at any depth.
func mentions(found []Finding, check Check) bool {
	return slices.ContainsFunc(found, func(f Finding) bool { return f.Check == check || mentions(f.Follows, check) })
}

func (x *Exam) servers(found []Finding) (list []Checked) {
	for _, s := range x.Sights {
		if s.Stopped {
			list = append(list, Checked{Check: CheckPort, Well: true, Not: s.Place.Address() + ": the time was over"})
		}
		if s.Err != nil || s.Stopped {
			continue
		}
		seen := s.Place.Address() + " is reached"
		if s.Issuer != "" {
			seen += ", certificate by " + s.Issuer
		}
		list = append(list, Checked{Check: CheckPort, Seen: seen, Well: true})
	}
	return list
}

// checked is a line about an account that is well.
func (p *Patient) checked(found []Finding) []Checked {
	if p.late() {
		return []Checked{{Check: CheckState, Not: p.Address + ": the time was over", Well: true}}
	}
	if p.broken(found) || len(p.Steps) == 0 {
		return nil
	}
	var names []string
	for _, s := range p.Steps {
		if s.Err == nil {
			names = append(names, strings.ReplaceAll(strings.TrimPrefix(s.Name, "scope:"), "_", " "))
		}
	}
	return []Checked{{Check: CheckState, Seen: p.Address + " by " + p.Transport + ": " + strings.Join(names, ", "), Well: true}}
}

func (p *Patient) broken(found []Finding) bool {
	return slices.ContainsFunc(found, func(f Finding) bool {
		return f.Severity == Broken && slices.Contains(f.Accounts, p.Subject) || p.broken(f.Follows)
	})
}
