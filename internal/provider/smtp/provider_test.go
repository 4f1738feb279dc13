package smtp_test

import (
	"context"
	"encoding/json"
	"net"
	"strconv"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/providertest"
	"gatepost/internal/provider/smtp"
	"gatepost/internal/sandbox"
)

func TestProvider(t *testing.T) {
	for _, mode := range []string{"starttls", "implicit"} {
		t.Run(mode, func(t *testing.T) {
			providertest.Run(t, func(t *testing.T) providertest.Harness {
				w := providertest.StartWorld(t)
				return providertest.Harness{
					World:    w,
					From:     "ada@acme.example",
					Envelope: true,
					MaxSize:  36_700_160,
					Open: func(t *testing.T, o providertest.Options) provider.Provider {
						return open(t, w, mode, o)
					},
				}
			})
		})
	}
}

// open opens an account at the world's relay.
func open(t *testing.T, w *sandbox.World, mode string, o providertest.Options) provider.Provider {
	t.Helper()
	user, password := w.SMTPLogin()
	if o.BadCredential {
		password = "wrong"
	}
	settings := settingsFor(t, w, mode)
	settings["user"] = user
	if o.Distrust {
		delete(settings, "ca_file")
	}
	return openWith(t, settings, provider.Deps{
		Dial: o.Dial, Trace: o.Trace,
		Password: func(context.Context) (email.Secret, error) { return email.NewSecret(password), nil },
	})
}

func settingsFor(t *testing.T, w *sandbox.World, mode string) map[string]any {
	t.Helper()
	address := w.SMTPAddr
	if mode == "implicit" {
		address = w.SMTPSAddr
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"host": host, "port": n, "tls": mode, "ca_file": w.CAFile}
}

func openWith(t testing.TB, settings map[string]any, deps provider.Deps) provider.Provider {
	t.Helper()
	config, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	p, err := smtp.Kind().Open(provider.Account{ID: "acc_test", Address: "ada@acme.example", Config: config}, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.(provider.Closer).Close() })
	return p
}
