package entra

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/provider"
)

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

func someConsent(a *App, at Endpoints, scopes ...string) Consent {
	return Consent{
		App: a, Endpoints: at, Redirect: "https://mail.acme.example/connect/callback", Scopes: scopes,
		Hint: "ada@contoso.example", State: "state-1", Verifier: verifier, Nonce: "nonce-1",
	}
}

func TestConsentURL(t *testing.T) {
	for _, tenant := range []string{tenantID, "common", "consumers"} {
		f := withSecret()
		f.Tenant = tenant
		u, err := url.Parse(someConsent(made(t, f), Endpoints{}, graphSend, smtpSend).URL())
		if err != nil {
			t.Fatal(err)
		}
		if got := u.Scheme + "://" + u.Host + u.Path; got != "https://login.microsoftonline.com/"+tenant+"/oauth2/v2.0/authorize" {
			t.Errorf("the user is sent to %s", got)
		}
		// The challenge of RFC 7636, appendix B. Both resources stand in one request.
		want := url.Values{
			"client_id": {appID}, "redirect_uri": {"https://mail.acme.example/connect/callback"}, "response_type": {"code"}, "response_mode": {"query"},
			"scope": {graphSend + " " + smtpSend + " openid profile email offline_access"}, "state": {"state-1"}, "nonce": {"nonce-1"},
			"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
			"prompt": {"select_account"}, "login_hint": {"ada@contoso.example"},
		}
		if d := cmp.Diff(want, u.Query()); d != "" {
			t.Errorf("%s (-want +got):\n%s", tenant, d)
		}
	}
}

// exchange asks with an ID token that the claims are in.
func (p *idp) exchange(t testing.TB, a *App, scopes ...string) (Grant, error) {
	t.Helper()
	if _, there := p.answer["id_token"]; !there {
		p.answer["id_token"] = p.signed()
		defer delete(p.answer, "id_token")
	}
	return someConsent(a, p.at(), scopes...).Exchange(t.Context(), p.Client(), "code-1", noon)
}

func TestExchange(t *testing.T) {
	p := newIDP(t)
	got, err := p.exchange(t, made(t, withSecret()), graphSend, graphLook)
	if err != nil {
		t.Fatal(err)
	}
	want := Grant{
		Access: oauth.Token{Access: email.NewSecret("eyJ0.canary.at"), Expires: noon.Add(3599 * time.Second)}, Refresh: email.NewSecret("1.AX-canary-new"),
		Scopes: []string{graphSend}, Subject: userID, Tenant: tenantID, Email: "ada@contoso.example",
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b email.Secret) bool { return a == b })); d != "" {
		t.Errorf("grant (-want +got):\n%s", d)
	}
	if d := cmp.Diff(url.Values{
		"grant_type": {"authorization_code"}, "code": {"code-1"}, "redirect_uri": {"https://mail.acme.example/connect/callback"},
		"code_verifier": {verifier}, "client_id": {appID}, "client_secret": {secretOf},
		"scope": {graphSend + " " + graphLook + " openid profile email offline_access"},
	}, p.form); d != "" || p.path != "/"+tenantID+"/oauth2/v2.0/token" || p.calls != 1 {
		t.Errorf("%d calls, %s, form (-want +got):\n%s", p.calls, p.path, d)
	}
	if s := fmt.Sprintf("%v %+v %#v", got, got, got); strings.Contains(s, "canary") {
		t.Errorf("a grant shows %s", s)
	}
	delete(p.answer, "scope") // the same as asked for
	if got, err := p.exchange(t, made(t, withSecret()), graphSend, graphLook); err != nil || !cmp.Equal(got.Scopes, []string{graphSend, graphLook}) {
		t.Errorf("without scope: %v %v", got.Scopes, err)
	}
	public := withSecret()
	public.Secret = email.Secret{}
	if _, err := p.exchange(t, made(t, public), graphSend); err != nil || p.form.Has("client_secret") || p.form.Has("client_assertion") {
		t.Errorf("public client: %v %v", p.form, err)
	}
	if _, err := p.exchange(t, made(t, withCertificate(t)), graphSend); err != nil || !p.form.Has("client_assertion") {
		t.Errorf("certificate: %v", err)
	}
}

