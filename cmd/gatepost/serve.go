package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"gatepost/internal/access"
	"gatepost/internal/api"
	"gatepost/internal/control"
	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/provider"
	"gatepost/internal/provider/gmail"
	"gatepost/internal/provider/smtp"
	"gatepost/internal/queue"
	"gatepost/internal/store"
	"gatepost/internal/vault"
)

func serveCommand(env environment) *cobra.Command {
	s := &settings{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server: the HTTP API and the queue",
		Long: `Run the server: the HTTP API and the queue.

Every flag can also be given in the environment: --listen as GATEPOST_LISTEN and
so on. The master key may stand in GATEPOST_MASTER_KEY (base64 of 32 bytes), the
database URL in the file that GATEPOST_DATABASE_FILE names.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(s.fromEnvironment(cmd, env), s.check()); err != nil {
				return err
			}
			return serve(cmd.Context(), s, env)
		},
	}
	s.serveFlags(cmd.Flags())
	return cmd
}

func serve(ctx context.Context, s *settings, env environment) error {
	level, err := s.level()
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(env.stderr, &slog.HandlerOptions{Level: level}))
	srv, err := open(ctx, s, log)
	if err != nil {
		return err
	}
	defer srv.close()
	srv.firstKey(ctx, s)
	return srv.run(ctx)
}

// kinds are the ways to send that this program has.
func kinds() []provider.Kind { return []provider.Kind{gmail.Kind(), smtp.Kind()} }

// server is all parts of a running gatepost.
type server struct {
	log         *slog.Logger
	lock        *store.FolderLock
	store       *store.Store
	vault       *vault.Vault
	engine      *queue.Engine
	control     *control.Control
	listener    net.Listener
	http        *http.Server
	roots       *x509.CertPool
	stopTimeout time.Duration
}

// open builds the parts bottom up. Nothing sends or listens before run, but for
// the port, which is taken so that a mistake shows at once.
func open(ctx context.Context, s *settings, log *slog.Logger) (*server, error) {
	srv := &server{log: log, stopTimeout: s.stopTimeout}
	if err := srv.build(ctx, s); err != nil {
		srv.close()
		return nil, err
	}
	return srv, nil
}

func (srv *server) build(ctx context.Context, s *settings) (err error) {
	if srv.roots, err = authorities(s.caFile); err != nil {
		return err
	}
	if err := srv.openStore(ctx, s); err != nil {
		return err
	}
	if err := srv.openEngine(ctx, s); err != nil {
		return err
	}
	if srv.listener, err = listen(s.listen); err != nil {
		return err
	}
	srv.http = srv.httpServer()
	return nil
}

// openStore compares the master key with the data folder before it opens any
// database: a wrong key changes nothing.
func (srv *server) openStore(ctx context.Context, s *settings) error {
	dir, err := s.folder()
	if err != nil {
		return err
	}
	if srv.lock, err = store.LockFolder(dir); err != nil {
		return err
	}
	master, created, err := vault.LoadMaster(vault.Source{Value: s.secretOf(), File: s.masterKeyFile, Dir: dir, Random: rand.Reader})
	if err != nil {
		return usageError{err}
	}
	if created {
		srv.log.Warn("a master key was made: keep a copy in a safe place; without it nothing in the data folder can be read",
			"key_id", master.ID(), "folder", dir)
	}
	if err := vault.CheckFolder(dir, master); err != nil {
		return usageError{err}
	}
	srv.store, err = store.Open(ctx, storeOptions(s, dir, srv.log))
	if err != nil {
		return err
	}
	srv.vault = vault.New(srv.store, master, rand.Reader, time.Now, vault.WithTokens(srv.fetchTokens(s.tokenURL()), passing))
	return srv.vault.Start(ctx)
}

// fetchTokens gets access tokens from Google, or from where a simulated one is.
func (srv *server) fetchTokens(tokenURL string) vault.Fetch {
	client := &http.Client{Timeout: 30 * time.Second, Transport: tokenTransport(srv.roots)}
	return func(ctx context.Context, _ store.Credential, secret email.Secret, subject string, scopes []string) (email.Secret, time.Time, error) {
		account, err := oauth.ParseServiceAccount([]byte(secret.Reveal()), tokenURL)
		if err != nil {
			return email.Secret{}, time.Time{}, err
		}
		t, err := account.Token(ctx, client, subject, scopes, time.Now())
		return t.Access, t.Expires, err
	}
}

// tokenURL is the token endpoint of a simulated Google; empty means Google's own.
func (s *settings) tokenURL() string {
	if s.googleURL == "" {
		return ""
	}
	return s.googleURL + "/token"
}

// passing tells errors of the road from refusals of the credential.
func passing(err error) bool {
	var p *provider.Error
	return errors.As(err, &p) && (p.Class == provider.Retry || p.Class == provider.Park)
}

func (srv *server) openEngine(ctx context.Context, s *settings) error {
	dir, err := s.folder()
	if err != nil {
		return err
	}
	node, err := store.NodeID(dir, rand.Reader)
	if err != nil {
		return err
	}
	cfg := queue.Config{
		Store: srv.store, Vault: srv.vault, Kinds: kinds(), Node: node, Log: srv.log, RootCAs: srv.roots,
		Looks: s.looks, SendTimeout: s.sendTimeout,
	}
	if s.googleURL != "" {
		cfg.BaseURLs = map[string]string{"gmail": s.googleURL}
	}
	withFaults(&cfg)
	srv.engine = queue.New(cfg)
	srv.control = control.New(control.Config{
		Store: srv.store, Vault: srv.vault, Engine: srv.engine, Kinds: kinds(), TokenURL: s.tokenURL(), Now: time.Now, Random: rand.Reader,
	})
	if err := srv.engine.Alone(ctx); err != nil {
		return err
	}
	return srv.engine.Enter(ctx)
}

func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, usageError{fmt.Errorf("--listen %s: %w: is another program using the port? choose another one", address, err)}
	}
	return l, nil
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
		Handler: api.New(api.Config{
			Engine: srv.engine, Control: srv.control, Keys: access.NewKeys(srv.store, time.Now), Log: srv.log, Version: version(), Fault: apiFault(),
		}),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, WriteTimeout: bodyTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(srv.log.Handler(), slog.LevelDebug),
	}
}

// firstKey tells how to make a key where there is none yet.
func (srv *server) firstKey(ctx context.Context, s *settings) {
	if n, err := srv.store.APIKeyCount(ctx); err == nil && n == 0 {
		srv.log.Warn("there is no API key yet; make one with: gatepost keys create --data " + s.data + " --name NAME")
	}
}

// run serves until ctx ends. Doors stop first, then the engine, then (close) the
// store.
func (srv *server) run(ctx context.Context) error {
	engine, stopEngine := context.WithCancel(context.Background())
	defer stopEngine()
	failed := make(chan error, 2)
	stopped := make(chan error, 1)
	go func() {
		err := srv.engine.Run(engine)
		stopped <- err
		failed <- err
	}()
	go func() { failed <- srv.http.Serve(srv.listener) }()
	srv.log.Info("gatepost is ready", "api", "http://"+srv.listener.Addr().String(), "database", srv.store.Engine())
	var err error
	select {
	case <-ctx.Done():
		srv.log.Info("stopping: nothing new is taken; what is being sent is let finish")
	case err = <-failed:
	}
	return errors.Join(err, srv.stop(stopEngine, stopped))
}

// requestsTime is how long a stop waits for HTTP requests. Sends have all of the
// stop time after that: a slow client must not cost their outcomes.
const requestsTime = 5 * time.Second

func (srv *server) stop(stopEngine func(), stopped <-chan error) error {
	requests, cancel := context.WithTimeout(context.Background(), min(requestsTime, srv.stopTimeout))
	defer cancel()
	if err := srv.http.Shutdown(requests); err != nil {
		srv.log.Warn("some HTTP requests were cut", "err", err)
		_ = srv.http.Close()
	}
	stopEngine()
	select {
	case err := <-stopped:
		return err
	case <-time.After(srv.stopTimeout):
		srv.log.Warn("sends are still under way at the end of the stop time; their outcome will be looked for at the next start")
		return nil
	}
}

// close closes what was opened.
func (srv *server) close() {
	if srv.listener != nil {
		_ = srv.listener.Close()
	}
	if srv.store != nil {
		if err := srv.store.Close(); err != nil {
			srv.log.Error("the database could not be closed", "err", err)
		}
	}
	if srv.lock != nil {
		_ = srv.lock.Unlock()
	}
}
