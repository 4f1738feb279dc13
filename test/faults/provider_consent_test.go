package faults

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"gatepost/client"
	"gatepost/test/running"
)

// consenting is a running sandbox with a mailbox that its user has connected.
type consenting struct {
	t       *testing.T
	api     *client.Client
	browser *http.Client
	app     string // the OAuth client's credential
	*running.Sandbox
}

const grace = "grace@gmail.example"

func (c *consenting) connect() client.Connected {
	c.t.Helper()
	began, err := c.api.StartConsent(c.t.Context(), client.NewConsent{
		Credential: c.app, RedirectURI: "http://127.0.0.1:53682/", Address: grace, Purposes: []string{"send", "look"},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	back := running.Consent(c.t, c.browser, began.URL, grace).Query()
	done, err := c.api.FinishConsent(c.t.Context(), began.ID, client.FinishConsent{Code: back.Get("code"), State: back.Get("state"), Issuer: back.Get("iss")})
	if err != nil {
		c.t.Fatal(err)
	}
	return done
}

// A user takes back the consent: the account says that it must be connected again, mail is
// kept, Google is not asked again and again, other accounts send, and after connecting again
// all of it leaves once.
func TestConsentTakenBack(t *testing.T) {
	t.Parallel()
	c := &consenting{t: t, Sandbox: running.Start(t, built)}
	c.browser = running.HTTP(t, c.CAFile)
	var err error
	if c.api, err = client.New(c.APIURL, c.APIKey); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(c.OAuthClientFile)
	if err != nil {
		t.Fatal(err)
	}
	app, err := c.api.CreateCredential(t.Context(), client.NewCredential{Kind: "google_oauth_client", Name: "app", Key: file})
	if err != nil {
		t.Fatal(err)
	}
	c.app = app.ID
	account := c.connect().Account.ID
	c.is(c.send(account), "accepted")
	c.control("/control/revoke", `{"account":"`+grace+`"}`)
	before := c.refusals()
	var kept []string
	for range 5 {
		kept = append(kept, c.send(account))
	}
	until(t, "the account is held", patient, func() bool { return c.account(account).Status == "held" })
	c.is(c.send(c.Accounts[0].ID), "accepted")
	c.wantReconnect(account, kept)
	time.Sleep(2 * time.Second) // long enough for a storm
	if n := c.refusals() - before; n != 1 {
		t.Errorf("Google refused %d calls for a token, want 1", n)
	}
	if again := c.connect(); !again.Again || again.Account.Status != "active" {
		t.Errorf("connected again: %+v", again)
	}
	for _, id := range kept {
		c.is(id, "accepted")
		if n := c.copies(id); n != 1 {
			t.Errorf("%d copies of %s", n, id)
		}
	}
}

// wantReconnect: account and explanation say what happened and what to do.
func (c *consenting) wantReconnect(account string, kept []string) {
	c.t.Helper()
	a := c.account(account)
	if a.Cause != "token_revoked" || !strings.Contains(a.Reason, "expired or was revoked") || !strings.Contains(a.Reason, "gatepost connect gmail") {
		c.t.Errorf("the account: %s %q", a.Cause, a.Reason)
	}
	for _, id := range kept {
		x, err := c.api.Explain(c.t.Context(), id)
		if err != nil {
			c.t.Fatal(err)
		}
		if x.Status != "queued" || !strings.Contains(x.Fix, "gatepost connect gmail") || !strings.Contains(x.Next, "until the account is released") {
			c.t.Errorf("%s: %s, next %q, fix %q", id, x.Status, x.Next, x.Fix)
		}
	}
}

func (c *consenting) send(account string) string {
	c.t.Helper()
	made, err := c.api.Send(c.t.Context(), client.NewMessage{Account: account, To: client.To("bob@example.org"), Subject: "s", Text: "t"}, "")
	if err != nil {
		c.t.Fatal(err)
	}
	return made.ID
}

func (c *consenting) is(id, state string) {
	c.t.Helper()
	until(c.t, id+" is "+state, patient, func() bool {
		x, err := c.api.Explain(c.t.Context(), id)
		return err == nil && x.Status == state
	})
}

func (c *consenting) account(id string) client.Account {
	c.t.Helper()
	a, err := c.api.Account(c.t.Context(), id)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

func (c *consenting) control(path, body string) {
	c.t.Helper()
	resp, err := http.Post(c.ControlURL+path, "application/json", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		c.t.Fatalf("%s: %s", path, resp.Status)
	}
}

// refusals are the calls of the token endpoint that went wrong.
func (c *consenting) refusals() (n int) {
	c.t.Helper()
	resp, err := http.Get(c.ControlURL + "/control/token-calls")
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	var all struct {
		Calls []struct {
			OK    bool
			Grant string
		} `json:"token_calls"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		c.t.Fatal(err)
	}
	for _, call := range all.Calls {
		if !call.OK && call.Grant == "refresh_token" {
			n++
		}
	}
	return n
}

// copies counts the world's ledger about a message.
func (c *consenting) copies(id string) int {
	c.t.Helper()
	resp, err := http.Get(c.ControlURL + "/ledger")
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.Count(string(b), `"`+id+`"`)
}
