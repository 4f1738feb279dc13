package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gatepost/internal/sandbox"
)

// worldFiles are what providers would have given: a service account's key, OAuth
// clients for programs on this machine and for a server, and an app registration of
// Microsoft's with its secret.
type worldFiles struct {
	serviceAccount, oauthClient, webClient string
	federation                             string // workload identity federation
	keyless                                sandbox.WorkloadAccount
	microsoft                              sandbox.App
	microsoftSecret                        string
}

func writeWorldFiles(w *sandbox.World, redirects ...string) (f worldFiles, err error) {
	dir := filepath.Dir(w.CAFile)
	f = worldFiles{
		serviceAccount: filepath.Join(dir, "service-account.json"), oauthClient: filepath.Join(dir, "oauth-client.json"),
		webClient: filepath.Join(dir, "oauth-client-web.json"), microsoftSecret: filepath.Join(dir, "microsoft-secret.txt"),
		federation: filepath.Join(dir, "federation.json"), keyless: addWorkload(w),
	}
	if f.microsoft, err = addMicrosoftApp(w, redirects...); err != nil {
		return f, err
	}
	err = errors.Join(
		os.WriteFile(f.microsoftSecret, []byte(f.microsoft.Secret+"\n"), 0o600),
		os.WriteFile(f.serviceAccount, w.ServiceAccountKey(lookScopes...), 0o600),
		os.WriteFile(f.oauthClient, w.OAuthClient("installed"), 0o600),
		os.WriteFile(f.federation, f.keyless.File, 0o600),
		os.WriteFile(f.webClient, w.OAuthClient("web", redirects...), 0o600),
	)
	return f, err
}

// outsideTokens is where the world gives tokens of another issuer.
func outsideTokens(w *sandbox.World) string { return w.ControlURL + "/control/outside-token" }

// addWorkload makes a service account without a key, for an identity of another issuer,
// and gives the machine one, too.
func addWorkload(w *sandbox.World) sandbox.WorkloadAccount {
	const (
		issuer   = "https://issuer.example"
		audience = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/gatepost/providers/outside"
	)
	scopes := append([]string{"https://mail.google.com/"}, lookScopes...)
	w.AddMachine(sandbox.MachineOptions{Scopes: scopes})
	return w.AddWorkload(sandbox.WorkloadOptions{
		Pool: sandbox.WorkloadPool{Audience: audience, Issuer: issuer}, Scopes: scopes,
		TokenURL: outsideTokens(w) + "?" + url.Values{"issuer": {issuer}, "audience": {audience}}.Encode(),
	})
}

// microsoftMailbox is one that the app registration of the world may send from.
const microsoftMailbox = "app@" + sandbox.MicrosoftDomain

// addMicrosoftApp registers an app that may act by itself and ask users for consent,
// and makes Exchange know it.
func addMicrosoftApp(w *sandbox.World, redirects ...string) (sandbox.App, error) {
	for _, uri := range redirects { // Entra ID's pages take this machine by its name alone
		redirects = append(redirects, strings.Replace(uri, "127.0.0.1", "localhost", 1))
	}
	app, err := w.AddApp(sandbox.AppOptions{
		Audience: sandbox.AudienceAll, RedirectURIs: redirects, PublicRedirects: []string{"http://localhost"}, Public: true,
		Roles: []string{"Mail.Send", "Mail.ReadBasic.All"},
	})
	if err != nil {
		return app, err
	}
	return app, errors.Join(
		w.AddServicePrincipal("", app.ClientID, app.PrincipalID),
		w.AddRoleAssignment("", sandbox.RoleAssignment{ClientID: app.ClientID, Role: "Application SMTP.SendAsApp"}),
	)
}

// worldAlone tells where the world is and waits.
func (s *sandboxSettings) worldAlone(ctx context.Context, env environment, w *sandbox.World) error {
	files, err := writeWorldFiles(w, "http://127.0.0.1:7025/connect/callback")
	if err != nil {
		return err
	}
	user, password := w.SMTPLogin()
	facts := [][2]string{
		{"google_url", w.GoogleURL},
		{"gmail_smtp_addr", w.GmailSMTPAddr},
		{"gmail_smtps_addr", w.GmailSMTPSAddr},
		{"gmail_relay_addr", w.RelayOpenAddr},
		{"smtp_addr", w.SMTPAddr},
		{"smtps_addr", w.SMTPSAddr},
		{"smtp_user", user},
		{"smtp_password", password},
		{"mailbox_url", w.MailboxURL},
		{"control_url", w.ControlURL},
		{"ledger_url", w.LedgerURL},
		{"ledger_file", w.LedgerFile},
		{"ca_file", w.CAFile},
		{"service_account_file", files.serviceAccount},
		{"oauth_client_file", files.oauthClient},
		{"oauth_web_client_file", files.webClient},
		{"metadata_url", w.MetadataURL},
		{"federation_file", files.federation},
		{"outside_token_url", outsideTokens(w)},
		{"microsoft_url", w.MicrosoftURL},
		{"exchange_smtp_addr", w.ExchangeSMTPAddr},
		{"microsoft_tenant", files.microsoft.TenantID},
		{"microsoft_client_id", files.microsoft.ClientID},
		{"microsoft_secret_file", files.microsoftSecret},
		{"microsoft_mailbox", microsoftMailbox},
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
			fmt.Fprintf(env.stdout, "  %-22s %s\n", f[0], f[1])
		}
		fmt.Fprintf(env.stdout, "\nPoint a server at it:\n\n  gatepost serve --google-url %s --google-smtp %s --google-metadata-url %s --google-keyless metadata,%s --microsoft-url %s --microsoft-smtp %s --ca-file %s\n",
			w.GoogleURL, w.GmailSMTPAddr, w.MetadataURL, outsideTokens(w), w.MicrosoftURL, w.ExchangeSMTPAddr, w.CAFile)
	}
	<-ctx.Done()
	return nil
}
