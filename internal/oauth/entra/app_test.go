package entra

import (
	"fmt"
	"strings"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
)

func TestAppIsKeptAndReadAgain(t *testing.T) {
	public := withSecret()
	public.Secret = email.Secret{}
	capital := withSecret()
	capital.ClientID, capital.Tenant, capital.Cloud = " "+strings.ToUpper(appID)+"\n", "Contoso.Example ", "china"
	for name, c := range map[string]struct {
		fields AppFields
		auth   string
	}{
		"secret": {withSecret(), AuthSecret}, "certificate": {withCertificate(t), AuthCertificate}, "public": {public, AuthNone}, "capital letters": {capital, AuthSecret},
	} {
		a := made(t, c.fields)
		kept, err := a.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseApp([]byte(kept.Reveal()))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again.ID() != appID || again.Tenant() != a.Tenant() || again.Cloud() != a.Cloud() || again.Auth() != c.auth || a.Auth() != c.auth ||
			again.secret != a.secret || again.Thumbprint() != a.Thumbprint() || !again.Expires().Equal(a.Expires()) {
			t.Errorf("%s: %+v came back as %+v", name, a, again)
		}
		if s := fmt.Sprintf("%v %+v %#v %v %s", a, *a, *a, c.fields, *again); strings.Contains(s, "canary") || strings.Contains(s, "BEGIN") {
			t.Errorf("%s: shows %s", name, s)
		}
	}
	if a := made(t, capital); a.Tenant() != "contoso.example" || a.Cloud() != China {
		t.Errorf("%s %s", a.Tenant(), a.Cloud())
	}
	if a := made(t, withCertificate(t)); len(a.Thumbprint()) != 40 || !a.Expires().Equal(noon.AddDate(1, 0, 0)) {
		t.Errorf("certificate %s until %v", a.Thumbprint(), a.Expires())
	}
}

// TestWrongApps: caught before anything is kept, with the sentence that helps.
func TestWrongApps(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(*AppFields)
		fields string
		says   string
	}{
		"secret's id":      {func(f *AppFields) { f.Secret = email.NewSecret("0F0E0D0C-1111-4222-8333-444444444444") }, "client_secret", "ID, not its Value"},
		"its id, spaced":   {func(f *AppFields) { f.Secret = email.NewSecret(" 0f0e0d0c-1111-4222-8333-444444444444\n") }, "client_secret", "ID, not its Value"},
		"masked":           {func(f *AppFields) { f.Secret = email.NewSecret("Q~8*****************") }, "client_secret", "masked"},
		"space":            {func(f *AppFields) { f.Secret = email.NewSecret(secretOf + " ") }, "client_secret", "copy it again"},
		"line break":       {func(f *AppFields) { f.Secret = email.NewSecret("Q~8canary\nX") }, "client_secret", "copy it again"},
		"PEM as secret":    {func(f *AppFields) { f.Secret = email.NewSecret("-----BEGIN CERTIFICATE-----MII-----END") }, "client_secret", "as the certificate"},
		"PEM with lines":   {func(f *AppFields) { f.Secret = email.NewSecret("-----BEGIN CERTIFICATE-----\nMII\n-----END") }, "client_secret", "as the certificate"},
		"huge secret":      {func(f *AppFields) { f.Secret = email.NewSecret(strings.Repeat("x", 1001)) }, "client_secret", "1000"},
		"display name":     {func(f *AppFields) { f.Tenant = "Default Directory" }, "tenant", "neither a GUID nor a domain"},
		"one word":         {func(f *AppFields) { f.Tenant = "contoso" }, "tenant", "neither a GUID nor a domain"},
		"half a GUID":      {func(f *AppFields) { f.Tenant = tenantID[:30] }, "tenant", "neither a GUID nor a domain"},
		"GUID in braces":   {func(f *AppFields) { f.Tenant = "{" + tenantID + "}" }, "tenant", "neither a GUID nor a domain"},
		"address":          {func(f *AppFields) { f.Tenant = "https://login.microsoftonline.com/" + tenantID }, "tenant", "is an address"},
		"mailbox":          {func(f *AppFields) { f.Tenant = "ada@contoso.example" }, "tenant", "after the @"},
		"path":             {func(f *AppFields) { f.Tenant = "contoso.example/../common" }, "tenant", "neither"},
		"no tenant":        {func(f *AppFields) { f.Tenant = " " }, "tenant", "is missing"},
		"consumers abroad": {func(f *AppFields) { f.Tenant, f.Cloud = "consumers", "us_gov_l4" }, "tenant", "global cloud"},
		"other cloud":      {func(f *AppFields) { f.Cloud = "germany" }, "cloud", "us_gov_l5"},
		"no client id":     {func(f *AppFields) { f.ClientID = "" }, "client_id", "is missing"},
		"name as id":       {func(f *AppFields) { f.ClientID = "gatepost" }, "client_id", "not a GUID"},
		"tenant as id":     {func(f *AppFields) { f.ClientID = strings.ToUpper(tenantID) }, "client_id", "is the tenant's id"},
		"two proofs": {func(f *AppFields) {
			f.Certificate, f.Key = withCertificate(t).Certificate, withCertificate(t).Key
		}, "client_secret", "give one of the two"},
		"all at once": {func(f *AppFields) {
			*f = AppFields{Cloud: "x", Tenant: "x", ClientID: "x", Secret: email.NewSecret(tenantID)}
		}, "cloud tenant client_id client_secret", ""},
	} {
		f := withSecret()
		c.spoil(&f)
		a, err := NewApp(f, noon)
		if a != nil {
			t.Errorf("%s: taken", name)
		}
		wantFields(t, name, err, c.fields, c.says)
	}
	for _, tenant := range []string{"common", "organizations", "consumers", "Common", "contoso.example", "contoso.onmicrosoft.com", "xn--bcher-kva.example", tenantID} {
		f := withSecret()
		f.Tenant = tenant
		made(t, f)
	}
}

func TestWhoCanActByItself(t *testing.T) {
	for tenant, want := range map[string]string{tenantID: "", "contoso.example": "", "common": "tenant", "organizations": "tenant", "consumers": "tenant"} {
		f := withSecret()
		f.Tenant = tenant
		err := made(t, f).AppOnly()
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", tenant, err)
			}
			continue
		}
		wantFields(t, tenant, err, want, "Directory (tenant) ID")
	}
	f := withSecret()
	f.Secret, f.Tenant = email.Secret{}, "common"
	wantFields(t, "public client", made(t, f).AppOnly(), "tenant client_secret", "is missing")
}

func FuzzParseApp(f *testing.F) {
	for _, fields := range []AppFields{withSecret(), withCertificate(f)} {
		kept, err := made(f, fields).Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(kept.Reveal()))
	}
	f.Add([]byte(`{"tenant":"common","client_id":1}`))
	f.Add([]byte(`{"tenant":"a.b","client_id":"` + appID + `","certificate":"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseApp(b)
		if (a == nil) == (err == nil) {
			t.Fatalf("app %v, error %v", a, err)
		}
		if err != nil {
			if _, ok := err.(oauth.KeyFileError); !ok {
				t.Errorf("%T", err)
			}
			return
		}
		if !isGUID(a.ID()) || !strings.HasPrefix(At("https://x.example").Token(a.Cloud(), a.Tenant()), "https://x.example/"+a.Tenant()+"/oauth2/") {
			t.Errorf("asks %s as %s", At("https://x.example").Token(a.Cloud(), a.Tenant()), a.ID())
		}
	})
}
