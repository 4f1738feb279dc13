package sandbox

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func noFollow(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// put sends a part of an upload.
func put(t *testing.T, c *http.Client, address, span, body string) (answer, error) {
	t.Helper()
	req, err := http.NewRequest("PUT", address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Range", span)
	res, err := c.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(data)}, err
}

func (w *World) uploadURL(t *testing.T, c *http.Client, meta string) string {
	t.Helper()
	a := do(t, c, "POST", w.GoogleURL+"/upload/gmail/v1/users/me/messages/send?uploadType=resumable", "application/json", meta)
	if a.status != 200 || a.header.Get("Location") == "" {
		t.Fatalf("begin an upload: %d %s", a.status, a.body)
	}
	return a.header.Get("Location")
}

func TestUploadInParts(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeSend)
	c.CheckRedirect = noFollow
	raw := mailTo("bob@acme.example") + strings.Repeat("0123456789abcde\n", 40_000)
	raw = strings.ReplaceAll(raw, "e\n", "\r\n")
	total := len(raw)
	to := w.uploadURL(t, c, "{}")
	part := func(first, last int) answer {
		t.Helper()
		a, err := put(t, c, to, fmt.Sprintf("bytes %d-%d/%d", first, last, total), raw[first:last+1])
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	ask := func() answer {
		t.Helper()
		a, err := put(t, c, to, fmt.Sprintf("bytes */%d", total), "")
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := ask(); a.status != 308 || a.header.Get("Range") != "" {
		t.Errorf("before the first part: %d %v", a.status, a.header)
	}
	if a := part(0, 99); a.status != 400 || !strings.Contains(a.body, "262144") {
		t.Errorf("an odd part: %d %s", a.status, a.body)
	}
	if a := part(0, uploadChunk-1); a.status != 308 || a.header.Get("Range") != "bytes=0-262143" {
		t.Errorf("first part: %d %v", a.status, a.header)
	}
	if a := part(2*uploadChunk, total-1); a.status != 503 {
		t.Errorf("a part left out: %d %s", a.status, a.body)
	}
	w.fault(t, `{"fault":"upload_cut","count":1}`)
	if _, err := put(t, c, to, fmt.Sprintf("bytes %d-%d/%d", uploadChunk, total-1, total), raw[uploadChunk:]); err == nil {
		t.Error("the connection was not cut")
	}
	if a := ask(); a.status != 308 || a.header.Get("Range") != "bytes=0-524287" {
		t.Errorf("after the cut: %d %v", a.status, a.header)
	}
	w.fault(t, `{"fault":"cut_after","count":1}`)
	if _, err := put(t, c, to, fmt.Sprintf("bytes %d-%d/%d", 2*uploadChunk, total-1, total), raw[2*uploadChunk:]); err == nil {
		t.Error("the answer was not lost")
	}
	a := ask()
	var ref messageRef
	a.into(t, &ref)
	if e := w.ledger(t); a.status != 200 || len(e) != 1 || e[0].ProviderID != ref.ID || e[0].Size != total {
		t.Errorf("asked for the lost answer: %d %s, ledger %+v", a.status, a.body, e)
	}
}

// Google's Go library posts its parts, does not tell the size before the end, and
// cannot take 308.
func TestUploadOfUnknownLength(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeSend)
	c.CheckRedirect = noFollow
	head := mailTo("bob@acme.example")
	raw := head + strings.Repeat("a", uploadChunk-len(head))
	to := w.uploadURL(t, c, "")
	post := func(span, body string) answer {
		t.Helper()
		req, err := http.NewRequest("POST", to, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Range", span)
		req.Header.Set("X-GUploader-No-308", "yes")
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		data, _ := io.ReadAll(res.Body)
		return answer{res.StatusCode, res.Header, string(data)}
	}
	first := post("bytes 0-262143/*", raw)
	if first.status != 200 || first.header.Get("X-Http-Status-Code-Override") != "308" || first.header.Get("Range") != "bytes=0-262143" {
		t.Errorf("first part: %d %v", first.status, first.header)
	}
	if last := post("bytes */262144", ""); last.status != 200 || !strings.Contains(last.body, `"labelIds":["SENT"]`) {
		t.Errorf("end: %d %s", last.status, last.body)
	}
	if e := w.ledger(t); len(e) != 1 || e[0].Size != uploadChunk {
		t.Errorf("ledger: %+v", e)
	}
}

func TestUploadRefuses(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeSend)
	c.CheckRedirect = noFollow
	begin := w.GoogleURL + "/upload/gmail/v1/users/me/messages/send?uploadType=resumable"
	if a := do(t, c, "POST", begin, "application/json", `{"threadId":"00000000000000aa"}`); a.status != 404 {
		t.Errorf("unknown thread: %d", a.status)
	}
	if a := do(t, w.client(t), "POST", begin, "", ""); a.status != 401 {
		t.Errorf("no token: %d", a.status)
	}
	if a, err := put(t, c, begin+"&upload_id=x", "bytes */5", ""); err != nil || a.status != 404 {
		t.Errorf("no such upload: %d %v", a.status, err)
	}
	for _, span := range []string{"", "bytes", "bytes 5-1/9", "bytes 0-9/5", "bytes +0-1/2", "bytes 0-1"} {
		if _, err := parseContentRange(span); err == nil {
			t.Errorf("%q is no range", span)
		}
	}
	to := w.uploadURL(t, c, "")
	if a, err := put(t, c, to, fmt.Sprintf("bytes 0-0/%d", maxMessage+1), "x"); err != nil || a.status != 413 {
		t.Errorf("too large: %d %v", a.status, err)
	}
	to = w.uploadURL(t, c, "")
	if a, err := put(t, c, to, "bytes 0-9/10", "Subject: x"); err != nil || a.status != 400 || !strings.Contains(a.body, "Recipient address required") {
		t.Errorf("nobody to send to: %d %v", a.status, err)
	}
	if a, err := put(t, c, to, "bytes */10", ""); err != nil || a.status != 410 {
		t.Errorf("after the refusal: %d %v", a.status, err)
	}
	if n := len(w.ledger(t)); n != 0 {
		t.Errorf("%d were taken", n)
	}
}

func FuzzContentRange(f *testing.F) {
	for _, seed := range []string{"bytes 0-1/2", "bytes */5", "bytes 0-262143/*", "bytes -/", "bytes 0-1/-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseContentRange(text)
		if err == nil && r.first >= 0 && (r.last < r.first || r.total >= 0 && r.last >= r.total) {
			t.Errorf("%q gives %+v", text, r)
		}
	})
}

