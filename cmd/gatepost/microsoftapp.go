package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"gatepost/client"
)

// kindApp is the kind of credential that an app registration of Entra ID is.
const kindApp = "microsoft_app"

// appFlags say which app registration it is, and where its secret is. A secret is
// never a flag: those show in the process list.
type appFlags struct {
	tenant, clientID, cloud string
	secretFile, expires     string
	certificate, key        string
	public                  bool
}

func (a *appFlags) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.tenant, "tenant", "", "Directory (tenant) `id` of the app registration, or a domain of the organisation")
	f.StringVar(&a.clientID, "client-id", "", "Application (client) `id` of the app registration")
	f.StringVar(&a.cloud, "cloud", "", "Microsoft's `cloud`: "+strings.Join(clouds(), ", ")+" (default global)")
	f.BoolVar(&a.public, "public", false, "the app has no secret: it asks users for consent alone")
	complete(cmd, "cloud", listOf(clouds()))
	a.secretFlags(cmd)
}

// secretFlags are those by which the app shows that it is the one.
func (a *appFlags) secretFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.secretFile, "secret-file", "", "`file` with the client secret's Value; - reads it from standard input")
	f.StringVar(&a.expires, "secret-expires", "", "the `date` when the secret ends, as Entra's page shows it: 2028-11-21")
	f.StringVar(&a.certificate, "certificate-file", "", "`file` with the certificate that is registered with the app (PEM), in place of a secret")
	f.StringVar(&a.key, "certificate-key", "", "`file` with the certificate's private key (PEM), where it is not in the same file")
}

func clouds() []string { return []string{"global", "us_gov_l4", "us_gov_l5", "china"} }

// given tells whether a flag names an app.
func (a appFlags) given() bool { return a != appFlags{} }

// secret reads the secret, or the certificate and its key.
func (a appFlags) secret(g *guide, n *client.NewCredential) (err error) {
	n.SecretExpiresAt = a.expires
	if a.public {
		return nil
	}
	if a.certificate != "" || a.key != "" {
		return a.readCertificate(n)
	}
	switch a.secretFile {
	case "":
		n.ClientSecret, err = g.askClientSecret()
	case "-":
		n.ClientSecret, err = firstLine(g.lines)
	default:
		var b []byte
		if b, err = readSmall(a.secretFile); err == nil {
			n.ClientSecret, err = firstLine(bytes.NewReader(b))
		}
	}
	if err == nil && n.ClientSecret == "" {
		return usagef("--secret-file: there is nothing in it; put the client secret's Value there")
	}
	if err != nil {
		return usagef("--secret-file: %w", err)
	}
	return nil
}

func (a appFlags) readCertificate(n *client.NewCredential) error {
	if a.secretFile != "" {
		return usagef("--secret-file: give a secret or a certificate, not both")
	}
	cert, err := readSmall(cmp.Or(a.certificate, a.key))
	if err != nil {
		return usagef("--certificate-file: %w", err)
	}
	n.Certificate = string(cert)
	if a.certificate == "" || a.key == "" {
		return nil // one file, which may hold both
	}
	key, err := readSmall(a.key)
	if err != nil {
		return usagef("--certificate-key: %w", err)
	}
	n.Key = jsonOrText(key)
	return nil
}

// maxSecretFile is above any certificate with its chain and key.
const maxSecretFile = 64 << 10

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	b, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err == nil && len(b) > maxSecretFile {
		err = fmt.Errorf("%s has more than 64 KiB, which no secret and no certificate has", path)
	}
	return textOf(b), err
}

// firstLine is a secret as files have it: with a line break at its end. More lines
// are kept, for gatepost to say what is wrong.
func firstLine(r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxSecretFile))
	return strings.TrimRight(string(textOf(b)), "\r\n"), err
}