// TestConsentOfTwoResources: the code is for the first; what of the second was granted
// shows in a refresh, whose new refresh token counts.
func TestConsentOfTwoResources(t *testing.T) {
	p := newIDP(t)
	first := map[string]any{"token_type": "Bearer", "expires_in": 3599, "access_token": "eyJ0.canary.one", "refresh_token": "1.AX-canary-first", "scope": "Mail.Send openid", "id_token": p.signed()}
	p.says(200, first)
	p.answer["scope"] = smtpSend
	got, err := p.exchange(t, made(t, withSecret()), graphSend, smtpSend)
	if err != nil || got.Refresh.Reveal() != "1.AX-canary-new" || got.Access.Access.Reveal() != "eyJ0.canary.one" || !cmp.Equal(got.Scopes, []string{graphSend, smtpSend}) {
		t.Errorf("scopes %v, %v", got.Scopes, err)
	}
	if d := cmp.Diff([]string{graphSend + " openid profile email offline_access", smtpSend + " openid profile email offline_access"}, p.scopes); d != "" || p.form.Get("refresh_token") != "1.AX-canary-first" {
		t.Errorf("form %v, scopes (-want +got):\n%s", p.form, d)
	}
	p.says(200, first)
	p.says(400, entraError("invalid_grant", "65001", "The user or administrator has not consented."))
	got, err = p.exchange(t, made(t, withSecret()), graphSend, smtpSend)
	if err != nil || got.Refresh.Reveal() != "1.AX-canary-first" || !cmp.Equal(got.Scopes, []string{graphSend}) {
		t.Errorf("second refused: scopes %v, %v", got.Scopes, err)
	}
	p.says(200, first)
	p.says(503, entraError("temporarily_unavailable", "90033", "A transient error."))
	if _, err = p.exchange(t, made(t, withSecret()), graphSend, smtpSend); !oauth.Passing(err) {
		t.Errorf("second in trouble: %v", err)
	}
}

// TestWhoConsents: users of the app's tenant, and the address that their own tenant
// answers for.
func TestWhoConsents(t *testing.T) {
	const other = "22222222-2222-4333-8444-555555555555"
	for name, c := range map[string]struct {
		tenant, tid string
		claims      map[string]any
		want        string // the mailbox; empty: not taken
	}{
		"own tenant":                        {tenantID, tenantID, nil, "ada@contoso.example"},
		"own tenant by domain":              {"contoso.example", tenantID, nil, "ada@contoso.example"},
		"own tenant, no email":              {tenantID, tenantID, map[string]any{"email": nil}, "ada.l@contoso.example"},
		"another tenant":                    {tenantID, other, nil, ""},
		"any tenant: the sign-in name":      {"common", other, nil, "ada.l@contoso.example"},
		"an email that nobody proved":       {"organizations", other, map[string]any{"preferred_username": nil}, ""},
		"a name that is no mailbox":         {"organizations", other, map[string]any{"preferred_username": "+49 30 1"}, ""},
		"personal":                          {"common", consumerTenant, map[string]any{"preferred_username": "+49 30 1"}, "ada@contoso.example"},
		"personal to consumers":             {"consumers", consumerTenant, nil, "ada@contoso.example"},
		"personal to organizations":         {"organizations", consumerTenant, nil, ""},
		"work to consumers":                 {"consumers", other, nil, ""},
		"no mailbox at all":                 {tenantID, tenantID, map[string]any{"email": "Ada <ada@contoso.example>", "preferred_username": "ada"}, ""},
		"a second name for the same tenant": {strings.ToUpper(tenantID), tenantID, nil, "ada@contoso.example"},
	} {
		p := newIDP(t)
		change(p.claims, map[string]any{"tid": c.tid, "iss": p.URL + "/" + c.tid + "/v2.0"})
		change(p.claims, c.claims)
		f := withSecret()
		f.Tenant = c.tenant
		got, err := p.exchange(t, made(t, f), graphSend)
		if c.want == "" {
			wantError(t, name, err, provider.Hold, "identity_unproven")
			continue
		}
		if err != nil || got.Email != c.want || got.Tenant != c.tid {
			t.Errorf("%s: %s of %s, %v; want %s", name, got.Email, got.Tenant, err, c.want)
		}
	}
}

