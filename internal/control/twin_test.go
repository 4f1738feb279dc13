package control

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// Who connects a mailbox at the same time as others has the same account and the
// same credential as they.
func TestConsentsAtOnceMakeOneAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := startGoogle(t, opt)
		client := w.oauthClient(t, "installed")
		var wg sync.WaitGroup
		for range 4 {
			id, r := w.consent(t, NewConsent{Credential: client}, sandbox.Decision{Account: grace})
			wg.Go(func() {
				if _, err := w.FinishConsent(t.Context(), w.grant, id, r); err != nil && !errors.Is(err, store.ErrBusy) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		accounts, err := w.Accounts(t.Context(), w.grant)
		must(t, err)
		all, err := w.Credentials(t.Context(), w.grant)
		must(t, err)
		if len(accounts) != 1 || len(all) != 2 {
			t.Fatalf("%d accounts, %d credentials", len(accounts), len(all))
		}
		p, err := w.CheckAccount(t.Context(), w.grant, accounts[0].ID)
		must(t, err)
		if !p.OK {
			t.Errorf("%+v", p)
		}
	})
}

// A client that is removed or replaced while a user consents to it leaves no mailbox
// that stands on nothing.
func TestClientGoesBesideItsConsent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := startGoogle(t, opt)
		ctx := t.Context()
		for i := range 12 {
			client := w.oauthClient(t, "installed")
			id, r := w.consent(t, NewConsent{Credential: client}, sandbox.Decision{Account: grace})
			other := NewCredential{Key: w.google.OAuthClient("installed")}
			var wg sync.WaitGroup
			wg.Go(func() { _, _ = w.FinishConsent(ctx, w.grant, id, r) })
			wg.Go(func() {
				if i%2 == 0 {
					_, _ = w.DeleteCredential(ctx, w.grant, client)
				} else {
					_, _ = w.ReplaceCredential(ctx, w.grant, client, other)
				}
			})
			wg.Wait()
			accounts, err := w.Accounts(ctx, w.grant)
			must(t, err)
			for _, a := range accounts {
				p, err := w.CheckAccount(ctx, w.grant, a.ID)
				must(t, err)
				if !p.OK {
					t.Fatalf("round %d: %+v", i, p)
				}
				must(t, gone(w.DeleteAccount(ctx, w.grant, a.ID)))
			}
		}
	})
}

// Another client does not take the place of one that got a user after that was
// looked at.
func TestReplacedClientHasNoUsers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := startGoogle(t, opt)
		client := w.oauthClient(t, "installed")
		other := NewCredential{Key: w.google.OAuthClient("installed")}
		id, r := w.consent(t, NewConsent{Credential: client}, sandbox.Decision{Account: grace})
		ask, once := w.cfg.HTTP.Transport, sync.Once{}
		w.unchangedBut(t, client, func() {
			w.answering(func(req *http.Request) (*http.Response, error) {
				once.Do(func() { // Google is asked of the new client: all was looked at
					w.cfg.HTTP = &http.Client{Transport: ask}
					_, err := w.FinishConsent(t.Context(), w.grant, id, r)
					must(t, err)
				})
				return ask.RoundTrip(req)
			}, func() {
				_, err := w.ReplaceCredential(t.Context(), w.grant, client, other)
				wantInvalid(t, err, "client_id", "1 mailboxes are connected")
			})
		})
	})
}

// unchangedBut makes sure that a credential is what it was, whatever else changes.
func (w *withGoogle) unchangedBut(t *testing.T, id email.ID, do func()) {
	t.Helper()
	before := w.public(t, id, "client_id")
	do()
	if after := w.public(t, id, "client_id"); after != before {
		t.Errorf("the client %s became %s", before, after)
	}
}

// Whatever does not fit about the ID token, what was granted is given back and
// nothing is kept.
func TestRefusedIDTokenIsGivenBack(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	client := w.oauthClient(t, "installed")
	for name, bend := range map[string]func(header, claims map[string]any){
		"issuer":    func(_, c map[string]any) { c["iss"] = "https://evil.example" },
		"audience":  func(_, c map[string]any) { c["aud"] = "1-x.apps.googleusercontent.com" },
		"nonce":     func(_, c map[string]any) { c["nonce"] = "another" },
		"user":      func(_, c map[string]any) { delete(c, "sub") },
		"signature": func(h, _ map[string]any) { h["alg"] = "none" },
	} {
		id, r := w.consent(t, NewConsent{Credential: client}, sandbox.Decision{Account: grace})
		ask := w.cfg.HTTP.Transport
		w.answering(func(req *http.Request) (*http.Response, error) { return bent(t, ask, req, bend) }, func() {
			_, err := w.FinishConsent(t.Context(), w.grant, id, r)
			wantRefusal(t, err, "identity_unproven")
		})
		if n := w.google.Revoke(grace); n != 0 {
			t.Errorf("%s: %d grants are left at Google", name, n)
		}
	}
	accounts, err := w.Accounts(t.Context(), w.grant)
	must(t, err)
	all, err := w.Credentials(t.Context(), w.grant)
	must(t, err)
	if len(accounts) != 0 || len(all) != 1 {
		t.Errorf("%d accounts, %d credentials", len(accounts), len(all))
	}
}

// bent passes a request on and changes the ID token of its answer.
func bent(t *testing.T, ask http.RoundTripper, req *http.Request, bend func(header, claims map[string]any)) (*http.Response, error) {
	res, err := ask.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	var said map[string]any
	if json.Unmarshal(body, &said) == nil && said["id_token"] != nil {
		parts := strings.Split(said["id_token"].(string), ".")
		var both [2]map[string]any
		for i := range both {
			raw, err := base64.RawURLEncoding.DecodeString(parts[i])
			must(t, err)
			must(t, json.Unmarshal(raw, &both[i]))
		}
		bend(both[0], both[1])
		for i := range both {
			raw, err := json.Marshal(both[i])
			must(t, err)
			parts[i] = base64.RawURLEncoding.EncodeToString(raw)
		}
		said["id_token"] = strings.Join(parts, ".")
		body, err = json.Marshal(said)
		must(t, err)
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	res.Header.Del("Content-Length")
	return res, nil
}
