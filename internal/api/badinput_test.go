package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// Each thing that can be wrong with a message is named, and nothing is kept.
func TestBadMessages(t *testing.T) {
	const text = `"text": "x"`
	cases := []struct {
		name, body string
		fields     []string // exactly these are named
	}{
		{"no recipient", `{"from": "app@example.com", ` + text + `}`, []string{"to"}},
		{"null recipient", `{"from": "app@example.com", "to": null, ` + text + `}`, []string{"to"}},
		{"invalid address", `{"from": "app@example.com", "to": ["a@b.example", "nobody"], ` + text + `}`, []string{"to[1]"}},
		{"single invalid address", `{"from": "app@example.com", "to": "nobody", ` + text + `}`, []string{"to"}},
		{"two addresses in one", `{"from": "app@example.com", "to": "a@b.example, c@d.example", ` + text + `}`, []string{"to"}},
		{
			"address in parts", `{"from": "app@example.com", "to": [{"address": "@"}, {"name": "N"}, {"address": "a@b.example", "name": "A\nB"}, {"address": "a@b.example", "x": 1}], ` + text + `}`,
			[]string{"to[0].address", "to[1].address", "to[2].name", "to[3].x"},
		},
		{
			"address of a wrong type", `{"from": 5, "to": [7], "cc": true, "bcc": [null], "reply_to": [["a@b.example"]], ` + text + `}`,
			[]string{"from", "to[0]", "cc", "bcc[0]", "reply_to[0]"},
		},
		{"too many recipients", `{"from": "app@example.com", "to": ["a@x.example", "b@x.example", "c@x.example"], "cc": ["d@x.example", "e@x.example"], "bcc": "f@x.example", ` + text + `}`, []string{"to"}},
		{"unknown field", `{"from": "app@example.com", "to": "a@b.example", ` + text + `, "colour": {"a": [1, "]}"]}}`, []string{"colour"}},
		{"field given twice", `{"from": "app@example.com", "from": "box@example.net", "to": "a@b.example", ` + text + `}`, []string{"from"}},
		{"header that is another From", `{"from": "app@example.com", "to": "a@b.example", ` + text + `, "headers": {"From": "box@example.net"}}`, []string{"headers.From"}},
		{"header given twice", `{"from": "app@example.com", "to": "a@b.example", ` + text + `, "headers": {"X-A": "1", "x-a": "2"}}`, []string{"headers.x-a"}},
		{"second From in raw", rawJSON("From: app@example.com\r\nFrom: box@example.net\r\nTo: a@b.example\r\n\r\nx"), []string{"raw"}},
		{"raw that is not base64", `{"raw": "***"}`, []string{"raw"}},
		{"raw beside parts", strings.Replace(rawJSON("From: app@example.com\r\nTo: a@b.example\r\n\r\nx"), "{", `{"subject": "S", `, 1), []string{"subject"}},
		{"attachment that is not base64", `{"from": "app@example.com", "to": "a@b.example", "attachments": [{"filename": "a.txt", "content": "=x="}]}`, []string{"attachments[0].content"}},
		{"attachment without content", `{"from": "app@example.com", "to": "a@b.example", "attachments": [{"filename": "a.txt"}]}`, []string{"attachments[0].content"}},
		{"attachment without name", `{"from": "app@example.com", "to": "a@b.example", "attachments": [{"content": "eA=="}]}`, []string{"attachments[0].filename"}},
		{"attachments not a list", `{"from": "app@example.com", "to": "a@b.example", "attachments": {}}`, []string{"attachments"}},
		{"attachment that Gmail blocks", `{"from": "box@example.net", "to": "a@b.example", "attachments": [{"filename": "a.EXE", "content": "eA=="}]}`, []string{"attachments[0].filename"}},
		{"empty", `{"from": "app@example.com", "to": "a@b.example"}`, []string{"text"}},
		{"unknown account", `{"account": "acc_none", "from": "app@example.com", "to": "a@b.example", ` + text + `}`, []string{"account"}},
		{"From of another account", `{"account": "app@example.com", "from": "box@example.net", "to": "a@b.example", ` + text + `}`, []string{"from"}},
		{"From that no account may use", `{"from": "ceo@example.com", "to": "a@b.example", ` + text + `}`, []string{"from"}},
		{"From of raw that the account may not use", rawJSON("From: ceo@example.com\r\nTo: a@b.example\r\n\r\nx"), []string{"from"}},
		{"Sender of raw that the account may not use", rawJSON("From: app@example.com\r\nSender: ceo@elsewhere.example\r\nTo: a@b.example\r\n\r\nx"), []string{"raw"}},
		{"raw that is wrong and has no recipient", rawJSON("From: app@example.com\r\nFrom: box@example.net\r\n\r\nx"), []string{"raw", "to"}},
		{"blocked attachment behind a dot", `{"from": "box@example.net", "to": "a@b.example", "attachments": [{"filename": "a.js.", "content": "eA=="}]}`, []string{"attachments[0].filename"}},
		{
			"envelope that leaves out somebody, where the header decides",
			strings.Replace(rawJSON("From: box@example.net\r\nTo: a@b.example, c@d.example\r\n\r\nx"), "{", `{"to": "a@b.example", `, 1),
			[]string{"to"},
		},
		{"type", `{"from": "app@example.com", "to": "a@b.example", ` + text + `, "type": "spam"}`, []string{"type"}},
		{"on_unknown", `{"from": "app@example.com", "to": "a@b.example", ` + text + `, "on_unknown": "maybe"}`, []string{"on_unknown"}},
		{"tags", `{"from": "app@example.com", "to": "a@b.example", ` + text + `, "tags": ["a", 1]}`, []string{"tags[1]"}},
		{"metadata", `{"from": "app@example.com", "to": "a@b.example", ` + text + `, "metadata": {"a": 1, "b": "x", "b": "y"}}`, []string{"metadata.a", "metadata.b"}},
		{"not an object", `[1, 2]`, []string{"body"}},
		{
			"form and meaning at once", `{"from": "ceo@example.com", "to": ["nobody"], "subject": "a\r\nBcc: x@y.example", "txt": "x", "html": 5,
			"headers": {"X-A": "1\n2", "X-B": 7}, "attachments": [{"filename": "../a", "content": "*"}, {"filename": 3, "content": "eA=="}], "type": "spam", "on_unknown": "maybe"}`,
			[]string{"from", "to[0]", "subject", "txt", "html", "headers.X-A", "headers.X-B", "attachments[0].filename", "attachments[0].content", "attachments[1].filename", "type", "on_unknown"},
		},
	}
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				r := w.post("/v1/messages", c.body)
				r.t = t
				wantFields(t, r.problem(http.StatusUnprocessableEntity, "invalid"), c.fields)
			})
		}
		if n := w.count(); n != 0 {
			t.Errorf("%d messages were kept", n)
		}
	})
}

