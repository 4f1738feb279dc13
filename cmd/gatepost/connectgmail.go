package main

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	"gatepost/client"
)

// consenting connects a mailbox of Google or Microsoft by its user's consent.
type consenting struct {
	mailboxFlags
	file     string
	testing  bool
	headless bool
	device   bool
	shared   string // who signs in for a shared mailbox
	link     bool
	hours    int
}

func connectGmailCommand(env environment) *cobra.Command {
	c := &consenting{}
	cmd := &cobra.Command{
		Use:   "gmail [ADDRESS]",
		Short: "Connect a Gmail or Workspace mailbox by its user's consent",
		Long: `Connect a Gmail or Workspace mailbox by its user's consent: a browser opens, you
choose the mailbox and press Allow. With an ADDRESS, no other mailbox is accepted.

It needs an OAuth client of your own, of the type "Desktop app"; without
--oauth-client the command uses the one that is stored, or tells how to make one.

On a machine without a browser use --headless: open the address that is printed
anywhere, and paste the address that the browser ends at. For somebody else's
mailbox make a link: gatepost connect link`,
		Example: `  gatepost connect gmail you@gmail.com --oauth-client client_secret.json
  gatepost connect gmail you@gmail.com --smtp
  gatepost connect gmail you@gmail.com --headless`,
		Args: cobra.MaximumNArgs(1),
	}
	c.common(cmd)
	cmd.Flags().BoolVar(&c.headless, "headless", false, "open no browser and wait for no redirect: paste the address where it ended")
	cmd.Flags().BoolVar(&c.link, "link", false, "make a connect link in place of all that, as gatepost connect link does")
	cmd.Flags().BoolVar(&c.noTest, "no-test", false, "send no test message")
	return overAPI(env, cmd, func(ctx context.Context, r *remote, args []string) error { return c.run(ctx, newGuide(r), args) })
}

func connectLinkCommand(env environment) *cobra.Command {
	c := &consenting{link: true, hours: 72}
	cmd := &cobra.Command{
		Use:   "link ADDRESS",
		Short: "Make a link by which a colleague connects their mailbox in a browser",
		Long: `Make a link by which a colleague connects their mailbox in a browser. They need no
login to gatepost. The link works once, for this mailbox alone, and ends by itself.

It needs an OAuth client of the type "Web application" that lists gatepost's own
address under its redirect URIs; the command tells which (--public-url of serve).`,
		Example: `  gatepost connect link colleague@example.com --oauth-client client_secret.json
  gatepost connect link colleague@example.com --hours 24`,
		Args: oneArg("the mailbox that is expected"),
	}
	c.common(cmd)
	numberFlag(cmd.Flags(), number{&c.hours, 1, 168, 24}, "hours", "how many `hours` it lasts, 1 to 168")
	return overAPI(env, cmd, func(ctx context.Context, r *remote, args []string) error { return c.run(ctx, newGuide(r), args) })
}

func (c *consenting) common(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.file, "oauth-client", "", "`file` of the OAuth client (JSON, from Google)")
	cmd.Flags().BoolVar(&c.testing, "testing", false, "with --oauth-client: its app's publishing status is Testing")
	c.flags(cmd)
}

func (c *consenting) run(ctx context.Context, g *guide, args []string) error {
	err := c.connect(ctx, g, args)
	if c.link {
		return g.unused(ctx, err) // a client that no link can be made with is of no use
	}
	if err != nil && g.made != "" {
		g.errLine("The OAuth client stays as %s, for the next try and for further mailboxes; --oauth-client is not needed again. To remove it: gatepost credentials remove %s", g.made, g.made)
	}
	return err
}

func (c *consenting) connect(ctx context.Context, g *guide, args []string) error {
	address, err := addressOf(args)
	if err != nil {
		return err
	}
	if c.testing && c.file == "" {
		return usagef("--testing: say it with --oauth-client, of whose app it is the publishing status")
	}
	if c.link && address == "" {
		return usagef("--link: say whose mailbox is expected, for instance gatepost connect gmail colleague@example.com --link")
	}
	if err := g.another(ctx, address, c.transport(), c.way()); err != nil {
		return err
	}
	credential, err := c.client(ctx, g)
	if err != nil {
		return err
	}
	if c.link {
		return c.makeLink(ctx, g, credential, address)
	}
	return c.ask(ctx, g, credential, address)
}

