package queue

import (
	"bufio"
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"gatepost/internal/compose"
	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// reportWorld takes mail by the recipient: no… are refused, later… are put off, others
// taken. What comes for the sender is kept.
func reportWorld(t *testing.T, opt store.Options) (w *world, reports *[]string) {
	reports = &[]string{}
	w = newWorld(t, opt, func(env email.Envelope, msg email.Content) (provider.Receipt, error) {
		r := provider.AcceptedBy(env, "", "250 OK")
		for i, to := range env.Recipients {
			switch {
			case strings.HasPrefix(to, "no"):
				r.Recipients[i].Err = &provider.Error{Class: provider.Fail, Scope: provider.ScopeRecipient, Cause: "no_such_mailbox", Reply: "550 5.1.1 No such user"}
			case strings.HasPrefix(to, "later"):
				r.Recipients[i].Err = &provider.Error{Class: provider.Retry, Scope: provider.ScopeRecipient, Cause: "greylisted", Reply: "451 4.7.1 later"}
			case to == "ada@acme.example":
				*reports = append(*reports, string(msg.(email.Bytes)))
			}
		}
		return r, nil
	}, nil)
	return w, reports
}

func (w *world) report(r *Report, to ...string) email.ID {
	w.t.Helper()
	sub := Submission{Raw: []byte("From: ada@acme.example\r\nTo: x@example.com\r\nSubject: Invoice\r\nMessage-ID: <7@acme>\r\n\r\nsecret text\r\n"), Report: r}
	for _, a := range to {
		addr, err := email.ParseAddress(a)
		w.must(err)
		sub.To = append(sub.To, addr)
	}
	return w.take(sub).ID
}

// tell sends what is due, and what is told of it.
func (w *world) tell() {
	w.t.Helper()
	w.now = w.now.Add(10 * time.Second)
	w.must(w.tellSenders(w.t.Context()), w.tellSenders(w.t.Context()))
	for {
		got, err := w.claim(w.t.Context(), simTeam, worldAccount, room{limit: 1})
		w.must(err)
		if len(got.claims) == 0 {
			return
		}
		w.settleWith(got.claims[0], w.attempt(w.t.Context(), got.claims[0]))
	}
}

// Who hands mail over by SMTP is told what failed, once, in the form that programs read.
func TestSendersAreTold(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w, reports := reportWorld(t, opt)
		id := w.report(&Report{To: "ada@acme.example", EnvelopeID: "e+1", Recipients: map[string]ReportOn{"nobody@example.com": {Original: "rfc822;n@list.example"}}},
			"bob@example.com", "nobody@example.com", "later@example.com")
		w.sendOne()
		for range 3 {
			w.tell()
		}
		if len(*reports) != 1 {
			t.Fatalf("told %d times: %q", len(*reports), *reports)
		}
		m, parts := readReport(t, (*reports)[0])
		if m.Header.Get("Auto-Submitted") != "auto-replied" || m.Header.Get("To") != "ada@acme.example" || m.Header.Get("In-Reply-To") != "<7@acme>" {
			t.Errorf("header %v", m.Header)
		}
		about := fields(t, parts[1])
		if len(about) != 2 || about[0].Get("Original-Envelope-Id") != "e+1" || about[1].Get("Final-Recipient") != "rfc822; nobody@example.com" ||
			about[1].Get("Original-Recipient") != "rfc822;n@list.example" || about[1].Get("Action") != "failed" || about[1].Get("Status") != "5.1.1" ||
			about[1].Get("Diagnostic-Code") != "smtp; 550 5.1.1 No such user" {
			t.Errorf("of recipients %v", about)
		}
		if !strings.Contains(parts[0], "<nobody@example.com>") || !strings.Contains(parts[0], string(id)) || !strings.Contains(parts[2], "Subject: Invoice") || strings.Contains(parts[2], "secret") {
			t.Errorf("parts %q", parts)
		}
		w.must(w.Cancel(t.Context(), w.grant, id)) // who is still waited for
		w.tell()
		if len(*reports) != 1 {
			t.Errorf("told of what was canceled: %q", (*reports)[1])
		}
		if left, err := w.cfg.Store.Reports(t.Context(), w.now.Add(time.Hour), 10); err != nil || len(left) != 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	})
}

// Nobody is told who did not wish it, or is not the account's; success is told where it is
// wished.
func TestSendersAreToldAsTheyWish(t *testing.T) {
	for name, c := range map[string]struct {
		report *Report
		to     string
		want   string // a word of what is told; empty: nothing is
	}{
		"not wished":         {nil, "nobody@example.com", ""},
		"never":              {&Report{To: "ada@acme.example", Recipients: map[string]ReportOn{"nobody@example.com": {Never: true}}}, "nobody@example.com", ""},
		"somebody else":      {&Report{To: "ceo@bank.example"}, "nobody@example.com", ""},
		"no address":         {&Report{To: "root"}, "nobody@example.com", ""},
		"taken":              {&Report{To: "ada@acme.example"}, "bob@example.com", ""},
		"taken, and wished":  {&Report{To: "ada@acme.example", Recipients: map[string]ReportOn{"bob@example.com": {Success: true}}}, "bob@example.com", "Action: relayed"},
		"failed, whole":      {&Report{To: "ada@acme.example", Whole: true}, "nobody@example.com", "secret text"},
		"failed, its header": {&Report{To: "ada@acme.example"}, "nobody@example.com", "text/rfc822-headers"},
	} {
		w, reports := reportWorld(t, store.Options{Dir: storetest.Folder(t)})
		w.report(c.report, c.to)
		w.sendOne()
		w.tell()
		w.now = w.now.Add(time.Minute)
		w.tell()
		switch {
		case c.want == "" && len(*reports) > 0:
			t.Errorf("%s: told %q", name, *reports)
		case c.want != "" && (len(*reports) != 1 || !strings.Contains((*reports)[0], c.want)):
			t.Errorf("%s: told %q, want %s", name, *reports, c.want)
		}
	}
}

// A process that ends after it has handed a report over hands over no second one.
func TestSendersAreToldOnceAfterACrash(t *testing.T) {
	w, reports := reportWorld(t, store.Options{Dir: storetest.Folder(t)})
	w.report(&Report{To: "ada@acme.example"}, "nobody@example.com")
	w.sendOne()
	due, err := w.cfg.Store.Reports(t.Context(), w.now.Add(time.Minute), 10)
	w.must(err)
	m, err := w.cfg.Store.Message(t.Context(), simTeam, due[0].Message)
	w.must(err)
	wish := Report{To: "ada@acme.example"}
	p, _ := wish.on(m.Recipients[0])
	w.must(w.sendReport(t.Context(), m, wish, []compose.ReportedRecipient{p}, []int{0}))
	w.tell()
	if len(*reports) != 1 {
		t.Errorf("told %d times", len(*reports))
	}
}

func readReport(t *testing.T, raw string) (*mail.Message, []string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/report" || params["report-type"] != "delivery-status" {
		t.Fatalf("%s %v, %v", kind, params, err)
	}
	var parts []string
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextPart()
		if err == io.EOF {
			return m, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(p); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, b.String())
	}
}

// fields are the groups of a delivery status, the message's first.
func fields(t *testing.T, part string) (out []textproto.MIMEHeader) {
	t.Helper()
	for group := range strings.SplitSeq(strings.TrimSpace(part), "\r\n\r\n") {
		h, err := textproto.NewReader(bufio.NewReader(strings.NewReader(group + "\r\n\r\n"))).ReadMIMEHeader()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, h)
	}
	return out
}
