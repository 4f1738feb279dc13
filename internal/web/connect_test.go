package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
)

// From the link to a connected account, as HTTP goes.
func TestConsentConnects(t *testing.T) {
	w := start(t)
	l := w.link()
	v := w.visitor()
	v.do(http.MethodGet, l.URL).want(t, http.StatusOK, grace, "The shop", "Send mail from this mailbox", "See headers, not texts", "Continue to Google")
	if n := w.accounts(); n != 0 {
		t.Fatalf("%d accounts from looking at the page", n)
	}
	to := v.press(l.URL)
	for name, want := range map[string]string{
		"login_hint": grace, "access_type": "offline", "prompt": "consent", "code_challenge_method": "S256", "redirect_uri": w.url + "/connect/callback",
	} {
		if got := query(t, to, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	v.decide(to, sandbox.Decision{Account: grace}).want(t, http.StatusOK, "Connected", grace)
	got := w.status(l.ID)
	if got.Status != store.LinkUsed || got.Account == "" || w.accounts() != 1 {
		t.Errorf("link %+v, %d accounts", got, w.accounts())
	}
	v.do(http.MethodGet, l.URL).want(t, http.StatusGone, "This link was used")
	v.do(http.MethodPost, l.URL, "Sec-Fetch-Site", "same-origin").want(t, http.StatusGone, "This link was used")
}

// A page that comes back twice connects once, and says so.
func TestStateIsGoodOnce(t *testing.T) {
	w := start(t)
	v := w.visitor()
	back, err := w.google.Decide(v.press(w.link().URL), sandbox.Decision{Account: grace})
	must(t, err)
	v.do(http.MethodGet, back).want(t, http.StatusOK, "Connected")
	calls := len(w.google.TokenCalls())
	v.do(http.MethodGet, back).want(t, http.StatusGone, "This link was used")
	w.visitor().do(http.MethodGet, back).want(t, http.StatusBadRequest, "This page was opened before")
	if n := len(w.google.TokenCalls()); n != calls || w.accounts() != 1 {
		t.Errorf("%d calls for tokens, then %d; %d accounts", calls, n, w.accounts())
	}
}

// An answer that another browser brings connects nothing, and does not reach Google.
func TestOtherBrowser(t *testing.T) {
	w := start(t)
	l := w.link()
	for name, other := range map[string]*visitor{"without a cookie": w.visitor(), "with its own": w.visitor()} {
		if name == "with its own" {
			other.press(w.link().URL)
		}
		other.decide(w.visitor().press(l.URL), sandbox.Decision{Account: grace}).want(t, http.StatusBadRequest, "Another browser began this")
	}
	if n := len(w.google.TokenCalls()) - w.asked; n != 0 || w.accounts() != 0 {
		t.Errorf("%d calls for tokens, %d accounts", n, w.accounts())
	}
	if got := w.status(l.ID); got.Status != store.LinkOpen {
		t.Errorf("link %+v", got)
	}
}

// A stranger who knows the state does not use it up: the visitor's own browser
// connects afterwards.
func TestStrangerLeavesTheStateGood(t *testing.T) {
	w := start(t)
	v := w.visitor()
	back, err := w.google.Decide(v.press(w.link().URL), sandbox.Decision{Account: grace})
	must(t, err)
	w.visitor().do(http.MethodGet, back).want(t, http.StatusBadRequest, "Another browser began this")
	other := w.visitor()
	other.press(w.link().URL)
	other.do(http.MethodGet, back).want(t, http.StatusBadRequest, "Another browser began this")
	v.do(http.MethodGet, back).want(t, http.StatusOK, "Connected", grace)
}

// HEAD, which programs send to look at links, uses nothing up.
func TestHeadDoesNothing(t *testing.T) {
	w := start(t)
	l := w.link()
	v := w.visitor()
	back, err := w.google.Decide(v.press(l.URL), sandbox.Decision{Account: grace})
	must(t, err)
	for _, address := range []string{l.URL, back} {
		if a := v.do(http.MethodHead, address); a.StatusCode != http.StatusOK || len(a.Cookies()) > 0 {
			t.Errorf("%d %v", a.StatusCode, a.Cookies())
		}
	}
	if n := w.accounts(); n != 0 {
		t.Fatalf("%d accounts by HEAD", n)
	}
	v.do(http.MethodGet, back).want(t, http.StatusOK, "Connected", grace)
}

// What a browser fetches beforehand uses nothing up either, although it has the
// cookie.
func TestPrefetchDoesNothing(t *testing.T) {
	w := start(t)
	l := w.link()
	v := w.visitor()
	back, err := w.google.Decide(v.press(l.URL), sandbox.Decision{Account: grace})
	must(t, err)
	for _, header := range [][]string{{"Sec-Purpose", "prefetch"}, {"Sec-Purpose", "prefetch;prerender"}, {"Purpose", "prefetch"}, {"X-Moz", "prefetch"}} {
		for _, address := range []string{l.URL, back} {
			if a := v.do(http.MethodGet, address, header...); a.StatusCode != http.StatusServiceUnavailable || a.text != "" || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%v: %d %q", header, a.StatusCode, a.text)
			}
		}
	}
	if got := w.status(l.ID); w.accounts() != 0 || len(w.google.TokenCalls()) != w.asked || got.Status != store.LinkOpen || got.Problem != "" {
		t.Errorf("link %+v, %d accounts", got, w.accounts())
	}
	v.do(http.MethodGet, back).want(t, http.StatusOK, "Connected", grace)
}

// Who has a link cannot fill the database with it, and who finishes one of the
// consents that wait still connects.
func TestOpenConsentsAreBounded(t *testing.T) {
	w := start(t)
	l := w.link()
	first := w.visitor()
	to := first.press(l.URL)
	for range 19 {
		w.visitor().press(l.URL)
	}
	for range 3 {
		a := w.visitor().do(http.MethodPost, l.URL, "Sec-Fetch-Site", "same-origin")
		a.want(t, http.StatusTooManyRequests, "This link was opened many times", "wait ten minutes")
	}
	w.visitor().press(w.link().URL) // another link has room of its own
	first.decide(to, sandbox.Decision{Account: grace}).want(t, http.StatusOK, "Connected")
}

// What a visitor invents is read and not written.
func TestInventedStateWritesNothing(t *testing.T) {
	w := start(t)
	must(t, w.store.Close()) // writes are refused from here on, as are reads
	a := w.visitor().do(http.MethodGet, w.url+"/connect/callback?state=x&code=y")
	if a.StatusCode != http.StatusInternalServerError || strings.Contains(w.log.String(), "take a consent") {
		t.Errorf("%d: %s", a.StatusCode, w.log)
	}
}

// All that Google's page will name is told before, also what is wide.
func TestAllThatIsAskedIsTold(t *testing.T) {
	w := start(t)
	for _, c := range []struct{ purposes, parts []string }{
		{[]string{"send"}, []string{"Send mail from this mailbox", "See the address of the account"}},
		{[]string{"send", "look", "read"}, []string{"Send mail from this mailbox", "Read mail"}},
		{[]string{"modify"}, []string{"Read, send and sort mail"}},
	} {
		l := w.link(c.purposes...)
		w.visitor().do(http.MethodGet, l.URL).want(t, http.StatusOK, c.parts...)
		if to := w.visitor().press(l.URL); query(t, to, "include_granted_scopes") != "" {
			t.Errorf("%v: more is asked for: %s", c.purposes, to)
		}
	}
}

// Another mailbox is told with both addresses, kept nowhere and given back; the
// right one can be chosen afterwards.
func TestWrongMailbox(t *testing.T) {
	w := start(t)
	l := w.link()
	v := w.visitor()
	const ada = "ada@" + sandbox.Domain
	v.decide(v.press(l.URL), sandbox.Decision{Account: ada}).want(t, http.StatusBadRequest, "That is another mailbox", grace, ada, "Choose another account", `action="/connect/again"`)
	if got := w.status(l.ID); w.accounts() != 0 || got.Status != store.LinkOpen || !strings.Contains(got.Problem, ada) {
		t.Errorf("link %+v, %d accounts", got, w.accounts())
	}
	if n := w.google.Revoke(ada); n != 0 {
		t.Errorf("%d grants of the wrong mailbox were left", n)
	}
	v.decide(v.press(w.url+"/connect/again"), sandbox.Decision{Account: grace}).want(t, http.StatusOK, "Connected")
	if got := w.status(l.ID); got.Status != store.LinkUsed || got.Problem != "" {
		t.Errorf("link %+v", got)
	}
}

func TestDenied(t *testing.T) {
	w := start(t)
	l := w.link()
	v := w.visitor()
	v.decide(v.press(l.URL), sandbox.Decision{Account: grace, Cancel: true}).want(t, http.StatusBadRequest, "You did not allow it", "Decide again")
	if got := w.status(l.ID); got.Status != store.LinkOpen || got.Problem == "" {
		t.Errorf("link %+v", got)
	}
}

// A box that sending needs is asked for again; one that it does not need is off.
func TestUntickedBoxes(t *testing.T) {
	w := start(t)
	l := w.link()
	v := w.visitor()
	const scope = "https://www.googleapis.com/auth/gmail."
	v.decide(v.press(l.URL), sandbox.Decision{Account: grace, Leave: []string{scope + "send"}}).
		want(t, http.StatusBadRequest, "A box was left unticked", "Send mail from this mailbox", "Try again")
	if w.accounts() != 0 {
		t.Error("connected without the scope to send")
	}
	v.decide(v.press(w.url+"/connect/again"), sandbox.Decision{Account: grace, Leave: []string{scope + "metadata"}}).
		want(t, http.StatusOK, "Connected", "You left out", "See headers, not texts")
	all, err := w.control.Accounts(t.Context(), w.grant)
	must(t, err)
	if len(all) != 1 || !strings.Contains(string(all[0].Config), `"may_look":false`) {
		t.Errorf("accounts %+v", all)
	}
}

// Late, canceled and unknown links say so.
func TestClosedLinks(t *testing.T) {
	w := start(t)
	l := w.link()
	v := w.visitor()
	to := v.press(l.URL)
	must(t, w.control.CancelLink(t.Context(), w.grant, l.ID))
	v.do(http.MethodGet, l.URL).want(t, http.StatusGone, "This link was canceled")
	v.decide(to, sandbox.Decision{Account: grace}).want(t, http.StatusGone, "This link was canceled")
	for _, path := range []string{"/connect/" + strings.Repeat("a", 43), "/connect/x", "/connect/", "/connect/a/b"} {
		v.do(http.MethodGet, w.url+path).want(t, http.StatusNotFound, "There is no such link")
	}
	v.do(http.MethodGet, w.url+"/connect/callback?state=x&code=y").want(t, http.StatusBadRequest, "Nothing was started here")
	w.visitor().do(http.MethodPost, w.url+"/connect/again", "Sec-Fetch-Site", "same-origin").want(t, http.StatusNotFound)
	if w.accounts() != 0 {
		t.Error("a closed link connected something")
	}
}

// A link ends in time, and so does a consent that was begun: nothing is connected,
// and Google is not asked.
func TestLateLinks(t *testing.T) {
	w := start(t)
	l := w.link()
	v := w.visitor()
	to := v.press(l.URL)
	w.now = time.Now().Add(11 * time.Minute)
	v.decide(to, sandbox.Decision{Account: grace}).want(t, http.StatusBadRequest, "That took too long", "Start again")
	to = v.press(w.url + "/connect/again")
	w.now = l.ExpiresAt
	v.do(http.MethodGet, l.URL).want(t, http.StatusGone, "This link has ended", "Ask whoever sent it for a new one")
	v.do(http.MethodPost, l.URL, "Sec-Fetch-Site", "same-origin").want(t, http.StatusGone, "This link has ended")
	v.do(http.MethodPost, w.url+"/connect/again", "Sec-Fetch-Site", "same-origin").want(t, http.StatusGone, "This link has ended")
	v.decide(to, sandbox.Decision{Account: grace}).want(t, http.StatusBadRequest, "That took too long")
	if n := len(w.google.TokenCalls()) - w.asked; n != 0 || w.accounts() != 0 {
		t.Errorf("%d calls for tokens, %d accounts", n, w.accounts())
	}
}

// An answer in another issuer's name is not taken to Google (RFC 9207).
func TestOtherIssuer(t *testing.T) {
	w := start(t)
	v := w.visitor()
	back, err := w.google.Decide(v.press(w.link().URL), sandbox.Decision{Account: grace})
	must(t, err)
	u, err := url.Parse(back)
	must(t, err)
	q := u.Query()
	q.Set("iss", "https://accounts.elsewhere.example")
	u.RawQuery = q.Encode()
	v.do(http.MethodGet, u.String()).want(t, http.StatusBadRequest, "does not come from Google")
	if n := len(w.google.TokenCalls()) - w.asked; n != 0 {
		t.Errorf("%d calls for tokens", n)
	}
}

// No other site can press the button, whatever the browser tells about it.
func TestButtonsAreOurs(t *testing.T) {
	w := start(t)
	l := w.link()
	for name, header := range map[string][]string{
		"cross-site": {"Sec-Fetch-Site", "cross-site"}, "same-site": {"Sec-Fetch-Site", "same-site"},
		"foreign origin": {"Origin", "https://elsewhere.example"}, "null origin": {"Origin", "null"},
	} {
		a := w.visitor().do(http.MethodPost, l.URL, header...)
		if a.StatusCode != http.StatusForbidden || len(a.Cookies()) > 0 || !strings.Contains(a.text, "Another site pressed this button") {
			t.Errorf("%s: %d %v", name, a.StatusCode, a.Cookies())
		}
	}
}

// Every page carries the headers that keep it to itself, and no script or style.
func TestPagesKeepToThemselves(t *testing.T) {
	w := start(t)
	v := w.visitor()
	l := w.link()
	for _, address := range []string{l.URL, w.url + "/connect/x", w.url + "/connect/callback", w.url + "/connect/style.css", w.url + "/connect/icon.svg"} {
		a := v.do(http.MethodGet, address)
		csp := a.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "style-src 'self'", "form-action 'self' " + w.google.GoogleURL, "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: policy %q lacks %s", address, csp, part)
			}
		}
		for name, want := range map[string]string{"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", address, name, got)
			}
		}
		for _, word := range []string{"<script", " style=", "<style", " onclick", "javascript:"} {
			if strings.Contains(a.text, word) {
				t.Errorf("%s holds %s", address, word)
			}
		}
	}
}

