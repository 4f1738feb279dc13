package client

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Whoever sends learns whether the message may have been kept, and by which key
// to send it again.
func TestNoVerdict(t *testing.T) {
	const (
		defect = `{"type": "urn:gatepost:problem:internal", "title": "defect", "status": 500, "request_id": "req_1"}`
		wrong  = `{"type": "urn:gatepost:problem:invalid", "title": "wrong", "status": 422, "request_id": "req_1"}`
	)
	for name, c := range map[string]struct {
		answers []http.HandlerFunc
		doubt   bool
	}{
		"cut":                     {[]http.HandlerFunc{cuts}, true},
		"half an answer":          {[]http.HandlerFunc{says(202, `{"id": "ms`, "Content-Length", "20")}, true},
		"no answer of gatepost's": {[]http.HandlerFunc{says(200, "<html>")}, true},
		"a proxy gave up":         {[]http.HandlerFunc{says(504, "<html>")}, true},
		"a defect":                {[]http.HandlerFunc{says(500, defect)}, true},
		"cut, then busy":          {[]http.HandlerFunc{cuts, says(503, busy)}, true},
		"cut, then refused":       {[]http.HandlerFunc{cuts, says(422, wrong)}, false},
		"busy":                    {[]http.HandlerFunc{says(503, busy)}, false},
		"refused":                 {[]http.HandlerFunc{says(422, wrong)}, false},
		"a proxy refused":         {[]http.HandlerFunc{says(403, "<html>")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			gatepost, _ := serve(t, c.answers...).client(t)
			_, err := gatepost.Send(t.Context(), NewMessage{Text: "x"}, "k1")
			var n *NoVerdict
			if err == nil || errors.As(err, &n) != c.doubt {
				t.Fatalf("%v", err)
			}
			if c.doubt && (!slices.Equal(n.Keys, []string{"k1"}) || !n.Repeatable() || !strings.Contains(err.Error(), "idempotency key k1") || n.Err == nil) {
				t.Errorf("%+v: %v", n, err)
			}
		})
	}
}

// Without a key it cannot be sent again without a second effect, and the error
// says that.
func TestNoVerdictWithoutKey(t *testing.T) {
	c, _ := serve(t, cuts).client(t)
	_, message := c.Send(t.Context(), NewMessage{}, "")
	_, raw := c.SendRaw(t.Context(), strings.NewReader("x"), RawOptions{})
	_, test := c.TestAccount(t.Context(), "acc_1", Test{})
	_, batch := c.SendBatch(t.Context(), NewBatch{Messages: []NewMessage{{IdempotencyKey: "a"}, {}}})
	for _, err := range []error{message, raw, test, batch} {
		var n *NoVerdict
		if !errors.As(err, &n) || n.Repeatable() || !strings.Contains(err.Error(), "twice") {
			t.Errorf("%v", err)
		}
	}
	_, whole := c.SendBatch(t.Context(), NewBatch{Messages: []NewMessage{{IdempotencyKey: "a"}, {IdempotencyKey: "b"}}})
	var n *NoVerdict
	if !errors.As(whole, &n) || !n.Repeatable() || !slices.Equal(n.Keys, []string{"a", "b"}) {
		t.Errorf("%v", whole)
	}
}

// What never reached gatepost was not kept, and what submits nothing has nothing
// to keep.
func TestNoDoubt(t *testing.T) {
	s := serve(t, cuts)
	c, _ := s.client(t)
	_, reading := c.Me(t.Context())
	s.Close()
	_, nowhere := c.Send(t.Context(), NewMessage{}, "k1")
	for _, err := range []error{reading, nowhere} {
		var n *NoVerdict
		if err == nil || errors.As(err, &n) {
			t.Errorf("%v", err)
		}
	}
}
