// Package leak puts a marker into every secret and every content, takes the running program through its
// main paths, and searches all that it wrote: output, data folder, metrics, answers, addresses. It is a
// test alone.
package leak

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/client"
	"gatepost/test/running"
)

// station is a running sandbox and all that came out of it.
type station struct {
	t *testing.T
	*running.Sandbox
	program string
	data    string
	api     *client.Client
	browser *http.Client
	answers *answers
	marks   map[string]string // what it is, by marker
}

func TestNothingSecretIsWritten(t *testing.T) {
	s := &station{t: t, program: running.Build(t), data: t.TempDir(), marks: map[string]string{}}
	s.Sandbox = running.Start(t, s.program, "--data", s.data, "--log-level", "debug")
	s.browser = running.HTTP(t, s.CAFile)
	s.answers = &answers{next: s.browser.Transport, only: s.APIURL}
	s.browser.Transport = s.answers
	var err error
	if s.api, err = client.New(s.APIURL, s.APIKey, client.WithHTTPClient(&http.Client{Transport: s.answers, Timeout: 30 * time.Second})); err != nil {
		t.Fatal(err)
	}
	s.mark(s.APIKey, "API key of the sandbox")
	s.credentials()
	s.consent()
	s.link()
	s.send()
	s.refusals()
	s.commands()
	s.settle()
	s.look()
	s.search()
}

// mark remembers a text that must not appear.
func (s *station) mark(marker, what string) string {
	s.marks[marker] = what
	return marker
}

// credentials hands over a secret of each kind, right ones and wrong ones.
func (s *station) credentials() {
	for i, line := range strings.Split(field(s.t, s.read(s.ServiceAccountFile), "private_key"), "\n") {
		if len(line) == 64 {
			s.mark(line, fmt.Sprint("line ", i, " of the private key"))
		}
	}
	s.mark(field(s.t, s.read(s.OAuthClientFile), "client_secret"), "secret of the OAuth client")
	key := s.must(s.api.CreateCredential(s.t.Context(), client.NewCredential{Kind: "google_service_account", Name: "key", Key: s.read(s.ServiceAccountFile)})).(client.Credential)
	account := s.must(s.api.CreateAccount(s.t.Context(), client.NewAccount{Address: "leaky@acme.example", Transport: "gmail", Credential: key.ID})).(client.Account)
	s.must(s.api.CheckAccount(s.t.Context(), account.ID))
	wrong := s.must(s.api.CreateCredential(s.t.Context(), client.NewCredential{
		Kind: "smtp_password", Name: "wrong", Password: s.mark("MARKER-password-kz93", "password of a relay"),
	})).(client.Credential)
	relay := s.must(s.api.Accounts(s.t.Context())).(client.AccountList).Data[1]
	settings := *relay.SMTP
	settings.User = "someone"
	refused := s.must(s.api.CreateAccount(s.t.Context(), client.NewAccount{Address: "refused@acme.example", Transport: "smtp", Credential: wrong.ID, SMTP: &settings})).(client.Account)
	s.must(s.api.CheckAccount(s.t.Context(), refused.ID))
	s.must(s.api.Send(s.t.Context(), client.NewMessage{Account: refused.ID, To: client.To("a@example.org"), Subject: "x", Text: s.mark("MARKER-body-held-1", "body")}, ""))
	made := s.must(s.api.CreateKey(s.t.Context(), client.NewKey{Name: "another", Scopes: []string{"messages:read"}})).(client.Key)
	s.mark(made.Key, "a second API key")
}

// consent connects a mailbox over the loopback way.
func (s *station) consent() {
	app := s.must(s.api.CreateCredential(s.t.Context(), client.NewCredential{Kind: "google_oauth_client", Name: "app", Key: s.read(s.OAuthClientFile)})).(client.Credential)
	c := s.must(s.api.StartConsent(s.t.Context(), client.NewConsent{
		Credential: app.ID, RedirectURI: "http://127.0.0.1:53682/", Address: "consenting@acme.example", Purposes: []string{"send", "look"},
	})).(client.Consent)
	back := running.Consent(s.t, s.browser, c.URL, "consenting@acme.example").Query()
	s.mark(back.Get("code"), "authorization code")
	s.mark(back.Get("state"), "state of a consent")
	f := client.FinishConsent{Code: back.Get("code"), State: back.Get("state"), Issuer: back.Get("iss")}
	s.must(s.api.FinishConsent(s.t.Context(), c.ID, f))
	if _, err := s.api.FinishConsent(s.t.Context(), c.ID, f); err == nil {
		s.t.Error("a consent was finished twice")
	}
}

