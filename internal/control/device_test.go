package control

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

const (
	kim = "kim@" + sandbox.MicrosoftDomain
	lee = "lee@" + sandbox.MicrosoftDomain
)

// publicApp is an app without a secret that users may consent to.
func (w *withGoogle) publicApp(t *testing.T, o sandbox.AppOptions) email.ID {
	t.Helper()
	o.PublicRedirects = []string{"http://localhost"}
	app, err := w.google.AddApp(o)
	must(t, err)
	made, err := w.CreateCredential(t.Context(), w.grant, NewCredential{Kind: KindMicrosoftApp, Name: "Public", Tenant: app.TenantID, ClientID: app.ClientID})
	must(t, err)
	return made.ID
}

// device starts a consent by device code and stops the clock, so that the test says when
// to ask again.
func (w *withGoogle) device(t *testing.T, n NewConsent) Consent {
	t.Helper()
	if w.now.IsZero() {
		*w.now = time.Now()
	}
	n.Device = true
	made, err := w.StartConsent(t.Context(), w.grant, n)
	must(t, err)
	return made
}

// ask asks what became of a device code, once that may be asked.
func (w *withGoogle) ask(t *testing.T, id email.ID) (Connected, error) {
	t.Helper()
	*w.now = w.now.Add(6 * time.Second)
	return w.FinishConsent(t.Context(), w.grant, id, Redirected{})
}

func TestDeviceCode(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := startGoogle(t, opt)
		app := w.publicApp(t, sandbox.AppOptions{Public: true})
		made := w.device(t, NewConsent{Credential: app, Address: kim, Transport: transportMicrosoft})
		if d := made.Device; made.URL != "" || d == nil || d.UserCode == "" || !strings.HasSuffix(d.VerificationURI, "/devicelogin") || d.Interval != 5*time.Second {
			t.Fatalf("started %+v %+v", made, d)
		}
		for range 2 {
			got, err := w.ask(t, made.ID)
			must(t, err)
			if got.Pending == nil || got.Pending.RetryAfter != 5*time.Second || !got.Pending.ExpiresAt.Equal(made.ExpiresAt.Truncate(time.Millisecond)) {
				t.Fatalf("before the user has decided: %+v", got)
			}
		}
		must(t, w.google.DecideDevice(made.Device.UserCode, sandbox.Decision{Account: kim}))
		early, err := w.FinishConsent(t.Context(), w.grant, made.ID, Redirected{})
		must(t, err)
		if early.Pending == nil { // Entra ID would ask to slow down
			t.Error("asked again before its time")
		}
		stranger := w.grant
		stranger.Team = "team_01jd2q0000e0080g40r40m30e2"
		if _, err := w.FinishConsent(t.Context(), stranger, made.ID, Redirected{}); !errors.Is(err, ErrNotFound) {
			t.Errorf("another team: %v", err)
		}
		got, err := w.ask(t, made.ID)
		must(t, err)
		if got.Pending != nil || got.Account.Address != kim || len(got.Missing) > 0 {
			t.Fatalf("connected %+v", got)
		}
		p, err := w.CheckAccount(t.Context(), w.grant, got.Account.ID)
		must(t, err)
		if !p.OK {
			t.Errorf("check %+v", p)
		}
		_, err = w.ask(t, made.ID)
		wantRefusal(t, err, CauseUsed)
	})
}

// Of any number who ask at the same time one is answered by Microsoft, so that a code
// connects once.
func TestDeviceCodeIsTakenOnce(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	made := w.device(t, NewConsent{Credential: w.publicApp(t, sandbox.AppOptions{Public: true}), Address: kim})
	must(t, w.google.DecideDevice(made.Device.UserCode, sandbox.Decision{Account: kim}))
	*w.now = w.now.Add(6 * time.Second)
	var wg sync.WaitGroup
	all := make([]Connected, 8)
	for i := range all {
		wg.Go(func() { all[i], _ = w.FinishConsent(t.Context(), w.grant, made.ID, Redirected{}) })
	}
	wg.Wait()
	connected := 0
	for _, c := range all {
		if c.Account.ID != "" {
			connected++
		}
	}
	if connected != 1 {
		t.Errorf("%d of 8 connected", connected)
	}
}

