package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHeaderChangesLeaveTheRestAsItIs(t *testing.T) {
	raw := "A: 1\r\nBcc: x,\r\n y\r\nb : folded\r\n  value\r\nbCC: z\r\nno field\r\n\r\nBcc: body\r\n"
	h := readHeader([]byte(raw))
	for _, c := range []struct {
		changes []change
		want    string
	}{
		{nil, raw},
		{[]change{{"Bcc", ""}}, "A: 1\r\nb : folded\r\n  value\r\nno field\r\n\r\nBcc: body\r\n"},
		{[]change{{"a", "2"}, {"C", "3"}}, "a: 2\r\nBcc: x,\r\n y\r\nb : folded\r\n  value\r\nbCC: z\r\nno field\r\nC: 3\r\n\r\nBcc: body\r\n"},
	} {
		if diff := cmp.Diff(c.want, string(h.with(c.changes...))); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.changes, diff)
		}
	}
	if got := h.all("bcc"); !cmp.Equal(got, []string{"x, y", "z"}) {
		t.Errorf("Bcc: %q", got)
	}
	if got := h.first("B"); got != "folded  value" {
		t.Errorf("B: %q", got)
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeSend)
	w.sent(t, c, mailTo("warm@example.net"))
	var clients sync.WaitGroup
	const each = 50
	for n := range 4 {
		clients.Go(func() {
			for i := range each {
				raw := strings.Replace(mailTo("bob@example.net"), "msg_1", fmt.Sprintf("msg_g%d_%d", n, i), 1)
				if _, err := try(c, "POST", w.sendURL(), "application/json", rawJSON(raw)); err != nil {
					t.Error(err)
				}
			}
		})
		relay := w.smtp(t)
		clients.Go(func() {
			for i := range each {
				raw := strings.Replace(mailTo("bob@example.net"), "msg_1", fmt.Sprintf("msg_s%d_%d", n, i), 1)
				if err := submit(relay, ada, raw, "bob@example.net"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	clients.Wait()
	ids, names := map[string]bool{}, map[string]bool{}
	for _, e := range w.ledger(t) {
		ids[e.ProviderID], names[e.GatepostID] = true, true
	}
	if len(ids) != 8*each+1 || len(names) != 8*each+1 {
		t.Errorf("%d ids, %d messages in the ledger", len(ids), len(names))
	}
}

func TestOldestMailGoesWhenThereIsTooMuch(t *testing.T) {
	w := world(t, func(cfg *Config) { cfg.KeepBytes = 20_000 })
	relay := w.smtp(t)
	for i := range 10 {
		raw := mailTo(fmt.Sprintf("u%d@example.net", i)) + strings.Repeat("some text\r\n", 450)
		if err := submit(relay, ada, raw, fmt.Sprintf("u%d@example.net", i), "bob@acme.example"); err != nil {
			t.Fatal(err)
		}
	}
	left := w.mailbox(t, "bob@acme.example").list("").Messages
	if len(left) == 0 || len(left) > 4 {
		t.Errorf("%d messages are kept", len(left))
	}
	boxes, total := w.post.store.summaries(100)
	if total != len(left)+1 {
		t.Errorf("mailboxes: %+v", boxes)
	}
	if n := len(w.ledger(t)); n != 10 {
		t.Errorf("the ledger has %d lines", n)
	}
}

func TestLedgerDigestIsOfTheBytesTaken(t *testing.T) {
	w := world(t)
	raw := mailTo("bob@example.net", "Bcc: eve@example.net")
	w.sent(t, w.gmail(t, ada, scopeSend), raw)
	sum := sha256.Sum256([]byte(raw))
	if e := w.ledger(t)[0]; e.SHA256 != hex.EncodeToString(sum[:]) || e.Size != len(raw) {
		t.Errorf("%+v", e)
	}
}

func TestLedgerIsAppendedTo(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		w, err := Start(Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if err := submit(w.smtp(t), ada, mailTo("bob@example.net"), "bob@example.net"); err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if w.Close() != nil {
			t.Error("closing twice is an error")
		}
		defer func() {
			if n := len(w.ledger(t)); n != 2 {
				t.Errorf("%d lines", n)
			}
		}()
	}
}

func TestStartSaysWhatIsInTheWay(t *testing.T) {
	w := world(t)
	for what, cfg := range map[string]Config{
		"SMTP":      {Dir: t.TempDir(), SMTP: w.SMTPAddr},
		"authority": {Dir: t.TempDir() + "/missing"},
	} {
		if _, err := Start(cfg); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzRawMessage(f *testing.F) {
	for _, seed := range []string{
		"", "\r\n", "\n\nbody", ":", " folded first\r\n", "To: a@b\r\n\r\n", "To: =?utf-8?q?=41?= <a@b>,\r\n c@d\r\n",
		"To: g: a@b;\r\nBcc: x@y\r\n", "Bcc", "Bcc:", "From: \r\nTo: a@b", crafted, mailTo("bob@example.net", "Bcc: eve@example.net"),
	} {
		f.Add([]byte(seed))
	}
	g := &google{now: (&clock{}).now}
	f.Fuzz(func(t *testing.T, raw []byte) {
		h := readHeader(raw)
		if !bytes.Equal(h.with(change{"X-Not-There", ""}), raw) {
			t.Fatal("reading and writing the header changed the message")
		}
		_ = bareLineEnd(raw)
		recipients, bad := recipientsOf(h)
		if bad == nil {
			in := g.compose(parcel{via: viaGmail, account: ada, recipients: recipients, raw: raw, header: h}, plan{})
			if readHeader(in.inbox).has("Bcc") {
				t.Fatalf("recipients see Bcc: %q", in.inbox)
			}
		}
		m := &message{raw: raw}
		_ = m.detail()
	})
}

func FuzzAddressFault(f *testing.F) {
	for _, seed := range []string{"fault.rate.30@x", "a+fault.slow-once.5@x", "fault.@", "fault.rate.x@x", "+fault.refused"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if one, _, ok := addressFault(address); ok && one.check() != nil {
			t.Errorf("%q gives %+v", address, one)
		}
	})
}
