package hosts

import (
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/smtp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatepost/client"
	"gatepost/internal/sandbox"
	"gatepost/test/running"
)

// station is a gatepost of its own with one account, and the simulated world.
type station struct {
	t     *testing.T
	world *sandbox.World
	api   *client.Client
	http  *http.Client
	key   string
	vars  map[string]string
	door  string
}

// kind is a kind of account: how it is connected, and whom gatepost talks to for it.
type kind struct {
	name    string
	connect func(s *station) client.Account
	hosts   func(w *sandbox.World) map[string]string // what an address of the world stands for
}

func kinds() []kind {
	google := func(w *sandbox.World) map[string]string {
		return map[string]string{bare(w.GoogleURL): "oauth2.googleapis.com:443 and gmail.googleapis.com:443"}
	}
	googleSMTP := func(w *sandbox.World) map[string]string {
		return map[string]string{
			bare(w.GoogleURL): "oauth2.googleapis.com:443 and, to look in Sent, gmail.googleapis.com:443",
			w.GmailSMTPAddr:   "smtp.gmail.com:587",
		}
	}
	microsoft := func(w *sandbox.World) map[string]string {
		return map[string]string{bare(w.MicrosoftURL): "login.microsoftonline.com:443 and graph.microsoft.com:443"}
	}
	return []kind{
		{"gmail, by a service account", (*station).serviceAccount, google},
		{"gmail, by a user's consent", (*station).googleUser, google},
		{"gmail, by the machine's identity", (*station).machine, func(w *sandbox.World) map[string]string {
			return map[string]string{
				bare(w.GoogleURL):   "iamcredentials.googleapis.com:443, oauth2.googleapis.com:443 and gmail.googleapis.com:443",
				bare(w.MetadataURL): "metadata.google.internal:80",
			}
		}},
		{"gmail_smtp, by a service account", (*station).gmailSMTP, googleSMTP},
		{"microsoft, an app by itself", (*station).app, microsoft},
		{"microsoft, by a user's consent", (*station).microsoftUser, microsoft},
		{"microsoft_smtp, an app by itself", (*station).exchange, func(w *sandbox.World) map[string]string {
			return map[string]string{bare(w.MicrosoftURL): "login.microsoftonline.com:443", w.ExchangeSMTPAddr: "smtp.office365.com:587"}
		}},
		{"smtp, a relay", (*station).relay, func(w *sandbox.World) map[string]string {
			return map[string]string{w.SMTPAddr: "the relay"}
		}},
	}
}

// Through the whole life of an account gatepost talks to its provider, to all of the
// provider's hosts that it is said to talk to, and to nobody else: it looks up no name
// besides, asks for no update and reports to nobody.
func TestWhomAnAccountTalksTo(t *testing.T) {
	needStrace(t)
	t.Parallel()
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			w, err := sandbox.Start(sandbox.Config{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = w.Close() })
			s := newStation(t, w)
			serve := s.serve()
			s.life(k.connect(s))
			got := serve.end(true)
			hosts := k.hosts(w)
			hosts[s.vars["GATEPOST_LISTEN"]] = "gatepost's own API, which the doctor tries"
			hosts[s.door] = "gatepost's own SMTP door, likewise"
			want := slices.Sorted(maps.Keys(hosts))
			for _, at := range got {
				t.Logf("%-34s %-18s %s", k.name, at, hosts[at])
			}
			if !slices.Equal(got, want) {
				t.Errorf("reached %v, want exactly %v (%v)", got, want, hosts)
			}
		})
	}
}

func newStation(t *testing.T, w *sandbox.World) *station {
	t.Helper()
	listen, door := running.Address(t), running.Address(t)
	s := &station{t: t, world: w, door: door, http: running.HTTP(t, w.CAFile), vars: map[string]string{
		"GATEPOST_DATA": t.TempDir(), "GATEPOST_LISTEN": listen, "GATEPOST_SMTP_LISTEN": door, "GATEPOST_CA_FILE": w.CAFile,
		"GATEPOST_GOOGLE_URL": w.GoogleURL, "GATEPOST_GOOGLE_SMTP": w.GmailSMTPAddr,
		"GATEPOST_MICROSOFT_URL": w.MicrosoftURL, "GATEPOST_MICROSOFT_SMTP": w.ExchangeSMTPAddr, "GATEPOST_LOOKS": "100ms,300ms,600ms",
		"GATEPOST_GOOGLE_METADATA_URL": w.MetadataURL, "GATEPOST_GOOGLE_KEYLESS": "metadata",
	}}
	made := trace(t, s.vars, "keys", "create", "--name", "hosts", "--json")
	if reached := made.end(false); len(reached) > 0 {
		t.Errorf("keys create reached %v", reached)
	}
	var key struct{ Key string }
	if err := json.Unmarshal([]byte(made.log.String()), &key); err != nil {
		t.Fatalf("%v: %s", err, made.log)
	}
	api, err := client.New("http://"+listen, key.Key)
	if err != nil {
		t.Fatal(err)
	}
	s.key, s.api = key.Key, api
	return s
}

