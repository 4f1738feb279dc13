package faults

import (
	"net/http"
	"testing"
	"time"
)

// tokenFault is one fault of Google's token endpoint.
type tokenFault struct {
	token script
	want  seen
}

func later(cause string, says ...string) seen {
	return seen{outcome: "delayed", cause: cause, says: says, copies: 1}
}

// endsQueued leaves a message to its next try, because that comes late: a call for a
// token has half a minute.
func endsQueued(s seen) seen {
	s.end, s.copies = "queued", 0
	return s
}

func tokenFaults() map[string]tokenFault {
	const grant = `{"error":"invalid_grant","error_description":`
	return map[string]tokenFault{
		"503":                {once(status(503, `{"error":"internal_failure"}`)), later("token_endpoint_down", "token endpoint has trouble")},
		"500 as a page":      {once(status(500, "<html>oops")), later("token_endpoint_down")},
		"429":                {once(status(429, `{"error":"rate_limit_exceeded"}`)), seen{outcome: "delayed", cause: "token_rate_limited", account: "parked", parked: time.Minute, end: "queued"}},
		"a page with 200":    {once(status(200, "<html>welcome")), later("token_answer_unreadable", "none of Google's", "proxy")},
		"JSON cut off":       {once(status(200, `{"access_token":"ya29.abc`)), later("token_answer_unreadable")},
		"an empty 200":       {once(status(200, "")), later("token_answer_unreadable")},
		"a redirect":         {once(status(302, "", "Location: https://127.0.0.1:1/token")), later("token_answer_unreadable")},
		"reset":              {once(reset), later("connection_closed", "closed the connection before the message was handed over")},
		"no answer":          {once(hang), endsQueued(later("timeout", "did not answer in time", "HTTPS to the provider's address"))},
		"byte by byte":       {once(drip), endsQueued(later("timeout", "did not answer in time"))},
		"revoked":            {always(status(400, grant+`"Token has been expired or revoked."}`)), held("token_revoked", "expired or was revoked", "gatepost connect gmail")},
		"the key is deleted": {always(status(400, grant+`"Invalid JWT Signature."}`)), held("key_refused", "signature of key kid-1", "Make a new key")},
		"the user is gone":   {always(status(400, grant+`"Invalid email or User ID"}`)), held("unknown_user", "knows no user")},
		"no delegation": {
			always(status(401, `{"error":"unauthorized_client","error_description":"Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested."}`)),
			held("delegation_missing", "may not act for", "client id 117", "https://www.googleapis.com/auth/gmail.send"),
		},
		"this clock is wrong": {
			always(status(400, grant+`"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."}`, "Date: "+time.Now().Add(-2*time.Hour).UTC().Format(http.TimeFormat))),
			held("clock_off", "ahead", "NTP"),
		},
		"an administrator's policy": {always(status(400, `{"error":"admin_policy_enforced"}`)), held("blocked_by_admin", "client id 117 as trusted")},
	}
}

// Whatever the token endpoint answers: the explanation tells it, the mail waits, there is
// no storm of calls, and mail of other accounts leaves meanwhile.
func TestTokenEndpoint(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	stop := o.stream(t)
	cases := atOnce{}
	for name, f := range tokenFaults() {
		cases[name] = func(t *testing.T) { o.tokenFault(t, name, f) }
	}
	for name, how := range map[string]func(f *flood) func(*call){
		"a body without end":   func(f *flood) func(*call) { return f.body(200) },
		"a header without end": func(f *flood) func(*call) { return f.header },
		"a gzip bomb":          func(f *flood) func(*call) { return f.bomb },
	} {
		cases[name] = func(t *testing.T) {
			f := &flood{most: 64 << 20}
			want := later("token_answer_unreadable")
			if name == "a header without end" {
				want = later("unreachable")
			}
			o.tokenFault(t, name, tokenFault{once(how(f)), want})
			if n := f.much.Load(); n > 32<<20 && name != "a gzip bomb" {
				t.Errorf("%d MiB were read of an answer", n>>20)
			}
		}
	}
	for name, life := range map[string]string{
		"no life": "", "no time to live": `,"expires_in":0`, "a life that is over": `,"expires_in":-5`,
		"ten years": `,"expires_in":315360000`, "text for a number": `,"expires_in":"3599"`,
	} {
		cases["a token with "+name] = func(t *testing.T) { o.oddLife(t, name, life) }
	}
	cases["a kept token serves"] = o.keptToken
	cases["one call for many"] = o.oneCallForMany
	cases.run(t)
	othersFlow(t, stop)
}

