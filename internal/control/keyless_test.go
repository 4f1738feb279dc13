package control

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/oauth"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
)

const outsideIssuer = "https://issuer.example"

// workload makes a service account that an outside identity may have Google sign for,
// and the file with its token.
func (w *withGoogle) workload(t *testing.T, o sandbox.WorkloadOptions) (a sandbox.WorkloadAccount, file string) {
	t.Helper()
	o.TokenFile, o.Pool.Issuer = filepath.Join(t.TempDir(), "token"), outsideIssuer
	a = w.google.AddWorkload(o)
	var f struct {
		Audience string `json:"audience"`
	}
	must(t, json.Unmarshal(a.File, &f))
	must(t, os.WriteFile(o.TokenFile, []byte(w.google.OutsideToken(outsideIssuer, f.Audience, "gatepost")), 0o600))
	return a, o.TokenFile
}

func federation(a sandbox.WorkloadAccount) NewCredential {
	return NewCredential{Kind: KindKeyless, Name: "without a key", Key: json.RawMessage(a.File), ClientID: a.ClientID}
}

// What cannot be used is named by its field in the API, before anything is stored.
func TestBadKeylessCredentials(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	a, path := w.workload(t, sandbox.WorkloadOptions{Scopes: []string{scopes + "send"}})
	change := func(from, to string) func(*NewCredential) {
		return func(n *NewCredential) { n.Key = json.RawMessage(strings.Replace(string(n.Key), from, to, 1)) }
	}
	for name, c := range map[string]struct {
		change      func(*NewCredential)
		field, says string
	}{
		"a key":          {func(n *NewCredential) { n.Key = w.google.ServiceAccountKey() }, "key.type", "service account's key"},
		"text":           {func(n *NewCredential) { n.Key = json.RawMessage(`"hello"`) }, "key", "create-cred-config"},
		"nothing":        {func(n *NewCredential) { n.Key = nil }, "source", "must be"},
		"both":           {func(n *NewCredential) { n.Source = oauth.KeylessMetadata }, "key", "leave one of them out"},
		"another source": {func(n *NewCredential) { n.Source = "aws" }, "source", "must be"},
		"a program":      {change(`"file": "`+path+`"`, `"executable": {"command": "x"}`), "key.credential_source.executable", "runs no programs"},
		"not listed":     {change(path, "/etc/passwd"), "key.credential_source.file", "setting google-keyless"},
		"another pool":   {change("/providers/outside", "/providers/other"), "key.audience", "Google knows no such provider"},
		"an address":     {func(n *NewCredential) { n.ServiceAccount = "ada@acme.example" }, "service_account", "not the address of a service account"},
		"no number":      {func(n *NewCredential) { n.ClientID = "x" }, "client_id", "unique ID"},
		"another's":      {func(n *NewCredential) { n.Password = n.ClientSecret; n.Tenant = "contoso.com" }, "tenant", "is not for the kind"},
	} {
		n := federation(a)
		c.change(&n)
		_, err := w.CreateCredential(t.Context(), w.grant, n)
		if !t.Run(name, func(t *testing.T) { wantInvalid(t, err, c.field, c.says) }) {
			t.Logf("%s", n.Key)
		}
	}
	all, err := w.Credentials(t.Context(), w.grant)
	must(t, err)
	if len(all) != 0 {
		t.Errorf("%d credentials were stored", len(all))
	}
}

// Each step is tried and told, and the first that fails ends it.
func TestKeylessProof(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	a, path := w.workload(t, sandbox.WorkloadOptions{Scopes: []string{scopes + "send"}})
	made, err := w.CreateCredential(t.Context(), w.grant, federation(a))
	must(t, err)
	p, err := w.CheckCredential(t.Context(), w.grant, made.ID, ada, []string{"send"})
	must(t, err)
	for _, name := range []string{"subject_token", "exchange", "signature", "token", "scope:send"} {
		if s := step(t, p, name); !s.OK || s.Detail == "" {
			t.Errorf("%s: %+v", name, s)
		}
	}
	p, err = w.CheckCredential(t.Context(), w.grant, made.ID, ada, []string{"send", "smtp"})
	must(t, err)
	if s := step(t, p, "scope:smtp"); p.OK || s.OK || !strings.Contains(s.Fix, "client id "+a.ClientID) {
		t.Errorf("%+v", p)
	}
	must(t, os.WriteFile(path, []byte("hunter2"), 0o600))
	p, err = w.CheckCredential(t.Context(), w.grant, made.ID, ada, nil)
	must(t, err)
	if s := step(t, p, "subject_token"); p.OK || len(p.Steps) != 1 || s.Cause != oauth.CauseSubjectToken || !strings.Contains(s.Text, path) {
		t.Errorf("%+v", p)
	}
	weak, _ := w.workload(t, sandbox.WorkloadOptions{Role: sandbox.RoleWorkloadUser, Scopes: []string{scopes + "send"}})
	made, err = w.CreateCredential(t.Context(), w.grant, federation(weak))
	must(t, err)
	p, err = w.CheckCredential(t.Context(), w.grant, made.ID, ada, nil)
	must(t, err)
	if s := step(t, p, "signature"); p.OK || s.Cause != "signing_not_allowed" || !strings.Contains(s.Fix, weak.Principal) {
		t.Errorf("%+v", p)
	}
}

