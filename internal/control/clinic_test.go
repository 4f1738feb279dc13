package control

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

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

// around is what stands between a gatepost and the simulated world.
type around struct {
	google, googleSMTP      string // in place of the world's
	microsoft, exchangeSMTP string
	ahead                   time.Duration // of gatepost's clock
	stranger                bool          // the world's authority is not trusted
	hosts                   map[string]string
	moved                   map[string]string // addresses that are dialled, and where they lead
	doors                   []monitor.Door
}

// clinic is a gatepost in a simulated world, for a doctor to look at.
type clinic struct {
	*withGoogle
	t      *testing.T
	engine *queue.Engine
	at     around
	roots  string // PEM of the world's authority
}

// open makes the world first, so that what is around can name it.
func openClinic(t *testing.T, set func(*sandbox.World, *around)) *clinic {
	t.Helper()
	world, err := sandbox.Start(sandbox.Config{Dir: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { must(t, world.Close()) })
	at := around{google: world.GoogleURL, googleSMTP: world.GmailSMTPAddr, microsoft: world.MicrosoftURL, exchangeSMTP: world.ExchangeSMTPAddr}
	if set != nil {
		set(world, &at)
	}
	pem, err := os.ReadFile(world.CAFile)
	must(t, err)
	k := &clinic{withGoogle: &withGoogle{google: world, now: new(time.Time)}, t: t, at: at, roots: string(pem)}
	k.build(at)
	return k
}

func (k *clinic) build(at around) {
	t := k.t
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(k.roots))
	if at.stranger {
		roots = nil
	}
	dial := at.dialer(t)
	hc := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DialContext: dial}, Timeout: 5 * time.Second}
	t.Cleanup(hc.CloseIdleConnections)
	now := func() time.Time { return time.Now().Add(at.ahead) }
	st := storetest.Open(t, store.Options{Dir: t.TempDir(), Now: now})
	master, _, err := vault.LoadMaster(vault.Source{Dir: t.TempDir(), Random: rand.Reader})
	must(t, err)
	google, office := oauth.At(at.google), entra.At(at.microsoft)
	v := vault.New(st, master, rand.Reader, now, vault.WithGoogle(google, hc), vault.WithMicrosoft(office, hc))
	must(t, v.Start(t.Context()))
	kinds := []provider.Kind{gmail.Kind(), gmail.SMTPKind(), microsoft.Kind(), microsoft.SMTPKind(), smtp.Kind()}
	k.engine = queue.New(queue.Config{
		Store: st, Vault: v, Kinds: kinds, RootCAs: roots, Now: now, Dial: dial,
		BaseURLs:      map[string]string{"gmail": at.google, "gmail_smtp": at.google, "microsoft": at.microsoft, "microsoft_smtp": at.microsoft},
		SMTPAddresses: map[string]string{"gmail_smtp": at.googleSMTP, "microsoft_smtp": at.exchangeSMTP},
	})
	c := New(Config{
		Store: st, Vault: v, Engine: k.engine, Kinds: kinds, Endpoints: google, Entra: office, HTTP: hc, Now: now, RootCAs: roots, Patience: time.Second,
		PublicURL: func() string { return publicURL }, Machine: Machine{Version: "test", Doors: func() []monitor.Door { return at.doors }},
	})
	team, err := c.FirstTeam(t.Context())
	must(t, err)
	k.world = world{c, st, v, access.Grant{Team: team, KeyName: "test", Scopes: []string{access.ScopeAll}}}
}

// dialer reaches the network by a DNS server of its own, which knows some names.
func (at around) dialer(t *testing.T) func(ctx context.Context, network, address string) (net.Conn, error) {
	server := nameServer(t, at.hosts)
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server)
	}}
	d := &net.Dialer{Resolver: resolver, Timeout: 2 * time.Second}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if to := at.moved[address]; to != "" {
			address = to
		}
		return d.DialContext(ctx, network, address)
	}
}

// nameServer answers for the names it knows, and that there is no other (RFC 1035).
func nameServer(t *testing.T, hosts map[string]string) string {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			_, _ = conn.WriteTo(nameAnswer(m, hosts), from)
		}
	}()
	return conn.LocalAddr().String()
}

func nameAnswer(m dnsmessage.Message, hosts map[string]string) []byte {
	q := m.Questions[0]
	m.Response, m.Additionals = true, nil
	ip, known := hosts[strings.TrimSuffix(q.Name.String(), ".")]
	switch {
	case !known:
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: netip.MustParseAddr(ip).As4()},
		}}
	}
	b, _ := m.Pack() // made of what was unpacked
	return b
}

