package faults

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/client"
)

// relayFault is one fault of a relay.
type relayFault struct {
	offers []string
	script func(verb, line string, n int) string
	want   seen
}

// first gives a special reply to the first command of a verb, or to all of them.
func first(verb, reply string) func(string, string, int) string {
	return func(v, _ string, n int) string {
		if v == verb && n == 1 {
			return reply
		}
		return ""
	}
}

func every(verb, reply string) func(string, string, int) string {
	return func(v, _ string, _ int) string {
		if v == verb {
			return reply
		}
		return ""
	}
}

// refused is what a user sees of a verdict on the message or its recipient.
func refused(cause string, says ...string) seen {
	return seen{outcome: "failed", cause: cause, end: "failed", says: says}
}

// asked is what a user sees where nobody can tell whether the message left.
func asked(cause string, copies int, says ...string) seen {
	return seen{outcome: "unknown", cause: cause, then: []string{"held"}, end: "held", copies: copies, says: says}
}

func relayFaults() map[string]relayFault {
	faults := map[string]relayFault{
		"no banner":           {nil, first("GREETING", silent), later("timeout", "did not answer in time", "Check port and TLS mode")},
		"a banner of the web": {nil, first("GREETING", "HTTP/1.1 400 Bad Request\r\n"), later("unexpected_answer", "none of SMTP", "is this an SMTP server?")},
		"554 at once":         {nil, every("GREETING", "554 5.7.1 not you\r\n"), held("connection_refused_by_policy", "does not talk to this machine", "554 5.7.1 not you")},
		"the connection ends": {nil, first("GREETING", cut), later("connection_closed")},
		"EHLO byte by byte":   {nil, first("EHLO", slow), later("timeout")},
		"EHLO without end":    {nil, first("EHLO", endless), later("unexpected_answer")},
		"530 wants a sign-in": {nil, every("MAIL", "530 5.7.0 Authentication required\r\n"), held("auth_required", "wants a sign-in or TLS", "Set user and password")},
		"no relaying":         {nil, every("RCPT", "554 5.7.1 Relay access denied\r\n"), held("relay_denied", "does not relay for this machine")},
		"552 too large":       {nil, first("DOT", "552 5.3.4 too big\r\n"), refused("message_too_large", "larger than the server takes", "552 5.3.4 too big")},
		"the size it offers":  {[]string{"SIZE 100"}, nil, refused("message_too_large", "larger than the 100 bytes")},
		"554 of the content":  {nil, first("DOT", "554 5.7.1 looks like spam\r\n"), refused("message_refused", "looks like spam")},
		"552 of the mailbox":  {nil, first("RCPT", "552 5.2.2 over quota\r\n"), refused("mailbox_full", "mailbox is full")},
		"no such mailbox":     {nil, first("RCPT", "550 5.1.1 unknown\r\n"), refused("no_such_mailbox", "no such mailbox", "Correct the address")},
		"greylisted":          {nil, first("RCPT", "450 4.7.1 try again in 3 seconds\r\n"), later("refused_for_now", "450 4.7.1")},
		"451 of the message":  {nil, first("DOT", "451 4.3.0 later\r\n"), later("service_unavailable", "cannot work now")},
		"452 full of mail":    {nil, first("MAIL", "452 4.3.1 no room\r\n"), later("service_unavailable", "no room")},
		"a slow 250":          {nil, delayed("DOT", 3*time.Second), seen{copies: 1}},
		"no 250":              {nil, first("DOT", silent), asked("no_answer", 0, maybe)},
		"taken and cut":       {nil, first("DOT", lost), asked("no_answer", 1, maybe)},
		"250 byte by byte":    {nil, first("DOT", slow), asked("no_answer", 0, maybe)},
		"250 without end":     {nil, first("DOT", endless), asked("no_answer", 0, maybe)},
		"nonsense at the end": {nil, first("DOT", "<html>\r\n"), asked("no_answer", 0, maybe)},
		"the limit of a day": {nil, every("MAIL", "550 5.4.5 Daily user sending limit exceeded\r\n"), seen{
			outcome: "delayed", cause: "daily_limit", account: "parked", parked: time.Hour, end: "queued", says: []string{"clears within 24 hours", "another account"},
		}},
	}
	for _, stage := range []string{"GREETING", "EHLO", "MAIL", "RCPT", "DATA", "DOT"} {
		faults["421 at "+stage] = relayFault{nil, first(stage, "421 4.3.2 closing\r\n"), later("service_unavailable", "closes the connection for now", "421")}
		faults["pipelined, 421 at "+stage] = relayFault{[]string{"PIPELINING"}, first(stage, "421 4.3.2 closing\r\n"), later("service_unavailable", "421")}
	}
	for _, stage := range []string{"MAIL", "RCPT", "DATA"} {
		faults["silent at "+stage] = relayFault{nil, first(stage, silent), later("timeout")}
		faults["cut at "+stage] = relayFault{nil, first(stage, cut), later("connection_closed")}
	}
	return faults
}