// TestHostileIDTokens: whatever the ID token says that does not fit this consent,
// nothing comes of it.
func TestHostileIDTokens(t *testing.T) {
	for name, c := range map[string]struct {
		claims, header map[string]any
		says           string
	}{
		"another issuer":       {claims: map[string]any{"iss": "https://evil.example/" + tenantID + "/v2.0"}, says: "evil.example"},
		"Microsoft's issuer":   {claims: map[string]any{"iss": "https://login.microsoftonline.com/" + tenantID + "/v2.0"}, says: "login.microsoftonline.com"},
		"issuer of another":    {claims: map[string]any{"tid": "22222222-2222-4333-8444-555555555555"}, says: "is from"},
		"no tenant":            {claims: map[string]any{"tid": nil}, says: "is from"},
		"tenant of no GUID":    {claims: map[string]any{"tid": "../x"}, says: "is from"},
		"another app":          {claims: map[string]any{"aud": userID}, says: "another app"},
		"many apps":            {claims: map[string]any{"aud": []string{appID, userID}}, says: "another app"},
		"no audience":          {claims: map[string]any{"aud": nil}, says: "another app"},
		"expired":              {claims: map[string]any{"exp": noon.Unix() - 301}, says: "expired"},
		"no end":               {claims: map[string]any{"exp": nil}, says: "expired"},
		"another nonce":        {claims: map[string]any{"nonce": "nonce-2"}, says: "another request"},
		"no nonce":             {claims: map[string]any{"nonce": nil}, says: "another request"},
		"no user":              {claims: map[string]any{"oid": nil}, says: "no user"},
		"unsigned":             {header: map[string]any{"alg": "none"}, says: `"none"`},
		"signed with a secret": {header: map[string]any{"alg": "HS256"}, says: `"HS256"`},
	} {
		p := newIDP(t)
		change(p.claims, c.claims)
		change(p.jose, c.header)
		got, err := p.exchange(t, made(t, withSecret()), graphSend)
		if e := wantError(t, name, err, provider.Hold, "identity_unproven"); !strings.Contains(e.Text, c.says) {
			t.Errorf("%s: %s", name, e.Text)
		}
		if !got.Refresh.Empty() || got.Email != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, text := range map[string]any{"none": nil, "empty": "", "two parts": "e30.e30", "no base64": "!.!.!"} {
		p := newIDP(t)
		p.answer["id_token"] = text
		_, err := p.exchange(t, made(t, withSecret()), graphSend)
		wantError(t, name, err, provider.Hold, "identity_unproven")
	}
}

func TestExchangeErrors(t *testing.T) {
	p := newIDP(t)
	a := made(t, withSecret())
	for name, c := range map[string]struct {
		status int
		answer map[string]any
		class  provider.Class
		cause  string
		says   string
	}{
		"code used":    {400, entraError("invalid_grant", "54005", "Already redeemed."), provider.Hold, "grant_refused", ""},
		"redirect":     {400, entraError("invalid_request", "50011", "The redirect URI does not match."), provider.Hold, "redirect_refused", "https://mail.acme.example/connect/callback"},
		"no consent":   {400, entraError("invalid_grant", "65001", "Not consented."), provider.Hold, "consent_needed", appID},
		"public":       {401, entraError("invalid_client", "700025", "Client is public."), provider.Hold, "client_is_public", appID},
		"down":         {500, map[string]any{"error": "server_error"}, provider.Retry, "token_endpoint_down", ""},
		"unknown word": {400, map[string]any{"error": "odd"}, provider.Hold, "", ""},
	} {
		p.says(c.status, c.answer)
		_, err := p.exchange(t, a, graphSend)
		if e := wantError(t, name, err, c.class, c.cause); !strings.Contains(e.Text+e.Fix, c.says) {
			t.Errorf("%s: %s %s", name, e.Text, e.Fix)
		}
	}
	p.answer["refresh_token"] = ""
	_, err := p.exchange(t, a, graphSend)
	wantError(t, "no refresh token", err, provider.Hold, "no_refresh_token")
	calls := p.calls
	_, err = p.exchange(t, a, "openid")
	wantError(t, "no resource", err, provider.Hold, "scope_unknown")
	for name, spoil := range map[string]func(*Consent){
		"no state": func(c *Consent) { c.State = "" }, "no verifier": func(c *Consent) { c.Verifier = "" }, "no nonce": func(c *Consent) { c.Nonce = "" },
	} {
		c := someConsent(a, p.at(), graphSend)
		spoil(&c)
		if _, err := c.Exchange(t.Context(), p.Client(), "code-1", noon); !errors.Is(err, errUnbound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p.calls != calls {
		t.Error("an exchange that cannot be was asked for")
	}
}

func TestDeviceCode(t *testing.T) {
	p := newIDP(t)
	d := Device{App: made(t, withSecret()), Endpoints: p.at(), Scopes: []string{graphSend}}
	start := map[string]any{
		"device_code": "canary-device", "user_code": "ABCD1234", "verification_uri": "https://microsoft.com/devicelogin", "expires_in": 900, "interval": 7,
		"message": "To sign in …",
	}
	p.says(200, start)
	code, err := d.Start(t.Context(), p.Client(), noon)
	want := DeviceCode{Code: email.NewSecret("canary-device"), UserCode: "ABCD1234", VerificationURI: "https://microsoft.com/devicelogin", Interval: 7 * time.Second, Expires: noon.Add(15 * time.Minute)}
	if err != nil || code != want || strings.Contains(fmt.Sprintf("%+v", code), "canary") {
		t.Errorf("%+v %v", code, err)
	}
	if d := cmp.Diff(url.Values{"client_id": {appID}, "scope": {graphSend + " openid profile email offline_access"}}, p.form); d != "" || p.path != "/"+tenantID+"/oauth2/v2.0/devicecode" {
		t.Errorf("%s (-want +got):\n%s", p.path, d)
	}
	for word, want := range map[string]error{"authorization_pending": ErrPending, "slow_down": ErrSlowDown, "authorization_declined": ErrDeclined, "expired_token": ErrExpired} {
		p.says(400, entraError(word, "70016", "x"))
		_, err := d.Poll(t.Context(), p.Client(), code, noon)
		pending := errors.Is(err, ErrPending)
		if !errors.Is(err, want) || pending != (word == "authorization_pending" || word == "slow_down") {
			t.Errorf("%s: %v", word, err)
		}
		if !pending {
			classed(t, err)
		}
	}
	p.says(400, entraError("authorization_declined", "65004", "User declined."))
	_, err = d.Poll(t.Context(), p.Client(), code, noon)
	wantError(t, "declined", err, provider.Hold, "consent_denied")
	p.says(400, entraError("expired_token", "70019", "Expired."))
	_, err = d.Poll(t.Context(), p.Client(), code, noon)
	wantError(t, "expired", err, provider.Hold, "device_code_expired")
	p.says(503, map[string]any{"error": "server_error"})
	if _, err = d.Poll(t.Context(), p.Client(), code, noon); !oauth.Passing(err) || errors.Is(err, ErrPending) {
		t.Errorf("in trouble: %v", err)
	}

	delete(p.claims, "nonce") // nobody sent one
	p.answer["id_token"] = p.signed()
	got, err := d.Poll(t.Context(), p.Client(), code, noon)
	if err != nil || got.Email != "ada@contoso.example" || got.Refresh.Reveal() != "1.AX-canary-new" || !got.Public || !cmp.Equal(got.Scopes, []string{graphSend}) {
		t.Errorf("%+v %v", got, err)
	}
	// A device code is for public clients: nothing is shown but the id.
	if d := cmp.Diff(url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {appID}, "device_code": {"canary-device"}}, p.form); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	p.claims["nonce"] = "nonce-1"
	p.answer["id_token"] = p.signed()
	_, err = d.Poll(t.Context(), p.Client(), code, noon)
	wantError(t, "the ID token of another consent", err, provider.Hold, "identity_unproven")
}

func TestDeviceCodesThatAreNone(t *testing.T) {
	p := newIDP(t)
	d := Device{App: made(t, withSecret()), Endpoints: p.at(), Scopes: []string{graphSend}}
	for name, c := range map[string]struct {
		status int
		answer map[string]any
		class  provider.Class
	}{
		"refused":        {400, entraError("unauthorized_client", "700016", "Not found."), provider.Hold},
		"no code":        {200, map[string]any{"user_code": "A", "verification_uri": "https://microsoft.com/devicelogin"}, provider.Retry},
		"no user code":   {200, map[string]any{"device_code": "canary", "verification_uri": "https://microsoft.com/devicelogin"}, provider.Retry},
		"a strange page": {200, map[string]any{"device_code": "canary", "user_code": "A", "verification_uri": "javascript:alert(1)"}, provider.Retry},
		"a plain page":   {200, map[string]any{"device_code": "canary", "user_code": "A", "verification_uri": "http://microsoft.com/devicelogin"}, provider.Retry},
		"down":           {http.StatusBadGateway, map[string]any{}, provider.Retry},
	} {
		p.says(c.status, c.answer)
		_, err := d.Start(t.Context(), p.Client(), noon)
		wantError(t, name, err, c.class, "")
	}
	calls := p.calls
	d.Scopes = []string{graphSend, smtpSend}
	_, err := d.Start(t.Context(), p.Client(), noon)
	wantError(t, "two resources", err, provider.Hold, "scopes_mixed")
	_, err = d.Poll(t.Context(), p.Client(), DeviceCode{}, noon)
	wantError(t, "two resources", err, provider.Hold, "scopes_mixed")
	if p.calls != calls {
		t.Error("two resources were asked for at once")
	}
}

func FuzzIdentity(f *testing.F) {
	p := newIDP(f)
	f.Add(p.signed())
	f.Add("e30.e30.e30")
	f.Add("..")
	a := made(f, withSecret())
	check := grantCheck{at: p.at(), nonce: "nonce-1", scopes: []string{graphSend}, resource: "https://graph.microsoft.com"}
	f.Fuzz(func(t *testing.T, text string) {
		who, err := a.identity(text, check, noon)
		if err == nil && (who.Nonce != "nonce-1" || who.Object == "" || !strings.EqualFold(who.Tenant, tenantID) || who.address(a) == "") {
			t.Errorf("taken: %+v", who)
		}
	})
}
