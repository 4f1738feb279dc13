package smtp_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

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
		delete(settings, "ca")
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
	return map[string]any{"host": host, "port": n, "tls": mode, "ca": authority(t, w)}
}

func authority(t *testing.T, w *sandbox.World) string {
	t.Helper()
	b, err := os.ReadFile(w.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
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

// TestProveWithTLS: the proof tells what protects the connection, in both modes,
// and takes no mail along.
func TestProveWithTLS(t *testing.T) {
	w := providertest.StartWorld(t)
	for mode, want := range map[string][]string{
		"starttls": {"connect", "hello", "tls", "sign_in", "senders", "(mailbox)"},
		"implicit": {"connect", "tls", "hello", "sign_in", "senders", "(mailbox)"},
	} {
		proof := open(t, w, mode, providertest.Options{}).(provider.Prover).Prove(t.Context())
		if d := cmp.Diff(want, steps(proof)); d != "" {
			t.Errorf("%s: steps (-want +got):\n%s", mode, d)
		}
		for _, s := range proof {
			if s.Name == "tls" && !strings.Contains(s.Detail, "TLS 1.3, certificate for 127.0.0.1 valid until ") {
				t.Errorf("%s: %s", mode, s.Detail)
			}
		}
		bad := open(t, w, mode, providertest.Options{Distrust: true}).(provider.Prover).Prove(t.Context())
		if last := bad[len(bad)-1]; last.Name != "tls" || last.Err == nil || last.Err.Cause != "tls_unknown_authority" {
			t.Errorf("%s: an unknown authority: %v", mode, steps(bad))
		}
	}
	if ledger, err := os.ReadFile(w.LedgerFile); err != nil || len(ledger) > 0 {
		t.Errorf("a proof sent mail: %s %v", ledger, err)
	}
}

// TestGmailRelay: Google Workspace's relay takes mail by this machine's address,
// and is told a name that it likes.
func TestGmailRelay(t *testing.T) {
	w := providertest.StartWorld(t)
	host, port, err := net.SplitHostPort(w.RelayOpenAddr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	p := openWith(t, map[string]any{"preset": "gmail_relay", "host": host, "port": n, "ca": authority(t, w)}, provider.Deps{})
	if d := cmp.Diff([]string{"connect", "hello", "tls", "senders", "(mailbox)"}, steps(p.(provider.Prover).Prove(t.Context()))); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
	env := email.Envelope{From: "ada@acme.example", Recipients: []string{"ann@world.example"}}
	receipt, err := p.Send(t.Context(), env, email.Bytes("From: ada@acme.example\r\nTo: ann@world.example\r\n\r\nhello\r\n"))
	if err != nil || receipt.Recipients[0].Err != nil {
		t.Errorf("Send: %+v %v", receipt, err)
	}
	env.From = "eve@elsewhere.example"
	_, err = p.Send(t.Context(), env, email.Bytes("From: eve@elsewhere.example\r\nTo: ann@world.example\r\n\r\nhello\r\n"))
	if e, ok := errors.AsType[*provider.Error](err); !ok || e.Class != provider.Hold || e.Cause != "relay_denied" {
		t.Errorf("a sender of another domain: %v, want hold with cause relay_denied", err)
	}
}

// TestSilentServer: whoever waits for a proof is told soon that a server says
// nothing, and of the likeliest reason: the port wants TLS from the start.
func TestSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := openWith(t, map[string]any{"host": "127.0.0.1", "port": 465, "tls": "starttls"}, provider.Deps{
			Dial: func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				t.Cleanup(func() { _ = theirs.Close() })
				return ours, nil
			},
		})
		began := time.Now()
		proof := p.(provider.Prover).Prove(t.Context())
		if d := cmp.Diff([]string{"connect", "hello timeout"}, steps(proof)); d != "" {
			t.Errorf("steps (-want +got):\n%s", d)
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("it took %s", took)
		}
		if fix := proof[len(proof)-1].Err.Fix; !strings.Contains(fix, "port 465 speaks TLS at once (implicit)") {
			t.Error(fix)
		}
	})
}
