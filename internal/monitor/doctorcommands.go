package monitor

import (
	"strings"
)

// commands mend a cause, as far as a line can.
func (p *Patient) commands(cause string) []string {
	release := "gatepost accounts release " + p.Address
	switch cause {
	case "credential_refused", "auth_failed", "password_expired", "app_password_required", "basic_auth_off", "security_defaults":
		if p.Kind == "smtp_password" && cause != "basic_auth_off" && cause != "security_defaults" {
			return []string{"gatepost credentials replace " + p.Credential + " --smtp-password-file FILE"}
		}
		return apiCommands(p)
	case "client_secret_refused", "client_secret_expired", "client_secret_missing":
		if p.Kind == "microsoft_app" || p.Kind == "microsoft_user" {
			return []string{"gatepost credentials replace " + p.client() + " --secret-file FILE --secret-expires DATE"}
		}
		return []string{"gatepost credentials replace " + p.client() + " --file client_secret.json"}
	case "certificate_refused", "certificate_expired":
		return []string{"gatepost credentials replace " + p.Credential + " --certificate-file cert.pem --certificate-key key.pem"}
	case "key_refused", "unknown_service_account", "key_unusable", "credential_unusable":
		return []string{"gatepost credentials replace " + p.Credential + " --file new-key.json"}
	case "token_revoked", "token_idle", "token_expired", "grant_refused", "scope_missing", "session_control", "scope_not_granted", "sign_in_frequency", "spa_token",
		"consent_needed":
		return p.again()
	case "smtp_auth_disabled":
		return append([]string{"Set-CASMailbox -Identity " + p.Address + " -SmtpClientAuthenticationDisabled $false", release}, apiCommands(p)...)
	case "send_as_denied":
		return []string{"Add-RecipientPermission -Identity FROM-ADDRESS -Trustee " + p.signsIn() + " -AccessRights SendAs"}
	case "sender_not_verified":
		return []string{"gatepost accounts aliases " + p.Address}
	case "permission_missing", "access_policy":
		return p.permit()
	case "clock_off":
		return []string{"sudo timedatectl set-ntp true", release}
	}
	if p.Held {
		return []string{release}
	}
	return nil
}

// client is the credential in which the secret of the client or app is.
func (p *Patient) client() string {
	if p.ClientOf != "" {
		return p.ClientOf
	}
	return p.Credential
}

// again asks the mailbox's user once more.
func (p *Patient) again() []string {
	switch p.Kind {
	case "google_user":
		return []string{"gatepost connect gmail " + p.Address + p.bySMTP()}
	case "microsoft_user":
		return []string{"gatepost connect microsoft " + p.Address + " --consent" + p.sharedWith() + p.bySMTP()}
	}
	return nil
}

// sharedWith names who signs in for a shared mailbox.
func (p *Patient) sharedWith() string {
	if p.Shared == "" {
		return ""
	}
	return " --shared-with " + p.User
}

// signsIn is the mailbox whose rights Exchange looks at.
func (p *Patient) signsIn() string {
	if p.Shared != "" {
		return p.User
	}
	return p.Address
}

func (p *Patient) bySMTP() string {
	if strings.HasSuffix(p.Transport, "_smtp") {
		return " --smtp"
	}
	return ""
}

// permit lets an app that acts by itself use the mailbox, by RBAC for Applications
// (learn.microsoft.com/exchange/permissions-exo/application-rbac).
func (p *Patient) permit() []string {
	t := p.token()
	if p.Kind != "microsoft_app" || t == nil {
		return p.again()
	}
	role := "Mail.Send"
	if p.Transport == "microsoft_smtp" {
		role = "SMTP.SendAsApp"
	}
	scope := "gatepost " + p.Address
	return []string{
		"New-ServicePrincipal -AppId " + t.App + " -ObjectId " + t.Object + " -DisplayName gatepost",
		`New-ManagementScope -Name "` + scope + `" -RecipientRestrictionFilter "PrimarySmtpAddress -eq '` + p.Address + `'"`,
		`New-ManagementRoleAssignment -Name "` + scope + " " + role + `" -Role "Application ` + role + `" -App ` + t.Object + ` -CustomResourceScope "` + scope + `"`,
		"Test-ServicePrincipalAuthorization -Identity " + t.Object + " -Resource " + p.Address,
	}
}

// token is the one that the account sends with, where it can be read.
func (p *Patient) token() *Token {
	for i := range p.Tokens {
		if t := &p.Tokens[i]; !t.Opaque && t.For != "look" {
			return t
		}
	}
	return nil
}
