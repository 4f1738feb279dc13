package sandbox

import (
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// smtpUser is a user's token for SMTP.
func (m ms) smtpUser(user string) string {
	return m.userToken(m.webApp(), user, smtpSend).AccessToken
}

func TestExchangeSpeaksAsMicrosoft(t *testing.T) {
	m := microsoftWorld(t)
	conn, err := net.Dial("tcp", m.ExchangeSMTPAddr)
	m.must(err)
	plain := newLines(t, conn)
	if got := plain.reply(); !strings.Contains(got, "Microsoft ESMTP MAIL Service ready at") {
		t.Errorf("greeting: %s", got)
	}
	want := "250-" + exchangeName + " Hello [127.0.0.1]|250-SIZE 157286400|250-PIPELINING|250-DSN|250-ENHANCEDSTATUSCODES|250-STARTTLS|250-8BITMIME|250-BINARYMIME|250-CHUNKING|250 SMTPUTF8"
	if got := plain.ask("EHLO client.example"); got != want {
		t.Errorf("before TLS: %s", got)
	}
	plain.want("AUTH XOAUTH2 x", "530 5.7.0")
	l := m.exchangeLines()
	if got := l.ask("EHLO client.example"); got != strings.Replace(want, "STARTTLS", "AUTH LOGIN XOAUTH2", 1) {
		t.Errorf("after TLS: %s", got)
	}
	l.want("MAIL FROM:<"+adaMS+">", "530 5.7.57 Client not authenticated to send mail.")
	l.want("AUTH PLAIN AGEAYg==", "504 5.7.4 Unrecognized authentication type")
	l.want("AUTH LOGIN", "334 VXNlcm5hbWU6")
	l.want(base64.StdEncoding.EncodeToString([]byte(adaMS)), "334 UGFzc3dvcmQ6")
	l.want("c2VjcmV0", "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.")
	l.want("AUTH XOAUTH2 !", "501 5.5.121 Invalid XOAUTH2 argument")
	l.want("AUTH XOAUTH2", "334 ")
	l.want(xoauth2(adaMS, m.smtpUser(adaMS)), "235 2.7.0 Authentication successful")
}

func TestExchangeRefusesTokensDirectly(t *testing.T) {
	m := microsoftWorld(t)
	a := m.webApp()
	off := true
	m.must(m.AddUser(UserOptions{Address: "off@" + MicrosoftDomain, SMTPAuthDisabled: &off}))
	m.must(m.AddMailbox(UserOptions{Address: "info@" + MicrosoftDomain}))
	m.must(m.AddMailboxPermission("info@"+MicrosoftDomain, adaMS))
	token := m.smtpUser(adaMS)
	const bad, good = "535 5.7.3 Authentication unsuccessful [", "235 2.7.0"
	for _, c := range []struct{ what, user, token, want string }{
		{"unknown token", adaMS, "x", bad},
		{"for Graph", adaMS, m.userToken(a, adaMS, mailSend).AccessToken, bad},
		{"of another user", "bob@" + MicrosoftDomain, token, bad},
		{"without SMTP.Send", adaMS, m.userToken(a, adaMS, "https://outlook.office.com/Mail.Send").AccessToken, bad},
		{"SMTP AUTH is off", "off@" + MicrosoftDomain, m.smtpUser("off@" + MicrosoftDomain), "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled"},
		{"a shared mailbox", "info@" + MicrosoftDomain, token, good},
		{"the own one", adaMS, token, good},
	} {
		l := m.exchangeLines()
		if got := l.ask("AUTH XOAUTH2 " + xoauth2(c.user, c.token)); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s", c.what, got)
		}
		l.ask("QUIT")
	}
	m.must(m.ChangeTenant(MicrosoftDomain, func(o *TenantOptions) { o.SMTPAuthOff = true }))
	m.exchangeLines().want("AUTH XOAUTH2 "+xoauth2(adaMS, token), "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.")
}

