package gmail_test

import (
	"encoding/json"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/gmail"
	"gatepost/internal/provider/providertest"
	"gatepost/internal/sandbox"
)

// TestMayNotLook: an account that may not look says so by its type, and sends
// with a delegation that covers nothing but sending.
func TestMayNotLook(t *testing.T) {
	w := providertest.StartWorld(t)
	p, err := gmail.Kind().Open(
		provider.Account{ID: "acc_test", Address: "ada@acme.example", Config: json.RawMessage(`{"may_look":false}`)},
		provider.Deps{BaseURL: w.GoogleURL, RootCAs: authority(t, w), Token: tokens(t, w, "ada@acme.example", gmail.ScopeSend)})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := p.(provider.Looker); ok {
		t.Error("an account that may not look implements provider.Looker")
	}
	if err := p.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	send(t, p)
}

// TestLookScopeMissing: a delegation without gmail.metadata breaks looking and
// the check of it, and not sending.
func TestLookScopeMissing(t *testing.T) {
	w := providertest.StartWorld(t)
	p, err := gmail.Kind().Open(
		provider.Account{ID: "acc_test", Address: "ada@acme.example"},
		provider.Deps{BaseURL: w.GoogleURL, RootCAs: authority(t, w), Token: tokens(t, w, "ada@acme.example", gmail.ScopeSend)})
	if err != nil {
		t.Fatal(err)
	}
	send(t, p)
	_, err = p.(provider.Looker).Look(t.Context(), provider.LookQuery{IDs: map[email.ID]bool{"msg_x": true}})
	for name, err := range map[string]error{"Look": err, "Check": p.Check(t.Context())} {
		if e, ok := err.(*provider.Error); !ok || e.Class != provider.Hold || e.Cause != "delegation_missing" {
			t.Errorf("%s: %v, want hold with cause delegation_missing", name, err)
		}
	}
}

func TestNoGmail(t *testing.T) {
	w := providertest.StartWorld(t)
	p := openWith(t, w, "no-gmail@acme.example")
	_, err := p.Send(t.Context(), email.Envelope{Recipients: []string{"ann@world.example"}}, letter("ann@world.example"))
	if e, ok := err.(*provider.Error); !ok || e.Class != provider.Hold || e.Cause != "gmail_off" {
		t.Errorf("Send: %v, want hold with cause gmail_off", err)
	}
}

func openWith(t *testing.T, w *sandbox.World, address string) provider.Provider {
	t.Helper()
	return open(t, w, providertest.Options{}, address, `{}`)
}

func letter(to string) email.Bytes {
	return email.Bytes("To: " + to + "\r\nX-Gatepost-Id: msg_1\r\n\r\nhello\r\n")
}

func send(t *testing.T, p provider.Provider) {
	t.Helper()
	env := email.Envelope{From: "ada@acme.example", Recipients: []string{"ann@world.example"}}
	if _, err := p.Send(t.Context(), env, letter("ann@world.example")); err != nil {
		t.Errorf("Send: %v", err)
	}
}

func TestSettings(t *testing.T) {
	kind := gmail.Kind()
	for config, want := range map[string]string{
		``:                           `{"may_look":true,"max_recipients":100,"max_parallel":4}`,
		`{}`:                         `{"may_look":true,"max_recipients":100,"max_parallel":4}`,
		`{"may_look":false}`:         `{"may_look":false,"max_recipients":100,"max_parallel":4}`,
		`{"max_recipients":500}`:     `{"may_look":true,"max_recipients":500,"max_parallel":4}`,
		`{"max_recipients":0}`:       "max_recipients",
		`{"max_parallel":-1}`:        "max_parallel",
		`{"max_parallel":1000}`:      "max_parallel",
		`{"may_lok":true}`:           "",
		`[]`:                         "",
		`{"may_look":true} trailing`: `trailing`,
	} {
		complete, wrong := kind.Validate(json.RawMessage(config))
		if want == "trailing" {
			if len(wrong) == 0 {
				t.Errorf("%s: taken, want it refused", config)
			}
			continue
		}
		if len(wrong) > 0 {
			if len(wrong) != 1 || wrong[0].Field != want {
				t.Errorf("%s: %v, want field %q", config, wrong, want)
			}
			continue
		}
		if string(complete) != want {
			t.Errorf("%s: %s, want %s", config, complete, want)
		}
	}
	if l := kind.Limits(json.RawMessage(`{"max_recipients":7}`)); l.MaxSize != 36_700_160 || l.MaxRecipients != 7 || l.MaxParallel != 4 || len(l.BlockedExtensions) < 40 || l.Source == "" {
		t.Errorf("limits %+v", l)
	}
}
