package oauth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

const (
	poolOfTest  = "//iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/k8s/providers/cluster"
	robotOfTest = "robot@p.iam.gserviceaccount.com"
)

// federation writes a file of workload identity federation with some fields changed;
// nil takes one out.
func federation(t testing.TB, changes map[string]any) json.RawMessage {
	t.Helper()
	fields := map[string]any{
		"type": "external_account", "audience": poolOfTest, "subject_token_type": subjectJWT,
		"token_url": "https://sts.googleapis.com/v1/token", "universe_domain": "googleapis.com",
		"service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/" + robotOfTest + ":generateAccessToken",
		"credential_source":                 map[string]any{"file": "/var/run/token", "format": map[string]any{"type": "text"}},
	}
	maps.Copy(fields, changes)
	maps.DeleteFunc(fields, func(_ string, v any) bool { return v == nil })
	out, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func source(fields map[string]any) map[string]any { return map[string]any{"credential_source": fields} }

func TestKeylessFilesThatAreTaken(t *testing.T) {
	const noAccount = "service_account_impersonation_url"
	for name, f := range map[string]KeylessFields{
		"as gcloud writes it":       {File: federation(t, nil)},
		"with a mark of Windows":    {File: append([]byte("\xef\xbb\xbf"), federation(t, nil)...)},
		"the account beside it":     {File: federation(t, map[string]any{noAccount: nil}), ServiceAccount: robotOfTest},
		"the account twice":         {File: federation(t, nil), ServiceAccount: robotOfTest, ClientID: "117"},
		"no endpoint":               {File: federation(t, map[string]any{"token_url": nil, "universe_domain": nil})},
		"an ID token":               {File: federation(t, map[string]any{"subject_token_type": subjectIDToken})},
		"an address":                {File: federation(t, source(map[string]any{"url": "https://ci.example/token?audience=x", "headers": map[string]string{"Authorization": "Bearer x"}}))},
		"another metadata server":   {File: federation(t, source(map[string]any{"url": "http://169.254.169.254/metadata/identity/oauth2/token", "headers": map[string]string{"Metadata": "True"}}))},
		"JSON":                      {File: federation(t, source(map[string]any{"file": "/t", "format": map[string]string{"type": "json", "subject_token_field_name": "access_token"}}))},
		"no executable after all":   {File: federation(t, source(map[string]any{"file": "/t", "executable": nil}))},
		"the machine, and whom":     {Source: KeylessMetadata, ServiceAccount: robotOfTest},
		"a default service account": {Source: KeylessMetadata, ServiceAccount: "123-compute@developer.gserviceaccount.com"},
	} {
		k, err := NewKeyless(f, KeylessEndpoints{}, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, err := k.Marshal()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := ParseKeyless([]byte(text.Reveal()), KeylessEndpoints{}, nil)
		if err != nil || again.Account() != k.Account() || again.Source() != k.Source() || again.Audience() != k.Audience() || again.ClientID() != k.ClientID() || k.Account() == "" {
			t.Errorf("%s: kept as %v, read as %v, %v", name, k, again, err)
		}
		if strings.Contains(fmt.Sprintf("%+v %#v %s", k, *k, k), "Bearer") {
			t.Errorf("%s: the file is shown", name)
		}
	}
	if k, err := NewKeyless(KeylessFields{Source: KeylessMetadata}, KeylessEndpoints{}, nil); err != nil || k.Account() != "" || k.at != GoogleKeyless() {
		t.Errorf("the machine itself: %v, %v", k, err)
	}
}

// TestKeylessFilesThatAreNot: each wrong field is named, before anything is kept.
func TestKeylessFilesThatAreNot(t *testing.T) {
	const impersonation = "service_account_impersonation_url"
	change := func(field string, value any) json.RawMessage { return federation(t, map[string]any{field: value}) }
	of := func(fields map[string]any) json.RawMessage { return federation(t, source(fields)) }
	iam := "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
	for name, c := range map[string]struct {
		f      KeylessFields
		fields string
	}{
		"nothing":               {KeylessFields{}, "source"},
		"no file":               {KeylessFields{Source: KeylessFederation}, "file"},
		"null":                  {KeylessFields{Source: KeylessFederation, File: json.RawMessage("null")}, "file"},
		"an unknown source":     {KeylessFields{Source: "aws"}, "source"},
		"machine with a file":   {KeylessFields{Source: KeylessMetadata, File: federation(t, nil)}, "file"},
		"not JSON":              {KeylessFields{File: json.RawMessage("hello")}, "file"},
		"huge":                  {KeylessFields{File: make([]byte, 1<<20)}, "file"},
		"another form":          {KeylessFields{File: change("credential_source", "file")}, "file"},
		"a key":                 {KeylessFields{File: file(t, nil)}, "file.type"},
		"a person's login":      {KeylessFields{File: json.RawMessage(`{"type":"authorized_user"}`)}, "file.type"},
		"no type":               {KeylessFields{File: json.RawMessage(`{}`)}, "file.type"},
		"no source":             {KeylessFields{File: change("credential_source", nil)}, "file.credential_source"},
		"an empty source":       {KeylessFields{File: of(map[string]any{})}, "file.credential_source"},
		"two sources":           {KeylessFields{File: of(map[string]any{"file": "/t", "url": "https://x.example"})}, "file.credential_source"},
		"a relative path":       {KeylessFields{File: of(map[string]any{"file": "token"})}, "file.credential_source.file"},
		"a program":             {KeylessFields{File: of(map[string]any{"executable": map[string]any{"command": "/bin/token"}})}, "file.credential_source.executable"},
		"a program and a file":  {KeylessFields{File: of(map[string]any{"file": "/t", "executable": map[string]any{"command": "/bin/token"}})}, "file.credential_source.executable"},
		"AWS":                   {KeylessFields{File: of(map[string]any{"environment_id": "aws1"})}, "file.credential_source.environment_id"},
		"a certificate":         {KeylessFields{File: of(map[string]any{"certificate": map[string]any{}})}, "file.credential_source.certificate"},
		"plain HTTP":            {KeylessFields{File: of(map[string]any{"url": "http://ci.example/token"})}, "file.credential_source.url"},
		"plain HTTP next door":  {KeylessFields{File: of(map[string]any{"url": "http://10.0.0.1/token"})}, "file.credential_source.url"},
		"another scheme":        {KeylessFields{File: of(map[string]any{"url": "file:///etc/passwd"})}, "file.credential_source.url"},
		"a user name":           {KeylessFields{File: of(map[string]any{"url": "http://127.0.0.1@ci.example/"})}, "file.credential_source.url"},
		"a header of two lines": {KeylessFields{File: of(map[string]any{"url": "https://x.example", "headers": map[string]string{"A": "b\r\nC: d"}})}, "file.credential_source.headers"},
		"another host's header": {KeylessFields{File: of(map[string]any{"url": "https://x.example", "headers": map[string]string{"Host": "y.example"}})}, "file.credential_source.headers"},
		"JSON without a field":  {KeylessFields{File: of(map[string]any{"file": "/t", "format": map[string]string{"type": "json"}})}, "file.credential_source.format.subject_token_field_name"},
		"XML":                   {KeylessFields{File: of(map[string]any{"file": "/t", "format": map[string]string{"type": "xml"}})}, "file.credential_source.format.type"},
		"SAML":                  {KeylessFields{File: change("subject_token_type", "urn:ietf:params:oauth:token-type:saml2")}, "file.subject_token_type"},
		"a pool of people":      {KeylessFields{File: change("audience", "//iam.googleapis.com/locations/global/workforcePools/p/providers/x")}, "file.audience"},
		"another cloud":         {KeylessFields{File: change("universe_domain", "apis-s3ns.fr")}, "file.universe_domain"},
		"another's STS":         {KeylessFields{File: change("token_url", "https://sts.googleapis.com.evil.example/v1/token")}, "file.token_url"},
		"STS without TLS":       {KeylessFields{File: change("token_url", "http://sts.googleapis.com/v1/token")}, "file.token_url"},
		"a bucket as STS":       {KeylessFields{File: change("token_url", "https://sts.storage.googleapis.com/v1/token")}, "file.token_url"},
		"another's IAM":         {KeylessFields{File: change(impersonation, "https://evil.example/v1/projects/-/serviceAccounts/"+robotOfTest+":generateAccessToken")}, "file." + impersonation},
		"a path in the account": {KeylessFields{File: change(impersonation, iam+"../../x@p.iam.gserviceaccount.com:generateAccessToken")}, "file." + impersonation},
		"another call":          {KeylessFields{File: change(impersonation, iam+robotOfTest+":signBlob")}, "file." + impersonation},
		"no account":            {KeylessFields{File: change(impersonation, nil)}, "file." + impersonation},
		"two accounts":          {KeylessFields{File: federation(t, nil), ServiceAccount: "other@p.iam.gserviceaccount.com"}, "service_account"},
		"a person":              {KeylessFields{Source: KeylessMetadata, ServiceAccount: "ada@gmail.com", ClientID: "abc"}, "service_account client_id"},
		"all at the same time": {
			KeylessFields{File: federation(t, map[string]any{"audience": nil, "token_url": "x", "credential_source": nil, impersonation: nil})},
			"file.audience file.token_url file.credential_source file." + impersonation,
		},
	} {
		k, err := NewKeyless(c.f, KeylessEndpoints{}, nil)
		wrong, ok := errors.AsType[KeyFileError](err)
		if !ok || k != nil {
			t.Errorf("%s: %v, want a KeyFileError", name, err)
			continue
		}
		var fields []string
		for _, f := range wrong {
			fields = append(fields, f.Field)
		}
		if got := strings.Join(fields, " "); got != c.fields {
			t.Errorf("%s: wrong fields %q, want %q (%v)", name, got, c.fields, err)
		}
	}
}

// TestKeylessOfASimulatedGoogle: its file is taken there and nowhere else.
func TestKeylessOfASimulatedGoogle(t *testing.T) {
	at := KeylessAt("https://127.0.0.1:1/", "http://127.0.0.1:2")
	simulated := federation(t, map[string]any{
		"token_url":                         at.STS,
		"service_account_impersonation_url": at.IAM + accountsPath + robotOfTest + ":generateAccessToken",
	})
	for _, f := range []json.RawMessage{simulated, federation(t, nil)} {
		if k, err := NewKeyless(KeylessFields{File: f}, at, nil); err != nil || k.at != at || k.Account() != robotOfTest {
			t.Errorf("%v: %v", k, err)
		}
	}
	if _, err := NewKeyless(KeylessFields{File: simulated}, KeylessEndpoints{}, nil); err == nil {
		t.Error("Google's own took a file of another")
	}
	if KeylessAt(at.IAM, "").Metadata == GoogleKeyless().Metadata {
		t.Error("a simulated Google gets tokens of a true machine")
	}
	if at.Token != "https://127.0.0.1:1/token" || at.Metadata != "http://127.0.0.1:2" || KeylessAt("", "") != GoogleKeyless() {
		t.Errorf("%+v", at)
	}
}

// jwt is an outside token that nobody has signed.
func jwt(claims string) string {
	e := base64.RawURLEncoding.EncodeToString
	return e([]byte(`{"alg":"RS256"}`)) + "." + e([]byte(claims)) + "." + e([]byte("signature"))
}

// apiErrorOf is how Google's APIs say no.
func apiErrorOf(code int, status, reason, message string) string {
	return fmt.Sprintf(`{"error":{"code":%d,"message":%q,"status":%q,"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":%q}]}}`, code, message, status, reason)
}

// TestWhatAnswersOfSigningMean: refusals of IAM Credentials in Google's words, and what
// to do about each.
func TestWhatAnswersOfSigningMean(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		class  provider.Class
		cause  string
		says   string
	}{
		"API off":       {403, apiErrorOf(403, "PERMISSION_DENIED", "SERVICE_DISABLED", "IAM Service Account Credentials API has not been used in project 1 before or it is disabled."), provider.Hold, "api_disabled", "iamcredentials.googleapis.com"},
		"no role":       {403, apiErrorOf(403, "PERMISSION_DENIED", "IAM_PERMISSION_DENIED", "Permission 'iam.serviceAccounts.signJwt' denied on resource (or it may not exist)."), provider.Hold, "signing_not_allowed", "roles/iam.serviceAccountTokenCreator --member='serviceAccount:machine@p.iam.gserviceaccount.com'"},
		"no scope":      {403, apiErrorOf(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "Request had insufficient authentication scopes."), provider.Hold, "machine_scope_missing", "cloud-platform"},
		"no account":    {404, apiErrorOf(404, "NOT_FOUND", "", "Requested entity was not found."), provider.Hold, "unknown_service_account", robotOfTest},
		"old token":     {401, apiErrorOf(401, "UNAUTHENTICATED", "", "Request had invalid authentication credentials."), provider.Hold, provider.CauseCallerRefused, "pool"},
		"other":         {400, apiErrorOf(400, "FAILED_PRECONDITION", "", "Service account is disabled."), provider.Hold, "signing_refused", "disabled"},
		"quota":         {429, apiErrorOf(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", "Quota exceeded."), provider.Park, "token_rate_limited", ""},
		"trouble":       {503, apiErrorOf(503, "UNAVAILABLE", "", "The service is currently unavailable."), provider.Retry, "token_endpoint_down", ""},
		"a proxy's no":  {403, "<html>Forbidden</html>", provider.Retry, "token_answer_unreadable", ""},
		"a strange yes": {200, `{"signedJwt":""}`, provider.Retry, "token_answer_unreadable", ""},
		"a redirect":    {307, "", provider.Retry, "token_answer_unreadable", ""},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				t.Errorf("%s: a redirect was followed", name)
			}
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		k, err := NewKeyless(KeylessFields{Source: KeylessMetadata, ServiceAccount: robotOfTest}, KeylessAt(srv.URL, srv.URL), nil)
		if err != nil {
			t.Fatal(err)
		}
		by := Caller{Token: Token{Access: email.NewSecret("ya29.canary")}, Account: robotOfTest, Member: "serviceAccount:machine@p.iam.gserviceaccount.com"}
		_, err = k.Token(t.Context(), srv.Client(), KeylessAsk{By: by, Subject: "ada@acme.example", Scopes: []string{ScopeSend}}, time.Now())
		e, ok := errors.AsType[*provider.Error](err)
		if !ok || e.Class != c.class || e.Cause != c.cause || !strings.Contains(e.Text+e.Fix, c.says) || strings.Contains(e.Error(), "canary") {
			t.Errorf("%s: %v; %+v", name, err, e)
		}
		srv.Close()
	}
}

// TestWhatAnswersOfTheExchangeMean: those that the Security Token Service gives in the
// form of Google's APIs, and those that pass.
func TestWhatAnswersOfTheExchangeMean(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(jwt(`{"sub":"canary"}`)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		status int
		body   string
		class  provider.Class
		cause  string
	}{
		"API off":    {403, apiErrorOf(403, "PERMISSION_DENIED", "SERVICE_DISABLED", "Security Token Service API has not been used in project 1 before or it is disabled."), provider.Hold, "api_disabled"},
		"unreadable": {400, `{"error":"invalid_grant","error_description":"Unable to parse the ID Token."}`, provider.Hold, "federation_refused"},
		"the issuer": {400, `{"error":"invalid_grant","error_description":"Error connecting to the given credential's issuer."}`, provider.Hold, "wrong_issuer"},
		"quota":      {429, apiErrorOf(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", "Quota exceeded."), provider.Park, "token_rate_limited"},
		"trouble":    {500, `{"error":"internal_failure","error_description":"Backend Error"}`, provider.Retry, "token_endpoint_down"},
		"a proxy":    {403, "<html>Forbidden</html>", provider.Retry, "token_answer_unreadable"},
		"no token":   {200, `{"access_token":""}`, provider.Retry, "token_answer_unreadable"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		k, err := NewKeyless(KeylessFields{File: federation(t, source(map[string]any{"file": path}))}, KeylessAt(srv.URL, ""), KeylessIdentities{path})
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.Caller(t.Context(), srv.Client(), time.Now())
		e, ok := errors.AsType[*provider.Error](err)
		if !ok || e.Class != c.class || e.Cause != c.cause || strings.Contains(e.Error()+e.Fix, "canary") {
			t.Errorf("%s: %v; %+v", name, err, e)
		}
		srv.Close()
	}
}

func FuzzNewKeyless(f *testing.F) {
	f.Add([]byte(federation(f, nil)))
	f.Add([]byte(federation(f, source(map[string]any{"url": "http://127.0.0.1/t", "headers": map[string]string{"Metadata": "True"}, "format": map[string]string{"type": "json", "subject_token_field_name": "x"}}))))
	f.Add([]byte(`{"type":"external_account","credential_source":{"executable":{"command":"x"}}}`))
	f.Add([]byte(`{"type":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := NewKeyless(KeylessFields{Source: KeylessFederation, File: b, ServiceAccount: robotOfTest}, KeylessEndpoints{}, nil)
		if (k == nil) == (err == nil) {
			t.Fatalf("%v, error %v", k, err)
		}
		if k == nil {
			return
		}
		s := k.external.Source
		if k.at != GoogleKeyless() || k.Account() != robotOfTest || (s.File == "") == (s.URL == "") || given(s.Executable) {
			t.Errorf("taken: %s", b)
		}
		text, err := k.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseKeyless([]byte(text.Reveal()), KeylessEndpoints{}, nil); err != nil {
			t.Errorf("kept as %s: %v", text.Reveal(), err)
		}
	})
}

// FuzzOutsideToken: nothing but the form of a JWT is sent off.
func FuzzOutsideToken(f *testing.F) {
	f.Add(jwt(`{"sub":"system:serviceaccount:mail:gatepost"}`))
	f.Add("root:x:0:0::/root:/bin/sh")
	f.Add("a.b.c")
	f.Add(strings.TrimSuffix(jwt(`{}`), "."+base64.RawURLEncoding.EncodeToString([]byte("signature"))))
	f.Add(jwt(`{}`) + ".YQ")
	f.Fuzz(func(t *testing.T, value string) {
		got, err := parseSubject(value)
		if err != nil {
			return
		}
		if got.value.Reveal() != value || strings.Count(value, ".") != 2 || strings.ContainsAny(value, " \r\n:/") {
			t.Errorf("taken for a token: %q", value)
		}
		if p := (externalAccount{Audience: poolOfTest}).principal(got.subject); strings.ContainsAny(p, "'\"\\ \n`$") {
			t.Errorf("principal %q", p)
		}
	})
}
