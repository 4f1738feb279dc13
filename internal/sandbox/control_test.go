package sandbox

import (
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
)

func TestRulesAreUsedUpInOrder(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeSend)
	w.fault(t, `{"fault":"rate","arg":"7","count":2}`)
	w.fault(t, `{"fault":"server_error","count":1}`)
	w.fault(t, `{"fault":"quota","account":"bob@acme.example"}`)
	w.fault(t, `{"fault":"refused","recipient":"eve@example.net"}`)
	w.fault(t, `{"fault":"unauthorized","via":"smtp"}`)
	var got []int
	for _, to := range []string{"bob", "bob", "bob", "bob", "eve", "bob"} {
		got = append(got, do(t, c, "POST", w.sendURL(), "application/json", rawJSON(mailTo(to+"@example.net"))).status)
	}
	if diff := cmp.Diff([]int{429, 429, 503, 200, 400, 200}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	var left struct{ Faults []Rule }
	w.ask(t, "GET", "/control/faults", "").into(t, &left)
	if len(left.Faults) != 3 || left.Faults[0].Fault != "quota" {
		t.Errorf("left: %+v", left.Faults)
	}
	w.ask(t, "DELETE", "/control/faults", "")
	if a := do(t, c, "POST", w.sendURL(), "application/json", rawJSON(mailTo("eve@example.net"))); a.status != 200 {
		t.Errorf("after the faults were deleted: %d", a.status)
	}
}

func TestRulesMeetTheRelay(t *testing.T) {
	w := world(t)
	c := w.smtp(t)
	user, _ := w.SMTPLogin()
	w.fault(t, `{"fault":"rate","account":"`+user+`","count":1}`)
	w.fault(t, `{"fault":"quota","recipient":"eve@example.net","count":1}`)
	w.fault(t, `{"fault":"unauthorized","account":"x@acme.example","count":1}`)
	wantReply(t, "by login", submit(c, ada, mailTo("bob@example.net"), "bob@example.net"), 450, smtp.EnhancedCode{4, 7, 0})
	wantReply(t, "by recipient", submit(c, ada, mailTo("eve@example.net"), "eve@example.net"), 550, smtp.EnhancedCode{5, 4, 5})
	_ = c.Reset()
	wantReply(t, "by MAIL FROM", c.Mail("x@acme.example", nil), 530, smtp.EnhancedCode{5, 7, 0})
	if err := submit(c, ada, mailTo("eve@example.net"), "eve@example.net"); err != nil {
		t.Error("after all rules are used up:", err)
	}
}

func TestRandomShareOfFaults(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeSend)
	w.fault(t, `{"fault":"server_error","rate":0.5}`)
	n := map[int]int{}
	for range 200 {
		n[do(t, c, "POST", w.sendURL(), "application/json", rawJSON(mailTo("bob@example.net"))).status]++
	}
	if n[503] < 50 || n[200] < 50 || n[200] != len(w.ledger(t)) {
		t.Errorf("half of 200: %v", n)
	}
}

