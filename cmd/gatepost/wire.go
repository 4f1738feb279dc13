package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/api"
	"gatepost/internal/control"
	"gatepost/internal/monitor"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
	"gatepost/internal/provider"
	"gatepost/internal/provider/gmail"
	"gatepost/internal/provider/microsoft"
	"gatepost/internal/provider/smtp"
	"gatepost/internal/queue"
	"gatepost/internal/store"
	"gatepost/internal/vault"
	"gatepost/internal/web"
)

// kinds are the ways to send that this program has.
func kinds() []provider.Kind {
	return []provider.Kind{gmail.Kind(), gmail.SMTPKind(), microsoft.Kind(), microsoft.SMTPKind(), smtp.Kind()}
}

// server is all parts of a running gatepost.
type server struct {
	settings    *settings
	dir         string
	log         *slog.Logger
	lock        *store.FolderLock
	store       *store.Store
	vault       *vault.Vault
	keys        *access.Keys
	engine      *queue.Engine
	watch       *monitor.Watch
	control     *control.Control
	traces      *control.Traces
	smtp        *smtpDoor // nil: none
	listener    net.Listener
	http        *http.Server
	calls       *http.Client // to providers' endpoints for tokens
	roots       *x509.CertPool
	stopTimeout time.Duration
	memory      int64 // how many bytes it may have; 0: as many as there are
}

// open builds the parts bottom up. Nothing sends or listens before run, but for
// the port, which is taken so that a mistake shows at once.
func open(ctx context.Context, s *settings, log *slog.Logger) (*server, error) {
	srv := &server{settings: s, log: log, stopTimeout: s.stopTimeout, memory: keepToMemory()}
	if err := srv.build(ctx, s); err != nil {
		srv.close()
		return nil, err
	}
	return srv, nil
}

func (srv *server) build(ctx context.Context, s *settings) (err error) {
	if err := errors.Join(s.checkDoor(), s.checkSMTP(), s.checkData()); err != nil {
		return usageError{err}
	}
	if srv.roots, err = s.authorities(); err != nil {
		return err
	}
	if srv.dir, err = s.folder(); err != nil {
		return err
	}
	tlsConfig, err := s.doorTLS(srv.dir, srv.roots, srv.log)
	if err != nil {
		return err
	}
	if err := srv.openStore(ctx, s); err != nil {
		return err
	}
	if err := srv.openEngine(ctx, s); err != nil {
		return err
	}
	if srv.listener, err = listen(s); err != nil {
		return err
	}
	if err := srv.openSMTP(ctx, s, tlsConfig); err != nil {
		return err
	}
	srv.http = srv.httpServer()
	if srv.http.TLSConfig = tlsConfig; tlsConfig != nil {
		srv.http.Handler = onlyTLS(srv.http.Handler)
	}
	return nil
}

// openStore compares the master key with the data folder before it opens any
// database: a wrong key changes nothing.
func (srv *server) openStore(ctx context.Context, s *settings) (err error) {
	if srv.lock, err = store.LockFolder(srv.dir); err != nil {
		return err
	}
	if err := s.beforeNewKey(ctx); err != nil {
		return err
	}
	master, created, err := vault.LoadMaster(vault.Source{Value: s.masterKey, File: s.masterKeyFile, Dir: srv.dir, Random: rand.Reader})
	if err != nil {
		return usageError{err}
	}
	if created {
		srv.log.Warn("a master key was made: keep a copy in a safe place; without it nothing in the data folder can be read",
			"key_id", master.ID(), "folder", srv.dir)
	}
	if err := vault.CheckFolder(srv.dir, master); err != nil {
		return usageError{err}
	}
	srv.store, err = store.Open(ctx, storeOptions(s, srv.dir, srv.log))
	if err != nil {
		return s.withoutDatabase(err)
	}
	srv.calls = &http.Client{Timeout: 30 * time.Second, Transport: tokenTransport(srv.roots)}
	srv.vault = vault.New(srv.store, master, rand.Reader, time.Now,
		vault.WithGoogle(oauth.At(s.googleURL), srv.calls), vault.WithGoogleKeyless(srv.keyless(s)), vault.WithMicrosoft(entra.At(s.microsoftURL), srv.calls))
	return srv.vault.Start(ctx)
}

