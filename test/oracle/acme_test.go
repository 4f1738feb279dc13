package oracle

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"gatepost/test/running"
)

const (
	ours     = "mail.gatepost.test"
	unproven = "unproven.gatepost.test" // a name that gatepost is told to have, but the world does not know
	foreign  = "other.gatepost.test"
)

// The first client that comes by the name gets a certificate of the authority, however long that one takes;
// a restart asks for none; other names get none, and the log tells of one that could not be proved.
func TestCertificateByACME(t *testing.T) {
	a, program, data := newAuthority(t), build(t), t.TempDir()
	g := a.serve(t, program, data)
	a.open(t, g.address.Port, ours)
	begun := time.Now()
	first, err := g.ready(t, a.root, ours)
	if err != nil {
		t.Fatalf("the first client: %v\n%s", err, g.log)
	}
	if took := time.Since(begun); took < issuing {
		t.Errorf("issued within %s: the authority was to take longer", took)
	}
	if n, proofs := a.orders(), a.proofs(); n != 1 || proofs != 1 {
		t.Errorf("%d orders, %d proofs, want one of each\n%s", n, proofs, a.log)
	}
	g.refuses(t, a.root, foreign)
	if again, err := g.ready(t, a.root, ours); err != nil || !again.Equal(first) {
		t.Errorf("the second client got another certificate (%v)", err)
	}
	g.stop(t)

	g = a.serve(t, program, data)
	if kept, err := g.ready(t, a.root, ours); err != nil || !kept.Equal(first) {
		t.Errorf("a restart lost the certificate (%v)\n%s", err, g.log)
	}
	if n := a.orders(); n != 1 {
		t.Errorf("%d orders after a restart, want 1", n)
	}
	g.refuses(t, a.root, unproven)
	g.refuses(t, a.root, unproven) // within the minute that a failure is kept
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(g.log.String(), "port 443") && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond) // its lines come by a pipe, after the refusal
	}
	if n := strings.Count(g.log.String(), "name="+unproven); n != 1 || !strings.Contains(g.log.String(), "port 443") {
		t.Errorf("the log tells %d times of the name that could not be proved:\n%s", n, g.log)
	}
	if strings.Contains(g.log.String(), foreign) {
		t.Errorf("the log tells of a stranger's name:\n%s", g.log)
	}
	g.stop(t)
}

// gate is gatepost as a server of its own.
type gate struct {
	cmd     *exec.Cmd
	log     *running.Buffer
	address *net.TCPAddr
}

// build makes the program in gatepost's module, with the dependencies that its users get.
func build(t *testing.T) string {
	t.Helper()
	t.Chdir("../..")
	return running.Build(t)
}

func (a *authority) serve(t *testing.T, program, data string) *gate {
	t.Helper()
	g := &gate{log: &running.Buffer{}, cmd: exec.Command(program, "serve", "--data", data, "--listen", "127.0.0.1:0", "--ca-file", a.caFile,
		"--acme-domain", ours+","+unproven, "--acme-email", "postmaster@gatepost.test", "--acme-directory", a.directory)}
	g.cmd.Stderr = g.log
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.cmd.Process.Kill() }) // where stop was not reached
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, rest, ok := strings.Cut(g.log.String(), " api=https://"); ok {
			address, _, _ := strings.Cut(rest, " ")
			var err error
			if g.address, err = net.ResolveTCPAddr("tcp", address); err != nil {
				t.Fatal(err)
			}
			return g
		}
	}
	t.Fatalf("serve does not get ready:\n%s", g.log)
	return nil
}

func (g *gate) stop(t *testing.T) {
	t.Helper()
	if err := g.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := g.cmd.Wait(); err != nil {
		t.Errorf("serve ended with %v\n%s", err, g.log)
	}
}

// ready asks gatepost by a name whether it is ready, on a connection of its own, and returns the
// certificate that it showed.
func (g *gate) ready(t *testing.T, trusted *x509.CertPool, name string) (*x509.Certificate, error) {
	t.Helper()
	c := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, g.address.String())
		},
	}}
	resp, err := c.Get("https://" + name + "/readyz")
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("not ready: %s", resp.Status)
	}
	return resp.TLS.PeerCertificates[0], nil
}

// refuses holds gatepost to end the handshake for a name.
func (g *gate) refuses(t *testing.T, trusted *x509.CertPool, name string) {
	t.Helper()
	if shown, err := g.ready(t, trusted, name); err == nil || !strings.Contains(err.Error(), "remote error: tls:") {
		t.Errorf("%s: shown %v (%v)", name, shown, err)
	}
}
