package email

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
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
