package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"
)

const verifierMS = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (m ms) refreshForm(a App, token, scope string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {a.ClientID}, "client_secret": {a.Secret}, "refresh_token": {token}, "scope": {scope}}
}

func TestACodeIsGoodOnceAndForItsVerifier(t *testing.T) {
	m := microsoftWorld(t)
	a := m.webApp()
	scope := mailSend + " offline_access openid profile"
	address := m.authorize(MicrosoftDomain, a, redirectMS, scope, "code_challenge", challengeOf(verifierMS), "code_challenge_method", "S256", "nonce", "n1")
	form := url.Values{
		"grant_type": {"authorization_code"}, "client_id": {a.ClientID}, "client_secret": {a.Secret}, "code": {m.code(address, adaMS)},
		"redirect_uri": {redirectMS}, "scope": {scope}, "code_verifier": {strings.Repeat("x", 43)},
	}
	m.token(a.TenantID, form).wants(t, "another verifier", 400, "invalid_grant", 501481)
	form.Set("code_verifier", verifierMS)
	form.Set("redirect_uri", redirectMS+"/")
	m.token(a.TenantID, form).wants(t, "another redirect", 400, "invalid_request", 50011)
	form.Set("redirect_uri", redirectMS)
	got := m.token(a.TenantID, form)
	if got.status != 200 || got.RefreshToken == "" || got.Scope != "openid profile "+mailSend {
		t.Fatalf("%+v", got)
	}
	var id struct{ Nonce, Email, Tid, Aud, Iss string }
	if claims(t, got.IDToken, &id); id.Nonce != "n1" || id.Email != adaMS || id.Tid != a.TenantID || id.Aud != a.ClientID || id.Iss != m.MicrosoftURL+"/"+a.TenantID+"/v2.0" {
		t.Errorf("ID token: %+v", id)
	}
	m.token(a.TenantID, form).wants(t, "the same code again", 400, "invalid_grant", 54005)
}

func TestTheBrowserShowsWhatTheAppMustNotKnow(t *testing.T) {
	m := microsoftWorld(t)
	single := m.app(AppOptions{RedirectURIs: []string{redirectMS}})
	for _, c := range []struct{ address, account, want string }{
		{m.authorize(MicrosoftDomain, single, "https://evil.example/", mailSend), adaMS, "AADSTS50011"},
		{m.authorize("common", single, redirectMS, mailSend), adaMS, "AADSTS50194"},
		{m.authorize(MicrosoftDomain, single, redirectMS, mailSend), "grace@" + MicrosoftConsumer, "AADSTS50020"},
		{m.authorize(MicrosoftDomain, single, redirectMS, mailSend), "nobody@" + MicrosoftDomain, "AADSTS50034"},
		{m.authorize(MicrosoftDomain, single, redirectMS, "https://graph.microsoft.com/Frob"), adaMS, "AADSTS70011"},
		{m.authorize(MicrosoftDomain, m.app(AppOptions{RedirectURIs: []string{redirectMS}, AdminOnly: true}), redirectMS, mailSend), adaMS, "AADSTS90094"},
	} {
		if to, err := m.Decide(c.address, Decision{Account: c.account}); err == nil || !strings.HasPrefix(err.Error(), c.want+": ") {
			t.Errorf("%s: %s %v", c.want, to, err)
		}
	}
	page := m.graph("GET", m.authorize(MicrosoftDomain, single, redirectMS, mailSend, "login_hint", adaMS), "", "", "")
	if page.status != 200 || !strings.Contains(page.body, "Permissions requested") || !strings.Contains(page.body, "Send mail as you") {
		t.Errorf("the page: %d\n%s", page.status, page.body)
	}
	if got := m.graph("GET", m.authorize(MicrosoftDomain, single, "https://evil.example/", mailSend), "", "", ""); got.status != 400 || !strings.Contains(got.body, "AADSTS50011") {
		t.Errorf("the error's page: %d", got.status)
	}
	to, err := m.Decide(m.authorize(MicrosoftDomain, single, redirectMS, mailSend), Decision{Cancel: true})
	if err != nil || !strings.Contains(to, "error=access_denied") || !strings.Contains(to, "AADSTS65004") || !strings.Contains(to, "state=s1") {
		t.Errorf("cancel: %s %v", to, err)
	}
}