// Nothing is stored of a device code that leads to nothing, and it is said why.
func TestDeviceCodeRefusals(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	app := w.publicApp(t, sandbox.AppOptions{Public: true})
	begin := func(app email.ID) Consent { return w.device(t, NewConsent{Credential: app, Address: kim}) }

	no := begin(app)
	must(t, w.google.DecideDevice(no.Device.UserCode, sandbox.Decision{Account: kim, Cancel: true}))
	_, err := w.ask(t, no.ID)
	wantRefusal(t, err, CauseDenied)

	other := begin(app)
	must(t, w.google.DecideDevice(other.Device.UserCode, sandbox.Decision{Account: lee}))
	_, err = w.ask(t, other.ID)
	if r := wantRefusal(t, err, CauseWrongMailbox); r.Expected != kim || r.Chosen != lee {
		t.Errorf("%+v", r)
	}

	closed := begin(w.publicApp(t, sandbox.AppOptions{}))
	must(t, w.google.DecideDevice(closed.Device.UserCode, sandbox.Decision{Account: kim}))
	_, err = w.ask(t, closed.ID)
	if r := wantRefusal(t, err, "client_secret_missing"); !strings.Contains(r.Fix, "Allow public client flows to Yes") || !strings.Contains(r.Reply, "AADSTS7000218") {
		t.Errorf("%+v", r)
	}

	must(t, w.google.ChangeTenant(sandbox.MicrosoftDomain, func(o *sandbox.TenantOptions) { o.NoDeviceFlow = true }))
	blocked := begin(app)
	must(t, w.google.DecideDevice(blocked.Device.UserCode, sandbox.Decision{Account: kim}))
	_, err = w.ask(t, blocked.ID)
	if r := wantRefusal(t, err, "conditional_access"); !strings.Contains(r.Fix, "--consent") {
		t.Errorf("%+v", r)
	}

	late := begin(app)
	*w.now = w.now.Add(16 * time.Minute)
	_, err = w.ask(t, late.ID)
	if r := wantRefusal(t, err, CauseExpired); !strings.Contains(r.Text, "not entered in time") {
		t.Errorf("%+v", r)
	}
	all, err := w.Accounts(t.Context(), w.grant)
	must(t, err)
	if len(all) != 0 {
		t.Errorf("%d accounts", len(all))
	}
}

// Where Microsoft cannot be reached the code stays good, and is asked for less often.
func TestDeviceCodeWithoutNetwork(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	made := w.device(t, NewConsent{Credential: w.publicApp(t, sandbox.AppOptions{Public: true}), Address: kim})
	must(t, w.google.DecideDevice(made.Device.UserCode, sandbox.Decision{Account: kim}))
	w.answering(noNetwork, func() {
		got, err := w.ask(t, made.ID)
		must(t, err)
		if got.Pending == nil || got.Pending.RetryAfter != 10*time.Second {
			t.Errorf("%+v", got)
		}
	})
	got, err := w.ask(t, made.ID) // 6 seconds later
	must(t, err)
	if got.Pending == nil {
		t.Error("asked again before its time")
	}
	got, err = w.ask(t, made.ID)
	must(t, err)
	if got.Account.Address != kim {
		t.Errorf("%+v", got)
	}
}

// What a device code cannot be for is told before anything is asked for.
func TestDeviceCodeIsChecked(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	app := w.publicApp(t, sandbox.AppOptions{Public: true})
	for field, c := range map[string]struct {
		n    NewConsent
		says string
	}{
		"device":       {NewConsent{Credential: w.oauthClient(t, "installed")}, "not for Google"},
		"redirect_uri": {NewConsent{Credential: app, RedirectURI: back}, "comes back to nobody"},
		"purposes":     {NewConsent{Credential: app, Transport: transportMicrosoftSMTP, Purposes: []string{"smtp", "look"}}, "of two resources"},
		"shared_with":  {NewConsent{Credential: app, Address: kim, SharedWith: kim}, "is the mailbox itself"},
		"address":      {NewConsent{Credential: app, SharedWith: kim}, "the shared mailbox"},
	} {
		c.n.Device = true
		_, err := w.StartConsent(t.Context(), w.grant, c.n)
		wantInvalid(t, err, field, c.says)
	}
	smtp := w.device(t, NewConsent{Credential: app, Address: kim, Transport: transportMicrosoftSMTP}) // what nobody asked for is left out
	if len(smtp.Scopes) != 1 || !strings.HasSuffix(smtp.Scopes[0], "/SMTP.Send") {
		t.Errorf("scopes %v", smtp.Scopes)
	}
}
