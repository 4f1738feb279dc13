package sandbox

import (
	"crypto/sha256"
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Consumer is the domain of the simulated Google's private mailboxes: each of
// its addresses is a user, and no administrator can delegate any.
const Consumer = "gmail.example"

// isUser tells whether an address, in lower case, is a user of the simulated
// Google.
func isUser(address string) bool {
	local, domain, ok := strings.Cut(address, "@")
	if !ok || local == "" || strings.ContainsAny(address, " \t\r\n<>,\"") || address == userUnknown {
		return false
	}
	return domain == Domain || domain == Consumer
}

// subjectOf is a user's id, which never changes: 21 digits made from the address.
func subjectOf(address string) string {
	sum := sha256.Sum256([]byte("user " + address))
	n := new(big.Int).SetBytes(sum[:])
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(20), nil)
	digits := n.Mod(n, limit).String()
	return "1" + strings.Repeat("0", 20-len(digits)) + digits
}

// nameOf is a user's name: what stands before the @, with capitals.
func nameOf(address string) string {
	local, _, _ := strings.Cut(address, "@")
	words := strings.FieldsFunc(local, func(r rune) bool { return strings.ContainsRune("-._+", r) })
	for i, w := range words {
		first, size := utf8.DecodeRuneInString(w)
		words[i] = string(unicode.ToUpper(first)) + w[size:]
	}
	if len(words) == 0 {
		return address
	}
	return strings.Join(words, " ")
}

// hostedDomain is the Workspace domain of a user; empty for a private one.
func hostedDomain(address string) string {
	if strings.HasSuffix(address, "@"+Domain) {
		return Domain
	}
	return ""
}