func TestARefreshTokenServesEachResourceAlone(t *testing.T) {
	m := microsoftWorld(t)
	a := m.webApp()
	code := m.code(m.authorize("common", a, redirectMS, mailSend+" "+smtpSend+" offline_access"), adaMS)
	first := m.token("common", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {a.ClientID}, "client_secret": {a.Secret}, "code": {code},
		"redirect_uri": {redirectMS}, "scope": {mailSend + " offline_access"},
	})
	if first.status != 200 || first.Scope != mailSend {
		t.Fatalf("%d %s", first.status, first.Description)
	}
	second := m.token("common", m.refreshForm(a, first.RefreshToken, smtpSend))
	if second.status != 200 || second.Scope != smtpSend || second.RefreshToken == first.RefreshToken || second.RefreshToken == "" {
		t.Errorf("Outlook: %+v", second)
	}
	if again := m.token("common", m.refreshForm(a, first.RefreshToken, mailSend)); again.status != 200 {
		t.Errorf("the old token once more: %d %s", again.status, again.Description)
	}
	m.token("common", m.refreshForm(a, first.RefreshToken, mailSend)).wants(t, "the old token a third time", 400, "invalid_grant", 70000)
	m.token("common", m.refreshForm(a, second.RefreshToken, mailSend+" "+smtpSend)).wants(t, "two resources", 400, "invalid_scope", 700022)
	got := m.token("common", m.refreshForm(a, second.RefreshToken, "https://graph.microsoft.com/Mail.ReadWrite"))
	got.wants(t, "not agreed to", 400, "invalid_grant", 65001)
	if got.Suberror != "consent_required" {
		t.Errorf("suberror %q", got.Suberror)
	}
	m.RevokeMicrosoft(adaMS)
	m.token("common", m.refreshForm(a, second.RefreshToken, mailSend)).wants(t, "revoked", 400, "invalid_grant", 50173)
}

func TestRefreshTokensEnd(t *testing.T) {
	now := time.Now()
	m := microsoftWorld(t, func(c *Config) { c.Now = func() time.Time { return now } })
	a := m.webApp()
	got := m.userToken(a, "grace@"+MicrosoftConsumer, mailSend+" offline_access")
	if strings.Count(got.AccessToken, ".") == 2 {
		t.Error("a personal account's token is a JWT")
	}
	now = now.Add(91 * 24 * time.Hour)
	m.token("common", m.refreshForm(a, got.RefreshToken, mailSend)).wants(t, "after 91 days", 400, "invalid_grant", 700082)

	page := m.app(AppOptions{Audience: AudienceAll, NoSecret: true, SPARedirects: []string{"https://spa.example/"}})
	code := m.code(m.authorize("common", page, "https://spa.example/", mailSend+" offline_access", "code_challenge", challengeOf(verifierMS), "code_challenge_method", "S256"), adaMS)
	first := m.token("common", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {page.ClientID}, "code": {code}, "redirect_uri": {"https://spa.example/"}, "code_verifier": {verifierMS},
	})
	now = now.Add(25 * time.Hour)
	m.token("common", m.refreshForm(page, first.RefreshToken, mailSend)).wants(t, "a day later", 400, "invalid_grant", 700084)
}

func TestAPublicClientShowsNoSecret(t *testing.T) {
	m := microsoftWorld(t)
	a := m.app(AppOptions{Public: true, NoSecret: true, PublicRedirects: []string{"http://localhost"}})
	redirect := "http://localhost:43117/"
	address := m.authorize(MicrosoftDomain, a, redirect, mailSend, "code_challenge", challengeOf(verifierMS), "code_challenge_method", "S256")
	form := url.Values{
		"grant_type": {"authorization_code"}, "client_id": {a.ClientID}, "client_secret": {"x"}, "code": {m.code(address, adaMS)},
		"redirect_uri": {redirect}, "code_verifier": {verifierMS},
	}
	m.token(a.TenantID, form).wants(t, "with a secret", 401, "invalid_client", 700025)
	form.Del("client_secret")
	if got := m.token(a.TenantID, form); got.status != 200 || got.RefreshToken != "" {
		t.Errorf("without: %d %s", got.status, got.Description)
	}
}