func (s *station) serve() *traced {
	s.t.Helper()
	x := trace(s.t, s.vars, "serve")
	s.until("serve is ready", func() bool { return s.api.Ready(s.t.Context()) == nil })
	return x
}

func (s *station) until(what string, is func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// life is all that an account does: checked, tested, sent through over both doors,
// with refusals and with an outcome that is looked for, asked about, and deleted.
func (s *station) life(a client.Account) {
	ctx := s.t.Context()
	proof, err := s.api.CheckAccount(ctx, a.ID)
	s.must(err)
	if !proof.OK {
		s.t.Errorf("%s: %+v", a.Address, proof)
	}
	for _, to := range []string{"bob@example.net", "bob+fault.refused@example.net", "bob+fault.cut_after-once@example.net", "bob+fault.server_error-once@example.net"} {
		sent, err := s.api.Send(ctx, client.NewMessage{Account: a.ID, To: client.To(to), Subject: "hosts", Text: "See https://tracker.example and mail.example."}, "")
		s.must(err)
		s.settled(to, sent.ID)
		_, err = s.api.Explain(ctx, sent.ID)
		s.must(err)
	}
	host, _, _ := net.SplitHostPort(s.door)
	letter := "From: " + a.Address + "\r\nTo: carol@example.net\r\nSubject: by SMTP\r\nMessage-ID: <1@hosts.example>\r\n\r\nHello.\r\n"
	s.must(smtp.SendMail(s.door, smtp.PlainAuth("", "hosts", s.key, host), a.Address, []string{"carol@example.net"}, []byte(letter)))
	s.until("what came by SMTP is settled", func() bool {
		list := s.messages()
		return len(list) == 5 && !slices.ContainsFunc(list, unsettled)
	})
	_, err = s.api.ExplainError(ctx, "535 5.7.3 Authentication unsuccessful [outlook.office365.com]")
	s.must(err)
	_, err = s.api.Doctor(ctx, client.Examine{Account: a.ID})
	s.must(err)
	_, err = s.api.Expiries(ctx)
	s.must(err)
	_, err = s.api.CapacityOf(ctx, client.CapacityQuery{})
	s.must(err)
	for _, m := range s.messages() {
		if m.Recipients[0].Status == "held" { // where no Sent mail can be looked into
			_, err := s.api.Cancel(ctx, m.ID)
			s.must(err)
		}
	}
	removed, err := s.api.DeleteAccount(ctx, a.ID)
	s.must(err)
	if removed.Credential == "" { // it was no consent, which ends with its account
		_, err = s.api.DeleteCredential(ctx, a.Credential)
		s.must(err)
	}
}

func (s *station) messages() []client.MessageSummary {
	s.t.Helper()
	list, err := s.api.Messages(s.t.Context(), client.MessageQuery{})
	s.must(err)
	return list.Data
}

// settled waits until nothing more happens to a message by itself.
func (s *station) settled(to, id string) {
	s.t.Helper()
	s.until("mail to "+to+" is settled", func() bool {
		m, err := s.api.Message(s.t.Context(), id)
		s.must(err)
		return !unsettled(m.MessageSummary)
	})
}

func unsettled(m client.MessageSummary) bool {
	return slices.ContainsFunc(m.Recipients, func(r client.Recipient) bool {
		return slices.Contains([]string{"queued", "sending", "unknown"}, r.Status)
	})
}

func (s *station) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *station) credential(n client.NewCredential) string {
	s.t.Helper()
	n.Name = "hosts"
	made, err := s.api.CreateCredential(s.t.Context(), n)
	s.must(err)
	return made.ID
}

func (s *station) account(n client.NewAccount) client.Account {
	s.t.Helper()
	made, err := s.api.CreateAccount(s.t.Context(), n)
	s.must(err)
	return made
}

