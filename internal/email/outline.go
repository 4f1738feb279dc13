package email

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// anew are the fields that programs write anew each time they hand over the same message.
var anew = []string{"Date", "Message-ID", "Received", "DKIM-Signature"}

// invented finds what programs draw at random to hold the parts of a message together:
// boundaries (RFC 2046 section 5.1.1) and the names of parts (RFC 2045 section 7).
var invented = regexp.MustCompile(`(?i)(?:boundary\s*=\s*"?([^"\s;]{8,})|\ncontent-id:\s*<([^>\s]{8,})>)`)

// maxInvented is how many of them are looked at.
const maxInvented = 200

// Outline is a message as it is compared with another one that its program may have made
// of the same: without the fields that are new each time, and with what was drawn at
// random numbered. A message that is not well formed is its own outline.
func Outline(raw []byte) []byte {
	header, body, faults := splitHeader(raw, 1)
	if len(faults) > 0 {
		return raw
	}
	var out bytes.Buffer
	for _, f := range header {
		if !slices.ContainsFunc(anew, f.Is) {
			out.Write(f.Raw)
		}
	}
	out.WriteString("\r\n")
	out.Write(body)
	return numbered(out.Bytes())
}

func numbered(b []byte) []byte {
	var names []string
	seen := map[string]bool{}
	for _, found := range invented.FindAllSubmatch(b, maxInvented) {
		name := string(found[1]) + string(found[2])
		if !seen[name] {
			seen[name] = true
			names = append(names, name, fmt.Sprint("part-", len(seen)))
		}
	}
	if len(names) == 0 {
		return b
	}
	return []byte(strings.NewReplacer(names...).Replace(string(b)))
}
