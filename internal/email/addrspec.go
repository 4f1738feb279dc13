package email

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

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
