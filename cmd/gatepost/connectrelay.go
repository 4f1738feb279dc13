package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"gatepost/client"
)

// relay connects an SMTP server.
type relay struct {
	client.SMTPSettings
	port    int
	ca      string // a file
	senders []string
	limits  limitFlag
	noTest  bool
}

func connectRelayCommand(env environment) *cobra.Command {
	w := &relay{}
	cmd := &cobra.Command{
		Use:   "relay ADDRESS",
		Short: "Connect an SMTP relay",
		Long: `Connect an SMTP relay: any server that takes mail for other domains.

Without --host the values are asked for at a terminal. The password is asked for,
or taken from GATEPOST_SMTP_PASSWORD, or from a file (--smtp-password-file).
Without a user there is no sign-in. The certificate is always verified. If the
live check fails, nothing is kept.`,
		Example: `  gatepost connect relay app@example.com --host smtp.example.com --user app@example.com
  gatepost connect relay app@example.com --host smtp.example.com --tls implicit --user app --smtp-password-file pw
  gatepost connect relay app@example.com --preset gmail_relay --hello example.com
  gatepost connect relay app@example.com --host smtp.example.com --user app --limit per_minute=100,recipients_per_day=5000`,
		Args: oneArg("the address to send from"),
	}
	f := cmd.Flags()
	f.StringVar(&w.Preset, "preset", "", "known `relay`: gmail_relay is smtp-relay.gmail.com")
	f.StringVar(&w.Host, "host", "", "`name` of the server")
	numberFlag(f, number{&w.port, 1, 65535, 587}, "port", "`port` (default 587; with --tls implicit 465)")
	f.StringVar(&w.TLS, "tls", "", "`kind` of TLS: starttls, implicit, or none (for this machine alone) (default starttls)")
	f.StringVar(&w.User, "user", "", "`name` to sign in with")
	f.StringVar(&w.Hello, "hello", "", "`name` to say in EHLO (default the machine's)")
	f.StringVar(&w.ca, "relay-ca", "", "`file` with the authority that signed the relay's certificate, PEM; its text is handed over")
	f.StringSliceVar(&w.senders, "senders", nil, "further `addresses` that may stand in From, or @domain")
	f.Var(&w.limits, "limit", limitUsage)
	f.BoolVar(&w.noTest, "no-test", false, "send no test message")
	return overAPIWith(env, cmd, forClient|forRelay, func(ctx context.Context, r *remote, args []string) error {
		return w.run(ctx, newGuide(r), args[0])
	})
}

func (w *relay) run(ctx context.Context, g *guide, address string) error {
	if _, err := addressOf([]string{address}); err != nil {
		return err
	}
	if w.port != 0 {
		w.Port = &w.port
	}
	w.Limits = w.limits.in(nil)
	if err := w.authority(); err != nil {
		return err
	}
	if err := w.free(ctx, g, address); err != nil {
		return err
	}
	if w.Preset != "" || g.interactive && w.Host == "" {
		if err := w.tell(ctx, g); err != nil {
			return err
		}
	}
	if w.Host == "" && w.Preset == "" {
		if err := w.ask(g); err != nil {
			return err
		}
	}
	credential, err := w.password(ctx, g)
	if err != nil {
		return err
	}
	a, err := g.CreateAccount(ctx, client.NewAccount{Address: address, Transport: "smtp", Credential: credential, Senders: w.senders, SMTP: &w.SMTPSettings})
	if err != nil {
		w.undo(ctx, g, "", credential)
		return err
	}
	proof, err := g.checkAccount(ctx, a.ID)
	if err == nil && proof.OK {
		g.steps(proof)
		return g.finish(ctx, connected{Account: a, Proof: proof}, !w.noTest)
	}
	w.undo(ctx, g, a.ID, credential)
	if err != nil {
		return err
	}
	g.steps(proof)
	if g.asJSON {
		if err := g.json(connected{Proof: proof}); err != nil {
			return err
		}
	}
	g.errLine("\nNothing was kept. Mend what is marked ✗ and give the same command again.")
	return toldError{codeOf(proof)}
}

// tell says what to do for this relay: for a preset at its provider, else to have
// its values at hand.
func (w *relay) tell(ctx context.Context, g *guide) error {
	s, err := g.Setup(ctx, client.SetupQuery{Kind: "relay"})
	if err != nil {
		return err
	}
	g.tellSteps(slices.DeleteFunc(s.Steps, func(step client.SetupStep) bool { return presetOf(step) != w.Preset }))
	return nil
}

