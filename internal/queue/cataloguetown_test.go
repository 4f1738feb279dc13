package queue

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
	"gatepost/internal/provider"
	"gatepost/internal/provider/gmail"
	"gatepost/internal/provider/microsoft"
	"gatepost/internal/provider/smtp"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
	"gatepost/internal/vault"
)

// town is an engine with the real providers and the real ways to a token, before the
// simulated Google, Microsoft and relays, over real sockets. All of them go by one clock,
// which the test moves.
type town struct {
	*Engine
	*sandbox.World
	t     *testing.T
	grant access.Grant
	roots *x509.CertPool
	http  *http.Client

	mu    sync.Mutex
	now   time.Time
	began time.Time
	dials int
	by    road // nil: the usual one

	google    *oauth.Client // what users of Google consent to
	addresses int
	folder    string // of tokens of an outside issuer
}

const (
	townBack   = "https://mail.acme.example/connect/callback"
	townKey    = "cred_service_account"
	townClient = "cred_client"
	townRelay  = "cred_relay"
)

func newTown(t *testing.T) *town {
	t.Helper()
	// What is later than the real clock finds its certificates valid for hours more.
	w := &town{t: t, now: time.Now().UTC().Truncate(time.Minute).Add(20 * time.Second)}
	w.began, w.folder = w.now, t.TempDir()
	w.grant = access.Grant{Team: simTeam, Scopes: []string{access.ScopeAll}}
	var err error
	w.World, err = sandbox.Start(sandbox.Config{Dir: t.TempDir(), Now: w.clock})
	w.must(err)
	t.Cleanup(func() { _ = w.World.Close() })
	pem, err := os.ReadFile(w.CAFile)
	w.must(err)
	w.roots = x509.NewCertPool()
	w.roots.AppendCertsFromPEM(pem)
	w.http = &http.Client{Transport: &http.Transport{TLSClientConfig: provider.TLSConfig("127.0.0.1", w.roots)}}
	t.Cleanup(w.http.CloseIdleConnections)
	w.engine()
	w.credentials()
	return w
}

func (w *town) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// pass lets time go by.
func (w *town) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(max(0, d))
}

func (w *town) until(at time.Time) { w.pass(at.Sub(w.clock())) }