func TestTheDeviceCode(t *testing.T) {
	m := microsoftWorld(t)
	a := m.app(AppOptions{Public: true, NoSecret: true})
	begin := func() (code, user string) {
		got := do(t, m.http, "POST", m.MicrosoftURL+"/"+a.TenantID+"/oauth2/v2.0/devicecode", "application/x-www-form-urlencoded",
			url.Values{"client_id": {a.ClientID}, "scope": {mailSend + " offline_access"}}.Encode())
		var d struct {
			Device  string `json:"device_code"`
			User    string `json:"user_code"`
			Expires int    `json:"expires_in"`
			Every   int    `json:"interval"`
			URI     string `json:"verification_uri"`
			Message string
		}
		if got.into(t, &d); d.Expires != 900 || d.Every != 5 || !strings.Contains(d.Message, d.User) || !strings.HasSuffix(d.URI, "/devicelogin") {
			t.Fatalf("%+v", d)
		}
		return d.Device, d.User
	}
	poll := func(code string) entraReply {
		return m.token(a.TenantID, url.Values{"grant_type": {grantDevice}, "client_id": {a.ClientID}, "device_code": {code}})
	}
	device, user := begin()
	poll(device).wants(t, "before the user", 400, "authorization_pending", 70016)
	m.must(m.DecideDevice(user, Decision{Account: adaMS}))
	if got := poll(device); got.status != 200 || got.RefreshToken == "" || got.Scope != mailSend {
		t.Errorf("%d %s", got.status, got.Description)
	} else if again := m.token(a.TenantID, url.Values{"grant_type": {"refresh_token"}, "client_id": {a.ClientID}, "refresh_token": {got.RefreshToken}, "scope": {mailSend}}); again.status != 200 {
		t.Errorf("refresh: %d %s", again.status, again.Description)
	}
	device, user = begin()
	m.must(m.DecideDevice(user, Decision{Cancel: true}))
	poll(device).wants(t, "declined", 400, "authorization_declined", 65004)
	poll("nonsense").wants(t, "unknown", 400, "bad_verification_code", 70018)
	device, user = begin()
	m.must(m.DecideDevice(user, Decision{Account: adaMS}))
	m.must(m.ChangeTenant(MicrosoftDomain, func(o *TenantOptions) { o.NoDeviceFlow = true }))
	poll(device).wants(t, "Conditional Access", 400, "invalid_grant", 53003)
	m.must(m.ChangeApp(a.ClientID, func(o *AppOptions) { o.Public = false }))
	poll(device).wants(t, "public flows are off", 401, "invalid_client", 7000218)
}

func TestTheAdministratorConsentsForAll(t *testing.T) {
	m := microsoftWorld(t)
	a := m.app(AppOptions{RedirectURIs: []string{redirectMS}, Roles: []string{"Mail.Send"}, Pending: true, Audience: AudienceOrgs})
	other, err := m.AddTenant(TenantOptions{Domain: "fabrikam.example", AnyUser: true})
	m.must(err)
	m.token(other, m.clientForm(a, defaultG)).wants(t, "not installed", 400, "unauthorized_client", 700016)
	address := m.MicrosoftURL + "/" + other + "/v2.0/adminconsent?" + url.Values{
		"client_id": {a.ClientID}, "redirect_uri": {redirectMS}, "scope": {defaultG}, "state": {"s1"},
	}.Encode()
	if _, err := m.Decide(address, Decision{Account: "ada@fabrikam.example"}); err == nil || !strings.Contains(err.Error(), "AADSTS90094") {
		t.Errorf("a user: %v", err)
	}
	to, err := m.Decide(address, Decision{Cancel: true})
	if err != nil || !strings.Contains(to, "error=permission_denied") {
		t.Errorf("cancel: %s %v", to, err)
	}
	to, err = m.Decide(address, Decision{Account: "admin@fabrikam.example"})
	if err != nil || !strings.Contains(to, "admin_consent=True") || !strings.Contains(to, "tenant="+other) || !strings.Contains(to, "state=s1") {
		t.Fatalf("%s %v", to, err)
	}
	var c accessClaims
	got := m.token(other, m.clientForm(a, defaultG))
	if claims(t, got.AccessToken, &c); strings.Join(c.Roles, " ") != "Mail.Send" || c.Tenant != other {
		t.Errorf("%+v", c)
	}
}

func TestTheConsentPageFailsOnRequest(t *testing.T) {
	m := microsoftWorld(t)
	a := m.webApp()
	m.add(Rule{Fault: faultAADSTSPage, Arg: "53003", Account: adaMS, Count: 1})
	address := m.authorize("common", a, redirectMS, mailSend)
	if _, err := m.Decide(address, Decision{Account: adaMS}); err == nil || !strings.HasPrefix(err.Error(), "AADSTS53003: ") {
		t.Errorf("%v", err)
	}
	m.code(address, adaMS)
}

func TestDiscoveryAndKeys(t *testing.T) {
	m := microsoftWorld(t)
	var d map[string]any
	m.graph("GET", "/"+MicrosoftDomain+"/v2.0/.well-known/openid-configuration", "", "", "").into(t, &d)
	if d["token_endpoint"] != m.MicrosoftURL+"/"+MicrosoftDomain+"/oauth2/v2.0/token" || d["issuer"] != m.MicrosoftURL+"/"+m.MicrosoftTenant()+"/v2.0" {
		t.Errorf("%v", d)
	}
	if got := m.graph("GET", "/common/discovery/v2.0/keys", "", "", ""); got.status != 200 || !strings.Contains(got.body, `"kty":"RSA"`) {
		t.Errorf("keys: %d %s", got.status, got.body)
	}
	if got := m.graph("GET", "/nowhere.example/v2.0/.well-known/openid-configuration", "", "", ""); got.status != 400 ||
		!strings.Contains(got.body, "AADSTS90002") || !strings.Contains(got.body, `"invalid_tenant"`) {
		t.Errorf("no tenant: %d %s", got.status, got.body)
	}
}
