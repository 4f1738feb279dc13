package client

import (
	"encoding/json"
	"testing"
	"time"
)

// FuzzNewMessage reads a message, writes it and reads it again: what is written is
// JSON, and stays what it is.
func FuzzNewMessage(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"to": "a@b.example"}`, `{"to": ["Maria <a@b.example>", {"address": "c@d.example", "name": "N"}], "from": "x@y.example"}`,
		`{"headers": {"X-A": "1", "x-a": "2", "": "\n"}}`, `{"headers": []}`, `{"headers": {"a": 1}}`, `{"headers": null, "to": null}`,
		`{"send_at": "2026-12-01T08:00:00+01:00"}`, `{"send_at": "0001-01-01T00:00:00Z"}`, `{"attachments": [{"content": ""}, {"content": "eA=="}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m NewMessage
		if json.Unmarshal(b, &m) != nil {
			return
		}
		first, err := json.Marshal(m)
		if err != nil {
			return // a time whose year has five digits in UTC
		}
		var again NewMessage
		if err := json.Unmarshal(first, &again); err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		second, err := json.Marshal(again)
		if err != nil || string(first) != string(second) {
			t.Fatalf("%s became %s (%v)", first, second, err)
		}
	})
}

// Addresses are read in all forms that the API takes.
func TestAddressForms(t *testing.T) {
	for text, want := range map[string]Address{
		`"a@b.example"`:                           {Address: "a@b.example"},
		`"Maria Núñez <a@b.example>"`:             {Address: "a@b.example", Name: "Maria Núñez"},
		`{"address": "a@b.example", "name": "N"}`: {Address: "a@b.example", Name: "N"},
	} {
		var l Addresses
		if err := json.Unmarshal([]byte(text), &l); err != nil || len(l) != 1 || l[0] != want {
			t.Errorf("%s: %+v, %v", text, l, err)
		}
		if err := json.Unmarshal([]byte("["+text+","+text+"]"), &l); err != nil || len(l) != 2 || l[1] != want {
			t.Errorf("[%s, …]: %+v, %v", text, l, err)
		}
	}
	for _, text := range []string{`"nobody"`, `5`, `["a@b.example", 5]`, `true`} {
		var l Addresses
		if err := json.Unmarshal([]byte(text), &l); err == nil {
			t.Errorf("%s was taken: %+v", text, l)
		}
	}
}

// Times are written in UTC with milliseconds, whatever zone they came in.
func TestTimes(t *testing.T) {
	var at Time
	if err := json.Unmarshal([]byte(`"2026-12-01T09:00:00.5+01:00"`), &at); err != nil {
		t.Fatal(err)
	}
	if b, err := json.Marshal(at); err != nil || string(b) != `"2026-12-01T08:00:00.500Z"` {
		t.Errorf("%s, %v", b, err)
	}
	if b, err := json.Marshal(Time{time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200))}); err == nil {
		t.Errorf("%s is no time of RFC 3339", b)
	}
	if !At(at.Time).Equal(time.Date(2026, 12, 1, 8, 0, 0, 5e8, time.UTC)) {
		t.Errorf("%v", at)
	}
}
