package provider

import (
	"regexp"
	"strings"
)

// Unlisted is an answer that no row of the catalogue knows, fit to be shown to others: no
// addresses, hosts, tokens or ids are in it.
type Unlisted struct {
	Stage  Stage
	Code   int
	Words  string // the same for all cases that differ in numbers alone, in lower case
	Sample string
}

// AsUnlisted is what is kept of an error so that somebody can report it; false where the
// catalogue knows its words, or there are none.
func AsUnlisted(e *Error) (Unlisted, bool) {
	if e == nil || !e.Unlisted || e.Reply == "" {
		return Unlisted{}, false
	}
	sample := anonymous(e.Reply)
	return Unlisted{Stage: e.Stage, Code: e.Code, Words: clip(digitRuns.ReplaceAllStringFunc(strings.ToLower(sample), butEntra("#")), maxWords), Sample: clip(sample, maxSample)}, true
}

// What is kept of an answer.
const (
	maxWords  = 200
	maxSample = 400
)

func clip(s string, most int) string {
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// What is taken out, in this order. Enhanced status codes and short numbers stay.
var (
	urlShapes = regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.\-]*://[^\s"'<>]+`)
	// quotedShapes are what stands in brackets or quotation marks by itself: names of users,
	// tenants and files. JSON has its own words in such marks.
	bracketShapes = regexp.MustCompile(`<[^<>]{1,100}>`)
	quotedShapes  = regexp.MustCompile(`(^|[\s(=:])(?:"[^"]{1,100}"|'[^']{1,100}')`)
	plainWord     = regexp.MustCompile(`^\W*/?[a-z_]+\W*$`)
	addressShapes = regexp.MustCompile(`[^\s<>"'(),:;\[\]=]+@[^\s<>"'(),:;\[\]=]+`)
	networkShapes = regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){3,}\b`)
	timeShapes    = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ][0-9:.]+(?:Z|[+-]\d\d:?\d\d)?`)
	hostShapes    = regexp.MustCompile(`\b[\p{L}\p{N}_\-]+(?:\.[\p{L}\p{N}_\-]+)*\.\p{L}[\p{L}\p{N}\-]+\b`)
	idShapes      = regexp.MustCompile(`[\p{L}\p{N}_+/=\-]{8,}`)
	digitRuns     = regexp.MustCompile(`(?i)(?:aadsts)?\d+`)
	longNumber    = regexp.MustCompile(`(?i)(?:aadsts)?\d{5,}`)
)

// anonymous takes out of a reply what names somebody or one case. A word of eight
// characters or more that has a digit, or one of 24 or more, is taken for an id.
func anonymous(reply string) string {
	s := CleanReply(reply)
	s = urlShapes.ReplaceAllString(s, "[link]")
	s = bracketShapes.ReplaceAllStringFunc(s, unnamed)
	if !strings.Contains(s, "{") {
		s = quotedShapes.ReplaceAllStringFunc(s, unnamed)
	}
	s = addressShapes.ReplaceAllString(s, "[address]")
	s = timeShapes.ReplaceAllString(s, "[time]")
	s = networkShapes.ReplaceAllString(s, "[ip]")
	s = hostShapes.ReplaceAllString(s, "[host]")
	s = idShapes.ReplaceAllStringFunc(s, func(word string) string {
		if strings.ContainsAny(word, "0123456789") || len(word) >= 24 {
			return butEntra("[id]")(word)
		}
		return word
	})
	return longNumber.ReplaceAllStringFunc(s, butEntra("[number]"))
}

// butEntra replaces what was found, unless it is the number of an error of Entra ID: that
// says more than its words.
func butEntra(by string) func(string) string {
	return func(found string) string {
		if entraNumbers.FindString(found) == found {
			return found
		}
		return by
	}
}

// unnamed is what is left of a quotation: plain words are a provider's own.
func unnamed(quoted string) string {
	if plainWord.MatchString(quoted) {
		return quoted
	}
	if at := strings.IndexAny(quoted, `"'<`); at > 0 {
		return quoted[:at] + "[name]"
	}
	return "[name]"
}