// link connects one over a connect link.
func (s *station) link() {
	web := s.must(s.api.CreateCredential(s.t.Context(), client.NewCredential{Kind: "google_oauth_client", Name: "web", Key: s.webClient()})).(client.Credential)
	l := s.must(s.api.CreateLink(s.t.Context(), client.NewLink{Credential: web.ID, Address: "linked@acme.example"})).(client.Link)
	s.mark(l.URL[strings.LastIndex(l.URL, "/")+1:], "token of a connect link")
	stop := *s.browser
	stop.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s.body(stop.Get(l.URL))
	resp, err := stop.PostForm(l.URL, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body.Close()
	back := running.Consent(s.t, s.browser, resp.Header.Get("Location"), "linked@acme.example")
	s.mark(back.Query().Get("code"), "authorization code of a link")
	s.mark(back.Query().Get("state"), "state of a link")
	if page := s.body(stop.Get(back.String())); !strings.Contains(page, "linked@acme.example") {
		s.t.Errorf("the link did not connect: %s", page)
	}
}

// webClient makes an OAuth client of the type web at the simulated Google.
func (s *station) webClient() []byte {
	resp, err := http.Post(s.ControlURL+"/control/oauth-clients", "application/json",
		strings.NewReader(fmt.Sprintf(`{"type":"web","redirect_uris":[%q]}`, s.APIURL+"/connect/callback")))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		s.t.Fatalf("%s %v: %s", resp.Status, err, b)
	}
	s.mark(field(s.t, b, "client_secret"), "secret of the web client")
	return b
}

// send submits mail of each form; each body has a marker.
func (s *station) send() {
	n := 0
	body := func() string {
		n++
		return s.mark(fmt.Sprintf("MARKER-body-%04d-q7", n), fmt.Sprint("body ", n))
	}
	from := client.Address{Address: s.Accounts[0].Address}
	for _, to := range []string{"bob@example.org", "fault.refused@example.org", "fault.quota.1@example.org", "fault.cut_after@example.org", "fault.server_error-once@example.org", "fault.token_refused-once@example.org"} {
		s.must(s.api.Send(s.t.Context(), client.NewMessage{
			From: &from, To: client.To(to), Subject: "visible", Text: body(), HTML: "<p>" + body() + "</p>",
			Attachments: []client.Attachment{{Filename: "a.txt", Content: []byte(body())}},
		}, ""))
	}
	s.must(s.api.Send(s.t.Context(), client.NewMessage{
		From: &from, To: client.To("otp@example.org"), Type: "otp", Text: body(), Subject: s.mark("MARKER-code-493021", "subject of a one-time password"),
	}, "key-1"))
	file := s.must(s.api.Upload(s.t.Context(), "f.txt", "text/plain", strings.NewReader(body()))).(client.Upload)
	s.must(s.api.SendBatch(s.t.Context(), client.NewBatch{Messages: []client.NewMessage{
		{From: &from, To: client.To("b1@example.org"), Subject: "visible", Text: body(), Attachments: []client.Attachment{{Upload: file.ID}}},
		{From: &from, To: client.To("b2@example.org"), Subject: "visible", Text: strings.Repeat(body()+"\n", 20_000)},
	}}))
	raw := "From: " + from.Address + "\r\nTo: raw@example.org\r\nSubject: visible\r\n\r\n" + body() + "\r\n"
	s.must(s.api.SendRaw(s.t.Context(), strings.NewReader(raw), client.RawOptions{}))
	s.must(s.api.TestAccount(s.t.Context(), s.Accounts[0].ID, client.Test{}))
}

// refusals are requests that are wrong, with markers in what is wrong about them.
func (s *station) refusals() {
	for _, body := range []string{
		`{"to":"a@example.org","text":"` + s.mark("MARKER-refused-1", "body of a refused request") + `","subjekt":1}`,
		`{"text":"` + s.mark("MARKER-refused-2", "body of a broken request"),
	} {
		s.post("/v1/messages", s.APIKey, body)
	}
	s.post("/v1/credentials", s.APIKey, `{"kind":"smtp_password","name":"","password":"`+s.mark("MARKER-password-2", "password of a refused request")+`"}`)
	s.post("/v1/credentials", s.APIKey, `{"kind":"google_service_account","name":"x","key":{"type":"service_account","private_key":"`+s.mark("MARKER-key-3", "broken private key")+`"}}`)
	s.post("/v1/messages?text="+s.mark("MARKER-query-1", "text in a query"), s.APIKey, `{}`)
	s.post("/v1/messages", s.mark("gp_live_MARKER000000000000000000000000000000", "API key that is none"), `{}`)
	s.body(s.browser.Get(s.APIURL + "/connect/" + s.mark("MARKER-link-1", "link that is none")))
	s.body(s.browser.Get(s.APIURL + "/connect/callback?state=" + s.mark("MARKER-state-1", "state that is none") + "&code=" + s.mark("MARKER-code-1", "code that is none")))
}

func (s *station) post(path, key, body string) {
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.APIURL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	s.body(s.browser.Do(req))
}

// commands are typed as users do.
func (s *station) commands() {
	for _, line := range []string{
		"accounts list", "accounts list --json", "messages list", "messages list --json", "keys list", "config show", "accounts check " + s.Accounts[0].ID,
		"send --from " + s.Accounts[0].Address + " --to cli@example.org --subject visible --text " + s.mark("MARKER-body-cli-1", "body given on the command line"),
		"send --to", "messages show msg_wrong",
	} {
		cmd := exec.CommandContext(s.t.Context(), s.program, strings.Fields(line)...)
		cmd.Env = append(os.Environ(), "GATEPOST_URL="+s.APIURL, "GATEPOST_KEY="+s.APIKey, "GATEPOST_MASTER_KEY="+s.mark("TUFSS0VSbWFzdGVya2V5TUFSS0VSbWFzdGVya2V5ISE=", "master key of the environment"))
		out, _ := cmd.CombinedOutput() // the last two are wrong on purpose
		_, _ = s.Output.Write(out)
	}
}