func TestAnAppNeedsExchangesOwnSetUp(t *testing.T) {
	m := microsoftWorld(t)
	classic := m.app(AppOptions{Roles: []string{"SMTP.SendAsApp"}})
	token := m.appToken(classic, defaultO)
	try := func(token, want string) {
		t.Helper()
		m.exchangeLines().want("AUTH XOAUTH2 "+xoauth2(adaMS, token), want)
	}
	try(token, "535 5.7.3")
	m.must(m.AddMailboxPermission(adaMS, classic.ObjectID))
	m.must(m.AddServicePrincipal("", classic.ClientID, classic.ObjectID))
	try(token, "535 5.7.3") // the object id of the app registration is the wrong one
	m.must(m.AddServicePrincipal("", classic.ClientID, classic.PrincipalID))
	try(token, "535 5.7.3")
	m.must(m.AddMailboxPermission(adaMS, classic.PrincipalID))
	try(token, "235 2.7.0")

	scoped := m.app(AppOptions{})
	token = m.appToken(scoped, defaultO)
	m.must(m.AddServicePrincipal("", scoped.ClientID, scoped.PrincipalID))
	m.must(m.AddRoleAssignment("", RoleAssignment{ClientID: scoped.ClientID, Role: "Application SMTP.SendAsApp", Mailboxes: []string{"bob@" + MicrosoftDomain}}))
	try(token, "535 5.7.3")
	m.must(m.AddRoleAssignment("", RoleAssignment{ClientID: scoped.ClientID, Role: "Application SMTP.SendAsApp", Mailboxes: []string{adaMS}}))
	try(token, "235 2.7.0")
}

func TestExchangeRefusesAfterTheData(t *testing.T) {
	m := microsoftWorld(t)
	m.must(m.AddUser(UserOptions{Address: adaMS, Aliases: []string{"a@" + MicrosoftDomain}, RecipientsPerDay: 2, MaxSendSize: 2000}))
	l := m.signedIn(adaMS, m.smtpUser(adaMS))
	starts := func(what, got, want string) {
		t.Helper()
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", what, got)
		}
	}
	bob := "bob@" + MicrosoftDomain
	starts("another author", l.submit(adaMS, mailFrom(bob, "x@example.net"), "x@example.net"), "554 5.2.252 SendAsDenied; "+adaMS+" not allowed to send as "+bob)
	m.must(m.AddSendAs(bob, adaMS))
	starts("with SendAs", l.submit(adaMS, mailFrom(bob, "x@example.net"), "x@example.net"), "250 2.0.0 OK")
	starts("too large", l.submit(adaMS, mailFrom(adaMS, "x@example.net")+strings.Repeat("0123456789\r\n", 200), "x@example.net"), "552 5.3.4 Message size exceeds fixed maximum message size")
	starts("an alias", l.submit("a@"+MicrosoftDomain, mailFrom("a@"+MicrosoftDomain, "x@example.net"), "x@example.net"), "250 2.0.0 OK")
	starts("the day's quota", l.submit(adaMS, mailFrom(adaMS, "x@example.net"), "x@example.net"), "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException")
	starts("more than SIZE", l.ask("MAIL FROM:<"+adaMS+"> SIZE=157286401"), "552 5.3.4")
	if got := m.ledger(t); len(got) != 2 {
		t.Errorf("%d messages were taken", len(got))
	}
	if sent := m.post.store.in(adaMS, labelSent, 5); len(sent) != 2 {
		t.Errorf("%d copies are in Sent Items", len(sent))
	}
}

func TestTheFourthConnectionIsTooMuch(t *testing.T) {
	m := microsoftWorld(t)
	token := m.smtpUser(adaMS)
	var all []lines
	for range 3 {
		all = append(all, m.signedIn(adaMS, token))
	}
	fourth := m.signedIn(adaMS, token)
	fourth.want("MAIL FROM:<"+adaMS+">", "432 4.3.2 Concurrent connections limit exceeded.")
	all[0].want("QUIT", "221 2.0.0")
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if got := fourth.ask("MAIL FROM:<" + adaMS + ">"); strings.HasPrefix(got, "250") {
			return
		} else if time.Now().After(end) {
			t.Fatal(got)
		}
	}
}

