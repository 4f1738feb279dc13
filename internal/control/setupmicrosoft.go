package control

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
)

// Microsoft's pages, read November 2026.
const (
	pageRegistrations = "https://entra.microsoft.com > App registrations"
	pageEnterprise    = "https://entra.microsoft.com > Enterprise applications"
	// pageRoles is learn.microsoft.com/exchange/permissions-exo/application-rbac.
	pageRoles = "https://learn.microsoft.com/exchange/permissions-exo/application-rbac"
	// pageSMTPApp is Microsoft's page of SMTP with an app's token.
	pageSMTPApp = "https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth"
)

// microsoftSetup reads the app registration that is there, and under which Object ID
// Exchange has to know it.
func (c *Control) microsoftSetup(ctx context.Context, g access.Grant, s *setup) (err error) {
	if s.app, err = c.app(ctx, g.Team, s.query.Credential); err != nil {
		return err
	}
	if s.query.Kind == SetupMicrosoft && s.app.AppOnly() == nil {
		s.principal = c.principalOf(ctx, s.app)
	}
	return nil
}

// bySMTP tells whether mail is to leave by SMTP.
func (s *setup) bySMTP() bool { return s.query.Transport == transportMicrosoftSMTP }

// microsoft: an app that acts by itself, for the mailboxes that Exchange lets it use.
func (s *setup) microsoft() []SetupStep {
	var steps []SetupStep
	if s.app == nil {
		steps = append(steps, registerApp("Accounts in this organizational directory only (single tenant). No redirect URI."), s.proveApp(),
			SetupStep{
				Title: "Give gatepost the app",
				Text:  "Both ids are on the app's Overview. They are tried with Microsoft, then sealed, and the secret is never shown again.",
				Commands: []string{
					"gatepost connect microsoft " + s.address() + " --tenant TENANT-ID --client-id CLIENT-ID --certificate-file cert.pem --certificate-key key.pem",
				},
			})
	}
	steps = append(steps, s.roles(), s.classic())
	if s.bySMTP() {
		steps = append(steps, SetupStep{
			Title:    "Switch SMTP sign-in on for the mailbox",
			Text:     "It is off in most organisations, and has to be on for OAuth, too. The mailbox's own setting wins over the organisation's.",
			Commands: []string{"Set-CASMailbox " + s.address() + " -SmtpClientAuthenticationDisabled $false"},
		})
	}
	return steps
}

func (s *setup) address() string { return cmp.Or(s.query.Address, "app@contoso.com") }

func registerApp(accounts string) SetupStep {
	return SetupStep{
		Title: "Register an app", URL: pageRegistrations,
		Text:   "Press New registration. Supported account types: " + accounts,
		Values: []SetupValue{{"Name", "gatepost"}},
	}
}

// proveApp is what the app shows that it is the one with.
func (s *setup) proveApp() SetupStep {
	return SetupStep{
		Title: "Give the app a certificate, or a secret", URL: pageRegistrations + " > gatepost > Certificates & secrets",
		Text: "Better a certificate: make one by the line below and upload cert.pem under Certificates. Else press New client secret and copy its Value at " +
			"once (not the Secret ID; it is shown only then) into a file; gatepost warns ahead when it is told the date under Expires (--secret-expires).",
		Commands: []string{"openssl req -x509 -newkey rsa:2048 -nodes -days 365 -keyout key.pem -out cert.pem -subj /CN=gatepost"},
	}
}

// The ids in the lines for Exchange, where gatepost does not know them yet.
const (
	unknownClient    = "CLIENT-ID"
	unknownPrincipal = "OBJECT-ID"
)

func (s *setup) clientID() string {
	if s.app == nil {
		return unknownClient
	}
	return s.app.ID()
}

// servicePrincipal makes Exchange know the app. Its Object ID is the enterprise
// application's (learn.microsoft.com/powershell/module/exchange/new-serviceprincipal).
func (s *setup) servicePrincipal() string {
	return "New-ServicePrincipal -AppId " + s.clientID() + " -ObjectId " + cmp.Or(s.principal, unknownPrincipal) + " -DisplayName gatepost"
}

// whichObject says which of two ids Exchange needs.
func (s *setup) whichObject() string {
	switch {
	case s.principal != "":
		return "The Object ID below is that of the enterprise application, as Microsoft gave it to gatepost."
	case s.app != nil:
		return "Put for OBJECT-ID the Object ID at " + pageEnterprise + " > gatepost. The one under App registrations is another, with which Exchange refuses every sign-in."
	}
	return "gatepost prints these lines with the right ids once it has the app. OBJECT-ID is the one at " + pageEnterprise + " > gatepost, not that under App registrations."
}

