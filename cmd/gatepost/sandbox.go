package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/email"
	"gatepost/internal/sandbox"
)

// sandboxSettings are those of a server, and where the simulated world listens.
type sandboxSettings struct {
	settings
	worldOnly   bool
	asJSON      bool
	google      string
	smtp, smtps string
	mailbox     string
	sentDelay   time.Duration
}

func (s *sandboxSettings) flags(f *pflag.FlagSet) {
	f.StringVar(&s.data, "data", "", "folder to keep; empty: a temporary one")
	s.engineFlags(f)
	f.BoolVar(&s.worldOnly, "world", false, "run the simulated world alone; point a server at it with --google-url and --ca-file")
	f.BoolVar(&s.asJSON, "json", false, "print one JSON object first; ports not given are free ones")
	f.StringVar(&s.google, "google", "127.0.0.1:7027", "address of the simulated Google")
	f.StringVar(&s.smtp, "smtp", "127.0.0.1:7028", "address of the simulated relay (STARTTLS)")
	f.StringVar(&s.smtps, "smtps", "127.0.0.1:7029", "address of the simulated relay (implicit TLS)")
	f.StringVar(&s.mailbox, "mailbox", "127.0.0.1:7026", "address of the mailbox page and the control endpoints")
	f.DurationVar(&s.sentDelay, "sent-delay", 0, "how long a message takes to show up in Sent")
}