// settle waits until nothing is being sent.
func (s *station) settle() {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		busy := 0
		for m, err := range s.api.AllMessages(s.t.Context(), client.MessageQuery{}) {
			if err != nil {
				s.t.Fatal(err)
			}
			for _, r := range m.Recipients {
				if r.Status == "sending" {
					busy++
				}
			}
		}
		if busy == 0 {
			return
		}
	}
	s.t.Error("some mail is being sent for ever")
}

// look asks for all that can be asked for.
func (s *station) look() {
	for m, err := range s.api.AllMessages(s.t.Context(), client.MessageQuery{}) {
		if err != nil {
			s.t.Fatal(err)
		}
		s.must(s.api.Message(s.t.Context(), m.ID))
		s.must(s.api.Explain(s.t.Context(), m.ID))
	}
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/openapi.json", "/v1/accounts", "/v1/credentials", "/v1/keys", "/v1/connect-links", "/v1/uploads", "/v1/types", "/v1/me", "/v1/nothing"} {
		req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.APIURL+path, nil)
		if err != nil {
			s.t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.APIKey)
		s.body(s.browser.Do(req))
	}
}

// tokens are what the simulated Google gives out: access tokens, refresh tokens, codes.
var tokens = regexp.MustCompile(`ya29\.[A-Za-z0-9]|1//0[A-Za-z0-9]|BEGIN (RSA )?PRIVATE KEY`)

// search looks for every marker in everything.
func (s *station) search() {
	s.find("what the program printed", []byte(s.withoutGreeting()))
	for _, a := range s.answers.all() {
		s.find("the answer to "+a.what, a.text)
	}
	files := 0
	err := filepath.WalkDir(s.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.Name() == "world" {
				return fs.SkipDir // the simulated providers' own
			}
			return err
		}
		if d.Name() == "master.key" {
			return nil
		}
		b, err := os.ReadFile(path)
		files++
		s.find("the file "+strings.TrimPrefix(path, s.data), b)
		return err
	})
	if err != nil || files < 2 {
		s.t.Errorf("%d files searched, %v", files, err)
	}
	if len(s.marks) < 40 || len(s.answers.all()) < 50 {
		s.t.Errorf("only %d markers and %d answers: the test does not reach what it should", len(s.marks), len(s.answers.all()))
	}
}

func (s *station) find(where string, text []byte) {
	for marker, what := range s.marks {
		if bytes.Contains(text, []byte(marker)) || bytes.Contains(text, []byte(url.QueryEscape(marker))) {
			s.t.Errorf("%s: %s stands in %s", what, marker, where)
		}
	}
	if m := tokens.Find(text); m != nil {
		s.t.Errorf("a token or key (%s…) stands in %s", m, where)
	}
}

var greeting = regexp.MustCompile(`(?m)^\{"api_url".*$`)

// withoutGreeting leaves out the line that tells the API key: it is meant to.
func (s *station) withoutGreeting() string {
	return greeting.ReplaceAllString(s.Output.String(), "")
}

// answers keeps what the server answered, but for the answers that give a new secret once.
type answers struct {
	next http.RoundTripper
	only string // address of the server
	mu   sync.Mutex
	list []answer
}

type answer struct {
	what string
	text []byte
}

// RoundTrip implements http.RoundTripper.
func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := a.next.RoundTrip(r)
	if err != nil || a.only != "" && !strings.HasPrefix(r.URL.String(), a.only) {
		return resp, err
	}
	b, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(b))
	if givesSecret(r, resp) {
		return resp, err
	}
	var text bytes.Buffer
	_ = resp.Header.Write(&text)
	text.Write(b)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, answer{r.Method + " " + r.URL.Path, text.Bytes()})
	return resp, err
}

// givesSecret tells the answers whose purpose is to give one: a new key, a new link, the way to consent.
func givesSecret(r *http.Request, resp *http.Response) bool {
	if r.Method != http.MethodPost || resp.StatusCode >= 400 {
		return false
	}
	p := r.URL.Path
	return p == "/v1/keys" || p == "/v1/connect-links" || p == "/v1/consents" || strings.HasPrefix(p, "/connect/")
}

func (a *answers) all() []answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.list
}

func (s *station) must(v any, err error) any {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

func (s *station) body(resp *http.Response, err error) string {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

func (s *station) read(file string) []byte {
	s.t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// field is a text of Google's JSON files, at the top or one level below.
func field(t *testing.T, file []byte, name string) string {
	t.Helper()
	m := regexp.MustCompile(`"` + name + `":\s*"((?:[^"\\]|\\.)*)"`).FindSubmatch(file)
	if m == nil {
		t.Fatalf("no %s in the file", name)
	}
	return strings.ReplaceAll(string(m[1]), `\n`, "\n")
}
