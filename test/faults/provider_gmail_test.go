package faults

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// gmailFault is one fault of the Gmail API.
type gmailFault struct {
	send script
	want seen
}

// Outcomes after an attempt whose outcome is not known: Sent has it, or it has not.
var (
	found = []string{"accepted"}
	again = []string{"not_sent", "accepted"}
)

// unsure is what a user sees of an attempt that may have been taken.
func unsure(cause string, then []string, says ...string) seen {
	return seen{outcome: "unknown", cause: cause, then: then, says: says, copies: 1}
}

// held is what a user sees of a fault that somebody has to mend.
func held(cause string, says ...string) seen {
	return seen{outcome: "delayed", cause: cause, account: "held", says: append(says, "released"), copies: 1}
}

func parked(cause string, most time.Duration, says ...string) seen {
	return seen{outcome: "delayed", cause: cause, account: "parked", parked: most, says: says, copies: 1}
}

const maybe = "may have been taken"

// gmailFaults are answers of the Gmail API to a message.
func gmailFaults() map[string]gmailFault {
	in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	page := "<html><title>Sign in to the network</title>"
	return map[string]gmailFault{
		"401 once": {once(refusal(401, "authError", "Invalid Credentials")), seen{copies: 1}},
		"401 for ever": {
			always(refusal(401, "authError", "Invalid Credentials")),
			held("token_refused", "Gmail refuses a token that Google has just given", "is active and the key still in use"),
		},
		"403 of the user's rate": {once(refusal(403, "userRateLimitExceeded", "User Rate Limit Exceeded", "Retry-After: 3")), parked("user_quota", 4*time.Second, "API quota of this minute")},
		"403 of the domain's policy": {
			always(refusal(403, "domainPolicy", "The domain administrators have disabled Gmail apps.")),
			held("blocked_by_admin", "administrator has disabled", "API controls"),
		},
		"403 delegation denied": {always(refusal(403, "forbidden", "Delegation denied for ada@acme.example")), held("delegation_denied", "not for the mailbox", "let the service account act")},
		"403 a missing scope": {
			always(refusal(403, "insufficientPermissions", "Request had insufficient authentication scopes.")),
			held("scope_missing", "lacks a scope; needed: https://www.googleapis.com/auth/gmail.send"),
		},
		"400 Gmail is off":     {always(refusal(400, "failedPrecondition", "Mail service not enabled")), held("gmail_off", "Gmail is not switched on", "licence")},
		"403 page of a proxy":  {always(status(403, page)), held("forbidden", "<title>Sign in to the network")},
		"429 in three seconds": {once(refusal(429, "rateLimitExceeded", "Slow down", "Retry-After: 3")), parked("rate_limited", 4*time.Second)},
		"429 until a date":     {once(refusal(429, "rateLimitExceeded", "Slow down", "Retry-After: "+in(6*time.Second))), parked("rate_limited", 7*time.Second)},
		"429 for ten days": {
			once(refusal(429, "rateLimitExceeded", "Slow down", "Retry-After: 864000")),
			held("rate_limited", "more than a day away", time.Now().AddDate(0, 0, 10).UTC().Format("2006-01-02"), "Ask the provider why"),
		},
		"429 without a time":     {once(refusal(429, "rateLimitExceeded", "Slow down")), seen{outcome: "delayed", cause: "rate_limited", account: "parked", parked: time.Minute, end: "queued"}},
		"the quota of a day":     {once(refusal(403, "dailyLimitExceeded", "Daily Limit Exceeded")), seen{outcome: "delayed", cause: "daily_quota", account: "parked", parked: time.Hour, end: "queued", says: []string{"another account may take over"}}},
		"400 of the message":     {always(refusal(400, "invalidArgument", "Invalid attachment")), seen{outcome: "failed", cause: "message_refused", end: "failed", says: []string{"Invalid attachment", "must change"}}},
		"500":                    {once(status(500, "oops")), unsure("ambiguous_answer", again, "500", "oops")},
		"502":                    {once(status(502, page)), unsure("ambiguous_answer", again, "502", maybe)},
		"503":                    {once(refusal(503, "backendError", "Backend Error")), unsure("ambiguous_answer", again, "503 backendError")},
		"504 and delivered":      {once(taken(status(504, ""))), unsure("ambiguous_answer", found, "504", maybe)},
		"delivered and reset":    {once(taken(reset)), unsure("no_answer", found, maybe)},
		"reset":                  {once(reset), unsure("no_answer", again, maybe)},
		"no answer":              {once(hang), unsure("no_answer", again, maybe)},
		"delivered, no answer":   {once(taken(hang)), unsure("no_answer", found, maybe)},
		"an answer byte by byte": {once(taken(drip)), unsure("unreadable_answer", found, maybe)},
		"JSON cut off":           {once(taken(status(200, `{"id":"19`))), unsure("unreadable_answer", found, `{"id":"19`, maybe)},
		"a page with 200":        {once(status(200, page)), unsure("unreadable_answer", again, page)},
		"an empty 200":           {once(taken(status(200, ""))), unsure("unreadable_answer", found, "200 OK")},
		"202 without a body":     {once(taken(status(202, ""))), unsure("unreadable_answer", found, "202 Accepted")},
		"bytes that are no text": {once(taken(status(200, "\x00\x1b[31m\xff\r\nX: y"))), unsure("unreadable_answer", found, "[31m")},
		"JSON of another type":   {always(func(c *call) { status(200, `{"id":"`+c.take()+`"}`, "Content-Type: text/html")(c) }), seen{copies: 1}},
		"keys that come twice":   {always(func(c *call) { status(200, `{"id":"first","id":"`+c.take()+`"}`)(c) }), seen{copies: 1}},
		"the id of another":      {always(taken(status(200, `{"id":"another"}`))), seen{copies: 1}},
	}
}