// keyless is where tokens without a key come from.
func (srv *server) keyless(s *settings) vault.Keyless {
	return vault.Keyless{At: oauth.KeylessAt(s.googleURL, s.metadataURL), May: s.googleKeyless, HTTP: srv.calls}
}

func (srv *server) openEngine(ctx context.Context, s *settings) error {
	node, err := store.NodeID(srv.dir, rand.Reader)
	if err != nil {
		return err
	}
	cfg := queue.Config{
		Store: srv.store, Vault: srv.vault, Kinds: kinds(), Node: node, Log: srv.log, RootCAs: srv.roots,
		Looks: s.looks, SendTimeout: s.sendTimeout, BaseURLs: s.baseURLs(), SMTPAddresses: s.smtpAddresses(),
	}
	withFaults(&cfg)
	srv.engine = queue.New(cfg)
	srv.keys = access.NewKeys(srv.store, time.Now)
	srv.traces = control.NewTraces(time.Now)
	srv.watch, err = monitor.NewWatch(monitor.WatchConfig{Store: srv.store, Vault: srv.vault, Refused: srv.engine.CredentialRefused, Log: srv.log})
	if err != nil {
		return err
	}
	srv.control = control.New(control.Config{
		Traces: srv.traces, Watch: srv.watch, RootCAs: srv.roots, Machine: control.Machine{Version: version(), Folder: srv.dir, Doors: srv.ownDoors},
		Store: srv.store, Vault: srv.vault, Engine: srv.engine, Kinds: kinds(), Endpoints: oauth.At(s.googleURL), Entra: entra.At(s.microsoftURL), HTTP: srv.calls,
		Keyless:   srv.keyless(s),
		PublicURL: srv.publicURL, Keys: srv.keys, Log: srv.log, Now: time.Now, Random: rand.Reader,
	})
	return srv.engine.Enter(ctx)
}

// baseURLs are where simulated providers are, by transport; empty is the real one.
func (s *settings) baseURLs() map[string]string {
	return map[string]string{
		"gmail": s.googleURL, "gmail_smtp": s.googleURL, "microsoft": s.microsoftURL, "microsoft_smtp": s.microsoftURL,
	}
}

// smtpAddresses are the same for their SMTP servers.
func (s *settings) smtpAddresses() map[string]string {
	return map[string]string{"gmail_smtp": s.googleSMTP, "microsoft_smtp": s.microsoftSMTP}
}

func listen(s *settings) (net.Listener, error) {
	l, err := net.Listen("tcp", s.listen)
	if err != nil {
		return nil, usagef("%s %s: %w: is another program using the port? choose another one", s.name("listen"), s.listen, err)
	}
	return l, nil
}

// apiURL is where the API is, as seen from this machine.
func (srv *server) apiURL() string { return srv.scheme() + srv.listener.Addr().String() }

func (srv *server) scheme() string {
	if srv.settings.tls() {
		return "https://"
	}
	return "http://"
}

// publicURL is where browsers reach gatepost.
func (srv *server) publicURL() string {
	if srv.settings.publicURL != "" {
		return srv.settings.publicURL
	}
	host, port, err := net.SplitHostPort(srv.listener.Addr().String())
	if err != nil {
		return srv.apiURL()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host, _ = os.Hostname()
	}
	if len(srv.settings.acmeDomains) > 0 {
		return "https://" + srv.settings.acmeDomains[0] // the authority reaches port 443, so do browsers
	}
	if srv.settings.tls() && port == "443" {
		return "https://" + host
	}
	return srv.scheme() + net.JoinHostPort(host, port)
}

// Limits of a connection (slow clients, large headers).
const (
	headerTimeout = 5 * time.Second
	bodyTimeout   = 2 * time.Minute
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10
)

func (srv *server) httpServer() *http.Server {
	return &http.Server{
		Handler:           srv.doors(),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, WriteTimeout: bodyTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(srv.log.Handler(), slog.LevelDebug),
	}
}

// doors are the API and, below /connect/, the pages for people who give consent.
func (srv *server) doors() http.Handler {
	machines := api.New(api.Config{
		Engine: srv.engine, Control: srv.control, Keys: srv.keys, Log: srv.log, Version: version(), Fault: doorFault(),
		Memory: srv.memory,
	})
	people := web.New(web.Config{Control: srv.control, Log: srv.log, PublicURL: srv.publicURL})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/connect/") {
			people.ServeHTTP(w, r)
			return
		}
		machines.ServeHTTP(w, r)
	})
}
