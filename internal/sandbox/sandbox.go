// Package sandbox is the world outside gatepost, in small: a Google that mints
// tokens and takes mail through the Gmail API, a Microsoft with Entra ID, Graph and
// Exchange's SMTP server, and an SMTP relay, all over real TLS sockets, able to
// misbehave on purpose. It keeps a ledger of all it took, by which loss and
// duplicates are judged without asking gatepost, and shows the mail on a page.
//
// It is for trying gatepost out and for tests. It is not for the internet: it
// accepts any recipient, keeps mail in memory, forgets it when it ends, and
// never sends anything on.
package sandbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Config says where a world listens and keeps its files.
type Config struct {
	// Dir is an existing folder, for ca.pem and ledger.jsonl.
	Dir string
	// Google, SMTP, SMTPS and Control are listen addresses; empty means a free
	// port of 127.0.0.1.
	Google, SMTP, SMTPS, Control string
	// GmailSMTP and GmailSMTPS are those of the simulated smtp.gmail.com, and
	// RelayOpen that of smtp-relay.gmail.com.
	GmailSMTP, GmailSMTPS, RelayOpen string
	// Microsoft is that of the simulated Entra ID and Microsoft Graph, ExchangeSMTP
	// that of smtp.office365.com, and Metadata that of Google's metadata server.
	Microsoft, ExchangeSMTP, Metadata string
	// Log gets one line for each outcome; nil discards them.
	Log *slog.Logger
	// SentDelay is how long a message takes to show up in the sender's Sent mail.
	SentDelay time.Duration
	// Now is the clock for tokens and dates; nil means the real one.
	Now func() time.Time
	// KeepBytes is how much mail is kept; the oldest goes first. Zero means
	// 512 MiB. The ledger always has a line for all of it.
	KeepBytes int64
}

// World is a running simulated world. Its fields do not change.
type World struct {
	// GoogleURL is https://127.0.0.1:PORT: the authorization endpoint is at
	// /o/oauth2/v2/auth, the token endpoint at /token, the Gmail API at
	// /gmail/v1/… and /upload/gmail/v1/….
	GoogleURL string
	// GmailSMTPAddr and GmailSMTPSAddr are smtp.gmail.com with STARTTLS and with
	// TLS from the first byte: XOAUTH2 and OAUTHBEARER.
	GmailSMTPAddr, GmailSMTPSAddr string
	// RelayOpenAddr is smtp-relay.gmail.com: STARTTLS, and no login, because this
	// machine's address is on the list.
	RelayOpenAddr string
	// MicrosoftURL is https://127.0.0.1:PORT: Entra ID is at /{tenant}/oauth2/v2.0/…,
	// Microsoft Graph at /v1.0/….
	MicrosoftURL string
	// ExchangeSMTPAddr is smtp.office365.com: STARTTLS and XOAUTH2.
	ExchangeSMTPAddr string
	// STSURL is the token endpoint of Google's Security Token Service, and
	// IAMCredentialsURL the base of its IAM Credentials API
	// (/v1/projects/-/serviceAccounts/…); both are of GoogleURL.
	STSURL, IAMCredentialsURL string
	// MetadataURL is http://127.0.0.1:PORT, Google's metadata server:
	// /computeMetadata/v1/….
	MetadataURL string
	// SMTPAddr takes STARTTLS, and AUTH PLAIN after it.
	SMTPAddr string
	// SMTPSAddr speaks TLS from the first byte.
	SMTPSAddr string
	// ControlURL is http://127.0.0.1:PORT: faults, ledger, pages and their JSON.
	ControlURL string
	// MailboxURL is the page of all mailboxes; MailboxURL/ADDRESS shows one.
	MailboxURL string
	// LedgerURL and LedgerFile are the ledger: a JSON line for each message,
	// appended with one write before the client gets its answer.
	LedgerURL, LedgerFile string
	// CAFile is the PEM of the authority made at start. The servers' certificate
	// is for 127.0.0.1 and localhost.
	CAFile string

	servers *tls.Config
	post    *office
	faults  *faults
	google  *google
	relay   *relay
	control *control

	microsoft *microsoft
	keyless   *keyless

	stop    context.CancelFunc
	serving sync.WaitGroup
	closers []func() error
}

const defaultKeep = 512 << 20

// Start makes a world. Everything listens when it returns.
func Start(cfg Config) (*World, error) {
	cfg = cfg.withDefaults()
	w := &World{
		CAFile:     filepath.Join(cfg.Dir, "ca.pem"),
		LedgerFile: filepath.Join(cfg.Dir, "ledger.jsonl"),
	}
	if err := w.start(cfg); err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("start the sandbox: %w", err)
	}
	return w, nil
}

