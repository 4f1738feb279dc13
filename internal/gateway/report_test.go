package gateway

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/queue"
)

// What a client says of reports is kept with its message.
func TestReportsAreAsked(t *testing.T) {
	w := newWorld(t, folder(t), func(c *Config) { c.Reports = true })
	c := w.login()
	raw := simple("ada@acme.example", "bob@example.com") + ".\r\n"
	for name, k := range map[string]struct {
		mail string
		rcpt []string
		want *queue.Report
	}{
		"as usual":    {"<ada@acme.example>", []string{"<bob@example.com>"}, &queue.Report{To: "ada@acme.example"}},
		"null sender": {"<>", []string{"<bob@example.com>"}, nil},
		"not its own": {"<eve@elsewhere.example>", []string{"<bob@example.com>"}, nil},
		"by RFC 3461": {"<ada@acme.example> RET=FULL ENVID=a+2Bb", []string{"<bob@example.com> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b+40example.com", "<eve@example.com> NOTIFY=NEVER", "<kim@example.com> NOTIFY=FAILURE,DELAY"}, &queue.Report{
			To: "ada@acme.example", EnvelopeID: "a+b", Whole: true, Recipients: map[string]queue.ReportOn{
				"bob@example.com": {Success: true, Original: "rfc822;b@example.com"}, "eve@example.com": {Never: true},
			},
		}},
	} {
		c.cmd("MAIL FROM:"+k.mail, "250")
		for _, r := range k.rcpt {
			c.cmd("RCPT TO:"+r, "250")
		}
		c.cmd("DATA", "354")
		c.send(raw)
		id := strings.TrimSpace(strings.TrimPrefix(c.want("250 2.0.0 kept as "), "250 2.0.0 kept as "))
		m, err := w.store.Message(t.Context(), w.grant.Team, email.ID(id))
		must(t, err)
		var got *queue.Report
		if m.Report != "" {
			must(t, json.Unmarshal([]byte(m.Report), &got))
		}
		if d := cmp.Diff(k.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