// Whatever the Gmail API answers to a message: the explanation tells what happened and what
// to do, the account is in the state that fits, no second copy arrives, no mail is lost, and
// mail of other accounts leaves meanwhile.
func TestGmailAnswers(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	stop := o.stream(t)
	cases := atOnce{}
	for name, f := range gmailFaults() {
		cases[name] = func(t *testing.T) { o.gmailFault(t, name, f) }
	}
	o.answersWithoutEnd(cases)
	o.redirects(t, cases)
	cases.run(t)
	othersFlow(t, stop)
}

// addressOf makes a mailbox for a case.
func addressOf(name string) string {
	letters := func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '.'
	}
	return strings.Join(strings.FieldsFunc(strings.Map(letters, strings.ToLower(name)), func(r rune) bool { return r == '.' }), ".") + "@acme.example"
}

func (o *office) gmailFault(t *testing.T, name string, f gmailFault) {
	address := addressOf(name)
	account := o.mailbox(t, address)
	o.google.misbehave(address, nil, f.send)
	id := o.send(t, account, "bob@example.org")
	o.meets(t, id, f.want, func() []copied { return o.google.copies(address) }, func() {
		if n := o.google.called(tokenCall, address); n > 2 {
			t.Errorf("%d calls for a token", n)
		}
		o.google.misbehave(address, nil, nil)
	})
	if n := o.google.called(sendCall, address); f.want.end == "queued" && n != 1 {
		t.Errorf("%d calls though the account is parked", n)
	}
	switch name {
	case "401 once":
		if n := o.google.called(tokenCall, address); n != 2 || o.google.called(sendCall, address) != 2 {
			t.Errorf("%d tokens, want one and its renewal", n)
		}
	case "the id of another":
		if x := o.explain(t, id); x.Attempts[0].ProviderID != "another" {
			t.Errorf("the provider's id is %q, want what it said", x.Attempts[0].ProviderID)
		}
	}
}

// answersWithoutEnd: no more of an answer is read than can be of use.
func (o *office) answersWithoutEnd(cases atOnce) {
	const much = 64 << 20
	for name, x := range map[string]struct {
		how   func(f *flood) func(*call)
		cause string
	}{
		"a body without end":         {func(f *flood) func(*call) { return f.body(200) }, "unreadable_answer"},
		"an error without end":       {func(f *flood) func(*call) { return f.body(500) }, "ambiguous_answer"},
		"a header without end":       {func(f *flood) func(*call) { return f.header }, "no_answer"},
		"a gzipped body without end": {func(f *flood) func(*call) { return f.bomb }, "unreadable_answer"},
	} {
		cases[name] = func(t *testing.T) {
			f := &flood{most: much}
			o.gmailFault(t, name, gmailFault{once(taken(x.how(f))), unsure(x.cause, found, maybe)})
			if n := f.much.Load(); n > 16<<20 && x.cause != "unreadable_answer" {
				t.Errorf("%d MiB were read of an answer", n>>20)
			}
		}
	}
}

// redirects: neither message nor token goes where an answer points to.
func (o *office) redirects(t *testing.T, cases atOnce) {
	var asked atomic.Int64
	elsewhere := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	elsewhere.TLS = o.authority.server()
	elsewhere.StartTLS()
	t.Cleanup(func() {
		elsewhere.Close()
		if asked.Load() > 0 {
			t.Error("a redirect was followed")
		}
	})
	for _, code := range []int{301, 302, 307, 308} {
		to := once(status(code, "", "Location: "+elsewhere.URL+"/take"))
		name := "redirect " + strconv.Itoa(code)
		cases[name] = func(t *testing.T) { o.gmailFault(t, name, gmailFault{to, unsure("ambiguous_answer", again, maybe)}) }
	}
}