func wantFields(t *testing.T, got map[string]string, want []string) {
	t.Helper()
	for _, f := range want {
		if got[f] == "" {
			t.Errorf("%s is not named in %v", f, got)
		}
	}
	if len(got) != len(want) {
		t.Errorf("named are %v, want %v", got, want)
	}
}

// No line break, NUL or other control character gets into a header by any field.
func TestHostileHeaderValues(t *testing.T) {
	w := sqlite(t)
	places := map[string]string{
		"subject":                     `{"from": "app@example.com", "to": "a@b.example", "text": "x", "subject": "%s"}`,
		"from":                        `{"from": "N%s <app@example.com>", "to": "a@b.example", "text": "x"}`,
		"from.name":                   `{"from": {"address": "app@example.com", "name": "%s"}, "to": "a@b.example", "text": "x"}`,
		"to[0].name":                  `{"from": "app@example.com", "to": [{"address": "a@b.example", "name": "%s"}], "text": "x"}`,
		"to[0].address":               `{"from": "app@example.com", "to": [{"address": "a%s@b.example"}], "text": "x"}`,
		"cc[0]":                       `{"from": "app@example.com", "to": "a@b.example", "cc": ["c@d.example%s"], "text": "x"}`,
		"bcc":                         `{"from": "app@example.com", "to": "a@b.example", "bcc": "x%s@d.example", "text": "x"}`,
		"reply_to":                    `{"from": "app@example.com", "to": "a@b.example", "reply_to": "R%s <c@d.example>", "text": "x"}`,
		"headers.X-A":                 `{"from": "app@example.com", "to": "a@b.example", "headers": {"X-A": "v%sw"}, "text": "x"}`,
		"attachments[0].filename":     `{"from": "app@example.com", "to": "a@b.example", "attachments": [{"filename": "a%s.txt", "content": "eA=="}]}`,
		"attachments[0].content_type": `{"from": "app@example.com", "to": "a@b.example", "attachments": [{"filename": "a.txt", "content_type": "text/plain%s; x=y", "content": "eA=="}]}`,
		"tags[0]":                     `{"from": "app@example.com", "to": "a@b.example", "text": "x", "tags": ["a%sb"]}`,
		"metadata.k":                  `{"from": "app@example.com", "to": "a@b.example", "text": "x", "metadata": {"k": "a%sb"}}`,
	}
	for _, hostile := range []string{`\r\nBcc: x@evil.example`, `\n`, `\r`, `\u0000`, `\u0085`, `\u2028`, `\u001b[2J`} {
		for field, body := range places {
			r := w.post("/v1/messages", fmt.Sprintf(body, hostile))
			if r.status != http.StatusUnprocessableEntity {
				t.Errorf("%s in %s: status %d", hostile, field, r.status)
				continue
			}
			got := r.problem(http.StatusUnprocessableEntity, "invalid")
			if got[field] == "" {
				t.Errorf("%s in %s: named are %v", hostile, field, got)
			}
		}
		name := fmt.Sprintf(`{"from": "app@example.com", "to": "a@b.example", "headers": {"X-%s": "v"}, "text": "x"}`, hostile)
		w.post("/v1/messages", name).problem(http.StatusUnprocessableEntity, "invalid")
	}
	if n := w.count(); n != 0 {
		t.Errorf("%d messages were kept", n)
	}
}