// presetOf is the preset that a step is about, empty for any other relay.
func presetOf(step client.SetupStep) string {
	for _, v := range step.Values {
		if v.Name == "Preset" {
			return v.Value
		}
	}
	return ""
}

// ask gets from a person what was not given by flags.
func (w *relay) ask(g *guide) (err error) {
	if w.Host, err = g.ask("--host", "name of the relay, such as smtp.example.com"); err != nil {
		return err
	}
	if w.TLS == "" {
		w.TLS = g.askOr("TLS: starttls or implicit", "starttls")
	}
	if w.Port == nil {
		usual := "587"
		if w.TLS == "implicit" {
			usual = "465"
		}
		given := g.askOr("port", usual)
		if w.port, err = strconv.Atoi(given); err != nil {
			return usagef("--port: %s is no number", given)
		}
		w.Port = &w.port
	}
	if w.User == "" {
		w.User = g.askOr("name to sign in with; empty: no sign-in", "")
	}
	return nil
}

// maxAuthority is what gatepost takes of certificates.
const maxAuthority = 64 << 10

// authority reads --relay-ca here: gatepost takes the text alone, because the files
// on its machine are nobody's business.
func (w *relay) authority() error {
	if w.ca == "" {
		return nil
	}
	f, err := os.Open(w.ca)
	if err != nil {
		return usagef("--relay-ca: %w", err)
	}
	defer f.Close() //nolint:errcheck // it is only read
	b, err := io.ReadAll(io.LimitReader(f, maxAuthority+1))
	if err != nil {
		return usagef("--relay-ca: %w", err)
	}
	if len(b) > maxAuthority {
		return usagef("--relay-ca: %s has more than 64 KiB: only the authority that signed the relay's certificate is needed", w.ca)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(b) {
		return usagef("--relay-ca: %s holds no certificate in PEM form", w.ca)
	}
	w.CA = string(b)
	return nil
}

// free tells early that an address is connected already.
func (w *relay) free(ctx context.Context, g *guide, address string) error {
	list, err := g.Accounts(ctx)
	if err != nil {
		return err
	}
	for _, a := range list.Data {
		if strings.EqualFold(a.Address, address) {
			return usagef("%s is connected already, by %s. A new password: gatepost credentials replace %s; other settings: gatepost accounts remove %s first",
				a.Address, a.Transport, nameOr(a.Credential, "CREDENTIAL-ID"), a.Address)
		}
	}
	return nil
}

// undo takes back what was stored for a relay that does not work. A signal to
// stop does not keep it from that.
func (w *relay) undo(ctx context.Context, g *guide, account, credential string) {
	ctx = context.WithoutCancel(ctx)
	if account != "" {
		if _, err := g.DeleteAccount(ctx, account); err != nil {
			g.errLine("the account %s could not be removed again: %v", account, err)
		}
	}
	if credential != "" {
		if _, err := g.DeleteCredential(ctx, credential); err != nil {
			g.errLine("the credential %s could not be removed again: %v", credential, err)
		}
	}
}

// password hands over the password, where there is a sign-in.
func (w *relay) password(ctx context.Context, g *guide) (string, error) {
	if w.User == "" {
		return "", nil
	}
	secret := g.settings.smtpPassword.Reveal()
	if secret == "" {
		var err error
		if secret, err = g.askSecret("the password of " + w.User); err != nil {
			return "", err
		}
	}
	c, err := g.CreateCredential(ctx, client.NewCredential{Kind: "smtp_password", Name: short(w.User+" at "+nameOr(w.Host, w.Preset), 100), Password: secret})
	return c.ID, err
}

// askSecret reads without showing what is typed.
func (g *guide) askSecret(question string) (string, error) {
	stdin, ok := g.env.stdin.(*os.File)
	if !ok || !isTerminal(stdin) {
		return "", usagef("no password: put it into GATEPOST_SMTP_PASSWORD, or name its file by --smtp-password-file")
	}
	fmt.Fprintf(g.err, "\n%s: ", question)
	b, err := term.ReadPassword(int(stdin.Fd()))
	fmt.Fprintln(g.err)
	return string(b), err
}
