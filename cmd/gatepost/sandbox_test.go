package main

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// The start of a sandbox prints every address that its document speaks of.
func TestSandboxPrintsItsAddresses(t *testing.T) {
	f := &sandboxFacts{Accounts: []sandboxAccount{{Address: "ada@acme.example"}, {Address: "billing@acme.example"}}}
	v := reflect.ValueOf(f).Elem()
	for i := range v.NumField() {
		if field := v.Field(i); field.Kind() == reflect.String {
			field.SetString("the-" + v.Type().Field(i).Name)
		}
	}
	f.GmailRelayAddr = "127.0.0.1:7032"
	var out bytes.Buffer
	if err := welcome(with(nil, &out, &out), f); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		f.APIURL, f.APIKey, f.MailboxURL, f.ControlURL, f.LedgerURL, "ca.pem     " + f.CAFile, "Google     " + f.GoogleURL, "smtp.gmail.com " + f.GmailSMTPAddr,
		f.GmailSMTPSAddr, "smtp-relay.gmail.com " + f.GmailRelayAddr, f.RelayAddr, f.RelayTLSAddr, f.RelayUser, f.RelayPassword,
		"Microsoft  " + f.MicrosoftURL, "smtp.office365.com " + f.ExchangeSMTPAddr, "connect microsoft " + f.MicrosoftMailbox, f.MicrosoftTenant, f.MicrosoftClientID, f.MicrosoftSecretFile,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}
