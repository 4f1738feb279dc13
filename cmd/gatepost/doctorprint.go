package main

import (
	"fmt"
	"slices"
	"strings"

	"gatepost/client"
)

// diagnosis prints what the doctor says.
func (p *printer) diagnosis(d client.Diagnosis) {
	for i, f := range d.Findings {
		if i > 0 {
			p.line("")
		}
		p.finding(f, "")
	}
	if len(d.Findings) > 0 {
		p.line("")
	}
	switch d.Worst {
	case "well":
		p.line("%s  Nothing is wrong. What was looked at:", p.in(green, "All is well."))
	case "warning":
		p.line("%s  Mail can leave. Well, too:", p.in(yellow, "Something should be mended."))
	default:
		p.line("%s  What is well:", p.in(red, "Mend the first thing first, then ask again."))
	}
	for _, c := range shortened(d.Checked) {
		if c.Not == "" {
			p.line("  %s %-12s %s", p.in(green, "✓"), c.Check, c.Seen)
		} else {
			p.line("  %s %-12s not looked at: %s", p.in(yellow, "–"), c.Check, c.Not)
		}
	}
	if n := len(d.Tokens); n > manyLines {
		p.line("  %s %-12s %d were read: name an account to see its own", p.in(dim, "·"), "token", n)
		return
	}
	for _, t := range d.Tokens {
		p.line("  %s %-12s %s (%s): %s", p.in(dim, "·"), "token", t.Address, t.For, tokenWords(t))
	}
}

func (p *printer) finding(f client.Finding, indent string) {
	mark := p.in(red, "✗")
	if f.Severity == "warning" {
		mark = p.in(yellow, "!")
	}
	for i, line := range wrap(f.What, 92-len(indent)) {
		if i == 0 {
			p.line("%s%s %s", painted(indent), mark, p.in(bold, line))
			continue
		}
		p.line("%s  %s", painted(indent), p.in(bold, line))
	}
	tell := func(name, text string) {
		for i, line := range wrap(inCommands(text), 80-len(indent)) {
			if i > 0 {
				name = ""
			}
			p.line("%s    %-8s %s", painted(indent), name, line)
		}
	}
	tell("why", f.Why)
	if f.Reply != "" {
		tell("said", f.Reply)
	}
	tell("to do", f.Fix)
	for i, c := range f.Commands {
		if i == manyCommands {
			p.line("%s    %-8s … and so for the other accounts, %d lines more: --json has them", painted(indent), "", len(f.Commands)-i)
			break
		}
		p.line("%s    %-8s %s", painted(indent), "", p.in(bold, "$ "+c))
	}
	tell("who", f.Who)
	tell("page", f.Link)
	switch list := addressesOf(f.Accounts); {
	case len(list) > 1:
		tell("accounts", someOf(list))
	case len(list) == 1 && !strings.Contains(f.What, list[0]):
		tell("account", list[0])
	}
	for i, x := range f.Follows {
		if i == manyFollow {
			p.line("%s    %s", painted(indent), p.in(dim, fmt.Sprintf("and %d things more follow from it", len(f.Follows)-i)))
			break
		}
		p.line("%s    %s", painted(indent), p.in(dim, "follows from it, and is well once it is mended: "+x.What))
	}
}

// How much is shown of what there can be hundreds of; --json has all of it.
const (
	manyLines    = 12 // of one check, and of tokens
	manyCommands = 6
	manyFollow   = 5
	manyNames    = 8
)

// shortened counts what was looked at, or was not, where there is much of a kind.
func shortened(all []client.Checked) (out []client.Checked) {
	type kind struct {
		check string
		not   bool
	}
	count := map[kind]int{}
	for _, c := range all {
		count[kind{c.Check, c.Not != ""}]++
	}
	for _, c := range all {
		of := kind{c.Check, c.Not != ""}
		switch n := count[of]; {
		case n == 0: // told already
		case n <= manyLines:
			out = append(out, c)
		case of.not:
			count[of] = 0
			out = append(out, client.Checked{Check: c.Check, Not: fmt.Sprintf("%d of them; --json names them", n)})
		default:
			count[of] = 0
			out = append(out, client.Checked{Check: c.Check, Seen: fmt.Sprintf("%d are well; --json names them", n)})
		}
	}
	return out
}

// someOf are names, the first of many.
func someOf(list []string) string {
	if len(list) <= manyNames {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:manyNames], ", "), len(list)-manyNames)
}

func addressesOf(list []client.Patient) (words []string) {
	for _, a := range list {
		if !slices.Contains(words, a.Address) {
			words = append(words, a.Address)
		}
	}
	return words
}

// tokenWords are what a token says of itself.
func tokenWords(t client.Token) string {
	var words []string
	for _, w := range [][2]string{
		{"audience ", t.Audience},
		{"app ", t.App},
		{"tenant ", t.Tenant},
		{"user ", t.User},
		{"object id ", t.Object},
		{"scopes ", strings.Join(t.Scopes, " ")},
		{"roles ", rolesOf(t)},
	} {
		if w[1] != "" && w != [2]string{"app ", t.Audience} {
			words = append(words, w[0]+w[1])
		}
	}
	return strings.Join(words, ", ")
}

// rolesOf says how far roles of Graph reach: a token has those that were granted in Entra,
// not those of RBAC for Applications
// (learn.microsoft.com/exchange/permissions-exo/application-rbac).
func rolesOf(t client.Token) string {
	roles := strings.Join(t.Roles, " ")
	if roles != "" && strings.Contains(t.Audience, "graph") {
		roles += " (granted in Entra: for every mailbox of the organisation, unless a policy of Exchange keeps the app out)"
	}
	return roles
}
