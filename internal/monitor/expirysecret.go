package monitor

import (
	"encoding/json"
	"fmt"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
	"gatepost/internal/store"
	"gatepost/internal/vault"
)

// The pages that tell of the ends.
const (
	pageSecrets   = "https://learn.microsoft.com/entra/identity-platform/how-to-add-credentials"
	pageTesting   = "https://developers.google.com/identity/protocols/oauth2#expiration"
	pageIdle      = "https://learn.microsoft.com/entra/identity-platform/refresh-tokens"
	pageAudience  = "https://console.cloud.google.com/auth/audience"
	idleMicrosoft = 90 * day // of a refresh token that nobody uses (pageIdle)
	idleGoogle    = 6        // months, the same (pageTesting)
	// idleShown is how long a token is unused before it is told of: each is used within a
	// week unless its provider refuses it or cannot be reached.
	idleShown = 14 * day
)

// credential is what ends of a credential.
func (v view) credential(c store.Credential) []Expiry {
	switch c.Kind {
	case vault.KindMicrosoftApp:
		return v.app(c)
	case vault.KindGoogleUser, vault.KindMicrosoftUser:
		return append(v.consent(c), v.idle(c)...)
	}
	return nil
}

// app is the end of an app registration's secret or certificate.
func (v view) app(c store.Credential) []Expiry {
	var public vault.MicrosoftAppPublic
	_ = json.Unmarshal(c.Public, &public) // ours; what cannot be read has no end
	at, err := time.Parse(time.RFC3339, public.ExpiresAt)
	e := Expiry{Credential: c.ID, At: at, Accounts: v.ofApp(c.ID), Link: pageSecrets, subject: c.ID}
	switch {
	case public.Auth == entra.AuthCertificate && err == nil:
		e.ofCertificate(public)
	case public.Auth == entra.AuthSecret && err == nil:
		e.ofSecret(public)
	case public.Auth == entra.AuthSecret:
		e.ofUnsaid(public)
	default:
		return nil
	}
	return []Expiry{e}
}

func (e *Expiry) ofSecret(p vault.MicrosoftAppPublic) {
	e.Kind, e.Summary = KindSecret, "client secret"
	e.What = fmt.Sprintf("The client secret of app %s in tenant %s ends, as was said when it was stored. From then on Microsoft gives no token for it.", p.ClientID, p.Tenant)
	e.Fix = fmt.Sprintf("Make a new client secret at %s, then: gatepost credentials replace %s --secret-file FILE --secret-expires DATE", secretsOf(p), e.Credential)
}

func (e *Expiry) ofCertificate(p vault.MicrosoftAppPublic) {
	e.Kind, e.Summary = KindCertificate, "certificate"
	e.What = fmt.Sprintf("The certificate %s of app %s in tenant %s ends. From then on Microsoft gives no token for it.", p.Thumbprint, p.ClientID, p.Tenant)
	e.Fix = fmt.Sprintf("Make a new certificate, upload it at %s, then: gatepost credentials replace %s --certificate-file FILE --certificate-key FILE", secretsOf(p), e.Credential)
}

// ofUnsaid is a secret whose end its owner has not said.
func (e *Expiry) ofUnsaid(p vault.MicrosoftAppPublic) {
	e.Kind, e.Summary = KindSecret, "client secret, whose end nobody has said"
	e.What = fmt.Sprintf("The client secret of app %s in tenant %s ends one day, which Microsoft shows to its owner alone.", p.ClientID, p.Tenant)
	e.Fix = fmt.Sprintf("See the column Expires at %s, then: gatepost credentials replace %s --secret-file FILE --secret-expires DATE", secretsOf(p), e.Credential)
}

// secretsOf is where an app's secrets and certificates are.
func secretsOf(p vault.MicrosoftAppPublic) string {
	return "https://entra.microsoft.com > App registrations > " + p.ClientID + " > Certificates & secrets"
}

// ofApp are the accounts that an app registration serves: those that it opens by
// itself, and those whose users consented to it as an app with a secret.
func (v view) ofApp(app email.ID) []Owner {
	out := owners(v.users[app]...)
	for _, c := range v.list {
		if user := userOf(c); c.Kind == vault.KindMicrosoftUser && user.Client == app && !user.Public {
			out = append(out, owners(v.users[c.ID]...)...)
		}
	}
	return out
}

func userOf(c store.Credential) vault.UserPublic {
	var public vault.UserPublic
	_ = json.Unmarshal(c.Public, &public) // ours; what cannot be read is empty
	return public
}

// consent is the end of a consent that was given for a time.
func (v view) consent(c store.Credential) []Expiry {
	user := userOf(c)
	at, err := time.Parse(time.RFC3339, user.ExpiresAt)
	if err != nil {
		if c.Kind != vault.KindGoogleUser || !v.testing(user.Client) {
			return nil
		}
		at = c.UpdatedAt.Add(oauth.TestingLife)
	}
	return []Expiry{{
		Kind: KindConsent, Credential: c.ID, At: at, Accounts: owners(v.users[c.ID]...), Summary: "consent", Link: pageTesting, subject: c.ID,
		What: fmt.Sprintf("Google ends the consent of %s: the publishing status of the OAuth client's app is Testing, or its user gave access for a time.", user.Email),
		Fix:  fmt.Sprintf("Publish the app at %s, then connect again: %s", pageAudience, v.connect(c, user)),
	}}
}

// testing tells whether the owner of an OAuth client has said that its app is in
// Testing.
func (v view) testing(client email.ID) bool {
	var public struct {
		Testing string `json:"testing"`
	}
	_ = json.Unmarshal(v.credentials[client].Public, &public)
	return public.Testing == "true"
}

// idle is the end of a refresh token that has not been used for long.
func (v view) idle(c store.Credential) []Expiry {
	last, ok := v.w.cfg.Vault.LastUse(c)
	if !ok || v.now.Sub(last) < idleShown {
		return nil
	}
	at, user, link := last.Add(idleMicrosoft), userOf(c), pageIdle
	if c.Kind == vault.KindGoogleUser {
		at, link = last.AddDate(0, idleGoogle, 0), pageTesting
	}
	return []Expiry{{
		Kind: KindIdle, Credential: c.ID, At: at, Accounts: owners(v.users[c.ID]...), Summary: "unused consent", Link: link, subject: c.ID,
		What: fmt.Sprintf("The refresh token of %s was last used on %s. gatepost uses each once a week, and this one was refused or its provider was not reached.", user.Email, last.UTC().Format(time.DateOnly)),
		Fix:  fmt.Sprintf("See why: gatepost credentials check %s. If it is refused, connect again: %s", c.ID, v.connect(c, user)),
	}}
}

// connect is the command that asks the user of a consent again.
func (v view) connect(c store.Credential, user vault.UserPublic) string {
	command := "gatepost connect gmail " + user.Email
	if c.Kind == vault.KindMicrosoftUser {
		command = "gatepost connect microsoft " + user.Email + " --consent"
	}
	for _, a := range v.users[c.ID] {
		if a.Transport == "gmail_smtp" || a.Transport == "microsoft_smtp" {
			return command + " --smtp"
		}
	}
	return command
}