func (o *office) tokenFault(t *testing.T, name string, f tokenFault) {
	address := addressOf("token " + name)
	account := o.mailbox(t, address)
	o.google.misbehave(address, f.token, nil)
	o.meets(t, o.send(t, account, "bob@example.org"), f.want, func() []copied { return o.google.copies(address) }, func() {
		o.moreMailAsksNoMore(t, account, address)
		o.google.misbehave(address, nil, nil)
	})
	if n := o.google.called(tokenCall, address); n > 3 {
		t.Errorf("%d calls for a token", n)
	}
}

// moreMailAsksNoMore: what comes in while the account is held makes no calls.
func (o *office) moreMailAsksNoMore(t *testing.T, account, address string) {
	t.Helper()
	before := o.google.called(tokenCall, address)
	for range 5 {
		id := o.send(t, account, "eve@example.org")
		if _, err := o.api.Cancel(t.Context(), id); err != nil {
			t.Errorf("mail of a held account: %v", err)
		}
	}
	if n := o.google.called(tokenCall, address); n != before || n > 1 {
		t.Errorf("%d calls for a token, then %d", before, n)
	}
}

// oddLife: a token's life that makes no sense neither stops mail nor costs a call each.
func (o *office) oddLife(t *testing.T, name, life string) {
	address := addressOf("life " + name)
	account := o.mailbox(t, address)
	o.google.misbehave(address, always(func(c *call) {
		status(200, `{"access_token":"`+tokenOf(address, c.n)+`","token_type":"Bearer"`+life+`}`)(c)
	}), nil)
	for range 5 {
		o.arrives(t, o.send(t, account, "bob@example.org"))
	}
	if n := o.google.called(tokenCall, address); n != 1 {
		t.Errorf("%d calls for a token, want 1", n)
	}
}

func (o *office) arrives(t *testing.T, id string) {
	t.Helper()
	until(t, id+" is accepted", patient, func() bool { return o.explain(t, id).Status == "accepted" })
}

// keptToken: while a token is good, a token endpoint that is down is not noticed.
func (o *office) keptToken(t *testing.T) {
	const address = "kept@acme.example"
	account := o.mailbox(t, address)
	o.google.misbehave(address, nil, nil)
	o.arrives(t, o.send(t, account, "bob@example.org"))
	o.google.misbehave(address, always(status(503, "oops")), nil)
	for range 5 {
		id := o.send(t, account, "bob@example.org")
		o.arrives(t, id)
		if x := o.explain(t, id); len(x.Attempts) != 1 {
			t.Errorf("%d attempts: %s", len(x.Attempts), x.Summary)
		}
	}
}

// oneCallForMany: mail that waits for a token together asks for it once.
func (o *office) oneCallForMany(t *testing.T) {
	const address = "many@acme.example"
	account := o.mailbox(t, address)
	o.google.misbehave(address, func(c *call) bool { time.Sleep(time.Second); return false }, nil)
	ids := make([]string, 20)
	for i := range ids {
		ids[i] = o.send(t, account, "bob@example.org")
	}
	for _, id := range ids {
		o.arrives(t, id)
	}
	if n := o.google.called(tokenCall, address); n != 1 {
		t.Errorf("%d calls for a token, want 1", n)
	}
	if n := len(o.google.copies(address)); n != len(ids) {
		t.Errorf("%d copies, want %d", n, len(ids))
	}
}