func (w *town) must(errs ...error) {
	w.t.Helper()
	for _, err := range errs {
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *town) engine() {
	opt := store.Options{Dir: w.t.TempDir()}
	m, _, err := vault.LoadMaster(vault.Source{Dir: opt.Dir, Random: rand.Reader})
	w.must(err)
	st := storetest.Open(w.t, opt)
	v := vault.New(st, m, rand.Reader, w.clock,
		vault.WithGoogle(oauth.At(w.GoogleURL), w.http),
		vault.WithGoogleKeyless(vault.Keyless{At: oauth.KeylessAt(w.GoogleURL, w.MetadataURL), May: w.outsiders(), HTTP: w.http}),
		vault.WithMicrosoft(entra.At(w.MicrosoftURL), w.http))
	w.Engine = New(Config{
		Store: st, Vault: v, Node: "node_a", Now: w.clock, Elapsed: func() time.Duration { return w.clock().Sub(w.began) },
		Kinds:   []provider.Kind{gmail.Kind(), gmail.SMTPKind(), microsoft.Kind(), microsoft.SMTPKind(), smtp.Kind()},
		RootCAs: w.roots, Dial: w.dial, SendTimeout: 20 * time.Second,
		BaseURLs:      map[string]string{"gmail": w.GoogleURL, "gmail_smtp": w.GoogleURL, "microsoft": w.MicrosoftURL, "microsoft_smtp": w.MicrosoftURL},
		SMTPAddresses: map[string]string{"gmail_smtp": w.GmailSMTPAddr, "microsoft_smtp": w.ExchangeSMTPAddr},
	})
	w.must(w.Enter(w.t.Context()))
}

// dial counts how often a provider is spoken to anew.
func (w *town) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	w.dials++
	by := w.by
	w.mu.Unlock()
	if by != nil {
		return by(ctx, network, address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func (w *town) credentials() {
	key := w.ServiceAccountKey(oauth.ScopeSend, oauth.ScopeMetadata, gmail.ScopeMail, "https://www.googleapis.com/auth/gmail.compose")
	sa, err := oauth.ParseServiceAccount(key, w.GoogleURL+"/token")
	w.must(err)
	w.keep(townKey, vault.KindServiceAccount, map[string]string{"client_id": sa.ClientID()}, string(key))
	client, err := oauth.ParseClient(w.OAuthClient(oauth.ClientWeb, townBack), oauth.At(w.GoogleURL))
	w.must(err)
	text, err := client.Marshal()
	w.must(err)
	w.google = client
	w.keep(townClient, vault.KindOAuthClient, map[string]string{"client_id": client.ID(), "type": "web"}, text.Reveal())

	_, password := w.SMTPLogin()
	w.keep(townRelay, "smtp_password", struct{}{}, password)
}

func (w *town) keep(id, kind string, public any, secret string) {
	w.t.Helper()
	sealed, err := w.cfg.Vault.SealSecret(w.t.Context(), simTeam, id, email.NewSecret(secret))
	w.must(err)
	text, err := json.Marshal(public)
	w.must(err)
	w.must(w.cfg.Store.AddCredential(w.t.Context(), store.Credential{
		Team: simTeam, ID: id, Kind: kind, Name: id, Public: text, Sealed: sealed, CreatedAt: w.clock(), UpdatedAt: w.clock(),
	}))
}

// way is a transport with a kind of credential.
type way string

const (
	byGmail        way = "gmail"               // delegated to a service account
	byGmailConsent way = "gmail, by consent"   //
	byGmailDrafts  way = "gmail, drafts"       //
	byGmailSMTP    way = "gmail_smtp"          //
	byGraph        way = "microsoft, app"      //
	byGraphConsent way = "microsoft, consent"  //
	byGraphDrafts  way = "microsoft, drafts"   //
	byExchange     way = "microsoft_smtp, app" //
	byRelay        way = "smtp"                // signed in with a password
	byOpenRelay    way = "smtp, open relay"    // smtp-relay.gmail.com
	byKeyless      way = "gmail, keyless"      // Google signs for the service account
	byPassword     way = "smtp, office365"     // Exchange with a password
)

// seat is one account, with an address of its own so that faults meet it alone.
type seat struct {
	id      email.ID
	address string
	hello   string
	client  string // of Microsoft, where one is behind it
	outside string // the identity of the outside token, and the service account that it acts as
	account string
}

// open connects an account, of an address of its own where no mailbox is named.
func (w *town) open(by way, mailbox string) seat {
	w.t.Helper()
	w.addresses++
	domain := sandbox.Domain
	if strings.HasPrefix(string(by), "microsoft") || by == byPassword {
		domain = sandbox.MicrosoftDomain
	}
	s := seat{id: "acc_" + strconv.Itoa(w.addresses), address: fmt.Sprintf("row%d@%s", w.addresses, domain)}
	s.hello = fmt.Sprintf("row%d.example", w.addresses)
	transport, _, _ := strings.Cut(string(by), ",")
	a := &store.Account{
		Team: simTeam, ID: s.id, Address: s.address, Transport: transport, Config: json.RawMessage("{}"), CreatedAt: w.clock(),
	}
	w.furnish(by, &s, a)
	if mailbox != "" {
		s.address, a.Address = mailbox, mailbox
	}
	w.must(w.cfg.Store.AddAccount(w.t.Context(), a))
	w.accounts.forget(simTeam, s.id)
	return s
}

// furnish completes an account with its credential and its settings.
func (w *town) furnish(by way, s *seat, a *store.Account) {
	user, _ := w.SMTPLogin()
	var app *registered
	if strings.HasPrefix(string(by), "microsoft") {
		app = w.register(s)
	}
	switch by {
	case byGmail, byGmailSMTP:
		a.Credential = townKey
	case byGmailDrafts:
		a.Credential, a.Config = townKey, json.RawMessage(`{"draft_fence":true}`)
	case byKeyless:
		a.Credential = w.keyless(s)
	case byGmailConsent:
		a.Credential = w.consent(s.address)
	case byGraph:
		a.Credential, a.Config = app.id, json.RawMessage(`{"app_only":true}`)
	case byGraphDrafts:
		a.Credential, a.Config = app.id, json.RawMessage(`{"app_only":true,"draft_fence":true}`)
	case byGraphConsent:
		a.Credential = w.entraConsent(app, s.address)
	case byExchange:
		a.Credential, a.Config = app.id, json.RawMessage(`{"app_only":true,"may_look":true}`)
		w.must(w.AddMailboxPermission(s.address, app.PrincipalID))
	case byRelay:
		a.Credential, a.Config = townRelay, relaySettings(w.SMTPAddr, user, s.hello)
	case byOpenRelay:
		a.Config = relaySettings(w.RelayOpenAddr, "", s.hello)
	case byPassword:
		a.Credential, a.Config = townRelay, relaySettings(w.ExchangeSMTPAddr, s.address, s.hello)
	}
}

func (w *town) outsiders() oauth.KeylessIdentities { return oauth.KeylessIdentities{w.folder + "/"} }

// keyless makes a service account for a seat alone, as which an outside identity acts.
func (w *town) keyless(s *seat) email.ID {
	w.t.Helper()
	file := filepath.Join(w.folder, s.id)
	a := w.AddWorkload(sandbox.WorkloadOptions{TokenFile: file, Scopes: []string{oauth.ScopeSend, oauth.ScopeMetadata}})
	var said struct{ Audience string }
	w.must(json.Unmarshal(a.File, &said))
	w.must(os.WriteFile(file, []byte(w.OutsideToken("https://issuer.example", said.Audience, "gatepost")), 0o600))
	k, err := oauth.NewKeyless(oauth.KeylessFields{File: a.File, ClientID: a.ClientID}, oauth.KeylessAt(w.GoogleURL, w.MetadataURL), w.outsiders())
	w.must(err)
	text, err := k.Marshal()
	w.must(err)
	public, err := vault.PublicOfKeyless(k)
	w.must(err)
	id := "cred_keyless_" + s.id
	w.keep(id, vault.KindGoogleKeyless, public, text.Reveal())
	s.outside, s.account = a.Principal, a.Address
	return id
}

// registered is an app registration that is kept as a credential.
type registered struct {
	sandbox.App
	id    email.ID
	entra *entra.App
}

// register makes an app for a seat alone, so that no other has its tokens.
func (w *town) register(s *seat) *registered {
	w.t.Helper()
	r := &registered{id: "cred_app_" + s.id}
	var err error
	r.App, err = w.AddApp(sandbox.AppOptions{
		Audience: sandbox.AudienceAll, RedirectURIs: []string{townBack}, Roles: []string{"Mail.Send", "Mail.ReadWrite", "SMTP.SendAsApp"},
	})
	w.must(err, w.AddServicePrincipal(r.TenantID, r.ClientID, r.PrincipalID))
	r.entra, err = entra.NewApp(entra.AppFields{Tenant: r.TenantID, ClientID: r.ClientID, Secret: email.NewSecret(r.Secret)}, w.clock())
	w.must(err)
	public, err := vault.PublicOfApp(r.entra, "")
	w.must(err)
	text, err := r.entra.Marshal()
	w.must(err)
	w.keep(r.id, vault.KindMicrosoftApp, public, text.Reveal())
	s.client = r.ClientID
	return r
}

func relaySettings(address, user, hello string) json.RawMessage {
	host, port, _ := net.SplitHostPort(address)
	return json.RawMessage(fmt.Sprintf(`{"host":%q,"port":%s,"tls":"starttls","user":%q,"hello":%q}`, host, port, user, hello))
}

// consent has a user of Google consent, and keeps what comes of it.
func (w *town) consent(address string) email.ID {
	w.t.Helper()
	c := oauth.Consent{
		Client: w.google, Endpoints: oauth.At(w.GoogleURL), Redirect: townBack, Hint: address, State: "s", Nonce: "n", Verifier: strings.Repeat("v", 43),
		Scopes: oauth.ScopesFor([]oauth.Purpose{oauth.PurposeSend, oauth.PurposeLook}),
	}
	got, err := c.Exchange(w.t.Context(), w.http, w.decide(c.URL(), address), w.clock())
	w.must(err)
	id := "cred_" + address
	w.keep(id, vault.KindGoogleUser, vault.UserPublic{
		Email: address, Subject: got.Subject, Scopes: strings.Join(got.Scopes, " "), Client: townClient, ClientID: w.google.ID(),
	}, got.Refresh.Reveal())
	return id
}

// entraConsent is consent at Microsoft.
func (w *town) entraConsent(app *registered, address string) email.ID {
	w.t.Helper()
	c := entra.Consent{
		App: app.entra, Endpoints: entra.At(w.MicrosoftURL), Redirect: townBack, Hint: address, State: "s", Nonce: "n", Verifier: strings.Repeat("v", 43),
		Scopes: []string{"https://graph.microsoft.com/Mail.Send", "https://graph.microsoft.com/Mail.ReadBasic"},
	}
	got, err := c.Exchange(w.t.Context(), w.http, w.decide(c.URL(), address), w.clock())
	w.must(err)
	id := "cred_" + address
	w.keep(id, vault.KindMicrosoftUser, vault.UserPublic{
		Email: address, Subject: got.Subject, Tenant: got.Tenant, Scopes: strings.Join(got.Scopes, " "), Client: app.id, ClientID: app.ClientID,
	}, got.Refresh.Reveal())
	return id
}

// decide has a user say yes, and reads the code that the browser brings back.
func (w *town) decide(to, address string) string {
	w.t.Helper()
	back, err := w.Decide(to, sandbox.Decision{Account: address})
	w.must(err)
	u, err := url.Parse(back)
	w.must(err)
	return u.Query().Get("code")
}

// take has connections made by another road.
func (w *town) take(by road) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.by = by
}

// ask has something go wrong.
func (w *town) ask(r sandbox.Rule) {
	w.t.Helper()
	body, err := json.Marshal(r)
	w.must(err)
	resp, err := http.Post(w.ControlURL+"/control/faults", "application/json", bytes.NewReader(body))
	w.must(err)
	said, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		w.t.Fatalf("fault %s.%s: %d %s", r.Fault, r.Arg, resp.StatusCode, said)
	}
}

// mend lets everything go well again.
func (w *town) mend() {
	w.t.Helper()
	w.take(nil)
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodDelete, w.ControlURL+"/control/faults", nil)
	w.must(err)
	resp, err := http.DefaultClient.Do(req)
	w.must(err)
	_ = resp.Body.Close()
}

// taken counts how often the world took a message, for each recipient.
func (w *town) taken(id email.ID) map[string]int {
	w.t.Helper()
	text, err := os.ReadFile(w.LedgerFile)
	w.must(err)
	n := map[string]int{}
	for line := range strings.Lines(string(text)) {
		var e sandbox.Entry
		w.must(json.Unmarshal([]byte(line), &e))
		for _, to := range e.Recipients {
			if e.GatepostID == string(id) {
				n[to]++
			}
		}
	}
	return n
}
