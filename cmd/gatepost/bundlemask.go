package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// mask puts names in the place of addresses, the same one for the same address, and
// takes out whatever looks like a secret: no door gives one out, and an archive that
// leaves the house is no place to rely on that.
type mask struct {
	domains   map[string]string
	addresses map[string]string
	own       []string // domains that are masked where they stand alone, too
}

func newMask(own []string) *mask {
	m := &mask{domains: map[string]string{}, addresses: map[string]string{}}
	for _, d := range own {
		if d = strings.ToLower(d); !everybodys(d) && !slices.Contains(m.own, d) {
			m.own = append(m.own, d)
		}
	}
	// The longest first: a domain may end with another one.
	slices.SortFunc(m.own, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return m
}

// everybodys tells whether a domain says nothing of its users, and is in the names of
// the provider's servers, which are not to be masked.
func everybodys(domain string) bool {
	return slices.Contains([]string{"gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "office365.com"}, domain)
}

var (
	// anAddress is anything with an @ in the middle: a name that is masked for nothing
	// does no harm.
	anAddress = regexp.MustCompile(`[^\s"'<>()\[\],;:\\=&|/@]+@[\pL\pN](?:[\pL\pN.-]*[\pL\pN])?`)
	secrets   = []*regexp.Regexp{
		regexp.MustCompile(`-----BEGIN [A-Z ]*-----[\s\S]*?(?:-----END [A-Z ]*-----|$)`),
		regexp.MustCompile(`\bgp_(?:live|test)_\w+`),
		regexp.MustCompile(`\beyJ[\w-]{8,}(?:\.[\w-]*){1,2}`),
		regexp.MustCompile(`\b(?:ya29\.|1//|GOCSPX-|EwB)[\w.-]{8,}`),
		regexp.MustCompile(`\b[\w~.-]{3}8Q~[\w~.-]{8,}`),
		regexp.MustCompile(`(://[^\s:/@"]+):[^\s@/"]+@`),
	}
)

// domain is the name for a domain.
func (m *mask) domain(d string) string {
	d = strings.ToLower(d)
	if m.domains[d] == "" {
		m.domains[d] = fmt.Sprintf("domain-%d.invalid", len(m.domains)+1)
	}
	return m.domains[d]
}

func (m *mask) address(a string) string {
	key := strings.ToLower(a)
	if m.addresses[key] == "" {
		_, domain, _ := strings.Cut(key, "@")
		m.addresses[key] = fmt.Sprintf("address-%d@%s", len(m.addresses)+1, m.domain(domain))
	}
	return m.addresses[key]
}

// text masks a text.
func (m *mask) text(s string) string {
	for i, form := range secrets {
		with := "[secret]"
		if i == len(secrets)-1 {
			with = "$1:[secret]@"
		}
		s = form.ReplaceAllString(s, with)
	}
	s = anAddress.ReplaceAllStringFunc(s, m.address)
	for _, d := range m.own {
		s = m.bare(s, d)
	}
	return s
}

// bare masks a domain that stands alone, or in the name of a host.
func (m *mask) bare(s, domain string) string {
	form := regexp.MustCompile(`(?i)(^|[^\pL\pN-])` + regexp.QuoteMeta(domain) + `($|[^\pL\pN-])`)
	for range 2 { // two that share a border
		s = form.ReplaceAllString(s, "${1}"+m.domain(domain)+"${2}")
	}
	return s
}

// domainsOf are the domains of addresses and of "@domain".
func domainsOf(list ...string) (out []string) {
	for _, a := range list {
		if _, domain, ok := strings.Cut(a, "@"); ok && domain != "" {
			out = append(out, domain)
		}
	}
	return out
}
