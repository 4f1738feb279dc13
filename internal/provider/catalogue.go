package provider

import (
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
	// StageExchange is Google's Security Token Service, StageSign its IAM Credentials API:
	// they come before the token endpoint where gatepost has no key (workload identity
	// federation, the metadata server).
	StageExchange Stage = "exchange"
	StageSign     Stage = "sign"
	StageAuth     Stage = "auth"   // SMTP AUTH with a password
	StageBearer   Stage = "bearer" // SMTP AUTH with an OAuth token
	StageMail     Stage = "mail"   // MAIL FROM
	StageRcpt     Stage = "rcpt"   // RCPT TO
	StageData     Stage = "data"   // the DATA command, before any content
	StageBody     Stage = "body"   // the final dot: the content was handed over
	StageUpload   Stage = "upload" // an upload session: the last bytes have not left
	StageSend     Stage = "send"   // messages.send of the Gmail API, sendMail and send of Graph: the content was handed over
	StageCall     Stage = "call"   // any other call of the Gmail API or of Graph
	// StageProgram is no conversation: a client library has refused its own caller. Only
	// Explain meets it.
	StageProgram Stage = "program"
)

// Answer is what a provider said other than yes, in the parts that the catalogue
// matches on.
type Answer struct {
	Stage Stage
	Code  int // HTTP status or SMTP reply code
	// Reason is the enhanced status code (RFC 3463: "5.7.8") or the provider's word for
	// the error ("invalid_grant", "rateLimitExceeded", "ErrorAccessDenied").
	Reason     string
	Text       string // the provider's words
	RetryAfter string // the HTTP header of that name
	About      About
}

// About names what an advice must name. Empty fields are described in words.
type About struct {
	// Vendor is whose answer it is. Empty: the scopes and the provider's words tell, as far
	// as they do.
	Vendor      Vendor
	Tenant      string // Microsoft's id or domain of the organisation
	ObjectID    string // of the enterprise application in that tenant
	Sender      string // the address in From
	RedirectURI string // where the browser was to be sent back to
	Login       string // base URL of Microsoft's sign-in, of the account's cloud
	ClientID    string // id of the OAuth client, app registration or service account
	Credential  string // id of gatepost's credential that holds it
	KeyID       string // id of the key that signed
	// ServiceAccount is its address. Member is the identity that has Google sign for it, as
	// IAM names it, and Audience the provider of its workload identity pool; both are empty
	// where there is a key.
	ServiceAccount, Member, Audience string
	Scopes                           []string      // what was asked for
	Subject                          string        // the user to act for
	ClockOffset                      time.Duration // this machine's clock minus the provider's
}

// Classify says what an answer means, by the first row of the catalogue that
// matches on stage, code, reason and text. What no row knows gets the safe class
// of its stage: Unknown when the content was handed over, else one that keeps
// the mail; Error.Unlisted says so.
func Classify(a Answer, now time.Time) *Error {
	a.About.Vendor = vendorOf(a)
	return find(a).problem(a, now)
}

// problem is what an answer means that the row is about.
func (r *row) problem(a Answer, now time.Time) *Error {
	e := &Error{
		Class: r.class, Scope: r.scope, Cause: r.cause, Action: r.action, No: r.no, Unlisted: r.rest, Row: place(r), Stage: a.Stage, Code: a.Code,
		Text: fill(r.says, a), Fix: fill(r.fix, a), Link: fill(r.link, a), Reply: CleanReply(words(a)),
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
	// no is the number of the case, which never changes; several rows may be of one
	// case. Empty for what the standards' codes say alone.
	no     string
	vendor origin
	stages string // stages, separated by |
	code   string // codes, separated by |; y and z stand for any digit: "5yz"
	reason string // reasons, separated by |; one that ends in a dot is a prefix; "5.7.606-649" is a range
	text   string // stable parts of the text in lower case, separated by |
	by     credential

	class  Class
	scope  Scope // empty: account
	cause  string
	action Action
	wait   wait
	quota  Quota
	// rest marks the rows that take what no other row of their stage knows.
	rest bool
	// says (the error's text), fix and link may hold blanks: see fill.
	says string
	fix  string
	link string // the provider's page about it
}

// credential is what was presented to the token endpoint, where the same answer
// means different things.
type credential int

const (
	byAny     credential = iota
	byKey                // a service account's key: About names it
	byConsent            // what a user consented to
	bySigning            // a service account that Google signs for: About names who has it sign
)

func (c credential) matches(a About) bool {
	switch c {
	case byKey:
		return a.KeyID != ""
	case byConsent:
		return a.KeyID == ""
	case bySigning:
		return a.Member != ""
	}
	return true
}

// tables are the whole catalogue of answers, in the order in which rows are tried: first
// what is Microsoft's alone, last what all SMTP servers say.
func tables() [][]row {
	return [][]row{entraRows, graphRows, exchangeRows, keylessRows, googleRows, gmailRows, smtpRows, programRows}
}

// find returns the first matching row; the tables end in rows that match all the
// rest of their stages.
func find(a Answer) *row {
	text := strings.ToLower(a.Text)
	for _, table := range tables() {
		for i := range table {
			if table[i].matches(a, text) {
				return &table[i]
			}
		}
	}
	return &row{class: Retry, cause: "unexpected_answer", rest: true, says: "The provider gave an answer that gatepost does not know."}
}

// place is where a row stands in Catalogue, counted from 1; 0 for one that does not.
func place(r *row) int {
	before := 0
	for _, table := range tables() {
		for i := range table {
			if r == &table[i] {
				return before + i + 1
			}
		}
		before += len(table)
	}
	return 0
}

// The causes that a provider asks for by name, because it may use its credential
// once more before it gives up.
const (
	CauseTokenRefused = "token_refused"
	CausePrecondition = "precondition_failed"
	// CauseCallerRefused says that Google no longer takes the token of the identity that
	// has it sign.
	CauseCallerRefused = "caller_token_refused"
)

// CauseServerTrouble is the cause of answers by which a server says that it cannot
// work, whoever the mail is for.
const CauseServerTrouble = "service_unavailable"