// closed is an address at which nothing listens.
func closed(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// hole is an address that answers no attempt to connect: its queue of connections is
// full, and nobody takes one.
func hole(t *testing.T) string {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	must(t, err)
	t.Cleanup(func() { _ = syscall.Close(fd) })
	must(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, syscall.Listen(fd, 0))
	name, err := syscall.Getsockname(fd)
	must(t, err)
	address := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(name.(*syscall.SockaddrInet4).Port)).String()
	for range 8 {
		c, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the queue of connections is never full")
	return ""
}

// mute takes connections and says nothing.
func mute(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
		}
	}()
	return l.Addr().String()
}

// add connects an account.
func (k *clinic) add(address, transport string, credential email.ID, config string, senders ...string) email.ID {
	k.t.Helper()
	a, err := k.CreateAccount(k.t.Context(), k.grant, NewAccount{Address: address, Transport: transport, Credential: credential, Config: json.RawMessage(config), Senders: senders})
	must(k.t, err)
	return a.ID
}

// keep stores a credential without asking anybody.
func (k *clinic) keep(n NewCredential) (id email.ID) {
	k.t.Helper()
	k.answering(noNetwork, func() {
		made, err := k.CreateCredential(k.t.Context(), k.grant, n)
		must(k.t, err)
		id = made.ID
	})
	return id
}

func (k *clinic) serviceAccount(scopeNames ...string) email.ID {
	key := bytes.ReplaceAll(k.google.ServiceAccountKey(scopeNames...), []byte(k.google.GoogleURL), []byte(k.at.google))
	return k.keep(NewCredential{Kind: KindServiceAccount, Name: "Workspace", Key: key})
}

// workspace is a service account with what it needs, and the account of a user.
func (k *clinic) workspace(address string) email.ID {
	return k.add(address, transportGmail, k.serviceAccount(scopes+"send", scopes+"metadata"), "{}")
}

// relayConfig are the settings of an account at a relay.
func (k *clinic) relayConfig(address, mode, user string) string {
	host, port, err := net.SplitHostPort(address)
	must(k.t, err)
	text, err := json.Marshal(map[string]any{"host": host, "port": json.Number(port), "tls": mode, "user": user, "hello": "shop.acme.example"})
	must(k.t, err)
	return string(text)
}

// relay is an account at the world's relay, or at another address.
func (k *clinic) relay(address, mode string) email.ID {
	user, secret := k.google.SMTPLogin()
	return k.add("shop@acme.example", "smtp", k.keep(password(secret)), k.relayConfig(address, mode, user))
}

// app registers an app at the simulated Microsoft, and stores it.
func (k *clinic) app(o sandbox.AppOptions) (sandbox.App, email.ID) {
	app, err := k.google.AddApp(o)
	must(k.t, err)
	return app, k.keep(microsoftApp(app))
}

// smtpApp is one whose service principal Exchange knows by an object id.
func (k *clinic) smtpApp(object func(sandbox.App) string, mailboxes ...string) (sandbox.App, email.ID) {
	app, id := k.app(sandbox.AppOptions{Roles: []string{"SMTP.SendAsApp"}})
	must(k.t, k.google.AddServicePrincipal("", app.ClientID, object(app)))
	for _, m := range mailboxes {
		must(k.t, k.google.AddMailboxPermission(m, object(app)))
	}
	return app, id
}

func principal(a sandbox.App) string { return a.PrincipalID }

// consented is a mailbox whose user agreed.
func (k *clinic) consented(n NewConsent, d sandbox.Decision) Connected {
	id, r := k.consent(k.t, n, d)
	made, err := k.FinishConsent(k.t.Context(), k.grant, id, r)
	must(k.t, err)
	return made
}

// fault makes the world misbehave.
func (k *clinic) fault(rule string) {
	k.t.Helper()
	resp, err := http.Post(k.google.ControlURL+"/control/faults", "application/json", strings.NewReader(rule))
	must(k.t, err)
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		k.t.Fatalf("the fault %s: %s", rule, resp.Status)
	}
}

// send submits messages and runs the engine until something is so.
func (k *clinic) send(s queue.Submission, n int, until func() bool) {
	k.t.Helper()
	ctx, stop := context.WithCancel(k.t.Context())
	ended := make(chan error, 1)
	must(k.t, k.engine.Enter(ctx))
	go func() { ended <- k.engine.Run(ctx) }()
	for range n {
		_, err := k.engine.Submit(ctx, k.grant, s)
		must(k.t, err)
	}
	for deadline := time.Now().Add(15 * time.Second); !until(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			k.t.Error("what was waited for did not come")
			break
		}
	}
	stop()
	<-ended
}

func to(address string) []email.Address {
	a, _ := email.ParseAddress(address)
	return []email.Address{a}
}
