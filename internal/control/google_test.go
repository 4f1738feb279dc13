package control

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/monitor"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
	"gatepost/internal/provider"
	"gatepost/internal/provider/gmail"
	"gatepost/internal/provider/microsoft"
	"gatepost/internal/provider/smtp"
	"gatepost/internal/queue"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
	"gatepost/internal/vault"
)

const (
	grace = "grace@" + sandbox.Consumer
	ada   = "ada@" + sandbox.Domain
	back  = "http://127.0.0.1:53682/"

	publicURL = "https://mail.acme.example"
)

// withGoogle is a world whose Google is simulated, over its real sockets.
type withGoogle struct {
	world
	google *sandbox.World
	now    *time.Time // set to move the clock of control
}

func startGoogle(t *testing.T, opt store.Options) *withGoogle {
	t.Helper()
	google, err := sandbox.Start(sandbox.Config{Dir: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { must(t, google.Close()) })
	pem, err := os.ReadFile(google.CAFile)
	must(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	hc := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}, Timeout: 20 * time.Second}
	t.Cleanup(hc.CloseIdleConnections)
	st := storetest.Open(t, opt)
	master, _, err := vault.LoadMaster(vault.Source{Dir: t.TempDir(), Random: rand.Reader})
	must(t, err)
	at := oauth.At(google.GoogleURL)
	keyless := vault.Keyless{
		At: oauth.KeylessAt(google.GoogleURL, google.MetadataURL), HTTP: hc,
		May: oauth.KeylessIdentities{oauth.KeylessMetadata, filepath.Clean(os.TempDir()) + "/"},
	}
	v := vault.New(st, master, rand.Reader, time.Now, vault.WithGoogle(at, hc), vault.WithGoogleKeyless(keyless), vault.WithMicrosoft(entra.At(google.MicrosoftURL), hc))
	must(t, v.Start(t.Context()))
	kinds := []provider.Kind{gmail.Kind(), gmail.SMTPKind(), microsoft.Kind(), microsoft.SMTPKind(), smtp.Kind()}
	engine := queue.New(queue.Config{
		Store: st, Vault: v, Kinds: kinds, RootCAs: roots, BaseURLs: map[string]string{
			"gmail": google.GoogleURL, "gmail_smtp": google.GoogleURL, "microsoft": google.MicrosoftURL, "microsoft_smtp": google.MicrosoftURL,
		},
		SMTPAddresses: map[string]string{"gmail_smtp": google.GmailSMTPAddr, "microsoft_smtp": google.ExchangeSMTPAddr},
	})
	w := &withGoogle{google: google, now: new(time.Time)}
	now := func() time.Time {
		if w.now.IsZero() {
			return time.Now()
		}
		return *w.now
	}
	watch, err := monitor.NewWatch(monitor.WatchConfig{Store: st, Vault: v, Refused: engine.CredentialRefused, Now: now})
	must(t, err)
	c := New(Config{
		Store: st, Vault: v, Engine: engine, Kinds: kinds, Endpoints: at, Keyless: keyless, Entra: entra.At(google.MicrosoftURL), HTTP: hc, PublicURL: func() string { return publicURL },
		Watch: watch, Now: now,
	})
	team, err := c.FirstTeam(t.Context())
	must(t, err)
	w.world = world{c, st, v, access.Grant{Team: team, KeyName: "test", Scopes: []string{access.ScopeAll}}}
	return w
}

// moveTo gives gatepost another public address.
func (w *withGoogle) moveTo(public string) { w.cfg.PublicURL = func() string { return public } }

// answering does something while Google's token endpoint, as control asks it, is
// replaced.
func (w *withGoogle) answering(answer roundTripper, do func()) {
	was := w.cfg.HTTP
	w.cfg.HTTP = &http.Client{Transport: answer}
	do()
	w.cfg.HTTP = was
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// noNetwork is how a call ends that reaches nobody.
func noNetwork(*http.Request) (*http.Response, error) { return nil, errors.New("no route to host") }

// oauthClient keeps a client of the simulated Google; one for the web lists
// gatepost's own callback too.
func (w *withGoogle) oauthClient(t *testing.T, kind string, redirects ...string) email.ID {
	t.Helper()
	if kind == "web" {
		redirects = append(redirects, w.publicURL()+callbackPath)
	}
	made, err := w.CreateCredential(t.Context(), w.grant, NewCredential{Kind: KindOAuthClient, Name: kind, Key: w.google.OAuthClient(kind, redirects...)})
	must(t, err)
	return made.ID
}

// consent starts a consent and lets the user decide.
func (w *withGoogle) consent(t *testing.T, n NewConsent, d sandbox.Decision) (email.ID, Redirected) {
	t.Helper()
	n.RedirectURI = back
	made, err := w.StartConsent(t.Context(), w.grant, n)
	must(t, err)
	return made.ID, w.decided(t, made.URL, d)
}

// decided is what the redirect brings once the user has decided.
func (w *withGoogle) decided(t *testing.T, at string, d sandbox.Decision) Redirected {
	t.Helper()
	to, err := w.google.Decide(at, d)
	must(t, err)
	u, err := url.Parse(to)
	must(t, err)
	q := u.Query()
	return Redirected{Code: q.Get("code"), State: q.Get("state"), Issuer: q.Get("iss"), Error: q.Get("error")}
}

// connected is a mailbox whose user agreed.
func (w *withGoogle) connected(t *testing.T, n NewConsent, user string) Connected {
	t.Helper()
	id, r := w.consent(t, n, sandbox.Decision{Account: user})
	made, err := w.FinishConsent(t.Context(), w.grant, id, r)
	must(t, err)
	return made
}

func wantRefusal(t *testing.T, err error, cause string) *Refusal {
	t.Helper()
	r, ok := errors.AsType[*Refusal](err)
	if !ok || r.Cause != cause {
		t.Fatalf("want the refusal %s, got %v", cause, err)
	}
	return r
}

// public is what may be shown of a credential.
func (w *withGoogle) public(t *testing.T, id email.ID, name string) string {
	t.Helper()
	row, err := w.store.Credential(t.Context(), w.grant.Team, id)
	must(t, err)
	return publicOf(row.Public, name)
}

func step(t *testing.T, p Proof, name string) Step {
	t.Helper()
	i := slices.IndexFunc(p.Steps, func(s Step) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no step %s in %+v", name, p)
	}
	return p.Steps[i]
}

func wantInvalid(t *testing.T, err error, field, part string) {
	t.Helper()
	v, ok := errors.AsType[*Invalid](err)
	if !ok || !slices.ContainsFunc(v.Problems, func(p email.Problem) bool { return p.Field == field && strings.Contains(p.Message, part) }) {
		t.Errorf("want %q about %s, got %v", part, field, err)
	}
}

// gone is the error of a removal, where nothing else is looked at.
func gone(_ Removed, err error) error { return err }