func sandboxCommand(env environment) *cobra.Command {
	s := &sandboxSettings{}
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Try gatepost: a server with a simulated Google and a simulated relay",
		Long: `Try gatepost: a server with a simulated Google and a simulated SMTP relay on this
machine. Real protocols, real TLS, no mail leaves. It starts with an account at
each, an API key, and a page that shows what arrived.

Without --data everything is in a temporary folder that is removed at the end.
The environment is not read: a sandbox must not touch a real database.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.freePorts(cmd.Flags())
			if err := s.check(); err != nil {
				return err
			}
			return s.run(cmd, env)
		},
	}
	s.flags(cmd.Flags())
	return cmd
}

// freePorts is for programs that start a sandbox: with --json what is not given
// is free.
func (s *sandboxSettings) freePorts(f *pflag.FlagSet) {
	if !s.asJSON {
		return
	}
	for name, address := range map[string]*string{"listen": &s.listen, "google": &s.google, "smtp": &s.smtp, "smtps": &s.smtps, "mailbox": &s.mailbox} {
		if !f.Changed(name) {
			*address = "127.0.0.1:0"
		}
	}
}

func (s *sandboxSettings) run(cmd *cobra.Command, env environment) error {
	if s.data == "" {
		dir, err := os.MkdirTemp("", "gatepost-sandbox-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		s.data = dir
	}
	world, err := s.startWorld(env)
	if err != nil {
		return err
	}
	defer world.Close() //nolint:errcheck // it keeps nothing that could be lost
	if s.worldOnly {
		return s.worldAlone(cmd.Context(), env, world)
	}
	return s.whole(cmd.Context(), env, world)
}

func (s *sandboxSettings) startWorld(env environment) (*sandbox.World, error) {
	dir, err := s.folder()
	if err != nil {
		return nil, err
	}
	dir = filepath.Join(dir, "world")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	world, err := sandbox.Start(sandbox.Config{
		Dir: dir, Google: s.google, SMTP: s.smtp, SMTPS: s.smtps, Control: s.mailbox, SentDelay: s.sentDelay,
		Log: slog.New(slog.NewTextHandler(env.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	var taken *net.OpError
	if errors.As(err, &taken) {
		return nil, usageError{fmt.Errorf("start the simulated world: %w: is another sandbox running? choose other ports by --google, --smtp, --smtps, --mailbox", err)}
	}
	return world, err
}

// lookScopes let a service account send and look in Sent.
var lookScopes = []string{"https://www.googleapis.com/auth/gmail.send", "https://www.googleapis.com/auth/gmail.metadata"}

// worldAlone tells where the world is and waits.
func (s *sandboxSettings) worldAlone(ctx context.Context, env environment, w *sandbox.World) error {
	keyFile := filepath.Join(filepath.Dir(w.CAFile), "service-account.json")
	if err := os.WriteFile(keyFile, w.ServiceAccountKey(lookScopes...), 0o600); err != nil {
		return err
	}
	user, password := w.SMTPLogin()
	facts := [][2]string{
		{"google_url", w.GoogleURL},
		{"smtp_addr", w.SMTPAddr},
		{"smtps_addr", w.SMTPSAddr},
		{"smtp_user", user},
		{"smtp_password", password},
		{"mailbox_url", w.MailboxURL},
		{"control_url", w.ControlURL},
		{"ledger_url", w.LedgerURL},
		{"ledger_file", w.LedgerFile},
		{"ca_file", w.CAFile},
		{"service_account_file", keyFile},
	}
	if s.asJSON {
		object := map[string]string{}
		for _, f := range facts {
			object[f[0]] = f[1]
		}
		if err := json.NewEncoder(env.stdout).Encode(object); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(env.stdout, "The simulated world is running. All of it is on this machine; nothing leaves.")
		for _, f := range facts {
			fmt.Fprintf(env.stdout, "  %-21s %s\n", f[0], f[1])
		}
		fmt.Fprintf(env.stdout, "\nPoint a server at it:\n\n  gatepost serve --google-url %s --ca-file %s\n", w.GoogleURL, w.CAFile)
	}
	<-ctx.Done()
	return nil
}

// sandboxAccount is an account as the sandbox tells of it.
type sandboxAccount struct {
	ID        email.ID `json:"id"`
	Address   string   `json:"address"`
	Transport string   `json:"transport"`
}

// sandboxFacts is what a program needs to use a sandbox. What is not there yet is
// empty.
type sandboxFacts struct {
	APIURL     string           `json:"api_url"`
	APIKey     string           `json:"api_key"`
	ConsoleURL string           `json:"console_url"`
	SMTPAddr   string           `json:"smtp_addr"`
	Accounts   []sandboxAccount `json:"accounts"`
	MailboxURL string           `json:"mailbox_url"`
	ControlURL string           `json:"control_url"`
	LedgerURL  string           `json:"ledger_url"`
	CAFile     string           `json:"ca_file"`
}

// whole runs a server in the world.
func (s *sandboxSettings) whole(ctx context.Context, env environment, w *sandbox.World) error {
	s.googleURL, s.caFile = w.GoogleURL, w.CAFile
	level, err := s.level()
	if err != nil {
		return err
	}
	if !s.asJSON && level == slog.LevelInfo {
		level = slog.LevelError // a newcomer reads the lines below, not the log
	}
	srv, err := open(ctx, &s.settings, slog.New(slog.NewTextHandler(env.stderr, &slog.HandlerOptions{Level: level})))
	if err != nil {
		return err
	}
	defer srv.close()
	facts, err := furnish(ctx, srv, w)
	if err != nil {
		return err
	}
	if s.asJSON {
		err = json.NewEncoder(env.stdout).Encode(facts)
	} else {
		err = welcome(env.stdout, facts)
	}
	return errors.Join(err, srv.run(ctx))
}

// furnish makes a key and an account of each kind, or renews their secrets where
// they are left from an earlier run.
func furnish(ctx context.Context, srv *server, w *sandbox.World) (*sandboxFacts, error) {
	team, err := srv.control.FirstTeam(ctx)
	if err != nil {
		return nil, err
	}
	key, _, err := srv.control.CreateKey(ctx, team, "sandbox", []string{access.ScopeAll})
	if err != nil {
		return nil, err
	}
	f := &sandboxFacts{
		APIURL: "http://" + srv.listener.Addr().String(), APIKey: key.Reveal(),
		MailboxURL: w.MailboxURL, ControlURL: w.ControlURL, LedgerURL: w.LedgerURL, CAFile: w.CAFile,
	}
	grant := access.Grant{Team: team, Scopes: []string{access.ScopeAll}}
	for _, a := range accountsOf(w) {
		id, err := a.connect(ctx, srv.control, grant)
		if err != nil {
			return nil, fmt.Errorf("connect %s: %w", a.account.Address, err)
		}
		f.Accounts = append(f.Accounts, sandboxAccount{id, a.account.Address, a.account.Transport})
	}
	return f, nil
}

// furniture is an account of the sandbox with its credential.
type furniture struct {
	credential control.NewCredential
	account    control.NewAccount
}

func accountsOf(w *sandbox.World) []furniture {
	host, port, _ := net.SplitHostPort(w.SMTPAddr)
	user, password := w.SMTPLogin()
	relay := fmt.Sprintf(`{"host":%q,"port":%s,"tls":"starttls","ca_file":%q,"user":%q}`, host, port, w.CAFile, user)
	return []furniture{{
		control.NewCredential{Kind: "google_service_account", Name: "simulated Google", Key: w.ServiceAccountKey(lookScopes...)},
		control.NewAccount{Address: "ada@" + sandbox.Domain, Transport: "gmail", Config: json.RawMessage(`{}`)},
	}, {
		control.NewCredential{Kind: "smtp_password", Name: "simulated relay", Password: email.NewSecret(password)},
		control.NewAccount{Address: "billing@" + sandbox.Domain, Transport: "smtp", Config: json.RawMessage(relay)},
	}}
}

func (a furniture) connect(ctx context.Context, c *control.Control, g access.Grant) (email.ID, error) {
	existing, err := c.Accounts(ctx, g)
	if err != nil {
		return "", err
	}
	for _, e := range existing {
		if e.Address == a.account.Address {
			_, err := c.ReplaceCredential(ctx, g, e.Credential, a.credential)
			return e.ID, err
		}
	}
	cred, err := c.CreateCredential(ctx, g, a.credential)
	if err != nil {
		return "", err
	}
	a.account.Credential = cred.ID
	account, err := c.CreateAccount(ctx, g, a.account)
	return account.ID, err
}

func welcome(out io.Writer, f *sandboxFacts) error {
	_, err := fmt.Fprintf(out, `gatepost is running, with a simulated Google and a simulated relay on this machine.
Nothing leaves it.

  API        %s
  API key    %s
  accounts   %s  (Gmail API, service account)
             %s  (SMTP relay)
  mailboxes  %s

Send a message:

  curl %s/v1/messages \
    -H 'Authorization: Bearer %s' \
    -H 'Content-Type: application/json' \
    -d '{"from": "Ada <%s>", "to": "grace@example.com",
         "subject": "Hello from gatepost 👋", "text": "It works."}'

Then open the mailboxes in a browser, or run:  gatepost mailbox
(without an installed gatepost: go run ./cmd/gatepost mailbox)
Stop with Ctrl-C.
`, f.APIURL, f.APIKey, f.Accounts[0].Address, f.Accounts[1].Address, f.MailboxURL, f.APIURL, f.APIKey, f.Accounts[0].Address)
	return err
}
