package provider

import (
	"cmp"
	"regexp"
	"strings"
	"time"
)

// Explanation is one thing that a text from a log can mean.
type Explanation struct {
	// Answer is what was read out of the text; what it does not say is the likeliest.
	Answer Answer
	Error  *Error
}

// Known tells whether a row of the catalogue knows the words; otherwise the class is the
// safe one of the stage, and no more is known.
func (e Explanation) Known() bool { return !e.Error.Unlisted }

// Numbers are those of the cases in the catalogue.
func (e Explanation) Numbers() []string { return parts(e.Error.No) }

// What Explain reads of a text, and how much it says of it.
const (
	maxExplained    = 32 << 10
	maxExplanations = 4
)

// Explain says what a text means that a program has logged: a provider's answer as it
// came, or as one of the usual clients wraps it. Where the text leaves open at which
// stage or with which credential it came, there is an explanation for each; the likeliest
// stands first. None: the text names no error that the catalogue could be asked about.
func Explain(text string, now time.Time) []Explanation {
	l := newLog(text)
	if named := l.cause(now); len(named) > 0 {
		return named
	}
	var unknown []Explanation
	for _, read := range []func(*logText) []Answer{tokenAnswers, apiAnswers, smtpAnswers} {
		found := classifyAll(read(l), now)
		if known := onlyKnown(found); len(known) > 0 {
			return known
		}
		unknown = append(unknown, found...)
	}
	for _, read := range []func(*logText) []Explanation{networkError, looseWords(now), programError(now)} {
		if known := read(l); len(known) > 0 {
			return known
		}
	}
	return unknown[:min(len(unknown), maxExplanations)]
}

// logText is a text that was pasted, and what all readers need of it.
type logText struct {
	text, lower string
	about       About
}

func newLog(text string) *logText {
	if len(text) > maxExplained {
		text = text[:maxExplained]
	}
	text = plain.Replace(strings.ToValidUTF8(text, "\uFFFD"))
	text = offers.ReplaceAllString(text, "")
	l := &logText{text: text, lower: lowered(text)}
	l.about = aboutIn(text)
	l.about.Vendor = cmp.Or(vendorIn(l.lower, vendorWords), vendorIn(l.lower, vendorClients))
	return l
}

// plain undoes what loggers do to texts: line ends, quotes and tabs that are written out.
var plain = strings.NewReplacer(`\r\n`, "\n", `\n`, "\n", `\t`, " ", `\"`, `"`, "\r\n", "\n", "\u00a0", " ")

// offers are lists of all the ways to sign in that a server or a client has: they do not
// tell which was used.
var offers = regexp.MustCompile(`(?i)\b250[- ]AUTH[ =][^\n]*|following authenticators: ("\w[\w-]*"(, )?)+`)

// lowered is the text in lower case, byte for byte at the same place.
func lowered(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// vendorClients are names of clients that are made for one vendor.
var vendorClients = []sign{
	{"googleapi", VendorGoogle},
	{"gaxios", VendorGoogle},
	{"gmail", VendorGoogle},
	{"google", VendorGoogle},
	{"msal", VendorMicrosoft},
	{"entra", VendorMicrosoft},
	{"odata", VendorMicrosoft},
}

// has tells whether the text says one of the words.
func (l *logText) has(words ...string) bool {
	for _, w := range words {
		if strings.Contains(l.lower, w) {
			return true
		}
	}
	return false
}

// classifyAll classifies what was read, each meaning once.
func classifyAll(answers []Answer, now time.Time) (all []Explanation) {
	seen := map[[2]string]bool{}
	for _, a := range answers {
		a.About.Vendor = vendorOf(a)
		e := Classify(a, now)
		if meaning := [2]string{e.Cause, e.Class.String()}; !seen[meaning] {
			seen[meaning] = true
			a.About.Vendor = cmp.Or(a.About.Vendor, find(a).vendor.vendor())
			all = append(all, Explanation{Answer: a, Error: e})
		}
	}
	return all
}

func onlyKnown(all []Explanation) (known []Explanation) {
	for _, e := range all {
		if e.Known() && len(known) < maxExplanations {
			known = append(known, e)
		}
	}
	return known
}

// networkError explains an error that is not an answer.
func networkError(l *logText) []Explanation {
	stage := StageConnect
	if l.has("https://", ":443", "oauth2", "googleapi") {
		stage = StageCall
	}
	for i := range networkRows {
		r := &networkRows[i]
		if !anyOf(r.words, func(s string) bool { return strings.Contains(l.lower, s) }) {
			continue
		}
		err := loggedError(l.text)
		e := r.problem(stage, err)
		e.Row = networkPlace(i)
		if l.has("end of data", "final dot") {
			stage, e = StageBody, NoAnswer(StageBody, true, err)
		}
		e.Err = nil
		return []Explanation{{Answer: Answer{Stage: stage, Text: CleanReply(l.text), About: l.about}, Error: e}}
	}
	return nil
}

// loggedError is an error of which the text is left.
type loggedError string

// Error implements error.
func (e loggedError) Error() string { return string(e) }

// programError explains what a client library told its own caller.
func programError(now time.Time) func(*logText) []Explanation {
	return func(l *logText) []Explanation {
		return onlyKnown(classifyAll([]Answer{{Stage: StageProgram, Text: l.text, About: l.about}}, now))
	}
}

// looseWords explains words that stand alone, without a code or the shape of an answer:
// "Precondition check failed." They are asked for at all stages, and only rows that know
// them by a text count.
func looseWords(now time.Time) func(*logText) []Explanation {
	return func(l *logText) []Explanation {
		return onlyKnown(classifyAll(append(l.loosely(false), l.loosely(true)...), now))
	}
}

// loosely are the answers of which a row knows the words.
func (l *logText) loosely(keyless bool) (answers []Answer) {
	for _, table := range tables() {
		for i := range table {
			if r := &table[i]; r.tellingText(l.lower) && r.keylessOnly(l) == keyless {
				answers = append(answers, r.likely(l))
			}
		}
	}
	return answers
}

// keylessOnly tells whether the row is about the services that come before the token
// endpoint, and the text does not speak of them.
func (r *row) keylessOnly(l *logText) bool {
	return (r.at(StageExchange) || r.at(StageSign)) && l.keylessStage() == ""
}

// tellingText tells whether the text says what the row knows, in words that are long
// enough to be about nothing else.
func (r *row) tellingText(lower string) bool {
	const telling = 16
	return r.text != "" && anyOf(r.text, func(s string) bool { return len(s) >= telling && says(lower, s) })
}

// likely is the answer that the row is about, with the text that was given.
func (r *row) likely(l *logText) Answer {
	stage, _, _ := strings.Cut(r.stages, "|")
	code, _, _ := strings.Cut(r.code, "|")
	reason, _, _ := strings.Cut(r.reason, "|")
	reason, _, _ = strings.Cut(reason, "-")
	a := Answer{Stage: Stage(stage), Code: likelyCode(code), Reason: reason, Text: l.text, About: l.about}
	if v := r.vendor.vendor(); a.About.Vendor == "" {
		a.About.Vendor = v
	}
	return a
}

func likelyCode(pattern string) int {
	n := 0
	for _, c := range []byte(strings.NewReplacer("y", "5", "z", "0").Replace(pattern)) {
		n = 10*n + int(c-'0')
	}
	return n
}
