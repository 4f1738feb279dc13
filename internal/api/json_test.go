package api

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"gatepost/client"
)

// names lists the names in a JSON object.
func names(t testing.TB, text []byte) (list []string) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	for name := range m {
		list = append(list, name)
	}
	return list
}

// FuzzMessageBody compares the decoder with the library's: both take the same
// texts for JSON, and where nothing is wrong both read the same values.
func FuzzMessageBody(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[]`, `null`, `{"to": null}`, simple, rawJSON("From: a@b.example\r\n\r\nx"), `{"to": "a@b.example"} x`,
		`{"to": ["a@b.example", {"address": "c@d.example", "name": "N"}], "cc": 5, "bcc": [null, [1, {"a": -0.5e+3}]]}`,
		`{"text": "\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00", "subject": "\ud800", "html": "é"}`,
		`{"headers": {"X-A": "1", "x-a": 2, "": "3"}, "metadata": {"a": "b", "a": "c"}, "tags": ["x", true, 1.5]}`,
		`{"attachments": [{"filename": "a", "content": "aGk="}, {"content": "*"}, 7, {"x": {}}], "raw": "!"}`,
		`{"subject": "a", "subject": "b", "unknown": [[[]]], "": 1}`, strings.Repeat(`[`, 70), `{"text": tru}`, `{"text": 01}`, "{\"text\": \"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	d := newDecoder[client.NewMessage]()
	f.Fuzz(func(t *testing.T, body []byte) {
		m, problems, err := d.decode(body)
		var no *notJSON
		if err != nil && (!errors.As(err, &no) || no.at > len(body)) {
			t.Fatalf("the error is %v", err)
		}
		if err == nil && (!json.Valid(body) || !utf8.Valid(body)) {
			t.Fatal("taken for JSON")
		}
		if err != nil && json.Valid(body) && utf8.Valid(body) && !stricter(no) {
			t.Fatalf("not taken for JSON: %v", err)
		}
		for _, p := range problems {
			if p.Field == "" || p.Message == "" || !utf8.ValidString(p.Field) {
				t.Fatalf("problem %+v", p)
			}
		}
		if err == nil && len(problems) == 0 {
			same(t, m, body)
		}
	})
}

// stricter tells the two cases in which we refuse what the library takes.
func stricter(err *notJSON) bool {
	return err.text == "nested too deeply" || err.text == "half a surrogate pair"
}

func same(t *testing.T, m client.NewMessage, body []byte) {
	var other struct {
		Subject, Text, HTML, Account string
		Raw                          []byte
		Tags                         []string
		Metadata, Headers            map[string]string
		Attachments                  []struct {
			Filename string
			Content  []byte
		}
	}
	if err := json.Unmarshal(body, &other); err != nil {
		t.Fatalf("the library says %v", err)
	}
	if m.Subject != other.Subject || m.Text != other.Text || m.HTML != other.HTML || m.Account != other.Account || string(m.Raw) != string(other.Raw) ||
		strings.Join(m.Tags, "\n") != strings.Join(other.Tags, "\n") || len(m.Metadata) != len(other.Metadata) || len(m.Attachments) != len(other.Attachments) {
		t.Fatalf("%+v, the library reads %+v", m, other)
	}
	for k, v := range other.Metadata {
		if m.Metadata[k] != v {
			t.Fatalf("metadata %q: %q, %q", k, m.Metadata[k], v)
		}
	}
	for _, h := range m.Headers {
		if _, ok := other.Headers[h.Name]; !ok {
			t.Fatalf("header %q", h.Name)
		}
	}
	for i, a := range other.Attachments {
		if m.Attachments[i].Filename != a.Filename || string(m.Attachments[i].Content) != string(a.Content) {
			t.Fatalf("attachment %d: %+v, %+v", i, m.Attachments[i], a)
		}
	}
}

// Decoded values are copies: the buffer of a body is used again.
func TestValuesOutliveTheBody(t *testing.T) {
	body := []byte(`{"subject": "S", "text": "a\nb", "tags": ["t"], "metadata": {"k": "v"}, "headers": {"X": "y"},
		"to": "Maria <m@example.org>", "attachments": [{"filename": "f", "content": "aGk="}], "raw": "aGk="}`)
	m, problems, err := newDecoder[client.NewMessage]().decode(body)
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	before, _ := json.Marshal(submissionOf(m))
	for i := range body {
		body[i] = 'x'
	}
	if after, _ := json.Marshal(submissionOf(m)); string(before) != string(after) {
		t.Errorf("%s became %s", before, after)
	}
}
