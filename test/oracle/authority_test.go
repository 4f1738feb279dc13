package oracle

import (
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"gatepost/test/running"
)

// authority is Let's Encrypt's own test server, in this process. It looks names up at a DNS server of ours
// and proves them over TLS-ALPN (RFC 8737) as the real one does.
type authority struct {
	directory string
	caFile    string         // trusts the server of the directory
	root      *x509.CertPool // trusts the certificates that are issued
	doors     *http.ServeMux
	log       *running.Buffer
}

// issuing is how long the authority takes over a certificate: longer than gatepost lets a client take over
// a handshake (5 s), as real ones do.
const issuing = 6 * time.Second

// newAuthority listens; it issues nothing before open.
func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{doors: http.NewServeMux(), log: &running.Buffer{}, root: x509.NewCertPool()}
	srv := httptest.NewUnstartedServer(a.doors)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	a.directory = srv.URL + wfe.DirectoryPath
	a.caFile = filepath.Join(t.TempDir(), "directory-ca.pem")
	write(t, a.caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	return a
}

// open begins to issue: what the authority connects to as port 443 is port, and the names given are at
// 127.0.0.1. Any other name does not exist.
func (a *authority) open(t *testing.T, port int, names ...string) {
	t.Helper()
	for name, value := range map[string]string{"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_VA_ALWAYS_VALID": "0", "PEBBLE_WFE_NONCEREJECT": "0"} {
		t.Setenv(name, value)
	}
	logger, store := log.New(a.log, "", 0), db.NewMemoryStore()
	issuer := ca.New(logger, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {}})
	prover := va.New(logger, 0, port, true, resolver(t, names), store)
	front := wfe.New(logger, store, prover, issuer, []string{"ca.gatepost.test"}, true, false, 0, 0)
	a.root.AddCert(issuer.GetRootCert(0).Cert)
	a.doors.Handle("/", unhurried(front.Handler()))
}

// orders is how many certificates were asked for.
func (a *authority) orders() int { return strings.Count(a.log.String(), "Added order ") }

// proofs is how many names were proved.
func (a *authority) proofs() int {
	return strings.Count(a.log.String(), " set VALID by completed challenge ")
}

// unhurried takes its time to issue a certificate once the name is proved.
func unhurried(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/finalize-order/") {
			select {
			case <-time.After(issuing):
			case <-r.Context().Done():
			}
		}
		next.ServeHTTP(w, r)
	})
}

// resolver is a DNS server that knows names at 127.0.0.1.
func resolver(t *testing.T, names []string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	zone := dns.NewServeMux()
	for _, name := range names {
		zone.HandleFunc(dns.Fqdn(name), answer)
	}
	srv := &dns.Server{Listener: l, Handler: zone}
	ended := make(chan error, 1)
	go func() { ended <- srv.ActivateAndServe() }()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return l.Addr().String()
}

func answer(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg).SetReply(q)
	if question := q.Question[0]; question.Qtype == dns.TypeA {
		m.Answer = []dns.RR{&dns.A{
			Hdr: dns.RR_Header{Name: question.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.IPv4(127, 0, 0, 1),
		}}
	}
	_ = w.WriteMsg(m)
}