func TestThirtyAMinute(t *testing.T) {
	m := microsoftWorld(t)
	limit := func(refuse bool) func(*TenantOptions) {
		return func(o *TenantOptions) { o.PerMinute, o.RateWindow, o.RefuseOverRate = 2, 300*time.Millisecond, refuse }
	}
	m.must(m.ChangeTenant(MicrosoftDomain, limit(false)))
	l := m.signedIn(adaMS, m.smtpUser(adaMS))
	begun := time.Now()
	for range 3 {
		if got := l.submit(adaMS, mailFrom(adaMS, "x@example.net"), "x@example.net"); !strings.HasPrefix(got, "250 2.0.0 OK") {
			t.Fatal(got)
		}
	}
	if took := time.Since(begun); took < 250*time.Millisecond {
		t.Errorf("the third was not delayed: %s", took)
	}
	m.must(m.ChangeTenant(MicrosoftDomain, func(o *TenantOptions) { limit(true)(o); o.RateWindow = time.Hour }))
	if got := l.submit(adaMS, mailFrom(adaMS, "x@example.net"), "x@example.net"); !strings.HasPrefix(got, "432 4.3.2 STOREDRV; message submission rate") {
		t.Errorf("the refusal: %s", got)
	}
	l.want("MAIL FROM:<"+adaMS+">", "250 2.1.0 Sender OK")
}

func TestExchangeBreaksOffInTheData(t *testing.T) {
	m := microsoftWorld(t)
	l := m.signedIn(adaMS, m.smtpUser(adaMS))
	m.add(Rule{Fault: faultDataCut, Account: adaMS, Count: 1})
	if got := l.submit(adaMS, mailFrom(adaMS, "x@example.net")+strings.Repeat("more\r\n", 1000), "x@example.net"); !strings.HasPrefix(got, "(") {
		t.Errorf("it answered %s", got)
	}
	if got := m.ledger(t); len(got) != 0 {
		t.Errorf("it took %+v", got)
	}
}

func TestEachErrorOfMicrosoftCanBeAskedFor(t *testing.T) {
	m := microsoftWorld(t)
	m.must(m.ChangeTenant(MicrosoftDomain, func(o *TenantOptions) { o.PerMinute = -1 }))
	token := m.smtpUser(adaMS)
	for _, e := range exchangeErrors() {
		m.add(Rule{Fault: faultExchange, Arg: e.name, Account: adaMS, Count: 1})
		l := m.exchangeLines()
		got := l.ask("AUTH XOAUTH2 " + xoauth2(adaMS, token))
		if strings.HasPrefix(got, "235") {
			got = l.submit(adaMS, mailFrom(adaMS, "x@example.net"), "x@example.net")
		}
		if want := fmt.Sprintf("%d %s %s", e.code, e.enhanced, e.text); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", e.name, got)
		}
		_ = l.conn.Close()
	}
	a, graph := m.writer()
	for _, e := range graphFaults() {
		m.add(Rule{Fault: faultGraph, Arg: e.name, Account: adaMS, Count: 1})
		m.send(graph, adaMS, mailFrom(adaMS, "x@example.net")).wants(t, e.name, e.status, e.code, e.text)
	}
	for _, group := range [][]entraError{clientCodes(), requestCodes(), grantCodes(), policyCodes(), serviceCodes()} {
		for _, e := range group {
			m.add(Rule{Fault: faultAADSTS, Arg: fmt.Sprint(e.number), Account: a.ClientID, Count: 1})
			m.token(a.TenantID, m.clientForm(a, defaultG)).wants(t, "asked for", e.status, e.code, e.number)
		}
	}
	if err := (Rule{Fault: faultAADSTS, Arg: "1"}).check(); err == nil {
		t.Error("an unknown code is taken")
	}
	if got := m.ledger(t); len(got) != 0 {
		t.Errorf("something was taken: %d", len(got))
	}
}
