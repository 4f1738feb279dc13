package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gatepost/client"
)

// Any page can send a browser to the loopback address: what does not carry this
// consent's state is not passed on, and the wait goes on.
func TestRedirectOfSomebodyElseIsIgnored(t *testing.T) {
	asked := make(chan string, 8)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"account":{"address":"grace@gmail.example"}}`))
	}))
	defer api.Close()
	var out lockedBuffer
	g := guided(t, sandboxFacts{APIURL: api.URL, APIKey: "gp_live_x"}, &out, "")
	result := make(chan finished, 1)
	h := g.redirectHandler(t.Context(), client.Consent{ID: "cons_1", URL: "https://google.example/auth?state=right"}, result)
	var page string
	open := func(method, target string) int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
		page = w.Body.String()
		return w.Code
	}
	for _, target := range []string{"/favicon.ico", "/x?state=right&code=c"} {
		if code := open(http.MethodGet, target); code != http.StatusNotFound || len(result)+len(asked) > 0 {
			t.Errorf("%s: %d", target, code)
		}
	}
	for _, target := range []string{"/?state=wrong&code=c", "/?code=c", "/"} {
		code := open(http.MethodGet, target)
		if code != http.StatusBadRequest || len(result)+len(asked) > 0 || !strings.Contains(page, "still waiting: open the address") || strings.Contains(page, "right") {
			t.Errorf("%s: %d %s", target, code, page)
		}
	}
	if code := open(http.MethodPost, "/?state=right&code=c"); code != http.StatusNotFound {
		t.Errorf("POST: %d", code)
	}
	if code := open(http.MethodGet, "/?state=right&code=c"); code != http.StatusOK || <-asked != "/v1/consents/cons_1/finish" {
		t.Errorf("the right one: %d", code)
	}
	if r := <-result; r.err != nil || r.done.Account.Address != "grace@gmail.example" {
		t.Errorf("%+v", r)
	}
}

// The address that the browser is opened at leads to Google once.
func TestStartAddressWorksOnce(t *testing.T) {
	const consent = "https://google.example/auth?state=secret"
	h := startHandler(consent)
	open := func(method string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/START", nil))
		return w
	}
	if w := open(http.MethodHead); w.Code != http.StatusGone || w.Header().Get("Location") != "" {
		t.Errorf("HEAD: %d %v", w.Code, w.Header())
	}
	if w := open(http.MethodGet); w.Code != http.StatusFound || w.Header().Get("Location") != consent || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("the first: %d %v", w.Code, w.Header())
	}
	for range 2 {
		if w := open(http.MethodGet); w.Code != http.StatusGone || strings.Contains(w.Body.String()+w.Header().Get("Location"), "secret") {
			t.Errorf("again: %d %v %s", w.Code, w.Header(), w.Body)
		}
	}
}
