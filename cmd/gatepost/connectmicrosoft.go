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

	consent, headless, device, link bool
	shared                          string
	hours                           int
}

func connectMicrosoftCommand(env environment) *cobra.Command {
	m := &microsoft365{mailboxFlags: mailboxFlags{microsoft: true}, hours: 72}
	cmd := &cobra.Command{
		Use:   "microsoft [ADDRESS]",
		Short: "Connect a mailbox of Microsoft 365, by an app alone or by its user's consent",
		Long: `Connect a mailbox of Microsoft 365 by an app registration of your own in Entra
ID. The app acts by itself: an administrator lets it use the mailbox, and nobody
signs in. With --consent the mailbox's user signs in, in a browser, and agrees;
with --device in a browser of any machine, by typing a code; with --link a
colleague does so. For a shared mailbox, in which nobody can sign in, name by
--shared-with the user who signs in.

Without --tenant and --client-id the command uses the app that is stored, or tells
how to make one. It prints the lines for Exchange's PowerShell with the right ids,
and proves app, secret, permission and mailbox live before anything can be sent.

It sends by Microsoft Graph; with --smtp by smtp.office365.com.`,
		Example: `  gatepost connect microsoft app@contoso.com --tenant contoso.com --client-id 5f1e… --secret-file secret.txt
  gatepost connect microsoft app@contoso.com --tenant contoso.com --client-id 5f1e… --certificate-file cert.pem --certificate-key key.pem
  gatepost connect microsoft second@contoso.com --smtp --wait 30m
  gatepost connect microsoft you@contoso.com --consent --tenant contoso.com --client-id 5f1e… --public
  gatepost connect microsoft you@contoso.com --device --smtp
  gatepost connect microsoft orders@contoso.com --consent --shared-with you@contoso.com`,
		Args: cobra.MaximumNArgs(1),
	}
	m.flags(cmd)
	m.app.flags(cmd)
	cmd.Flags().DurationVar(&m.wait, "wait", 0, "how long to wait until Microsoft knows of what was allowed")
	f := cmd.Flags()
	f.BoolVar(&m.consent, "consent", false, "ask the mailbox's user, in a browser, in place of acting as the app alone")
	f.BoolVar(&m.headless, "headless", false, "with --consent: open no browser and wait for no redirect: paste the address where it ended")
	f.BoolVar(&m.device, "device", false, "ask the mailbox's user by a code to type in a browser of any machine")
	f.StringVar(&m.shared, "shared-with", "", "`user` who signs in (--consent, --device) where ADDRESS is a shared mailbox")
	f.BoolVar(&m.link, "link", false, "make a link by which a colleague consents in a browser, without a login here")
	numberFlag(f, number{&m.hours, 1, 168, 24}, "hours", "with --link: how many `hours` it lasts, 1 to 168")
	cmd.Flags().BoolVar(&m.noTest, "no-test", false, "send no test message")
	return overAPI(env, cmd, func(ctx context.Context, r *remote, args []string) error { return m.run(ctx, newGuide(r), args) })
}

func (m *microsoft365) run(ctx context.Context, g *guide, args []string) error {
	g.way = "microsoft"
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
	if err := m.fits(address); err != nil {
		return err
	}
	if err := g.another(ctx, address, m.transport(), "microsoft"); err != nil {
		return err
	}
	credential, err := m.registration(ctx, g, address)
	if err != nil {
		return err
	}
	if m.asks() {
		return m.byConsent(ctx, g, credential, address)
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
	if m.asks() {
		return client.SetupQuery{Kind: "microsoft_user", Credential: credential, Transport: m.transport(), Purposes: m.purposes, Address: address}
	}
	return client.SetupQuery{Kind: "microsoft", Credential: credential, Transport: m.transport(), Purposes: m.wanted(), Address: address}
}

// asks tells whether a user is asked.
func (m *microsoft365) asks() bool { return m.consent || m.headless || m.device || m.link }

// fits tells what of the flags does not go together.
func (m *microsoft365) fits(address string) error {
	if ways := m.ways(); len(ways) > 1 {
		return usagef("%s and %s: each is a way of its own to ask the mailbox's user: give one of them", ways[0], ways[1])
	}
	switch {
	case m.headless && (m.device || m.link):
		return usagef("--headless and %s: --headless is for --consent alone", m.ways()[0])
	case m.shared != "" && (m.link || !m.asks()):
		return usagef("--shared-with: it says who signs in, with --consent or --device; an app that acts by itself needs the shared mailbox's ADDRESS alone")
	case m.shared != "" && address == "":
		return usagef("--shared-with: say which mailbox is shared, for instance gatepost connect microsoft orders@contoso.com --consent --shared-with %s", m.shared)
	}
	return nil
}

// ways are the flags that say how the user is asked.
func (m *microsoft365) ways() (given []string) {
	for _, w := range []struct {
		given bool
		flag  string
	}{{m.consent, "--consent"}, {m.device, "--device"}, {m.link, "--link"}} {
		if w.given {
			given = append(given, w.flag)
		}
	}
	return given
}

// byConsent connects the mailbox by its user's consent.
func (m *microsoft365) byConsent(ctx context.Context, g *guide, credential, address string) error {
	c := &consenting{mailboxFlags: m.mailboxFlags, headless: m.headless, device: m.device, shared: m.shared, link: m.link, hours: m.hours}
	if !m.link {
		return c.ask(ctx, g, credential, address)
	}
	if address == "" {
		return usagef("--link: say whose mailbox is expected, for instance gatepost connect microsoft colleague@contoso.com --link")
	}
	return c.makeLink(ctx, g, credential, address)
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
