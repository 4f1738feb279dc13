package email

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// Limits of an address (RFC 5321 section 4.5.3.1 and its erratum 1690).
const (
	maxLocal   = 64
	maxAddress = 254
	maxName    = 255
)

// Address is a mailbox: local part and domain, and the name that people see.
// One made by ParseAddress or NewAddress is safe to put into a header and an
// envelope: all parsers read the same mailbox from it.
type Address struct {
	Name   string // decoded, one line, single spaces
	Local  string // a dot-atom (RFC 5322 section 3.2.3), case kept
	Domain string // A-labels, lower case
}

// ParseAddress reads exactly one mailbox: a@b, <a@b>, Name <a@b> or
// "Name, X" <a@b>; encoded words in the name are decoded. It refuses what
// parsers are known to read differently: comments, groups, source routes, quoted
// local parts, address literals.
func ParseAddress(s string) (Address, error) {
	if err := CheckHeaderValue(s); err != nil {
		return Address{}, err
	}
	s = strings.Trim(s, " \t")
	spec, ok := strings.CutSuffix(s, ">")
	if !ok {
		return NewAddress("", s)
	}
	i := strings.LastIndexByte(spec, '<')
	if i < 0 {
		return Address{}, errors.New("has a > without a <")
	}
	name, err := parsePhrase(spec[:i])
	if err != nil {
		return Address{}, err
	}
	return NewAddress(name, spec[i+1:])
}

// NewAddress makes an address from a name as people write it (not encoded) and
// a bare address.
func NewAddress(name, addr string) (Address, error) {
	name, err := cleanName(name)
	if err != nil {
		return Address{}, fmt.Errorf("name: %w", err)
	}
	if err := checkLine(addr); err != nil {
		return Address{}, err
	}
	local, domain, err := splitSpec(addr)
	if err != nil {
		return Address{}, err
	}
	if err := checkLocal(local); err != nil {
		return Address{}, err
	}
	if domain, err = asciiDomain(domain); err != nil {
		return Address{}, err
	}
	a := Address{name, local, domain}
	if len(a.Addr()) > maxAddress {
		return Address{}, fmt.Errorf("longer than %d bytes", maxAddress)
	}
	return a, a.readBack()
}

// cleanName makes runs of blanks one space and refuses what may not be in a name.
func cleanName(name string) (string, error) {
	blank := func(r rune) bool { return r == ' ' || r == '\t' }
	name = strings.Join(strings.FieldsFunc(name, blank), " ")
	if len(name) > maxName {
		return "", fmt.Errorf("longer than %d bytes", maxName)
	}
	if strings.Contains(name, "=?") {
		return "", errors.New("contains =?, the start of an encoded word")
	}
	return name, checkLine(name)
}

// splitSpec splits a bare address and says what is wrong with its shape.
func splitSpec(s string) (local, domain string, err error) {
	switch {
	case s == "":
		return "", "", errors.New("empty")
	case strings.HasPrefix(s, "@") && strings.Contains(s, ":"):
		return "", "", errors.New("a source route is not accepted")
	case strings.ContainsAny(s, "()"):
		return "", "", errors.New("a comment in parentheses is not accepted")
	case strings.Contains(s, `"`):
		return "", "", errors.New("a quoted local part is not accepted")
	case strings.Contains(s, ":"):
		return "", "", errors.New("a group or a stray colon is not accepted")
	case strings.ContainsAny(s, ",;"):
		return "", "", errors.New("more than one address, or a stray comma or semicolon")
	case strings.ContainsAny(s, "<>"):
		return "", "", errors.New("has a stray < or >")
	case strings.ContainsAny(s, " \t"):
		return "", "", errors.New("contains a space")
	case !strings.Contains(s, "@"):
		return "", "", errors.New("no @ between local part and domain")
	}
	local, domain, _ = strings.Cut(s, "@")
	switch {
	case strings.Contains(domain, "@"):
		return "", "", errors.New("more than one @")
	case local == "":
		return "", "", errors.New("no local part before the @")
	case domain == "":
		return "", "", errors.New("no domain after the @")
	}
	return local, domain, nil
}

// checkLocal holds a local part to dot-atom, with UTF-8 as of RFC 6531.
func checkLocal(s string) error {
	if len(s) > maxLocal {
		return fmt.Errorf("the local part is longer than %d bytes", maxLocal)
	}
	if strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") || strings.Contains(s, "..") {
		return errors.New("the local part has a dot at its start, at its end or next to another")
	}
	for _, r := range s {
		if !atext(r) && r != '.' {
			return fmt.Errorf("%q may not be in a local part", r)
		}
	}
	return nil
}

// atext is RFC 5322 section 3.2.3, extended to printable UTF-8 by RFC 6532.
func atext(r rune) bool {
	if r >= 0x80 {
		return unicode.IsPrint(r) && r != unicode.ReplacementChar
	}
	return r > ' ' && r < 0x7f && !strings.ContainsRune("()<>[]:;@\\,.\"", r)
}

// domains maps a domain to its A-labels as a resolver would (RFC 5891 section 5).
var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.VerifyDNSLength(true))

func asciiDomain(s string) (string, error) {
	switch {
	case strings.HasPrefix(s, "["):
		return "", errors.New("an address literal in place of a domain is not accepted")
	case strings.HasSuffix(s, "."):
		return "", errors.New("the domain ends with a dot")
	}
	d, err := domains.ToASCII(s)
	if err != nil {
		return "", errors.New("the domain is not a valid host name")
	}
	// A label that maps to something else when mapped again names two hosts.
	if again, err := domains.ToASCII(d); err != nil || again != d || strings.HasSuffix(d, ".") {
		return "", errors.New("the domain is not a valid host name")
	}
	return d, nil
}

// readBack writes the address as a header would carry it, parses that with
// another parser and compares: what the envelope says is what people see.
func (a Address) readBack() error {
	m := mail.Address{Name: a.Name, Address: a.Addr()}
	back, err := mail.ParseAddress(m.String())
	if err != nil || back.Address != m.Address || back.Name != m.Name {
		return errors.New("cannot be written in a form that all mail programs read alike")
	}
	return nil
}

// Addr is the bare address, as an envelope carries it.
func (a Address) Addr() string { return a.Local + "@" + a.Domain }

// String is the address for people: Name <a@b>, the name in quotes where it
// needs them. ParseAddress reads it back; it is not encoded for a header.
func (a Address) String() string {
	if a.Name == "" {
		return a.Addr()
	}
	name := a.Name
	if strings.ContainsAny(name, "()<>[]:;@\\,\"") {
		name = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
	}
	return name + " <" + a.Addr() + ">"
}

// IsZero tells whether there is no address.
func (a Address) IsZero() bool { return a == Address{} }

// NeedsUTF8 tells whether the next hop must offer SMTPUTF8 (RFC 6531).
func (a Address) NeedsUTF8() bool {
	return strings.ContainsFunc(a.Local, func(r rune) bool { return r >= 0x80 })
}

// Key is the same for addresses that are the same recipient: the bare address in
// lower case. Only ASCII is folded: Unicode would make the Kelvin sign a k.
func (a Address) Key() string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, a.Addr())
}

// Equal tells whether both are the same recipient; names do not matter.
func (a Address) Equal(b Address) bool { return a.Key() == b.Key() }
