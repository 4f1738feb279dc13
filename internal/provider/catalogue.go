package provider

import (
	"strconv"
	"strings"
	"time"
)

// Stage is the step of a conversation in which an answer came. The same code
// means different things at different stages: 5yz at AUTH speaks of the
// account, at RCPT of one recipient.
type Stage string

// The stages.
const (
	StageConnect Stage = "connect" // dialling, TLS, greeting, EHLO, STARTTLS
	StageToken   Stage = "token"   // an OAuth token endpoint
	StageAuth    Stage = "auth"    // SMTP AUTH with a password
	StageBearer  Stage = "bearer"  // SMTP AUTH with an OAuth token
	StageMail    Stage = "mail"    // MAIL FROM
	StageRcpt    Stage = "rcpt"    // RCPT TO
	StageData    Stage = "data"    // the DATA command, before any content
	StageBody    Stage = "body"    // the final dot: the content was handed over
	StageUpload  Stage = "upload"  // an upload session of the Gmail API: the last bytes have not left
	StageSend    Stage = "send"    // Gmail messages.send: the content was handed over
	StageCall    Stage = "call"    // any other call of the Gmail API
)

// Answer is what a provider said other than yes, in the parts that the catalogue
// matches on.
type Answer struct {
	Stage Stage
	Code  int // HTTP status or SMTP reply code
	// Reason is the enhanced status code (RFC 3463: "5.7.8") or Google's word for
	// the error ("invalid_grant", "rateLimitExceeded").
	Reason     string
	Text       string // the provider's words
	RetryAfter string // the HTTP header of that name
	About      About
}

// About names what an advice must name. Empty fields are described in words.
type About struct {
	ClientID    string        // numeric id of the OAuth client or service account
	KeyID       string        // id of the key that signed
	Scopes      []string      // what was asked for
	Subject     string        // the user to act for
	ClockOffset time.Duration // this machine's clock minus the provider's
}

// Classify says what an answer means, by the first row of the catalogue that
// matches on stage, code, reason and text. What no row knows gets the safe class
// of its stage: Unknown when the content was handed over, else one that keeps
// the mail.
func Classify(a Answer, now time.Time) *Error {
	r := find(a)
	e := &Error{
		Class: r.class, Scope: r.scope, Cause: r.cause,
		Text: fill(r.says, a), Fix: fill(r.fix, a), Reply: CleanReply(words(a)),
	}
	if e.Scope == "" {
		e.Scope = ScopeAccount
	}
	setUntil(e, r.wait, a, now)
	e.setQuota(r.quota, now)
	return e
}

// row is one line of the catalogue. An empty condition matches anything.
type row struct {
	stages string // stages, separated by |
	code   string // codes, separated by |; y and z stand for any digit: "5yz"
	reason string // reasons, separated by |; one that ends in a dot is a prefix
	text   string // stable parts of the text in lower case, separated by |
	by     credential

	class Class
	scope Scope // empty: account
	cause string
	wait  wait
	quota Quota
	// says (the error's text) and fix may hold {client_id}, {key_id}, {scopes}, {subject}, {offset}
	// and {link} (the first address in the provider's text).
	says string
	fix  string
}

// credential is what was presented to the token endpoint, where the same answer
// means different things.
type credential int

const (
	byAny     credential = iota
	byKey                // a service account's key: About names it
	byConsent            // what a user consented to
)

func (c credential) matches(a About) bool { return c == byAny || (c == byKey) == (a.KeyID != "") }

// find returns the first matching row; the tables end in rows that match all the
// rest of their stages.
func find(a Answer) *row {
	for _, table := range [][]row{googleRows, smtpRows} {
		for i := range table {
			if table[i].matches(a) {
				return &table[i]
			}
		}
	}
	return &row{class: Retry, cause: "unexpected_answer", says: "The provider gave an answer that gatepost does not know."}
}

func (r *row) matches(a Answer) bool {
	return anyOf(r.stages, func(s string) bool { return s == string(a.Stage) }) &&
		r.by.matches(a.About) &&
		anyOf(r.code, func(s string) bool { return matchCode(s, a.Code) }) &&
		anyOf(r.reason, func(s string) bool { return matchReason(s, a.Reason) }) &&
		anyOf(r.text, func(s string) bool { return strings.Contains(strings.ToLower(a.Text), s) })
}

// anyOf tells whether one of the alternatives fits, or there is no condition.
func anyOf(alternatives string, fits func(string) bool) bool {
	if alternatives == "" {
		return true
	}
	for s := range strings.SplitSeq(alternatives, "|") {
		if fits(s) {
			return true
		}
	}
	return false
}

func matchCode(pattern string, code int) bool {
	s := strconv.Itoa(code)
	if len(s) != len(pattern) {
		return false
	}
	for i := range len(s) {
		if p := pattern[i]; p != 'y' && p != 'z' && p != s[i] {
			return false
		}
	}
	return true
}

func matchReason(pattern, reason string) bool {
	if strings.HasSuffix(pattern, ".") {
		return strings.HasPrefix(reason, pattern)
	}
	return strings.EqualFold(pattern, reason)
}

// fill puts the names of the case into a text of the catalogue.
func fill(s string, a Answer) string {
	if !strings.Contains(s, "{") {
		return s
	}
	return strings.NewReplacer(
		"{client_id}", orWords(a.About.ClientID, "(see the credential)"),
		"{key_id}", orWords(a.About.KeyID, "the key in use"),
		"{scopes}", orWords(strings.Join(a.About.Scopes, ","), "the scopes that gatepost asks for"),
		"{subject}", orWords(a.About.Subject, "the user"),
		"{link}", orWords(firstLink(a.Text), "the link in the reply"),
		"{offset}", offsetWords(a.About.ClockOffset),
	).Replace(s)
}

func orWords(s, words string) string {
	if s == "" {
		return words
	}
	return s
}

func offsetWords(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d > 0:
		return "this machine's clock is " + d.String() + " ahead"
	case d < 0:
		return "this machine's clock is " + (-d).String() + " behind"
	}
	return "this machine's clock seems to be off"
}

func firstLink(text string) string {
	i := strings.Index(text, "https://")
	if i < 0 {
		return ""
	}
	link := text[i:]
	if end := strings.IndexAny(link, " \t\r\n\"'<>"); end >= 0 {
		link = link[:end]
	}
	return strings.TrimRight(link, ".,;)")
}

// The causes that a provider asks for by name, because it may use its credential
// once more before it gives up.
const (
	CauseTokenRefused = "token_refused"
	CausePrecondition = "precondition_failed"
)

// CauseServerTrouble is the cause of answers by which a server says that it cannot
// work, whoever the mail is for.
const CauseServerTrouble = "service_unavailable"
