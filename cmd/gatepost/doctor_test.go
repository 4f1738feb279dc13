package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gatepost/client"
)

// A gatepost that takes connections and says nothing, as a frozen one does, is told from
// one that is not there, and nobody waits longer than was said.
func TestDoctorOfAFrozenGatepost(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	began := time.Now()
	code, out, told := command(map[string]string{"GATEPOST_KEY": "gp_live_" + strings.Repeat("a", 36)}, "doctor", "--url", "http://"+l.Addr().String(), "--timeout", "200ms")
	if code != exitFailed || !strings.Contains(out, "nothing is answered") || strings.Contains(out, "cannot be reached") {
		t.Errorf("%d\n%s%s", code, out, told)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %s", took)
	}
}

// What a gatepost says to all who ask is told as its cause: a database that takes no
// writes is one finding, and a network that is shut out is told so.
func TestDoctorOfAGatepostThatRefuses(t *testing.T) {
	for status, want := range map[int]string{http.StatusServiceUnavailable: "database_down", http.StatusTooManyRequests: "key_refused", http.StatusUnauthorized: "key_refused"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/readyz" && status != http.StatusServiceUnavailable {
				fmt.Fprint(w, `{"status": "ready"}`)
				return
			}
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"type": "urn:gatepost:problem:x", "status": %d, "title": "No", "detail": "no"}`, status)
		}))
		defer server.Close()
		code, out, told := command(map[string]string{"GATEPOST_KEY": "gp_live_" + strings.Repeat("a", 36)}, "doctor", "--url", server.URL, "--json")
		var d client.Diagnosis
		if err := json.Unmarshal([]byte(out), &d); err != nil || code != exitFailed || len(d.Findings) != 1 || d.Findings[0].Cause != want || d.Findings[0].Fix == "" {
			t.Errorf("%d: %d\n%s%s", status, code, out, told)
		}
	}
}

// Of hundreds of accounts the beginning is printed, and each finding names whom it is about.
func TestDiagnosisOfManyAccounts(t *testing.T) {
	var d client.Diagnosis
	f := client.Finding{What: "The server refused user name and password."}
	for i := range 300 {
		address := fmt.Sprintf("r%d@acme.example", i)
		f.Accounts = append(f.Accounts, client.Patient{Address: address})
		f.Commands = append(f.Commands, "gatepost credentials replace cred_"+address)
		f.Follows = append(f.Follows, client.Finding{What: "mail of " + address + " waits"})
		d.Checked = append(d.Checked, client.Checked{Check: "account", Seen: address}, client.Checked{Check: "port", Not: "the time was over " + address})
		d.Tokens = append(d.Tokens, client.Token{Address: address})
	}
	d.Findings = []client.Finding{f, {What: "It does not answer.", Accounts: f.Accounts[:1]}, {What: "r0@acme.example is held.", Accounts: f.Accounts[:1]}}
	d.Checked = append(d.Checked, client.Checked{Check: "database", Seen: "sqlite"})
	var out strings.Builder
	(&printer{out: &out}).diagnosis(d)
	text := out.String()
	for _, want := range []string{"r7@acme.example and 292 more", "294 lines more", "295 things more", "300 are well", "300 of them", "300 were read", "account  r0@acme.example", "database     sqlite"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if n := strings.Count(text, "\n"); n > 50 || strings.Count(text, "account  r0") != 1 {
		t.Errorf("%d lines:\n%s", n, text)
	}
}

// Roles in a token of Graph are those of Entra, which reach every mailbox; that is said
// with them. A user's scopes reach the user's own.
func TestDoctorSaysHowFarRolesReach(t *testing.T) {
	for want, token := range map[string]client.Token{
		"roles Mail.Send (granted in Entra: for every mailbox":         {Audience: "https://graph.microsoft.com", Roles: []string{"Mail.Send"}},
		"audience https://outlook.office365.com, roles SMTP.SendAsApp": {Audience: "https://outlook.office365.com", Roles: []string{"SMTP.SendAsApp"}},
		"audience https://graph.microsoft.com, scopes Mail.Send":       {Audience: "https://graph.microsoft.com", Scopes: []string{"Mail.Send"}},
	} {
		got := tokenWords(token)
		if !strings.Contains(got, want) || strings.Contains(got, "every mailbox") != strings.Contains(want, "every mailbox") {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