// delayed gives the usual reply late.
func delayed(verb string, d time.Duration) func(string, string, int) string {
	return func(v, _ string, _ int) string {
		if v == verb {
			time.Sleep(d)
		}
		return ""
	}
}

// Whatever a relay answers at whatever point: the explanation tells it, nobody gets the
// message twice, and mail of other accounts leaves meanwhile.
func TestRelayAnswers(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	stop := o.stream(t)
	cases := atOnce{}
	for name, f := range relayFaults() {
		cases[name] = func(t *testing.T) { o.relayFault(t, name, f) }
	}
	cases["recipients that fare differently"] = o.mixedRecipients
	cases["a code is sent again"] = o.codeIsSentAgain
	cases["released after all"] = o.releasedAfterAll
	cases["pipelining that loses commands"] = o.losesCommands
	cases["wrong password"] = o.wrongPassword
	cases["the limit of a day, amid a batch"] = o.dailyLimit
	cases.run(t)
	othersFlow(t, stop)
}

func (o *office) relayFault(t *testing.T, name string, f relayFault) {
	r := startRelay(t, &relay{offers: f.offers, script: f.script})
	account := o.through(t, addressOf("relay "+name), r, "none")
	o.meets(t, o.send(t, account, "bob@example.org"), f.want, r.copies, func() { r.says(nil) })
}

