package compose

import (
	"encoding/base64"
	"mime"
	"strings"
)

// maxWord is the longest run without a space that may stay as it is: lines fold
// at spaces only.
const maxWord = 900

// encodeText makes the body of an unstructured field (RFC 5322 section 2.2.1).
// What a reader would change or decode by itself is written as encoded words (RFC
// 2047): other than ASCII, several spaces in a row, text that looks encoded.
func encodeText(s string) string {
	switch {
	case !isASCII(s):
		return mime.QEncoding.Encode("utf-8", s)
	case plain(s):
		return s
	}
	const step = 45 // bytes that fill a word of 75 characters
	var b strings.Builder
	for len(s) > 0 {
		n := min(step, len(s))
		b.WriteString("=?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(s[:n])) + "?=")
		if s = s[n:]; s != "" {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

// plain tells whether ASCII text reads the same however it is folded.
func plain(s string) bool {
	return !strings.ContainsAny(s, "\t\r\n") && !strings.Contains(s, "=?") &&
		!strings.Contains(s, "  ") && strings.Trim(s, " ") == s && longestWord(s) <= maxWord
}

func longestWord(s string) int {
	longest := 0
	for w := range strings.SplitSeq(s, " ") {
		longest = max(longest, len(w))
	}
	return longest
}
