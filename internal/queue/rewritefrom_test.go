package queue

import (
	"errors"
	"strings"
	"testing"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// rewritten is how a message leaves that says who its author is; "" where it is refused.
func rewritten(t *testing.T, w *world, g access.Grant, from string, rewrite bool) (header email.Header, wrong string) {
	t.Helper()
	var left []byte
	w.send = func(env email.Envelope, msg email.Content) (provider.Receipt, error) {
		left = msg.(email.Bytes)
		return provider.AcceptedBy(env, "", "250 OK"), nil
	}
	to, _ := email.ParseAddress("bob@example.com")
	_, err := w.Submit(t.Context(), g, Submission{
		To: []email.Address{to}, Raw: []byte(from + "To: bob@example.com\r\nSubject: s\r\n\r\nx\r\n"), RewriteFrom: rewrite,
	})
	var invalid *Invalid
	if errors.As(err, &invalid) {
		return nil, invalid.Error()
	}
	w.must(err)
	w.sendOne()
	h, err := email.HeaderOf(left)
	w.must(err)
	return h, ""
}

func TestRewriteFrom(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil) // whose account is ada@acme.example
	bound := w.grant
	bound.Senders = []string{"@elsewhere.example"}
	for name, c := range map[string]struct {
		grant          access.Grant
		header         string
		rewrite        bool
		from, replyTo  string
		refusedBecause string
	}{
		"its own":         {w.grant, "From: Ada <ada@acme.example>\r\n", true, "Ada <ada@acme.example>", "", ""},
		"another":         {w.grant, "From: Scan <scan@lan.example>\r\n", true, `"Scan" <ada@acme.example>`, `"Scan" <scan@lan.example>`, ""},
		"none":            {w.grant, "", true, "ada@acme.example", "", ""},
		"another's":       {w.grant, "From: ada@acme.example\r\nSender: eve@lan.example\r\n", true, "ada@acme.example", "", ""},
		"not wished":      {w.grant, "From: scan@lan.example\r\n", false, "", "", "scan@lan.example"},
		"none not wished": {w.grant, "", false, "", "", "no field From"},
		"key is bound":    {bound, "From: scan@lan.example\r\n", true, "", "", "this API key may not send as ada@acme.example"},
	} {
		h, wrong := rewritten(t, w, c.grant, c.header, c.rewrite)
		if c.refusedBecause != "" {
			if !strings.Contains(wrong, c.refusedBecause) {
				t.Errorf("%s: %q, want %q", name, wrong, c.refusedBecause)
			}
			continue
		}
		if wrong != "" || h.Value("From") != c.from || h.Value("Reply-To") != c.replyTo || h.Value("Sender") != "" {
			t.Errorf("%s: %s%q, answers to %q, Sender %q", name, wrong, h.Value("From"), h.Value("Reply-To"), h.Value("Sender"))
		}
	}
}