// ask asks the user, and ends with what came of it.
func (c *consenting) ask(ctx context.Context, g *guide, credential, address string) error {
	ask := c.consent
	if c.device {
		ask = c.deviceCode
	}
	done, err := ask(ctx, g, credential, address)
	if err != nil {
		return err
	}
	return c.connected(ctx, g, done)
}

func (c *consenting) connected(ctx context.Context, g *guide, done client.Connected) error {
	g.made = ""
	g.note("\n%s %s let gatepost use %s.", g.in(green, "✓"), c.provider(), done.Account.Address)
	if done.Again {
		g.note("  It was connected before; its mail goes on.")
	}
	for _, p := range done.Missing {
		g.note("  %s may not %s: the box was left unticked; what needs it is off", g.in(yellow, "–"), purposeWords(p))
	}
	return g.finish(ctx, connected{Account: done.Account, Missing: done.Missing}, !c.noTest)
}

// way is the command that this is.
func (c *consenting) way() string {
	if c.link {
		return "link"
	}
	return "gmail"
}

// clientType is the type of OAuth client that a way needs.
func (c *consenting) clientType() string {
	if c.link {
		return "web"
	}
	return "installed"
}

// redirect is what the set-up page is to talk of.
func (c *consenting) redirect() string {
	if c.link {
		return "" // gatepost's own
	}
	return "http://127.0.0.1/"
}

// client hands over the OAuth client, or finds the one that is stored.
func (c *consenting) client(ctx context.Context, g *guide) (string, error) {
	if c.credential != "" {
		return c.credential, g.known(ctx, c.credential, "google_oauth_client")
	}
	if c.file == "" {
		old, there, err := g.stored(ctx, "google_oauth_client", "type", c.clientType())
		if err != nil || there {
			return old.ID, err
		}
		if err := g.setup(ctx, client.SetupQuery{Kind: "gmail", Transport: c.transport(), Purposes: c.purposes, Redirect: c.redirect()}); err != nil {
			return "", err
		}
	}
	b, err := g.keyFile("--oauth-client", c.file, "no OAuth client is stored yet: give its file (JSON, from Google), made as told above")
	if err != nil {
		return "", err
	}
	return c.keep(ctx, g, b)
}

// keep stores the client; one that is there already gets the file's secret and
// redirects.
func (c *consenting) keep(ctx context.Context, g *guide, b []byte) (string, error) {
	var file map[string]struct {
		ID string `json:"client_id"`
	}
	_ = json.Unmarshal(b, &file) // gatepost says what is wrong with it
	if file["web"].ID != "" && !c.link {
		return "", usagef("--oauth-client: the file is of a Web application, which is for connect links; for connect gmail make a client of the type Desktop app at https://console.cloud.google.com/auth/clients")
	}
	id := file["installed"].ID + file["web"].ID
	n := client.NewCredential{Kind: "google_oauth_client", Name: "OAuth client", Key: jsonOrText(b), Testing: c.testing}
	old, there, err := g.stored(ctx, n.Kind, "client_id", id)
	if err != nil {
		return "", err
	}
	if there {
		n.Name = old.Name
		_, err := g.ReplaceCredential(ctx, old.ID, n)
		return old.ID, err
	}
	made, err := g.CreateCredential(ctx, n)
	if err != nil {
		return "", err
	}
	g.note("%s OAuth client: checked and sealed as %s", g.in(green, "✓"), made.ID)
	g.made = made.ID
	return made.ID, nil
}

func (c *consenting) makeLink(ctx context.Context, g *guide, credential, address string) error {
	link, err := g.CreateLink(ctx, client.NewLink{
		Credential: credential, Address: address, Purposes: c.purposes, Transport: c.transport(), Senders: c.senders, Hours: c.hours,
	})
	if err != nil {
		return err
	}
	g.made = ""
	print := func() error { return g.show(link, func() { g.link(link) }) }
	return g.shown("the link "+link.ID, "gatepost links cancel "+link.ID, print, func() error { return g.CancelLink(context.WithoutCancel(ctx), link.ID) })
}

func (g *guide) link(link client.Link) {
	g.line("Give this to the owner of %s. It works once, until %s:\n", link.Address, when(link.ExpiresAt.Time))
	g.line("  %s\n", link.URL)
	g.line("%s", g.in(dim, "See what became of it:  gatepost links list"))
}