// What is not JSON is 400, whatever else is wrong with it.
func TestNotJSON(t *testing.T) {
	w := sqlite(t)
	for _, body := range []string{
		``, ` `, `{`, `{]`, `{"to": "a@b.example"`, `{"to": "a@b.example",}`, `{"to" "a"}`, `{to: 1}`, `{"to": 'a'}`, `{} {}`, `nul`, `{"a": 01}`,
		`{"a": 1.}`, `{"a": -}`, `{"a": 1e}`, `{"a": "\x"}`, `{"a": "\u12"}`, `{"a": "\ud800"}`, `{"a": "\ud800A"}`, "{\"a\": \"\n\"}",
		"{\"subject\": \"\xff\"}", "\ufeff{}", strings.Repeat(`{"a":`, 1000), strings.Repeat("[", 1000), `{"a": "b`, `{"a": "b\`, `{"to": "nobody", "x": tru}`,
	} {
		if got := w.post("/v1/messages", body).problem(http.StatusBadRequest, "malformed"); len(got) != 0 {
			t.Errorf("%q: fields %v", body, got)
		}
	}
	w.do("POST", "/v1/messages", strings.NewReader("no gzip"), "Content-Type", "application/json", "Content-Encoding", "gzip").
		problem(http.StatusBadRequest, "malformed")
}

// Problems are bounded: a hostile body does not become a larger answer.
func TestManyProblemsAreCounted(t *testing.T) {
	w := sqlite(t)
	body := `{` + strings.Repeat(`"`+strings.Repeat("é", 500)+`": 1, `, 5000) + `"to": "a@b.example"}`
	r := w.post("/v1/messages", body)
	got := r.problem(http.StatusUnprocessableEntity, "invalid")
	if !strings.Contains(got["body"], "4900 more") || len(r.body) > 64<<10 {
		t.Errorf("%d bytes, %v", len(r.body), got["body"])
	}
}

func TestKindsOfBodies(t *testing.T) {
	w := sqlite(t)
	const body = `{"from": "app@example.com", "to": "a@b.example", "text": "x"}`
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset=utf-16", "nonsense;"} {
		w.do("POST", "/v1/messages", strings.NewReader(body), "Content-Type", contentType).problem(http.StatusUnsupportedMediaType, "unsupported")
		w.do("POST", "/v1/accounts", strings.NewReader(body), "Content-Type", contentType).problem(http.StatusUnsupportedMediaType, "unsupported")
	}
	w.do("POST", "/v1/credentials", strings.NewReader(body), "Content-Type", "message/rfc822").problem(http.StatusUnsupportedMediaType, "unsupported")
	for _, coding := range []string{"br", "zstd", "deflate", "gzip, gzip"} {
		w.post("/v1/messages", body, "Content-Encoding", coding).problem(http.StatusUnsupportedMediaType, "unsupported")
	}
	for _, contentType := range []string{"application/json; charset=UTF-8", "Application/JSON"} {
		w.do("POST", "/v1/messages", strings.NewReader(body), "Content-Type", contentType).want(http.StatusAccepted)
	}
	w.post("/v1/messages?dry=1", body).problem(http.StatusUnprocessableEntity, "invalid")
	if n := w.count(); n != 2 {
		t.Errorf("%d messages were kept, want 2", n)
	}
}

// A bad idempotency key is told together with what else is wrong.
func TestBadIdempotencyKeyIsToldWithTheRest(t *testing.T) {
	w := sqlite(t)
	got := w.post("/v1/messages", `{"colour": 1}`, "Idempotency-Key", "a b").problem(http.StatusUnprocessableEntity, "invalid")
	wantFields(t, got, []string{"Idempotency-Key", "colour", "from", "to", "text"})
}

// A mistake is told once, under the name by which it was given.
func TestMistakesAreToldOnce(t *testing.T) {
	w := sqlite(t)
	for body, want := range map[string][]string{
		`[]`: {"body"}, `null`: {"body"}, `"x"`: {"body"},
		strings.Replace(simple, "{", `{"in_reply_to": "foo bar", `, 1):            {"in_reply_to"},
		strings.Replace(simple, "{", `{"idempotency_key": "ü", `, 1):              {"idempotency_key"},
		strings.Replace(simple, "{", `{"headers": {"X-Ä": "1"}, `, 1):             {"headers.X-Ä"},
		strings.Replace(simple, "{", `{"idempotency_key": "ü", "colour": 1, `, 1): {"idempotency_key", "colour"},
	} {
		wantFields(t, w.post("/v1/messages", body).problem(http.StatusUnprocessableEntity, "invalid"), want)
	}
	said := string(w.post("/v1/messages", strings.Replace(simple, "{", `{"headers": {"X-Ä": "1"}, `, 1)).body)
	if !strings.Contains(said, "'Ä' may not be") {
		t.Error(said)
	}
	if said := string(w.post("/v1/messages/batch", `{"messages": []}`).body); !strings.Contains(said, "is empty: there is nothing to send") {
		t.Error(said)
	}
}
