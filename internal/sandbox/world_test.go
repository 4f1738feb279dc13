package sandbox

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"
)

const ada = "ada@acme.example"

// world starts a world that ends with the test.
func world(t *testing.T, change ...func(*Config)) *World {
	t.Helper()
	cfg := Config{Dir: t.TempDir()}
	for _, c := range change {
		c(&cfg)
	}
	w, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error("close the world:", err)
		}
	})
	return w
}

func (w *World) pool(t *testing.T) *x509.CertPool {
	t.Helper()
	ca, err := os.ReadFile(w.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		t.Fatal("ca.pem holds no certificate")
	}
	return pool
}

// client trusts the world's authority and nothing else.
func (w *World) client(t *testing.T) *http.Client {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: w.pool(t)}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

// gmail is a client that acts for a Workspace user; a library that is not ours
// asks for the token.
func (w *World) gmail(t *testing.T, user string, scopes ...string) *http.Client {
	t.Helper()
	key := readKey(t, w.ServiceAccountKey(scopes...))
	conf := jwt.Config{
		Email: key.ClientEmail, PrivateKey: []byte(key.PrivateKey), PrivateKeyID: key.PrivateKeyID,
		Subject: user, Scopes: scopes, TokenURL: key.TokenURI,
	}
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, w.client(t))
	c := conf.Client(ctx)
	c.Timeout = 20 * time.Second
	return c
}

func readKey(t *testing.T, file []byte) keyFile {
	t.Helper()
	var key keyFile
	if err := json.Unmarshal(file, &key); err != nil {
		t.Fatal(err)
	}
	return key
}

// answer is a response, read.
type answer struct {
	status int
	header http.Header
	body   string
}

func do(t *testing.T, c *http.Client, method, url, kind, body string) answer {
	t.Helper()
	a, err := try(c, method, url, kind, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func try(c *http.Client, method, url, kind, body string) (answer, error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	res, err := c.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(data)}, err
}

// into reads the answer as JSON.
func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("answer %d is no JSON: %v\n%s", a.status, err, a.body)
	}
}

func (w *World) sendURL() string { return w.GoogleURL + "/gmail/v1/users/me/messages/send" }

func rawJSON(raw string) string {
	return `{"raw":"` + base64.URLEncoding.EncodeToString([]byte(raw)) + `"}`
}

// mailTo is a small message.
func mailTo(to string, more ...string) string {
	lines := append([]string{
		"From: Ada <" + ada + ">", "To: " + to, "Subject: Hello",
		"Message-ID: <one@acme.example>", "X-Gatepost-Id: msg_1",
	}, more...)
	return strings.Join(lines, "\r\n") + "\r\n\r\nHi.\r\n"
}

func (w *World) ledger(t *testing.T) []Entry {
	t.Helper()
	data, err := os.ReadFile(w.LedgerFile)
	if err != nil {
		t.Fatal(err)
	}
	var all []Entry
	for line := range bytes.Lines(data) {
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("ledger line %q: %v", line, err)
		}
		all = append(all, e)
	}
	return all
}

// smtp is a client of the relay, past STARTTLS and login.
func (w *World) smtp(t *testing.T) *smtp.Client {
	t.Helper()
	c, err := smtp.DialStartTLS(w.SMTPAddr, &tls.Config{RootCAs: w.pool(t), ServerName: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	user, password := w.SMTPLogin()
	if err := c.Auth(sasl.NewPlainClient("", user, password)); err != nil {
		t.Fatal(err)
	}
	return c
}

// submit hands a message to the relay.
func submit(c *smtp.Client, from, raw string, to ...string) error {
	if err := c.Mail(from, nil); err != nil {
		return err
	}
	for _, one := range to {
		if err := c.Rcpt(one, nil); err != nil {
			return err
		}
	}
	d, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(d, raw); err != nil {
		return err
	}
	return d.Close()
}
