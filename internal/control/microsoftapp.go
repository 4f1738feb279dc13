package control

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/endpoint"
	"gatepost/internal/oauth/entra"
	"gatepost/internal/store"
	"gatepost/internal/vault"
)

// microsoftApp reads an app registration of Entra ID. All that can be seen without
// asking Microsoft is refused here: a secret's id in place of its value, a tenant that
// is none, a certificate that has ended or lacks its key.
func (ps *problems) microsoftApp(n NewCredential, now time.Time) secret {
	expires := ps.secretEnd(n.SecretExpires, now)
	key, isText := unquote(n.Key)
	if isText && key[0] == '{' {
		ps.add("key", "is not a private key in PEM: give the text of the key's file, which begins with -----BEGIN PRIVATE KEY-----")
		return secret{}
	}
	app, err := entra.NewApp(entra.AppFields{
		Tenant: n.Tenant, ClientID: n.ClientID, Cloud: n.Cloud,
		Secret: n.ClientSecret, Certificate: n.Certificate, Key: email.NewSecret(string(key)),
	}, now)
	if err != nil {
		ps.keyFile("", err)
		return secret{}
	}
	if expires != "" && app.Auth() != entra.AuthSecret {
		ps.add("secret_expires_at", "is for a client secret, and there is none: a certificate says itself when it ends")
	}
	value, err := app.Marshal()
	if err != nil {
		ps.keyFile("", err)
		return secret{}
	}
	public, err := vault.PublicOfApp(app, expires)
	if err != nil {
		ps.add("tenant", "cannot be kept")
	}
	return secret{value: value, public: public}
}

// secretEnd reads when a client secret ends, which Entra tells nobody but its owner.
func (ps *problems) secretEnd(text string, now time.Time) string {
	if text == "" {
		return ""
	}
	end, err := time.Parse(time.DateOnly, text)
	if err != nil {
		end, err = time.Parse(time.RFC3339, text)
	}
	switch {
	case err != nil:
		ps.add("secret_expires_at", "write it as 2027-11-21, the date in the column Expires of Certificates & secrets")
	case !now.Before(end):
		ps.add("secret_expires_at", "is in the past: make a new secret, and give its value and its end")
	}
	return end.UTC().Format(time.RFC3339)
}