// The cookie is for this host alone, and out of reach of scripts.
func TestCookie(t *testing.T) {
	w := start(t)
	for _, c := range []struct {
		public, name string
		secure       bool
	}{{"https://mail.acme.example", "__Host-gatepost_connect", true}, {"http://127.0.0.1:8025", "gatepost_connect", false}} {
		s := &server{Config: Config{Control: w.control, PublicURL: func() string { return c.public }}}
		got := s.cookie(email.NewSecret("x"))
		if got.Name != c.name || got.Secure != c.secure || !got.HttpOnly || got.SameSite != http.SameSiteLaxMode || got.Path != "/" || got.Domain != "" {
			t.Errorf("%s: %v", c.public, got)
		}
	}
}

// The log tells what came of a link, and neither addresses nor anything by which
// somebody could go on in the visitor's place.
func TestLogsNothingSecret(t *testing.T) {
	w := start(t)
	l := w.link()
	v := w.visitor()
	const ada = "ada@" + sandbox.Domain
	secret := []string{grace, ada, strings.TrimPrefix(l.URL, w.url+"/connect/")}
	for _, d := range []sandbox.Decision{{Account: ada}, {Account: grace, Cancel: true}, {Account: grace}} {
		to := v.press(l.URL)
		back, err := w.google.Decide(to, d)
		must(t, err)
		v.do(http.MethodGet, back)
		v.do(http.MethodGet, back)
		secret = append(secret, query(t, to, "state"), query(t, to, "code_challenge"), query(t, to, "nonce"), query(t, back, "code"))
	}
	u, err := url.Parse(w.url)
	must(t, err)
	for _, c := range v.hc.Jar.Cookies(u) {
		secret = append(secret, c.Value)
	}
	said := w.log.String()
	for _, s := range secret {
		if s != "" && strings.Contains(said, s) {
			t.Errorf("the log holds %q:\n%s", s, said)
		}
	}
	for _, word := range []string{"wrong_mailbox", "denied", "link_used", "connected by a link"} {
		if !strings.Contains(said, word) {
			t.Errorf("the log lacks %q:\n%s", word, said)
		}
	}
}

// A proxy may change the host; the browser's own word decides.
func TestBehindAProxy(t *testing.T) {
	w := start(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.link().URL, nil)
	must(t, err)
	req.Host = "gatepost.internal"
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := w.visitor().hc.Do(req)
	must(t, err)
	must(t, res.Body.Close())
	if res.StatusCode != http.StatusSeeOther {
		t.Errorf("status %d", res.StatusCode)
	}
}

// What is not the visitor's own no is not called that.
func TestGoogleRefusesThePage(t *testing.T) {
	w := start(t)
	v := w.visitor()
	state := query(t, v.press(w.link().URL), "state")
	a := v.do(http.MethodGet, w.url+"/connect/callback?"+url.Values{"state": {state}, "error": {"admin_policy_enforced"}}.Encode())
	a.want(t, http.StatusBadRequest, "This did not work", "admin_policy_enforced", "an administrator may have blocked the app")
}
