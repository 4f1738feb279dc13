package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"gatepost/client"
)

// microsoft365 connects a mailbox of Microsoft 365.
type microsoft365 struct {
	mailboxFlags
	app  appFlags
	wait time.Duration
}

func connectMicrosoftCommand(env environment) *cobra.Command {
	m := &microsoft365{mailboxFlags: mailboxFlags{microsoft: true}}
	cmd := &cobra.Command{
		Use:   "microsoft [ADDRESS]",
		Short: "Connect a mailbox of Microsoft 365 by an app registration",
		Long: `Connect a mailbox of Microsoft 365 by an app registration of your own in Entra ID. The
app acts by itself: an administrator lets it use the mailbox, and nobody signs in.

Without --tenant and --client-id the command uses the app that is stored, or tells how
to make one. It prints the lines for Exchange's PowerShell with the right ids, and
proves app, secret, permission and mailbox live before anything can be sent.

It sends by Microsoft Graph; with --smtp by smtp.office365.com.`,
		Example: `  gatepost connect microsoft app@contoso.com --tenant contoso.com --client-id 5f1e… --secret-file secret.txt
  gatepost connect microsoft app@contoso.com --tenant contoso.com --client-id 5f1e… --certificate-file cert.pem --certificate-key key.pem
  gatepost connect microsoft second@contoso.com --smtp --wait 30m`,
		Args: cobra.MaximumNArgs(1),
	}
	m.flags(cmd)
	m.app.flags(cmd)
	cmd.Flags().DurationVar(&m.wait, "wait", 0, "how long to wait until Microsoft knows of what was allowed")
	cmd.Flags().BoolVar(&m.noTest, "no-test", false, "send no test message")
	return overAPI(env, cmd, func(ctx context.Context, r *remote, args []string) error { return m.run(ctx, newGuide(r), args) })
}

func (m *microsoft365) run(ctx context.Context, g *guide, args []string) error {
	return g.unused(ctx, m.connect(ctx, g, args))
}

func (m *microsoft365) connect(ctx context.Context, g *guide, args []string) error {
	if len(args) > 0 && (args[0] == "me" || args[0] == "/me") {
		return usagef("ADDRESS %q: it is Graph's word for the user who signed in, and an app that acts by itself has none: name the mailbox, such as app@contoso.com", args[0])
	}
	address, err := addressOf(args)
	if err != nil {
		return err
	}
	if err := g.another(ctx, address, m.transport(), "microsoft"); err != nil {
		return err
	}
	credential, err := m.registration(ctx, g, address)
	if err != nil {
		return err
	}
	if address == "" {
		if address, err = g.askAddress("the mailbox to connect"); err != nil {
			return err
		}
		if err := g.another(ctx, address, m.transport(), "microsoft"); err != nil {
			return err
		}
	}
	return m.byItself(ctx, g, credential, address)
}

// registration hands over the app registration, after telling how to make one.
func (m *microsoft365) registration(ctx context.Context, g *guide, address string) (string, error) {
	id, err := m.app.app(ctx, g, m.credential)
	if id != "" || err != nil {
		return id, err
	}
	if err := g.setup(ctx, m.query("", address)); err != nil {
		return "", err
	}
	return "", usagef("--tenant, --client-id: no app registration is stored yet: make one as told above, then give both, and --certificate-file or --secret-file")
}

func (m *microsoft365) query(credential, address string) client.SetupQuery {
	return client.SetupQuery{Kind: "microsoft", Credential: credential, Transport: m.transport(), Purposes: m.wanted(), Address: address}
}

// byItself connects the mailbox by the app alone.
func (m *microsoft365) byItself(ctx context.Context, g *guide, credential, address string) error {
	if err := g.setup(ctx, m.query(credential, address)); err != nil {
		return err
	}
	g.pause("When that is done, press Enter.")
	proof, err := g.tryUntil(ctx, trying{
		credential: credential, address: address, purposes: m.wanted(), wait: m.wait, provider: "Microsoft", what: "app",
		slow: "Microsoft can take minutes, Exchange up to two hours, to know of it",
	})
	if err != nil {
		return err
	}
	a, err := g.place(ctx, m.account(address, credential))
	if err != nil {
		return err
	}
	g.made = ""
	return g.finish(ctx, connected{Account: a, Proof: proof}, !m.noTest)
}

func (m *microsoft365) account(address, credential string) client.NewAccount {
	n := client.NewAccount{Address: address, Transport: m.transport(), Credential: credential, Senders: m.senders}
	look, draft := slices.Contains(m.wanted(), "look"), slices.Contains(m.wanted(), "draft")
	if m.smtp {
		n.MicrosoftSMTP = &client.MicrosoftSMTPSettings{MayLook: &look}
		return n
	}
	n.Microsoft = &client.MicrosoftSettings{MayLook: &look}
	if draft {
		n.Microsoft.DraftFence = &draft
	}
	return n
}