const (
	scopeSend = "https://www.googleapis.com/auth/gmail.send"
	scopeLook = "https://www.googleapis.com/auth/gmail.metadata"
	scopeSMTP = "https://mail.google.com/"
	ada       = "ada@acme.example"
	adaMS     = "ada@" + sandbox.MicrosoftDomain
)

func (s *station) serviceAccount() client.Account {
	key := s.world.ServiceAccountKey(scopeSend, scopeLook)
	return s.account(client.NewAccount{Address: ada, Transport: "gmail", Credential: s.credential(client.NewCredential{Kind: "google_service_account", Key: key})})
}

func (s *station) machine() client.Account {
	s.world.AddMachine(sandbox.MachineOptions{Scopes: []string{scopeSend, scopeLook}})
	return s.account(client.NewAccount{Address: ada, Transport: "gmail", Credential: s.credential(client.NewCredential{Kind: "google_keyless", Source: "metadata"})})
}

func (s *station) gmailSMTP() client.Account {
	key := s.world.ServiceAccountKey(scopeSend, scopeLook, scopeSMTP)
	return s.account(client.NewAccount{Address: ada, Transport: "gmail_smtp", Credential: s.credential(client.NewCredential{Kind: "google_service_account", Key: key})})
}

func (s *station) googleUser() client.Account {
	app := s.credential(client.NewCredential{Kind: "google_oauth_client", Key: s.world.OAuthClient("installed")})
	return s.consented(app, "http://127.0.0.1:53682/", ada, func(url string) map[string][]string {
		return running.Consent(s.t, s.http, url, ada).Query()
	})
}

// consented connects a mailbox by its user's consent.
func (s *station) consented(app, redirect, address string, agree func(string) map[string][]string) client.Account {
	s.t.Helper()
	c, err := s.api.StartConsent(s.t.Context(), client.NewConsent{Credential: app, RedirectURI: redirect, Address: address, Purposes: []string{"send", "look"}})
	s.must(err)
	back := agree(c.URL)
	f := client.FinishConsent{Code: back["code"][0], State: back["state"][0]}
	if issuer := back["iss"]; len(issuer) > 0 {
		f.Issuer = issuer[0]
	}
	connected, err := s.api.FinishConsent(s.t.Context(), c.ID, f)
	s.must(err)
	return connected.Account
}

func (s *station) microsoftApp(o sandbox.AppOptions) (sandbox.App, string) {
	s.t.Helper()
	app, err := s.world.AddApp(o)
	s.must(err)
	n := client.NewCredential{Kind: "microsoft_app", Tenant: app.TenantID, ClientID: app.ClientID}
	if len(o.PublicRedirects) == 0 {
		n.ClientSecret = app.Secret
	}
	return app, s.credential(n)
}

func (s *station) app() client.Account {
	_, id := s.microsoftApp(sandbox.AppOptions{Roles: []string{"Mail.Send", "Mail.ReadBasic.All"}})
	return s.account(client.NewAccount{Address: adaMS, Transport: "microsoft", Credential: id})
}

func (s *station) exchange() client.Account {
	app, id := s.microsoftApp(sandbox.AppOptions{Roles: []string{"SMTP.SendAsApp"}})
	s.must(s.world.AddServicePrincipal(sandbox.MicrosoftDomain, app.ClientID, app.PrincipalID))
	s.must(s.world.AddMailboxPermission(adaMS, app.PrincipalID))
	return s.account(client.NewAccount{Address: adaMS, Transport: "microsoft_smtp", Credential: id})
}

func (s *station) microsoftUser() client.Account {
	_, id := s.microsoftApp(sandbox.AppOptions{PublicRedirects: []string{"http://localhost"}, Public: true})
	return s.consented(id, "http://localhost:53682", adaMS, func(url string) map[string][]string {
		return running.ConsentMicrosoft(s.t, s.http, url, adaMS).Query()
	})
}

func (s *station) relay() client.Account {
	user, password := s.world.SMTPLogin()
	host, text, _ := net.SplitHostPort(s.world.SMTPAddr)
	port, err := strconv.Atoi(text)
	s.must(err)
	return s.account(client.NewAccount{
		Address: "app@acme.example", Transport: "smtp", Credential: s.credential(client.NewCredential{Kind: "smtp_password", Password: password}),
		SMTP: &client.SMTPSettings{Host: host, Port: &port, User: user},
	})
}

// bare is the address in a URL.
func bare(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	return rest
}
