package sandbox

import "testing"

func TestAnAppSendsThroughGraphAndExchange(t *testing.T) {
	m := microsoftWorld(t)
	a := m.app(AppOptions{Roles: []string{"Mail.Send", "SMTP.SendAsApp"}})
	m.must(m.AddServicePrincipal(MicrosoftDomain, a.ClientID, a.PrincipalID))
	m.must(m.AddMailboxPermission(adaMS, a.PrincipalID))

	got := m.graph("POST", "/v1.0/users/"+adaMS+"/sendMail", m.appToken(a, defaultG), "text/plain", mimeBody(mailFrom(adaMS, "bob@example.net")))
	if got.status != 202 || got.body != "" {
		t.Fatalf("sendMail: %d %s", got.status, got.body)
	}
	l := m.signedIn(adaMS, m.appToken(a, defaultO))
	if got := l.submit(adaMS, mailFrom(adaMS, "bob@example.net"), "bob@example.net"); got != "250 2.0.0 OK <one@acme.example> [Hostname="+exchangeName+"]" {
		t.Fatal(got)
	}
	entries := m.ledger(t)
	if len(entries) != 2 || entries[0].Via != "microsoft" || entries[1].Via != "microsoft_smtp" || entries[0].Account != adaMS || entries[1].GatepostID != "msg_1" {
		t.Fatalf("ledger: %+v", entries)
	}
}
