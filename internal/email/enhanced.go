package email

import (
	"fmt"
	"strconv"
	"strings"
)

// EnhancedCode is an enhanced mail system status code (RFC 3463), such as
// 5.7.8. The zero value means that a reply carried none.
type EnhancedCode struct {
	Class   int // 2 success, 4 passing failure, 5 lasting failure
	Subject int // 0 to 999: 1 address, 2 mailbox, 4 network, 7 policy …
	Detail  int // 0 to 999
}

// String writes the code with its dots; the zero value is empty.
func (c EnhancedCode) String() string {
	if c == (EnhancedCode{}) {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d", c.Class, c.Subject, c.Detail)
}

// ParseEnhanced takes the code from the start of a reply's text ("5.7.8 Bad
// credentials"). rest is the text after it; without a code ok is false and rest
// is all of s.
func ParseEnhanced(s string) (code EnhancedCode, rest string, ok bool) {
	word, after, _ := strings.Cut(s, " ")
	parts := strings.Split(word, ".")
	if len(parts) != 3 {
		return EnhancedCode{}, s, false
	}
	var n [3]int
	for i, p := range parts {
		if n[i], ok = statusNumber(p); !ok {
			return EnhancedCode{}, s, false
		}
	}
	if n[0] != 2 && n[0] != 4 && n[0] != 5 {
		return EnhancedCode{}, s, false
	}
	return EnhancedCode{n[0], n[1], n[2]}, strings.TrimLeft(after, " "), true
}

// statusNumber reads one to three digits without a leading zero (RFC 3463
// section 2).
func statusNumber(s string) (int, bool) {
	if len(s) == 0 || len(s) > 3 || len(s) > 1 && s[0] == '0' || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}