// roles is RBAC for Applications, the way that Microsoft advises.
func (s *setup) roles() SetupStep {
	id := cmp.Or(s.principal, unknownPrincipal)
	scope := "gatepost " + s.address()
	lines := []string{
		"Connect-ExchangeOnline", s.servicePrincipal(),
		`New-ManagementScope -Name "` + scope + `" -RecipientRestrictionFilter "PrimarySmtpAddress -eq '` + s.address() + `'"`,
	}
	for _, role := range s.permissions() {
		lines = append(lines, `New-ManagementRoleAssignment -Name "`+scope+" "+role+`" -Role "Application `+role+`" -App `+id+` -CustomResourceScope "`+scope+`"`)
	}
	lines = append(lines, "Test-ServicePrincipalAuthorization -Identity "+id+" -Resource "+s.address())
	return SetupStep{
		Title: "Let the app use this mailbox, and no other (RBAC for Applications)", URL: pageRoles, Commands: lines,
		Text: "An Exchange administrator pastes these lines into PowerShell (Install-Module ExchangeOnlineManagement, once). " + s.whichObject() +
			" The roles hold for the mailboxes of the scope alone, so give the app none of these permissions in Entra: there they hold for every mailbox of " +
			"the organisation, and both add up. For many mailboxes let the filter name a group: \"MemberOfGroup -eq 'DN of the group'\". Exchange can need two hours.",
	}
}

// classic is the older way: a permission in Entra.
func (s *setup) classic() SetupStep {
	if !s.bySMTP() {
		return SetupStep{
			Title: "Or, in place of that: let it use every mailbox", URL: pageRegistrations + " > gatepost > API permissions",
			Text:   "Press Add a permission, Microsoft Graph, Application permissions, choose these, then Grant admin consent. The app can then send as everybody in the organisation.",
			Values: []SetupValue{{"Permissions", strings.Join(s.entraPermissions(), ", ")}},
		}
	}
	return SetupStep{
		Title: "Or, in place of that: the older way, by full access to the mailbox", URL: pageSMTPApp,
		Text: "At " + pageRegistrations + " > gatepost > API permissions add, under APIs my organization uses, Office 365 Exchange Online, Application permissions, the " +
			"one below, and Grant admin consent. Not both ways: with this permission Exchange does not look at roles. Then, in PowerShell:",
		Values: []SetupValue{{"Permission", "SMTP.SendAsApp"}},
		Commands: []string{
			"Connect-ExchangeOnline", s.servicePrincipal(),
			"Add-MailboxPermission -Identity " + s.address() + " -User " + cmp.Or(s.principal, unknownPrincipal) + " -AccessRights FullAccess",
		},
	}
}

// permissions are what the purposes need of the app itself, as Exchange's roles call
// them (learn.microsoft.com/exchange/permissions-exo/application-rbac).
func (s *setup) permissions() []string {
	var names []string
	for _, p := range s.purposes {
		name := map[oauth.Purpose]string{
			oauth.PurposeSend: "Mail.Send", oauth.PurposeLook: "Mail.ReadBasic", oauth.PurposeRead: "Mail.Read",
			oauth.PurposeDraft: "Mail.ReadWrite", oauth.PurposeModify: "Mail.ReadWrite", oauth.PurposeSMTP: "SMTP.SendAsApp",
			entra.PurposeShared: "Mail.Send", // an app by itself knows no difference
		}[p]
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		if p == oauth.PurposeDraft && !slices.Contains(names, "Mail.Send") {
			names = append(names, "Mail.Send")
		}
	}
	return names
}

// entraPermissions are the same as Entra calls them.
func (s *setup) entraPermissions() []string {
	names := s.permissions()
	for i, name := range names {
		if name == "Mail.ReadBasic" {
			names[i] = "Mail.ReadBasic.All"
		}
	}
	return names
}

// microsoftUser: an app that asks users for consent
// (learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow).
func (s *setup) microsoftUser() []SetupStep {
	ask := SetupStep{
		Title: "Say what the app asks users for", URL: pageRegistrations + " > gatepost > API permissions",
		Text: "Press Add a permission, choose the delegated permissions below. Where users may not consent themselves, an administrator presses Grant admin " +
			"consent, once for all.",
		Values: []SetupValue{{"Permissions", strings.Join(s.scopes, " ")}},
	}
	back := SetupStep{
		Title: "Say where consent comes back to", URL: pageRegistrations + " > gatepost > Authentication",
		Text:   "Add a platform, Mobile and desktop applications, with the first address, for consent by the command line. For device codes (--device) set Allow public client flows to Yes.",
		Values: []SetupValue{{"Redirect URI", "http://localhost"}},
	}
	if s.public != "" {
		back.Text += " For connect links add the platform Web, too, with the second address, letter by letter, and give the app a secret or certificate."
		back.Values = append(back.Values, SetupValue{"Redirect URI", s.public + callbackPath})
	}
	if s.app != nil {
		return []SetupStep{ask, back}
	}
	return []SetupStep{
		registerApp("single tenant for mailboxes of your own organisation; else accounts in any organizational directory, or also personal Microsoft accounts."),
		back, ask,
		{
			Title: "Give gatepost the app",
			Text:  "Both ids are on the app's Overview. For users of any organisation the tenant is organizations, for personal ones too common.",
			Commands: []string{
				"gatepost connect microsoft " + s.address() + " --consent --tenant TENANT-ID --client-id CLIENT-ID --public",
			},
		},
	}
}