func (c Config) withDefaults() Config {
	for _, a := range []*string{&c.Google, &c.SMTP, &c.SMTPS, &c.Control, &c.GmailSMTP, &c.GmailSMTPS, &c.RelayOpen, &c.Microsoft, &c.ExchangeSMTP, &c.Metadata} {
		if *a == "" {
			*a = "127.0.0.1:0"
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.KeepBytes <= 0 {
		c.KeepBytes = defaultKeep
	}
	return c
}

func (w *World) start(cfg Config) error {
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	tlsConfig, err := makeAuthority(w.CAFile, cfg.Now())
	if err != nil {
		return err
	}
	led, err := openLedger(w.LedgerFile)
	if err != nil {
		return err
	}
	w.closers = append(w.closers, led.Close)
	w.post = &office{ledger: led, store: newStore(cfg.KeepBytes), now: cfg.Now, log: cfg.Log}
	w.faults = newFaults()

	sockets, err := w.listen(cfg)
	if err != nil {
		return err
	}
	w.name(sockets)
	w.google = newGoogle(ctx, w.GoogleURL, cfg, w.post, w.faults)
	w.keyless = w.google.keyless
	w.microsoft = newMicrosoft(ctx, w.MicrosoftURL, cfg, w.google)
	w.servers = tlsConfig
	w.relay = newRelay(ctx, tlsConfig, w.post, w.faults)
	w.control = newControl(w.post, w.faults, w.google, w.microsoft)
	w.serve(sockets, tlsConfig)
	w.serveDoors(sockets,
		newDoor(ctx, w.google, tlsConfig, nameSubmission), newDoor(ctx, w.google, tlsConfig, nameRelay))
	w.serveMicrosoft(sockets, tlsConfig, newExchangeDoor(ctx, w.microsoft, tlsConfig))
	return nil
}

// Close ends the world: what hangs is cut, and nothing listens any more.
func (w *World) Close() error {
	w.stop()
	var errs []error
	for i := len(w.closers) - 1; i >= 0; i-- {
		errs = append(errs, w.closers[i]())
	}
	w.closers = nil
	w.serving.Wait()
	return errors.Join(errs...)
}

// ServiceAccountKey makes a service account whose domain-wide delegation covers
// exactly these scopes for the users of acme.example, and returns its key file.
func (w *World) ServiceAccountKey(scopes ...string) []byte { return w.google.newAccount(scopes) }

// OAuthClient makes an OAuth client, "web" or "installed", and returns its client
// file. A web client's redirect URIs are matched exactly.
func (w *World) OAuthClient(kind string, redirects ...string) []byte {
	return w.google.newClient(ClientOptions{Type: kind, RedirectURIs: redirects})
}

// OAuthClientWith makes an OAuth client that is Internal or in Testing.
func (w *World) OAuthClientWith(o ClientOptions) []byte { return w.google.newClient(o) }

// SMTPLogin is a login that the relay accepts.
func (w *World) SMTPLogin() (user, password string) { return w.relay.user, w.relay.password }

// sockets are what a world listens on.
type sockets struct {
	google, smtp, smtps, control     net.Listener
	gmailSMTP, gmailSMTPS, relayOpen net.Listener

	microsoft, exchange, metadata net.Listener
}

func (w *World) listen(cfg Config) (sockets, error) {
	var s sockets
	for _, one := range []struct {
		setting, address string
		into             *net.Listener
	}{
		{"Google", cfg.Google, &s.google},
		{"SMTP", cfg.SMTP, &s.smtp},
		{"SMTPS", cfg.SMTPS, &s.smtps},
		{"control", cfg.Control, &s.control},
		{"smtp.gmail.com", cfg.GmailSMTP, &s.gmailSMTP},
		{"smtp.gmail.com over TLS", cfg.GmailSMTPS, &s.gmailSMTPS},
		{"smtp-relay.gmail.com", cfg.RelayOpen, &s.relayOpen},
		{"Microsoft", cfg.Microsoft, &s.microsoft},
		{"smtp.office365.com", cfg.ExchangeSMTP, &s.exchange},
		{"the metadata server", cfg.Metadata, &s.metadata},
	} {
		l, err := net.Listen("tcp", one.address)
		if err != nil {
			return s, fmt.Errorf("listen for %s: %w; choose another address or end what uses it", one.setting, err)
		}
		w.closers = append(w.closers, func() error { return ignoreClosed(l.Close()) })
		*one.into = l
	}
	return s, nil
}

// name fills in the addresses by which clients reach the sockets.
func (w *World) name(s sockets) {
	w.GoogleURL = "https://" + reachable(s.google)
	w.SMTPAddr = reachable(s.smtp)
	w.SMTPSAddr = reachable(s.smtps)
	w.GmailSMTPAddr = reachable(s.gmailSMTP)
	w.GmailSMTPSAddr = reachable(s.gmailSMTPS)
	w.RelayOpenAddr = reachable(s.relayOpen)
	w.MicrosoftURL = "https://" + reachable(s.microsoft)
	w.ExchangeSMTPAddr = reachable(s.exchange)
	w.MetadataURL = "http://" + reachable(s.metadata)
	w.STSURL, w.IAMCredentialsURL = w.GoogleURL+"/v1/token", w.GoogleURL
	w.ControlURL = "http://" + reachable(s.control)
	w.MailboxURL = w.ControlURL + "/mailbox"
	w.LedgerURL = w.ControlURL + "/ledger"
}

// reachable is a listener's address with a host that a client can dial and that
// the certificate is for.
func reachable(l net.Listener) string {
	a := l.Addr().(*net.TCPAddr)
	if a.IP.IsUnspecified() {
		a = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: a.Port}
	}
	return a.String()
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
