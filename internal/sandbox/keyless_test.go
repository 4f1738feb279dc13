package sandbox

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// exchangeOutside asks STS for a federated token.
func (m ms) exchangeOutside(audience, token string) answer {
	return do(m.t, m.http, "POST", m.STSURL, "application/x-www-form-urlencoded", url.Values{
		"grant_type": {grantExchange}, "audience": {audience}, "scope": {scopeCloud},
		"requested_token_type": {tokenTypeAccess}, "subject_token": {token},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"},
	}.Encode())
}

func (m ms) sign(a WorkloadAccount, bearer, subject string) answer {
	now := time.Now().Unix()
	payload := `{\"iss\":\"` + a.Address + `\",\"sub\":\"` + subject + `\",\"scope\":\"` + scopeSend + `\",\"aud\":\"` + m.GoogleURL + `/token\",\"iat\":` +
		strconv.FormatInt(now, 10) + `,\"exp\":` + strconv.FormatInt(now+3600, 10) + `}`
	return m.graph("POST", m.IAMCredentialsURL+"/v1/projects/-/serviceAccounts/"+a.Address+":signJwt", bearer, "application/json", `{"payload":"`+payload+`"}`)
}

// mailToken asks Google for a token of a user with a signed assertion.
func (m ms) bearerToken(assertion string) answer {
	return do(m.t, m.http, "POST", m.GoogleURL+"/token", "application/x-www-form-urlencoded",
		url.Values{"grant_type": {jwtBearer}, "assertion": {assertion}}.Encode())
}

func accessOf(t *testing.T, a answer) string {
	t.Helper()
	var out struct {
		Access string `json:"access_token"`
		Signed string `json:"signedJwt"`
	}
	a.into(t, &out)
	if a.status != 200 || out.Access+out.Signed == "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return out.Access + out.Signed
}

func TestMailWithoutAKeyFile(t *testing.T) {
	m := microsoftWorld(t)
	const audience = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x"
	a := m.AddWorkload(WorkloadOptions{Pool: WorkloadPool{Audience: audience, Issuer: "https://issuer.example"}, Scopes: []string{scopeSend}})
	if !strings.Contains(string(a.File), `"type": "external_account"`) {
		t.Errorf("credential file: %s", a.File)
	}
	federated := accessOf(t, m.exchangeOutside(audience, m.OutsideToken("https://issuer.example", audience, "gatepost")))
	assertion := accessOf(t, m.sign(a, federated, ada))
	token := accessOf(t, m.bearerToken(assertion))
	if got := m.graph("POST", m.sendURL(), token, "application/json", rawJSON(mailTo("bob@example.net"))); got.status != 200 {
		t.Fatalf("send: %d %s", got.status, got.body)
	}
	if got := m.sign(a, token, ada); got.status != 403 || !strings.Contains(got.body, "ACCESS_TOKEN_SCOPE_INSUFFICIENT") {
		t.Errorf("sign with a mailbox token: %d %s", got.status, got.body)
	}
}

func TestOutsideTokensAreChecked(t *testing.T) {
	m := microsoftWorld(t)
	a := m.AddWorkload(WorkloadOptions{Pool: WorkloadPool{Audience: "//pool/providers/x", Issuer: "https://issuer.example"}, Role: RoleWorkloadUser})
	for _, c := range []struct{ issuer, audience, subject, want string }{
		{"https://other.example", "//pool/providers/x", "gatepost", `"invalid_grant"`},
		{"https://issuer.example", "//other", "gatepost", `"invalid_grant"`},
		{"https://issuer.example", "//pool/providers/x", "someone", `"unauthorized_client"`},
	} {
		if got := m.exchangeOutside("//pool/providers/x", m.OutsideToken(c.issuer, c.audience, c.subject)); got.status < 400 || !strings.Contains(got.body, c.want) {
			t.Errorf("%+v: %d %s", c, got.status, got.body)
		}
	}
	if got := m.exchangeOutside("//nowhere", "x.y.z"); !strings.Contains(got.body, `"invalid_target"`) {
		t.Errorf("unknown pool: %d %s", got.status, got.body)
	}
	federated := accessOf(t, m.exchangeOutside("//pool/providers/x", m.OutsideToken("https://issuer.example", "//pool/providers/x", "gatepost")))
	if got := m.sign(a, federated, ada); got.status != 403 || !strings.Contains(got.body, "Permission 'iam.serviceAccounts.signJwt' denied on resource (or it may not exist).") {
		t.Errorf("workloadIdentityUser signs: %d %s", got.status, got.body)
	}
	got := m.graph("POST", m.IAMCredentialsURL+"/v1/projects/-/serviceAccounts/"+a.Address+":generateAccessToken", federated, "application/json", `{"scope":["`+scopeCloud+`"]}`)
	if got.status != 200 || !strings.Contains(got.body, `"accessToken"`) {
		t.Errorf("generateAccessToken: %d %s", got.status, got.body)
	}
}

func TestTheMetadataServerWantsItsHeader(t *testing.T) {
	m := microsoftWorld(t)
	address := m.MetadataURL + "/computeMetadata/v1/instance/service-accounts/default/"
	ask := func(path, flavor string) answer {
		req, _ := http.NewRequest("GET", address+path, nil)
		if flavor != "" {
			req.Header.Set("Metadata-Flavor", flavor)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		b := make([]byte, 4096)
		n, _ := res.Body.Read(b)
		return answer{res.StatusCode, res.Header, string(b[:n])}
	}
	if got := ask("token", "Google"); got.status != 404 {
		t.Errorf("without a machine: %d", got.status)
	}
	a := m.AddMachine(MachineOptions{Scopes: []string{scopeSend}})
	if got := ask("token", ""); got.status != 403 || got.header.Get("Metadata-Flavor") != "Google" {
		t.Errorf("without the header: %d", got.status)
	}
	if got := ask("email", "Google"); got.body != a.Address {
		t.Errorf("email: %q", got.body)
	}
	token := accessOf(t, ask("token", "Google"))
	accessOf(t, m.bearerToken(accessOf(t, m.sign(a, token, ada))))
}
