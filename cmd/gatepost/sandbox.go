package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/sandbox"
)

// sandboxSettings are those of a server, and where the simulated world listens.
type sandboxSettings struct {
	*settings
	keep        string // data folder to keep
	worldOnly   bool
	asJSON      bool
	google      string
	smtp, smtps string
	gmailSMTP   string
	gmailSMTPS  string
	relayOpen   string
	microsoft   string
	exchange    string
	metadata    string
	mailbox     string
	sentDelay   time.Duration
}

// sandboxDoor is where the SMTP door of a sandbox listens.
const sandboxDoor = "127.0.0.1:7033"

func (s *sandboxSettings) flags(f *pflag.FlagSet) {
	defineFlags(f, forSandbox)
	f.StringVar(&s.keep, "data", "", "`folder` to keep; empty: a temporary one")
	f.BoolVar(&s.worldOnly, "world", false, "run the simulated world alone; point a server at it with --google-url, --microsoft-url and --ca-file")
	f.BoolVar(&s.asJSON, "json", false, "print one JSON object first; ports not given are free ones")
	f.StringVar(&s.google, "google", "127.0.0.1:7027", "`address` of the simulated Google")
	f.StringVar(&s.smtp, "smtp", "127.0.0.1:7028", "`address` of the simulated relay (STARTTLS)")
	f.StringVar(&s.smtps, "smtps", "127.0.0.1:7029", "`address` of the simulated relay (implicit TLS)")
	f.StringVar(&s.gmailSMTP, "gmail-smtp", "127.0.0.1:7030", "`address` of the simulated smtp.gmail.com (STARTTLS)")
	f.StringVar(&s.gmailSMTPS, "gmail-smtps", "127.0.0.1:7031", "`address` of the simulated smtp.gmail.com (implicit TLS)")
	f.StringVar(&s.relayOpen, "gmail-relay", "127.0.0.1:7032", "`address` of the simulated smtp-relay.gmail.com")
	f.StringVar(&s.microsoft, "microsoft", "127.0.0.1:7034", "`address` of the simulated Entra ID and Microsoft Graph")
	f.StringVar(&s.exchange, "exchange-smtp", "127.0.0.1:7035", "`address` of the simulated smtp.office365.com (STARTTLS)")
	f.StringVar(&s.metadata, "metadata", "127.0.0.1:7036", "`address` of the simulated metadata server of Google Cloud")
	f.StringVar(&s.mailbox, "mailbox", "127.0.0.1:7026", "`address` of the mailbox page and the control endpoints")
	f.DurationVar(&s.sentDelay, "sent-delay", 0, "how long a message takes to show up in Sent")
}

func sandboxCommand(env environment) *cobra.Command {
	s := &sandboxSettings{}
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Try it: a server with a simulated Google, Microsoft and relay",
		Long: `Try gatepost: a server with a simulated Google, a simulated Microsoft 365 and a
simulated SMTP relay on this machine. Real protocols, real TLS, no mail leaves. It
starts with an account at Google and one at the relay, an API key, and a page that
shows what arrived. It prints what to paste into another terminal for every command
of gatepost to use it.

Without --data everything is in a temporary folder that is removed at the end.
The environment is not read: a sandbox must not touch a real database.`,
		Example: `  gatepost sandbox
  gatepost sandbox --json           for programs: free ports, one JSON object
  gatepost sandbox --world          the simulated world alone`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if s.settings, err = loadFlags(cmd.Flags()); err != nil {
				return err
			}
			if !loopback(s.listen) {
				return usagef("--listen %s: a sandbox is for this machine alone; choose an address such as 127.0.0.1:7025", s.listen)
			}
			if !loopback(s.settings.smtp.listen) && s.settings.smtp.listen != "" {
				return usagef("--smtp-listen %s: a sandbox is for this machine alone; choose an address such as %s", s.settings.smtp.listen, sandboxDoor)
			}
			if !cmd.Flags().Changed("smtp-listen") {
				s.settings.smtp.listen = sandboxDoor
			}
			s.freePorts(cmd.Flags())
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
	for name, address := range map[string]*string{
		"listen": &s.listen, "google": &s.google, "smtp": &s.smtp, "smtps": &s.smtps, "mailbox": &s.mailbox,
		"smtp-listen": &s.settings.smtp.listen, "gmail-smtp": &s.gmailSMTP, "gmail-smtps": &s.gmailSMTPS, "gmail-relay": &s.relayOpen,
		"microsoft": &s.microsoft, "exchange-smtp": &s.exchange, "metadata": &s.metadata,
	} {
		if !f.Changed(name) {
			*address = "127.0.0.1:0"
		}
	}
}

