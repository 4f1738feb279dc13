package sandbox

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const (
	adaMS    = "ada@" + MicrosoftDomain
	defaultG = "https://graph.microsoft.com/.default"
	defaultO = "https://outlook.office365.com/.default"
	mailSend = "https://graph.microsoft.com/Mail.Send"
	smtpSend = "https://outlook.office.com/SMTP.Send"
)

// ms is a client of the simulated Microsoft.
type ms struct {
	*World
	t    *testing.T
	http *http.Client
}

func microsoftWorld(t *testing.T, change ...func(*Config)) ms {
	t.Helper()
	w := world(t, change...)
	c := w.client(t)
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return ms{w, t, c}
}

func (m ms) app(o AppOptions) App {
	m.t.Helper()
	a, err := m.AddApp(o)
	if err != nil {
		m.t.Fatal(err)
	}
	return a
}

// must fails the test on an error.
func (m ms) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// entraReply is an answer of the token endpoint, whichever it was.
type entraReply struct {
	status int
	entraAnswer
	entraBody
}

// token asks the token endpoint of a tenant.
func (m ms) token(tenant string, form url.Values) entraReply {
	m.t.Helper()
	a := do(m.t, m.http, "POST", m.MicrosoftURL+"/"+tenant+"/oauth2/v2.0/token", "application/x-www-form-urlencoded", form.Encode())
	r := entraReply{status: a.status}
	a.into(m.t, &r.entraAnswer)
	a.into(m.t, &r.entraBody)
	return r
}

func (m ms) clientForm(a App, scope string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {a.ClientID}, "client_secret": {a.Secret}, "scope": {scope}}
}

// appToken is an access token of an app without user.
func (m ms) appToken(a App, scope string) string {
	m.t.Helper()
	r := m.token(a.TenantID, m.clientForm(a, scope))
	if r.status != 200 {
		m.t.Fatalf("client credentials: %d %s", r.status, r.Description)
	}
	return r.AccessToken
}

// authorize is the address of the authorization endpoint.
func (m ms) authorize(tenant string, a App, redirect, scope string, more ...string) string {
	v := url.Values{
		"client_id": {a.ClientID}, "response_type": {"code"}, "redirect_uri": {redirect}, "scope": {scope}, "state": {"s1"},
	}
	for i := 0; i < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return m.MicrosoftURL + "/" + tenant + "/oauth2/v2.0/authorize?" + v.Encode()
}

// code lets a user agree and returns the code.
func (m ms) code(address, user string) string {
	m.t.Helper()
	to, err := m.Decide(address, Decision{Account: user})
	m.must(err)
	u, err := url.Parse(to)
	m.must(err)
	if u.Query().Get("state") != "s1" || u.Query().Get("code") == "" {
		m.t.Fatalf("the answer is %s", to)
	}
	return u.Query().Get("code")
}

const redirectMS = "https://app.contoso.example/callback"

// userToken is what a user's consent gives.
func (m ms) userToken(a App, user, scope string) entraReply {
	m.t.Helper()
	code := m.code(m.authorize("common", a, redirectMS, scope), user)
	r := m.token("common", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {a.ClientID}, "client_secret": {a.Secret},
		"code": {code}, "redirect_uri": {redirectMS}, "scope": {scope},
	})
	if r.status != 200 {
		m.t.Fatalf("code: %d %s", r.status, r.Description)
	}
	return r
}

// webApp is an app of many tenants with a redirect URI.
func (m ms) webApp() App {
	return m.app(AppOptions{Audience: AudienceAll, RedirectURIs: []string{redirectMS}})
}

// graph calls Graph; headers come in pairs.
func (m ms) graph(method, path, token, kind, body string, headers ...string) answer {
	m.t.Helper()
	a, err := m.tryGraph(method, path, token, kind, body, headers...)
	m.must(err)
	return a
}

func (m ms) tryGraph(method, path, token, kind, body string, headers ...string) (answer, error) {
	address := path
	if strings.HasPrefix(path, "/") {
		address = m.MicrosoftURL + path
	}
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := m.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(data)}, err
}

// graphCode is the code and message of an error.
func (a answer) graphCode() (code, text string) {
	var e struct {
		Error struct{ Code, Message string }
	}
	_ = json.Unmarshal([]byte(a.body), &e)
	return e.Error.Code, e.Error.Message
}

func mailFrom(from, to string, more ...string) string {
	return strings.Replace(mailTo(to, more...), ada, from, 1)
}

func mimeBody(raw string) string { return base64.StdEncoding.EncodeToString([]byte(raw)) }

// exchangeLines is a connection to smtp.office365.com after STARTTLS and EHLO.
func (m ms) exchangeLines() lines {
	m.t.Helper()
	conn, err := net.Dial("tcp", m.ExchangeSMTPAddr)
	m.must(err)
	plain := newLines(m.t, conn)
	plain.reply()
	plain.ask("EHLO client.example")
	plain.want("STARTTLS", "220 2.0.0 SMTP server ready")
	l := newLines(m.t, tls.Client(conn, &tls.Config{RootCAs: m.pool(m.t), ServerName: "127.0.0.1"}))
	l.ask("EHLO client.example")
	return l
}

// signedIn is exchangeLines after a good login.
func (m ms) signedIn(user, token string) lines {
	m.t.Helper()
	l := m.exchangeLines()
	l.want("AUTH XOAUTH2 "+xoauth2(user, token), "235 2.7.0 Authentication successful")
	return l
}

// submit sends a message and returns the last reply.
func (l lines) submit(from, raw string, to ...string) string {
	l.t.Helper()
	if got := l.ask("MAIL FROM:<" + from + ">"); !strings.HasPrefix(got, "250 2.1.0 Sender OK") {
		return got
	}
	for _, one := range to {
		if got := l.ask("RCPT TO:<" + one + ">"); !strings.HasPrefix(got, "250 2.1.5 Recipient OK") {
			return got
		}
	}
	l.want("DATA", "354 Start mail input")
	return l.ask(raw + ".")
}