// mixedRecipients: each has an outcome of its own, and who has the message does not get it
// again with those who wait.
func (o *office) mixedRecipients(t *testing.T) {
	r := startRelay(t, &relay{})
	account := o.through(t, "mixed@acme.example", r, "none")
	late := map[string]bool{}
	r.says(func(_, line string, _ int) string {
		switch {
		case strings.Contains(line, "<gone@"):
			return "550 5.1.1 unknown\r\n"
		case strings.Contains(line, "<full@"), strings.Contains(line, "<many@"):
			if !late[line] {
				late[line] = true
				return "452 4.5.3 later\r\n"
			}
		}
		return ""
	})
	id := o.send(t, account, "ann@example.org", "gone@example.org", "full@example.org", "bob@example.org", "many@example.org")
	var m client.Message
	until(t, "all have an outcome", patient, func() bool {
		var err error
		if m, err = o.api.Message(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		return !slices.ContainsFunc(m.Recipients, func(r client.Recipient) bool { return r.Status != "accepted" && r.Status != "failed" })
	})
	for _, to := range m.Recipients {
		want, cause := "accepted", ""
		if strings.HasPrefix(to.Address, "gone@") {
			want, cause = "failed", "no_such_mailbox"
		}
		if to.Status != want || to.Cause != cause {
			t.Errorf("%s: %s %s, want %s %s", to.Address, to.Status, to.Cause, want, cause)
		}
	}
	var got []string
	for _, c := range r.copies() {
		got = append(got, c.to)
	}
	slices.Sort(got)
	if want := []string{"ann@example.org", "bob@example.org", "full@example.org", "many@example.org"}; !slices.Equal(got, want) {
		t.Errorf("arrived: %v, want %v", got, want)
	}
}

// codeIsSentAgain: a one-time password may come twice rather than not at all, and says so.
func (o *office) codeIsSentAgain(t *testing.T) {
	r := startRelay(t, &relay{script: first("DOT", lost)})
	account := o.through(t, "codes@acme.example", r, "none")
	made, err := o.api.Send(t.Context(), client.NewMessage{Account: account, To: client.To("bob@example.org"), Type: "otp", Subject: "Your code", Text: "493021"}, "")
	if err != nil {
		t.Fatal(err)
	}
	want := seen{outcome: "unknown", cause: "no_answer", then: []string{"accepted"}, mark: true, copies: 2}
	o.meets(t, made.ID, want, r.copies, nil)
}

// releasedAfterAll: what is held because nobody knows whether it left goes on when a person
// says so, and is marked.
func (o *office) releasedAfterAll(t *testing.T) {
	r := startRelay(t, &relay{script: first("DOT", lost)})
	account := o.through(t, "asked@acme.example", r, "none")
	id := o.send(t, account, "bob@example.org")
	o.meets(t, id, asked("no_answer", 1), r.copies, nil)
	if x := o.explain(t, id); !strings.Contains(x.Fix, "release") {
		t.Errorf("what a person can do: %q", x.Fix)
	}
	if _, err := o.api.Release(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	o.arrives(t, id)
	if m, err := o.api.Message(t.Context(), id); err != nil || !m.PossibleDuplicate || len(r.copies()) != 2 {
		t.Errorf("%d copies, marked %v, %v", len(r.copies()), m.PossibleDuplicate, err)
	}
}

// losesCommands: a relay that offers PIPELINING and throws away what came with MAIL.
func (o *office) losesCommands(t *testing.T) {
	r := startRelay(t, &relay{offers: []string{"PIPELINING"}, forgetful: true})
	account := o.through(t, "pipelined@acme.example", r, "none")
	o.meets(t, o.send(t, account, "bob@example.org"), endsQueued(later("timeout")), r.copies, nil)
}

// wrongPassword: the account is held after one refusal, and its mail leaves once the
// password has been replaced.
func (o *office) wrongPassword(t *testing.T) {
	r := startRelay(t, &relay{offers: []string{"AUTH PLAIN"}, script: every("AUTH", "535 5.7.8 no\r\n")})
	made, err := o.api.CreateCredential(t.Context(), client.NewCredential{Kind: "smtp_password", Name: "relay", Password: "wrong-password"})
	if err != nil {
		t.Fatal(err)
	}
	port := r.port()
	a, err := o.api.CreateAccount(t.Context(), client.NewAccount{
		Address: "signin@acme.example", Transport: "smtp", Credential: made.ID, SMTP: &client.SMTPSettings{Host: "127.0.0.1", Port: &port, TLS: "none", User: "app"},
	})
	if err != nil {
		t.Fatal(err)
	}
	id := o.send(t, a.ID, "bob@example.org")
	o.meets(t, id, held("credential_refused", "refused user name and password", "Store the right password"), r.copies, func() {
		if n := r.count("AUTH"); n != 1 {
			t.Errorf("tried to sign in %d times", n)
		}
		r.says(every("AUTH", "235 2.7.0 welcome\r\n"))
		if _, err := o.api.ReplaceCredential(t.Context(), made.ID, client.NewCredential{Password: "right-password"}); err != nil {
			t.Error(err)
		}
	})
}

// dailyLimit: the provider's limit of a day is reached amid a batch. What has left has
// left once, the rest waits and says until when, nobody probes early, and another account
// can take it over.
func (o *office) dailyLimit(t *testing.T) {
	const batch, most = 20, 5
	r := startRelay(t, &relay{})
	r.says(func(verb, _ string, _ int) string {
		if verb == "MAIL" && len(r.copies()) >= most {
			return "550 5.4.5 Daily user sending limit exceeded\r\n"
		}
		return ""
	})
	other := startRelay(t, &relay{})
	account, second := o.through(t, "daily@acme.example", r, "none"), o.through(t, "second@acme.example", other, "none")
	ids := make([]string, batch)
	for i := range ids {
		made, err := o.api.Send(t.Context(), client.NewMessage{Account: account, From: &client.Address{Address: "daily@acme.example"}, To: client.To("bob@example.org"), Subject: "s", Text: "t"}, "")
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = made.ID
	}
	until(t, "the account is parked", patient, func() bool { return o.account(t, account).Status == "parked" })
	a := o.account(t, account)
	if left := time.Until(a.ParkedUntil.Time); a.Cause != "daily_limit" || !strings.Contains(a.Reason, "limit of the day") || left < 50*time.Minute || left > time.Hour {
		t.Errorf("parked for %s: %s, %s", left, a.Cause, a.Reason)
	}
	tries := r.count("MAIL")
	var waiting string
	for _, id := range ids {
		if x := o.explain(t, id); x.Status == "queued" && x.Account.Status == "parked" && x.NextAt != nil {
			waiting = id
		} else if x.Status != "accepted" {
			t.Errorf("%s is %s: %s", id, x.Status, x.Summary)
		}
	}
	if waiting == "" {
		t.Fatal("nothing waits")
	}
	allowed := []string{"@acme.example"}
	if _, err := o.api.ChangeAccount(t.Context(), second, client.ChangeAccount{Senders: &allowed}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.api.OrderQueue(t.Context(), "move", client.QueueOrder{Account: account, To: second}, nil); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		o.arrives(t, id)
	}
	if got := len(r.copies()) + len(other.copies()); got != batch || r.count("MAIL") != tries {
		t.Errorf("%d copies of %d messages; %d further tries", got, batch, r.count("MAIL")-tries)
	}
}