func (s *sandboxSettings) run(cmd *cobra.Command, env environment) error {
	if s.data = s.keep; s.data == "" {
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
		GmailSMTP: s.gmailSMTP, GmailSMTPS: s.gmailSMTPS, RelayOpen: s.relayOpen,
		Microsoft: s.microsoft, ExchangeSMTP: s.exchange, Metadata: s.metadata,
		Log: slog.New(slog.NewTextHandler(env.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	var taken *net.OpError
	if errors.As(err, &taken) {
		return nil, usagef("start the simulated world: %w: is another sandbox running? choose other ports by --google, --smtp, --smtps, --gmail-smtp, --gmail-smtps, --gmail-relay, --microsoft, --exchange-smtp, --metadata, --mailbox", err)
	}
	return world, err
}

// lookScopes let a service account send and look in Sent.
var lookScopes = []string{"https://www.googleapis.com/auth/gmail.send", "https://www.googleapis.com/auth/gmail.metadata"}

// sandboxAccount is an account as the sandbox tells of it.
type sandboxAccount struct {
	ID        email.ID `json:"id"`
	Address   string   `json:"address"`
	Transport string   `json:"transport"`
}

// sandboxFacts is what a program needs to use a sandbox. What is not there yet is
// empty.
type sandboxFacts struct {
	APIURL              string           `json:"api_url"`
	APIKey              string           `json:"api_key"`
	ConsoleURL          string           `json:"console_url"`
	SMTPAddr            string           `json:"smtp_addr"`
	Accounts            []sandboxAccount `json:"accounts"`
	MailboxURL          string           `json:"mailbox_url"`
	ControlURL          string           `json:"control_url"`
	LedgerURL           string           `json:"ledger_url"`
	CAFile              string           `json:"ca_file"`
	GoogleURL           string           `json:"google_url"`
	ServiceAccountFile  string           `json:"service_account_file"`
	OAuthClientFile     string           `json:"oauth_client_file"`
	OAuthWebClientFile  string           `json:"oauth_web_client_file"`
	GmailSMTPAddr       string           `json:"gmail_smtp_addr"`
	GmailSMTPSAddr      string           `json:"gmail_smtps_addr"`
	GmailRelayAddr      string           `json:"gmail_relay_addr"`
	RelayAddr           string           `json:"relay_addr"`
	RelayTLSAddr        string           `json:"relay_tls_addr"`
	RelayUser           string           `json:"relay_user"`
	RelayPassword       string           `json:"relay_password"`
	MetadataURL         string           `json:"metadata_url"`
	FederationFile      string           `json:"federation_file"`
	MicrosoftURL        string           `json:"microsoft_url"`
	ExchangeSMTPAddr    string           `json:"exchange_smtp_addr"`
	MicrosoftTenant     string           `json:"microsoft_tenant"`
	MicrosoftClientID   string           `json:"microsoft_client_id"`
	MicrosoftSecretFile string           `json:"microsoft_secret_file"`
	MicrosoftMailbox    string           `json:"microsoft_mailbox"`
}

// whole runs a server in the world.
func (s *sandboxSettings) whole(ctx context.Context, env environment, w *sandbox.World) error {
	s.googleURL, s.googleSMTP, s.caFile = w.GoogleURL, w.GmailSMTPAddr, w.CAFile
	s.metadataURL, s.googleKeyless = w.MetadataURL, []string{oauth.KeylessMetadata, outsideTokens(w)}
	s.microsoftURL, s.microsoftSMTP = w.MicrosoftURL, w.ExchangeSMTPAddr
	s.settings.smtp.certificate = w.ServerTLS()
	level := s.logLevel
	if !s.asJSON && level == slog.LevelInfo {
		level = slog.LevelError // a newcomer reads the lines below, not the log
	}
	srv, err := open(ctx, s.settings, slog.New(slog.NewTextHandler(env.stderr, &slog.HandlerOptions{Level: level})))
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
		err = welcome(env, facts)
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
	key, _, err := srv.control.FirstKey(ctx, team, control.NewKey{Name: "sandbox", Scopes: []string{access.ScopeAll}})
	if err != nil {
		return nil, err
	}
	files, err := writeWorldFiles(w, srv.publicURL()+"/connect/callback")
	if err != nil {
		return nil, err
	}
	user, password := w.SMTPLogin()
	f := &sandboxFacts{
		APIURL: srv.apiURL(), APIKey: key.Reveal(), SMTPAddr: srv.smtp.listeners[0].Addr().String(),
		MailboxURL: w.MailboxURL, ControlURL: w.ControlURL, LedgerURL: w.LedgerURL, CAFile: w.CAFile,
		GoogleURL: w.GoogleURL, ServiceAccountFile: files.serviceAccount, OAuthClientFile: files.oauthClient, OAuthWebClientFile: files.webClient,
		GmailSMTPAddr: w.GmailSMTPAddr, GmailSMTPSAddr: w.GmailSMTPSAddr, GmailRelayAddr: w.RelayOpenAddr,
		RelayAddr: w.SMTPAddr, RelayTLSAddr: w.SMTPSAddr, RelayUser: user, RelayPassword: password,
		MetadataURL: w.MetadataURL, FederationFile: files.federation,
		MicrosoftURL: w.MicrosoftURL, ExchangeSMTPAddr: w.ExchangeSMTPAddr, MicrosoftTenant: files.microsoft.TenantID,
		MicrosoftClientID: files.microsoft.ClientID, MicrosoftSecretFile: files.microsoftSecret, MicrosoftMailbox: microsoftMailbox,
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

// wideLimits are above Google's, which its simulation does not have: a program that
// is tried out need not wait for a minute's quota.
const wideLimits = `{"limits":{"units_per_minute":1000000,"per_day":1000000,"recipients_per_day":1000000,"external_per_day":1000000,"unique_per_day":1000000}}`

func accountsOf(w *sandbox.World) []furniture {
	host, port, _ := net.SplitHostPort(w.SMTPAddr)
	user, password := w.SMTPLogin()
	relay := fmt.Sprintf(`{"host":%q,"port":%s,"tls":"starttls","user":%q}`, host, port, user) // the server trusts the world's authority
	return []furniture{{
		control.NewCredential{Kind: "google_service_account", Name: "simulated Google", Key: w.ServiceAccountKey(lookScopes...)},
		control.NewAccount{Address: "ada@" + sandbox.Domain, Transport: "gmail", Config: json.RawMessage(wideLimits)},
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

// welcomeText says what there is and what to paste, as the program was called.
var welcomeText = template.Must(template.New("").Parse(`gatepost is running, with a simulated Google, Microsoft and relay on this machine.
Nothing leaves it.

  API        {{.APIURL}}
  accounts   {{(index .Accounts 0).Address}}  (Gmail API, service account)
             {{(index .Accounts 1).Address}}  (SMTP relay)
  mailboxes  {{.MailboxURL}}
  SMTP       {{.SMTPAddr}} (STARTTLS), user an account's address, password the key below
  relay      {{.RelayAddr}} (STARTTLS), {{.RelayTLSAddr}} (TLS)
             user {{.RelayUser}}, password {{.RelayPassword}}
  Google     {{.GoogleURL}}
             smtp.gmail.com {{.GmailSMTPAddr}} (STARTTLS), {{.GmailSMTPSAddr}} (TLS)
             smtp-relay.gmail.com {{.GmailRelayAddr}}
             metadata server {{.MetadataURL}}
  Microsoft  {{.MicrosoftURL}}
             smtp.office365.com {{.ExchangeSMTPAddr}} (STARTTLS)
  control    {{.ControlURL}}
  ledger     {{.LedgerURL}}
  ca.pem     {{.CAFile}}

Paste this into another terminal, in the same folder:

  export GATEPOST_URL={{.APIURL}} GATEPOST_KEY={{.APIKey}}

  {{.Program}} send --from {{(index .Accounts 0).Address}} --to grace@example.com --subject "Hello 👋" --text "It works." --wait
  {{.Program}} mailbox --url {{.ControlURL}}

From a program:

  curl $GATEPOST_URL/v1/messages -H "Authorization: Bearer $GATEPOST_KEY" \
    -H 'Content-Type: application/json' \
    -d '{"from": "Ada <{{(index .Accounts 0).Address}}>", "to": "grace@example.com",
         "subject": "Hello from gatepost 👋", "text": "It works."}'

Connect more mailboxes, as with the real Google and Microsoft:

  {{.Program}} connect workspace bob@acme.example --service-account {{.ServiceAccountFile}}
  {{.Program}} connect workspace carl@acme.example --keyless {{.FederationFile}}
  {{.Program}} connect gmail grace@gmail.example --oauth-client {{.OAuthClientFile}}
  {{.Program}} connect link kay@gmail.example --oauth-client {{.OAuthWebClientFile}}
  {{.Program}} connect microsoft {{.MicrosoftMailbox}} --tenant {{.MicrosoftTenant}} --client-id {{.MicrosoftClientID}} --secret-file {{.MicrosoftSecretFile}}
  {{.Program}} connect relay app@acme.example --host {{.RelayFlags}}

Stop with Ctrl-C.
`))

func welcome(env environment, f *sandboxFacts) error {
	return welcomeText.Execute(env.stdout, struct {
		*sandboxFacts
		Program, RelayFlags string
	}{f, env.calledAs(), relayFlags(f)})
}

// relayFlags are those of connect relay for the simulated relay.
func relayFlags(f *sandboxFacts) string {
	host, port, _ := net.SplitHostPort(f.GmailRelayAddr)
	return fmt.Sprintf("%s --port %s --hello acme.example --relay-ca %s", host, port, f.CAFile)
}
