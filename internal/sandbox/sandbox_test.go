package sandbox

import (
	"strings"
	"testing"
)

func TestMailThroughBothDoorsIsInTheLedger(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeSend)
	a := do(t, c, "POST", w.sendURL(), "application/json", rawJSON(mailTo("bob@example.net")))
	if a.status != 200 {
		t.Fatalf("send: %d %s", a.status, a.body)
	}
	if err := submit(w.smtp(t), ada, mailTo("bob@example.net"), "bob@example.net", "eve@example.net"); err != nil {
		t.Fatal(err)
	}
	got := w.ledger(t)
	if len(got) != 2 || got[0].Via != "gmail" || got[1].Via != "smtp" {
		t.Fatalf("ledger: %+v", got)
	}
	if got[0].Account != ada || got[0].GatepostID != "msg_1" || got[0].MessageID != "<one@acme.example>" {
		t.Errorf("entry of the Gmail API: %+v", got[0])
	}
	if strings.Join(got[1].Recipients, " ") != "bob@example.net eve@example.net" || got[1].MailFrom != ada {
		t.Errorf("entry of the relay: %+v", got[1])
	}
}