// app opens an app registration.
func (c *Control) app(ctx context.Context, team, id email.ID) (*entra.App, error) {
	if err := known(email.PrefixCredential, id); err != nil {
		return nil, err
	}
	row, value, err := c.cfg.Vault.Secret(ctx, team, id)
	if err != nil {
		return nil, err
	}
	if row.Kind != KindMicrosoftApp {
		return nil, fmt.Errorf("%w: it is of the kind %s, and this needs a %s", errOtherKind, row.Kind, KindMicrosoftApp)
	}
	app, err := entra.ParseApp([]byte(value.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("app registration %s: %w", id, err)
	}
	return app.StoredAs(id), nil
}

// tryApp asks for a token of the app itself: it is given whatever the app may do, so
// that a refusal is about tenant, app and secret alone
// (learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow). An
// app that cannot act by itself is asked for nothing.
func (c *Control) tryApp(ctx context.Context, s secret) error {
	app, err := entra.ParseApp([]byte(s.value.Reveal()))
	if err != nil {
		return err
	}
	if app.AppOnly() != nil {
		return nil
	}
	_, err = c.appToken(ctx, app, transportMicrosoft)
	return err
}

// appToken is a token of the app itself, for the resource that a transport uses.
func (c *Control) appToken(ctx context.Context, app *entra.App, transport string) (oauth.Token, error) {
	at := app.Cloud().Resources()
	resource := at.Graph
	if transport == transportMicrosoftSMTP {
		resource = at.Exchange
	}
	return app.Token(ctx, c.cfg.HTTP, c.cfg.Entra, []string{resource + "/.default"}, c.cfg.Now())
}

// principalOf is the Object ID of the app's enterprise application in its tenant, which
// Exchange must be told. It stands in the app's own token (oid of
// learn.microsoft.com/entra/identity-platform/access-token-claims-reference); people who
// look for it find the registration's first, with which Exchange refuses every sign-in.
func (c *Control) principalOf(ctx context.Context, app *entra.App) string {
	ctx, cancel := context.WithTimeout(ctx, trialPatience)
	defer cancel()
	t, err := c.appToken(ctx, app, transportMicrosoft)
	if err != nil {
		return ""
	}
	var claims struct {
		Object string `json:"oid"`
	}
	if err := endpoint.ReadIDToken(t.Access.Reveal(), &claims); err != nil {
		return ""
	}
	return claims.Object
}

// appProof: the app is one, Entra ID takes its secret or certificate, and it may use
// the mailbox.
func (c *Control) appProof(ctx context.Context, t trial) (Proof, error) {
	app, err := c.app(ctx, t.row.Team, t.row.ID)
	if err != nil {
		return Proof{}, err
	}
	steps := []Step{{Name: "app", OK: true, Detail: appDetail(app, t.row)}}
	if err := app.AppOnly(); err != nil {
		return proofOf(append(steps, Step{
			Name: "token", Optional: true, Cause: "app_not_by_itself", Text: "The credential " + notByItself(t.row) + ".",
			Fix: "It can ask users for consent: gatepost connect microsoft ADDRESS --consent.",
		})), nil
	}
	_, err = c.appToken(ctx, app, t.transport())
	steps = append(steps, tried("client", "Microsoft knows the app and takes its "+app.Auth(), err))
	if err != nil {
		return proofOf(steps), nil
	}
	if t.address == "" {
		return proofOf(append(steps, Step{
			Name: "mailbox", Optional: true, Cause: "no_address", Text: "No mailbox was named, so what the app may do was not tried.",
			Fix: "Check again with the address of a mailbox.",
		})), nil
	}
	c.cfg.Vault.Forget(t.row.ID)
	more, err := c.live(ctx, t)
	if err != nil {
		return Proof{}, err
	}
	return proofOf(append(steps, more...)), nil
}

func appDetail(app *entra.App, row store.Credential) string {
	text := fmt.Sprintf("app %s of tenant %s, by %s", app.ID(), app.Tenant(), app.Auth())
	if app.Thumbprint() != "" {
		text += " " + app.Thumbprint()
	}
	if end, _, _ := strings.Cut(publicOf(row.Public, "expires_at"), "T"); end != "" {
		text += ", until " + end
	}
	return text
}

// notByItself says why an app registration cannot be an account's credential; nothing
// where it can.
func notByItself(row store.Credential) string {
	switch tenant := publicOf(row.Public, "tenant"); {
	case row.Kind != KindMicrosoftApp:
		return ""
	case !entra.OneTenant(tenant):
		return "is an app of the tenant " + tenant + ", where no app can act by itself: store it with the organisation's Directory (tenant) ID, or connect by the user's consent"
	case publicOf(row.Public, "auth") == entra.AuthNone:
		return "is an app without secret and certificate, which cannot act by itself: store one with it, or connect by the user's consent"
	}
	return ""
}

// meSentence is for those who know Graph's /me.
const meSentence = "is Graph's word for the user who signed in, and an app that acts by itself has none (/me is refused): name the mailbox, such as app@contoso.com"

// me tells whether somebody wrote Graph's word for the user who signed in.
func me(address string) bool {
	return strings.EqualFold(strings.Trim(address, "/"), "me")
}

// appRefusals are the causes for which an app registration is not stored.
func appRefusals() map[string]string {
	return map[string]string{
		"client_secret_refused": "client_secret", "client_secret_expired": "client_secret", "client_is_public": "client_secret",
		"client_secret_missing": "client_secret", "certificate_refused": "certificate",
		"client_unknown": "client_id", "client_disabled": "client_id", "tenant_unknown": "tenant", "tenant_needed": "tenant",
	}
}

// checkStillByItself refuses an app that cannot act by itself in the place of one that
// accounts need to.
func (c *Control) checkStillByItself(ctx context.Context, row *store.Credential, s secret, wrong *problems) error {
	if row.Kind != KindMicrosoftApp || s.public == nil {
		return nil
	}
	problem := notByItself(store.Credential{Kind: row.Kind, Public: s.public})
	if problem == "" {
		return nil
	}
	all, err := c.cfg.Store.Accounts(ctx, row.Team)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Credential == row.ID {
			wrong.add("client_secret", "%s sends with this app by itself, and what was given %s", a.Address, problem)
			return nil
		}
	}
	return nil
}

// checkSameCloud refuses another cloud for an app that is in use: nothing is shared
// between clouds, so all that use it would fail
// (learn.microsoft.com/graph/deployments).
func (c *Control) checkSameCloud(ctx context.Context, row *store.Credential, s secret, wrong *problems) error {
	if row.Kind != KindMicrosoftApp || s.public == nil || publicOf(s.public, "cloud") == publicOf(row.Public, "cloud") {
		return nil
	}
	users, err := c.usersOf(ctx, row.Team, row.ID)
	if err != nil {
		return err
	}
	all, err := c.cfg.Store.Accounts(ctx, row.Team)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Credential == row.ID || slices.Contains(users, a.Credential) {
			wrong.add("cloud", "is another one than %s, where %s uses this app, and an app is known in one cloud alone: leave it out, or give the app that is registered in the other cloud",
				publicOf(row.Public, "cloud"), a.Address)
			return nil
		}
	}
	return nil
}

// sameSecret keeps what was said of a client secret's end, where the same secret is given
// again without it.
func (c *Control) sameSecret(ctx context.Context, row *store.Credential, n NewCredential) (NewCredential, error) {
	end := publicOf(row.Public, "expires_at")
	if n.Kind != KindMicrosoftApp || n.SecretExpires != "" || n.ClientSecret.Empty() || end == "" {
		return n, nil
	}
	app, err := c.app(ctx, row.Team, row.ID)
	if err != nil {
		return n, err
	}
	at, err := time.Parse(time.RFC3339, end)
	if err == nil && c.cfg.Now().Before(at) && app.HasSecret(n.ClientSecret) {
		n.SecretExpires = end
	}
	return n, nil
}
