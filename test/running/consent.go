package running

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"
)

// HTTP is a client that trusts the simulated world and keeps cookies.
func HTTP(t testing.TB, caFile string) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Timeout: 30 * time.Second, Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

var (
	hiddenRequest = regexp.MustCompile(`name="request" value="([^"]+)"`)
	scopeBox      = regexp.MustCompile(`name="scope" value="([^"]+)"`)
)

// Consent agrees, at the simulated Google, to what an app asks at a URL, as a user
// who ticks every scope but those refused. It returns where the browser is sent
// back to, without going there.
func Consent(t testing.TB, c *http.Client, from, user string, refused ...string) *url.URL {
	t.Helper()
	browser := *c
	browser.CheckRedirect = func(to *http.Request, via []*http.Request) error {
		if to.URL.Host != via[0].URL.Host {
			return http.ErrUseLastResponse
		}
		return nil
	}
	where, err := url.Parse(from)
	if err != nil {
		t.Fatal(err)
	}
	request := hiddenRequest.FindStringSubmatch(page(t, &browser, from))
	if request == nil {
		t.Fatal("the page has no request: is it an error page?")
	}
	form := url.Values{"request": {html.UnescapeString(request[1])}, "account": {user}}
	where.Path = "/o/oauth2/v2/consent"
	where.RawQuery = form.Encode()
	for _, box := range scopeBox.FindAllStringSubmatch(page(t, &browser, where.String()), -1) {
		if scope := html.UnescapeString(box[1]); !slices.Contains(refused, scope) {
			form.Add("scope", scope)
		}
	}
	form.Set("action", "allow")
	where.RawQuery = ""
	resp, err := browser.PostForm(where.String(), form)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		t.Fatalf("consent ended with %s: %v", resp.Status, err)
	}
	return back
}

// ConsentMicrosoft agrees, at the simulated Microsoft, to what an app asks at a URL, as
// a user. It returns where the browser is sent back to, without going there.
func ConsentMicrosoft(t testing.TB, c *http.Client, from, user string) *url.URL {
	t.Helper()
	where, err := url.Parse(from)
	if err != nil {
		t.Fatal(err)
	}
	request := hiddenRequest.FindStringSubmatch(page(t, c, from))
	if request == nil {
		t.Fatal("the page has no request: is it an error page?")
	}
	where.Path, where.RawQuery = "/entra/consent", ""
	browser := *c
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := browser.PostForm(where.String(), url.Values{"request": {html.UnescapeString(request[1])}, "account": {user}, "action": {"allow"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		t.Fatalf("consent ended with %s: %v", resp.Status, err)
	}
	return back
}

func page(t testing.TB, c *http.Client, at string) string {
	t.Helper()
	resp, err := c.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatal(fmt.Errorf("%s: %s\n%s", at, resp.Status, b))
	}
	return string(b)
}