// askClientSecret reads a secret without showing what is typed.
func (g *guide) askClientSecret() (string, error) {
	stdin, ok := g.env.stdin.(*os.File)
	if !g.interactive || !ok {
		return "", fmt.Errorf("no client secret: name the file with its Value, or a certificate by --certificate-file")
	}
	fmt.Fprint(g.err, "\nthe client secret's Value (not its ID): ")
	b, err := term.ReadPassword(int(stdin.Fd()))
	fmt.Fprintln(g.err)
	return strings.TrimSpace(string(b)), err
}

// app hands over the app registration, or finds the one that is stored.
func (a appFlags) app(ctx context.Context, g *guide, credential string) (string, error) {
	if credential != "" {
		return credential, g.known(ctx, credential, kindApp)
	}
	if !a.given() {
		return a.stored(ctx, g)
	}
	if a.tenant == "" || a.clientID == "" {
		return "", usagef("--tenant and --client-id name the app registration together: both are on its Overview at https://entra.microsoft.com > App registrations")
	}
	n := client.NewCredential{Kind: kindApp, Name: "app registration", Tenant: a.tenant, ClientID: a.clientID, Cloud: a.cloud}
	if err := a.secret(g, &n); err != nil {
		return "", err
	}
	return g.keepApp(ctx, n)
}

// replacedBy is what a stored app has from now on.
func replacedBy(n client.NewCredential) string {
	switch {
	case n.Certificate != "":
		return "with this certificate from now on"
	case n.ClientSecret != "":
		return "with this secret from now on"
	}
	return "without a secret from now on"
}

// keepApp stores the app; one that is there already gets the new secret, which
// gatepost tries first.
func (g *guide) keepApp(ctx context.Context, n client.NewCredential) (string, error) {
	list, err := g.Credentials(ctx)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(list.Data, func(c client.Credential) bool {
		return c.Kind == kindApp && strings.EqualFold(c.Public["client_id"], strings.TrimSpace(n.ClientID)) && strings.EqualFold(c.Public["tenant"], strings.TrimSpace(n.Tenant))
	})
	if i >= 0 {
		n.Name = list.Data[i].Name
		old, err := g.ReplaceCredential(ctx, list.Data[i].ID, n)
		if err == nil {
			g.note("%s app registration: checked; it is stored already, as %s, %s", g.in(green, "✓"), old.ID, replacedBy(n))
		}
		return list.Data[i].ID, err
	}
	made, err := g.CreateCredential(ctx, n)
	if err != nil {
		return "", err
	}
	g.made = made.ID
	g.note("%s app registration: checked and sealed as %s", g.in(green, "✓"), made.ID)
	g.sameApp(list.Data, made)
	return made.ID, nil
}

// sameApp tells of the same app under another name of a tenant: most often it is the same
// tenant, by its id and by a domain, and one of the two is too much.
func (g *guide) sameApp(before []client.Credential, made client.Credential) {
	for _, c := range before {
		if c.Kind == kindApp && strings.EqualFold(c.Public["client_id"], made.Public["client_id"]) {
			g.note("The same app is stored as %s, too, for the tenant %s. Where that is the same tenant as %s one of them is enough: connect with --credential %s, and then gatepost credentials remove %s",
				c.ID, c.Public["tenant"], made.Public["tenant"], c.ID, made.ID)
		}
	}
}

// stored is the one app registration there is.
func (a appFlags) stored(ctx context.Context, g *guide) (string, error) {
	list, err := g.Credentials(ctx)
	if err != nil {
		return "", err
	}
	apps := slices.DeleteFunc(list.Data, func(c client.Credential) bool { return c.Kind != kindApp })
	switch len(apps) {
	case 0:
		return "", nil
	case 1:
		return apps[0].ID, nil
	}
	which := make([]string, len(apps))
	for i, c := range apps {
		which[i] = fmt.Sprintf("%s (app %s)", c.ID, credentialOf(c))
	}
	return "", usagef("--credential: %d app registrations are stored: say which one: %s", len(apps), strings.Join(which, ", "))
}