func TestThreads(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeSend)
	send := func(thread, id, subject string, more ...string) (answer, messageRef) {
		raw := strings.Join(append([]string{
			"From: " + ada, "To: bob@acme.example", "Subject: " + subject, "Message-ID: <" + id + "@acme.example>",
		}, more...), "\r\n") + "\r\n\r\nHi.\r\n"
		body := strings.TrimSuffix(rawJSON(raw), "}") + `,"threadId":"` + thread + `"}`
		a := do(t, c, "POST", w.sendURL(), "application/json", body)
		var ref messageRef
		if a.status == 200 {
			a.into(t, &ref)
		}
		return a, ref
	}
	answers := []string{"In-Reply-To: <first@acme.example>", "References: <first@acme.example>"}
	_, first := send("", "first", "Offer")
	if first.ThreadID != first.ID {
		t.Fatalf("first: %+v", first)
	}
	for name, x := range map[string]struct {
		thread, subject string
		more            []string
		joins           bool
	}{
		"all three":           {first.ThreadID, "Re: Offer", answers, true},
		"headers alone":       {"", "RE: re: offer", answers, true},
		"another subject":     {first.ThreadID, "Invoice", answers, false},
		"no references":       {first.ThreadID, "Re: Offer", nil, false},
		"nothing":             {"", "Offer", nil, false},
		"others' references":  {first.ThreadID, "Offer", []string{"References: <x@acme.example>"}, false},
		"References alone":    {first.ThreadID, "Fwd: Offer", answers[1:], true},
		"In-Reply-To, folded": {first.ThreadID, "Offer", []string{"In-Reply-To:\r\n <first@acme.example>"}, true},
	} {
		a, ref := send(x.thread, strings.ReplaceAll(name, " ", "-"), x.subject, x.more...)
		if a.status != 200 || (ref.ThreadID == first.ThreadID) != x.joins {
			t.Errorf("%s: %d %+v", name, a.status, ref)
		}
	}
	if a, _ := send("00000000000000aa", "x", "Offer"); a.status != 404 {
		t.Errorf("unknown thread: %d", a.status)
	}
	if a, _ := send("no", "x", "Offer"); a.status != 400 {
		t.Errorf("no thread id: %d", a.status)
	}
	seen := map[string]int{}
	for _, m := range w.mailbox(t, "bob@acme.example").list("").Messages {
		seen[m.ThreadID]++
	}
	if len(seen) != 5 {
		t.Errorf("bob's conversations: %v", seen)
	}
}
