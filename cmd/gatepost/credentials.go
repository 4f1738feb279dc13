package main

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"gatepost/client"
)

func credentialsCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "credentials",
		Short: "Stored secrets of accounts: list, check, replace, remove",
		Long: `Credentials are the secrets that accounts use: service-account keys, federation
files, OAuth clients, app registrations, users' consents and passwords of relays.
They are sealed when they are stored and never shown again. New ones: gatepost
connect`,
	}
	cmd.AddCommand(credentialsListCommand(env), credentialsCheckCommand(env), credentialsReplaceCommand(env), credentialsRemoveCommand(env))
	return cmd
}

func credentialID() cobra.PositionalArgs {
	return oneArg("the credential's id; gatepost credentials list shows them")
}

func credentialsListCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "List the credentials, without their secrets", Args: cobra.NoArgs}
	return overAPI(env, cmd, func(ctx context.Context, r *remote, _ []string) error {
		list, err := r.Credentials(ctx)
		if err != nil {
			return err
		}
		return r.show(list, func() {
			var rows [][]string
			for _, c := range list.Data {
				rows = append(rows, []string{c.ID, c.Kind, c.Name, credentialOf(c), when(c.UpdatedAt.Time)})
			}
			r.table([]string{"ID", "KIND", "NAME", "WHOSE", "SINCE"}, rows)
		})
	})
}

// credentialOf tells credentials of one kind apart.
func credentialOf(c client.Credential) string {
	whose := cmp.Or(c.Public["email"], c.Public["client_email"], c.Public["client_id"])
	if whose == "" && c.Public["source"] == "metadata" {
		whose = "this machine's own service account"
	}
	if tenant := c.Public["tenant"]; tenant != "" && c.Kind == kindApp {
		whose += " of " + tenant
	}
	if thumbprint := c.Public["thumbprint"]; thumbprint != "" {
		whose += ", certificate " + thumbprint
	}
	return short(whose, 160)
}

func credentialsCheckCommand(env environment) *cobra.Command {
	var check client.Check
	cmd := &cobra.Command{
		Use: "check CREDENTIAL-ID", Short: "Try a credential live, step by step", Args: credentialID(),
		Example: "  gatepost credentials check cred_01k… --address app@example.com --purposes send,look,read",
	}
	cmd.Flags().StringVar(&check.Address, "address", "", "`mailbox` to act for (service accounts, app registrations)")
	cmd.Flags().StringSliceVar(&check.Purposes, "purposes", nil, "what `access` is for: "+strings.Join(purposes(), ", ")+" (default send,look)")
	complete(cmd, "purposes", listOf(purposes()))
	return overAPI(env, cmd, func(ctx context.Context, r *remote, args []string) error {
		return r.proof(r.CheckCredential(ctx, args[0], check))
	})
}

// microsoftPurposes are the same at Microsoft 365, where shared is mailboxes that are
// shared with the user.
func microsoftPurposes() []string { return append(purposes(), "shared") }

// purposes are what access to a Google mailbox can be for.
func purposes() []string { return []string{"send", "look", "draft", "read", "modify", "smtp"} }

func credentialsReplaceCommand(env environment) *cobra.Command {
	var file string
	var app appFlags
	cmd := &cobra.Command{
		Use: "replace CREDENTIAL-ID", Short: "Put a new secret of the same kind in a credential's place; held accounts that use it go on", Args: credentialID(),
		Long: `Put a new secret of the same kind in a credential's place: a new key of a service
account, a new federation file, a new file of an OAuth client, a new secret or
certificate of an app registration, a new password of a relay. Accounts that were
held for the old one go on. A user's consent is renewed by gatepost connect gmail
(or microsoft) ADDRESS.

A password is asked for, or taken from GATEPOST_SMTP_PASSWORD, or from a file
(--smtp-password-file).`,
		Example: `  gatepost credentials replace cred_01k… --file new-key.json
  gatepost credentials replace cred_01k… --secret-file secret.txt --secret-expires 2028-11-21
  gatepost credentials replace cred_01k… --smtp-password-file pw`,
	}
	cmd.Flags().StringVar(&file, "file", "", "`file` that Google gave (JSON)")
	app.secretFlags(cmd)
	return overAPIWith(env, cmd, forClient|forRelay, func(ctx context.Context, r *remote, args []string) error {
		old, err := r.Credential(ctx, args[0])
		if err != nil {
			return err
		}
		n, err := newGuide(r).secretLike(old, file, app)
		if err != nil {
			return err
		}
		c, err := r.ReplaceCredential(ctx, old.ID, n)
		if err != nil && old.Kind != kindApp {
			return fieldsAs(map[string]string{"key": "--file"}, err)
		}
		if err != nil {
			return err
		}
		return r.show(c, func() { r.line("%s has its new secret. Try it: gatepost accounts check ADDRESS", c.ID) })
	})
}

// secretLike gets a new secret of an old one's kind.
func (g *guide) secretLike(old client.Credential, file string, app appFlags) (client.NewCredential, error) {
	n := client.NewCredential{Kind: old.Kind, Name: old.Name}
	switch old.Kind {
	case "google_user":
		return n, usagef("a user's consent is renewed by its user: gatepost connect gmail %s", old.Public["email"])
	case "microsoft_user":
		return n, usagef("a user's consent is renewed by its user: gatepost connect microsoft %s --consent", old.Public["email"])
	case kindKeyless:
		if old.Public["source"] == "metadata" {
			return n, usagef("%s is this machine's own identity and holds no secret: there is nothing to replace; another one: gatepost connect workspace ADDRESS --keyless FILE", old.ID)
		}
	case kindApp:
		n.Tenant, n.ClientID, n.Cloud = old.Public["tenant"], old.Public["client_id"], old.Public["cloud"]
		return n, app.secret(g, &n)
	}
	if old.Kind != "smtp_password" {
		b, err := g.keyFile("--file", file, "the new file that Google gave (JSON)")
		n.Key = jsonOrText(b)
		return n, err
	}
	if n.Password = g.settings.smtpPassword.Reveal(); n.Password != "" {
		return n, nil
	}
	var err error
	n.Password, err = g.askSecret("the new password")
	return n, err
}

func credentialsRemoveCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "remove CREDENTIAL-ID", Aliases: []string{"rm"}, Short: "Remove a credential that no account uses; a user's consent is revoked at Google", Args: credentialID(),
		Example: "  gatepost credentials remove cred_01k…",
	}
	return overAPI(env, cmd, func(ctx context.Context, r *remote, args []string) error {
		gone, err := r.DeleteCredential(ctx, args[0])
		if err != nil {
			return r.whoUses(ctx, args[0], err)
		}
		return r.show(removedConsent{removed{args[0], true}, gone}, func() {
			r.line("The credential %s is removed.", args[0])
			r.left(gone)
		})
	})
}

// whoUses names the accounts that keep a credential from being removed by their
// addresses.
func (r *remote) whoUses(ctx context.Context, id string, err error) error {
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Kind() != "in_use" {
		return err
	}
	list, failed := r.Accounts(ctx)
	if failed != nil {
		return err // it names their ids
	}
	var addresses []string
	for _, a := range list.Data {
		if a.Credential == id {
			addresses = append(addresses, a.Address)
		}
	}
	if len(addresses) == 0 {
		return err
	}
	return usagef("%s is in use by %s: remove those first (gatepost accounts remove %s)", id, strings.Join(addresses, ", "), addresses[0])
}
