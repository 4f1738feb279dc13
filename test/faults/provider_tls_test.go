package faults

import (
	"crypto/tls"
	"strings"
	"testing"
)

// tlsFault is a server that cannot be trusted, or does not speak TLS as it should.
type tlsFault struct {
	config func(a *authority) *tls.Config
	want   seen
}

func tlsFaults(t *testing.T) map[string]tlsFault {
	stranger := newAuthority(t)
	return map[string]tlsFault{
		"an expired certificate": {
			func(a *authority) *tls.Config { return a.server(expired) },
			held("tls_certificate_expired", "is expired or not valid yet", "Renew the certificate", "is after 2"),
		},
		"a certificate of another host": {
			func(a *authority) *tls.Config { return a.server(ofAnotherHost) },
			held("tls_wrong_host", "is for another host name", "127.0.0.1"),
		},
		"an unknown authority": {
			func(*authority) *tls.Config { return stranger.server() },
			held("tls_unknown_authority", "that this machine does not know", "may be intercepting TLS"),
		},
		"TLS 1.0": {
			func(a *authority) *tls.Config {
				old := a.server()
				old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
				return old
			},
			held("tls_refused", "TLS 1.2"),
		},
	}
}

// A server that is not the one it should be gets neither mail nor password, and its
// account waits for a person, who is told which certificate is wrong and how.
func TestCertificates(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	stop := o.stream(t)
	cases := atOnce{}
	for name, f := range tlsFaults(t) {
		for _, mode := range []string{"starttls", "implicit"} {
			cases[name+", "+mode] = func(t *testing.T) { o.untrusted(t, name+mode, mode, f) }
		}
	}
	cases["no answer to the handshake"] = o.stalledHandshake
	cases["no STARTTLS"] = o.noStartTLS
	cases.run(t)
	othersFlow(t, stop)
	for name, f := range tlsFaults(t) { // each meets every new connection to Google
		t.Run("Google, "+name, func(t *testing.T) { o.untrustedGoogle(t, name, f) })
	}
}

func (o *office) untrusted(t *testing.T, name, mode string, f tlsFault) {
	r := startRelay(t, &relay{tls: f.config(o.authority), implicit: mode == "implicit"})
	account := o.through(t, addressOf("tls "+name), r, mode)
	o.meets(t, o.send(t, account, "bob@example.org"), f.want, r.copies, func() {
		if strings.Contains(r.said(), "MAIL") {
			t.Error("mail went to a server that was not to be trusted")
		}
		r.trust(o.authority.server())
	})
}

func (o *office) untrustedGoogle(t *testing.T, name string, f tlsFault) {
	address := addressOf("google " + name)
	account := o.mailbox(t, address)
	o.google.tls.Store(f.config(o.authority))
	o.meets(t, o.send(t, account, "bob@example.org"), f.want, func() []copied { return o.google.copies(address) }, func() {
		if n := o.google.called(sendCall, address); n > 0 {
			t.Error("mail went to a server that was not to be trusted")
		}
		o.google.tls.Store(o.authority.server())
	})
}

// stalledHandshake: a server that says nothing where TLS should begin.
func (o *office) stalledHandshake(t *testing.T) {
	r := startRelay(t, &relay{script: every("GREETING", silent)})
	account := o.through(t, "stalled@acme.example", r, "implicit")
	o.meets(t, o.send(t, account, "bob@example.org"), endsQueued(later("timeout", "did not answer in time", "Check port and TLS mode")), r.copies, nil)
}

// noStartTLS: nothing is said in the clear where TLS was asked for.
func (o *office) noStartTLS(t *testing.T) {
	r := startRelay(t, &relay{})
	account := o.through(t, "plain@acme.example", r, "starttls")
	o.meets(t, o.send(t, account, "bob@example.org"), held("tls_not_offered", "does not offer STARTTLS"), r.copies, func() {
		if strings.Contains(r.said(), "MAIL") {
			t.Error("mail went out in the clear")
		}
		r.trust(o.authority.server())
	})
}