func TestControlRefusesNonsense(t *testing.T) {
	w := world(t)
	for body, want := range map[string]int{
		`{`:                                  400,
		`{"fault":"rate","acount":"x"}`:      400,
		`{"fault":"earthquake"}`:             422,
		`{"fault":"rate","arg":"soon"}`:      422,
		`{"fault":"rate","count":-1}`:        422,
		`{"fault":"rate","rate":2}`:          422,
		`{"fault":"rate","via":"pigeon"}`:    422,
		`{"fault":"server_error","arg":"7"}`: 422,
	} {
		if a := w.ask(t, "POST", "/control/faults", body); a.status != want || !strings.Contains(a.body, `"error":`) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
}

func TestControlMakesAccounts(t *testing.T) {
	w := world(t)
	a := w.ask(t, "POST", "/control/service-accounts", `{"scopes":["`+scopeSend+`"]}`)
	if key := readKey(t, []byte(a.body)); a.status != 201 || key.TokenURI != w.GoogleURL+"/token" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

const crafted = "From: <script>alert(1)</script> <ada@acme.example>\r\nTo: bob@example.net\r\n" +
	"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_<b>?=\r\nX-Gatepost-Id: msg_9\r\nMessage-ID: <nine@acme.example>\r\n" +
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n" +
	"--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n" +
	"--a\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe\r\n" +
	"--a\r\nContent-Type: text/html\r\n\r\n<img src=x onerror=alert(1)>\r\n--a--\r\n" +
	"--m\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"a.pdf\"\r\n" +
	"Content-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n--m--\r\n"

func TestMessagesAsJSON(t *testing.T) {
	w := world(t)
	if err := submit(w.smtp(t), ada, crafted, "bob@example.net", "eve@example.net"); err != nil {
		t.Fatal(err)
	}
	if err := submit(w.smtp(t), ada, mailTo("mal@example.net"), "mal@example.net"); err != nil {
		t.Fatal(err)
	}
	var list struct{ Messages []Summary }
	w.ask(t, "GET", "/api/messages?limit=1", "").into(t, &list)
	if len(list.Messages) != 1 || list.Messages[0].Subject != "Hello" {
		t.Errorf("latest: %+v", list)
	}
	w.ask(t, "GET", "/api/messages?to=EVE@example.net", "").into(t, &list)
	if len(list.Messages) != 1 || list.Messages[0].Subject != "Grüße <b>" {
		t.Fatalf("to eve: %+v", list)
	}
	var d Detail
	w.ask(t, "GET", "/api/messages/"+list.Messages[0].ID, "").into(t, &d)
	want := []Attachment{{Filename: "a.pdf", ContentType: "application/pdf", Size: 5}}
	if d.Text != "Grüße" || d.HTML != "<img src=x onerror=alert(1)>" || !cmp.Equal(want, d.Attachments) {
		t.Errorf("detail: %+v", d)
	}
	if d.Via != "smtp" || d.GatepostID != "msg_9" || d.MailFrom != ada || len(d.Recipients) != 2 || d.Size != len(crafted) {
		t.Errorf("detail: %+v", d)
	}
	if a := w.ask(t, "GET", "/api/messages/0", ""); a.status != 404 {
		t.Errorf("no such message: %d", a.status)
	}
}

func TestPagesShowMailAndLetNothingOfItAct(t *testing.T) {
	w := world(t)
	if err := submit(w.smtp(t), ada, crafted, "bob@example.net"); err != nil {
		t.Fatal(err)
	}
	id := w.post.store.latest(1)[0].ProviderID
	for path, want := range map[string]string{
		"":                         "bob@example.net",
		"/mailbox":                 "Grüße &lt;b&gt;",
		"/mailbox/bob@example.net": "Grüße &lt;b&gt;",
		"/mailbox/no@example.net":  "received nothing",
		"/message/" + id:           "&lt;img src=x onerror=alert(1)&gt;",
		"/message/0":               "no such page or message",
		"/nothing":                 "no such page or message",
	} {
		a := w.ask(t, "GET", path, "")
		if !strings.Contains(a.body, want) {
			t.Errorf("%s does not show %q:\n%s", path, want, a.body)
		}
		if strings.Contains(a.body, "<img") || strings.Contains(a.body, "<script") || strings.Contains(a.body, "style=") {
			t.Errorf("%s shows mail as HTML", path)
		}
		if csp := a.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'self'") {
			t.Errorf("%s: policy %q", path, csp)
		}
	}
	raw := w.ask(t, "GET", "/message/"+id+"/raw", "")
	if raw.body != crafted || raw.header.Get("Content-Type") != "message/rfc822" ||
		!strings.HasPrefix(raw.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("raw: %v", raw.header)
	}
	if a := w.ask(t, "GET", "/style.css", ""); !strings.HasPrefix(a.header.Get("Content-Type"), "text/css") {
		t.Errorf("style: %v", a.header)
	}
}

func TestLedgerOverHTTPIsTheFile(t *testing.T) {
	w := world(t)
	w.sent(t, w.gmail(t, ada, scopeSend), mailTo("bob@example.net"))
	a := do(t, w.client(t), "GET", w.LedgerURL, "", "")
	if a.status != 200 || strings.Count(a.body, "\n") != 1 || !strings.Contains(a.body, `"message_id":"<one@acme.example>"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}