// The machine's own identity: proved, and an account for a user alone.
func TestMachineProof(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	a := w.google.AddMachine(sandbox.MachineOptions{Scopes: []string{scopes + "send"}})
	made, err := w.CreateCredential(t.Context(), w.grant, NewCredential{Kind: KindKeyless, Name: "machine", Source: oauth.KeylessMetadata})
	must(t, err)
	p, err := w.CheckCredential(t.Context(), w.grant, made.ID, "", nil)
	must(t, err)
	if s := step(t, p, "machine"); !p.OK || !strings.Contains(s.Detail, a.Address) || !step(t, p, "signature").OK {
		t.Errorf("%+v", p)
	}
	n := NewAccount{Address: "nobody@" + sandbox.Domain, Transport: transportGmail, Credential: made.ID, Config: json.RawMessage("{}")}
	_, err = w.CreateAccount(t.Context(), w.grant, n)
	wantInvalid(t, err, "address", "Google knows no user nobody@")
	n.Address = ada
	_, err = w.CreateAccount(t.Context(), w.grant, n)
	must(t, err)
}

// A new file for the same service account keeps its number; for another it does not.
func TestReplacedFederationFile(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	a, _ := w.workload(t, sandbox.WorkloadOptions{})
	made, err := w.CreateCredential(t.Context(), w.grant, federation(a))
	must(t, err)
	got, err := w.ReplaceCredential(t.Context(), w.grant, made.ID, NewCredential{Key: json.RawMessage(a.File)})
	must(t, err)
	if publicOf(got.Public, "client_id") != a.ClientID || publicOf(got.Public, "client_email") != a.Address {
		t.Errorf("the same: %s", got.Public)
	}
	b, _ := w.workload(t, sandbox.WorkloadOptions{})
	got, err = w.ReplaceCredential(t.Context(), w.grant, made.ID, NewCredential{Key: json.RawMessage(b.File)})
	must(t, err)
	if publicOf(got.Public, "client_id") != "" || publicOf(got.Public, "client_email") != b.Address {
		t.Errorf("another: %s", got.Public)
	}
}

// The lines to paste: all of them from nothing; with a credential those with its names.
func TestKeylessSetup(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	for source, parts := range map[string][]string{
		oauth.KeylessFederation: {"create-cred-config ", "create-oidc ", "principal://iam.googleapis.com/", "GATEPOST_GOOGLE_KEYLESS=/", "--keyless", "sts.googleapis.com"},
		oauth.KeylessMetadata:   {"set-service-account MACHINE", "serviceAccount:gatepost@PROJECT", "GATEPOST_GOOGLE_KEYLESS=metadata", "--metadata"},
	} {
		s, err := w.SetupSteps(t.Context(), w.grant, SetupQuery{Kind: SetupWorkspace, Source: source})
		must(t, err)
		text := setupText(s)
		for _, part := range append(parts, "gcloud services enable gmail.googleapis.com iamcredentials", "--role=roles/iam.serviceAccountTokenCreator", "describe gatepost@PROJECT", scopes+"send,"+scopes+"metadata") {
			if !strings.Contains(text, part) {
				t.Errorf("%s: nothing of %q in:\n%s", source, part, text)
			}
		}
	}
	a, _ := w.workload(t, sandbox.WorkloadOptions{})
	for _, clientID := range []string{a.ClientID, ""} {
		n := federation(a)
		n.ClientID = clientID
		made, err := w.CreateCredential(t.Context(), w.grant, n)
		must(t, err)
		s, err := w.SetupSteps(t.Context(), w.grant, SetupQuery{Kind: SetupWorkspace, Credential: made.ID})
		must(t, err)
		text := setupText(s)
		bind := "add-iam-policy-binding " + a.Address + " --role=roles/iam.serviceAccountTokenCreator --member='" + a.Principal + "'"
		if !strings.Contains(text, bind) || strings.Contains(text, "services enable") || strings.Contains(text, "describe "+a.Address) == (clientID != "") || strings.Contains(text, a.ClientID) != (clientID != "") {
			t.Errorf("with the number %q:\n%s", clientID, text)
		}
	}
	_, err := w.SetupSteps(t.Context(), w.grant, SetupQuery{Kind: SetupGmail, Source: oauth.KeylessMetadata})
	wantInvalid(t, err, "source", "workspace alone")
	_, err = w.SetupSteps(t.Context(), w.grant, SetupQuery{Kind: SetupWorkspace, Source: "aws"})
	wantInvalid(t, err, "source", "external_account")
}

func setupText(s Setup) string {
	var lines []string
	for _, one := range s.Steps {
		lines = append(lines, one.Title, one.Text)
		lines = append(lines, one.Commands...)
		for _, v := range one.Values {
			lines = append(lines, v.Name+" "+v.Value)
		}
	}
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return l == "" }), "\n")
}
