package monitor

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"gatepost/internal/provider"
)

// steps are the findings of what was tried live, one for each cause. Where the way to
// the servers is broken, what failed for that is told there.
func (p *Patient) steps(wayBroken bool) (list []Finding) {
	if p.late() {
		return nil
	}
	if p.Unable != nil {
		return []Finding{{
			Check: CheckSettings, Severity: Broken, Cause: "not_opened", Who: You, What: p.Address + " cannot be tried.", Why: p.Unable.Error(),
			Fix: "Correct its settings, or connect the mailbox again.", Commands: []string{"gatepost accounts show " + p.Address},
		}}
	}
	for _, s := range p.Steps {
		e := s.Err
		if e == nil || s.Optional || wayBroken && ofTheWay(e.Cause) || slices.ContainsFunc(list, func(f Finding) bool { return f.Cause == e.Cause }) {
			continue
		}
		list = append(list, p.failed(s.Name, e))
	}
	return list
}

// late tells that the time was over before the account's turn came: with hundreds of
// accounts and a provider that hardly answers.
func (p *Patient) late() bool {
	return errors.Is(p.Unable, context.DeadlineExceeded) || errors.Is(p.Unable, context.Canceled)
}

// ofTheWay tells whether a cause is of the network or of TLS, which have findings of
// their own.
func ofTheWay(cause string) bool {
	switch cause {
	case "host_not_found", "connection_refused", "timeout", "unreachable", "connection_closed", "connection_broken", "interrupted",
		"token_endpoint_down", "token_unavailable", "graph_down", "gmail_down":
		return true
	}
	return strings.HasPrefix(cause, "tls_")
}

// failed is the finding of a step that did not go well.
func (p *Patient) failed(step string, e *provider.Error) Finding {
	f := Finding{
		Check: checkOf(step, e.Cause), Severity: Broken, Cause: e.Cause, What: e.Text, Fix: e.Fix, Reply: e.Reply, Link: e.Link,
		Why: "Tried now, without sending: the step " + stepWords(step) + " failed.", Who: p.who(e.Cause), Commands: p.commands(e.Cause),
	}
	if f.Check == CheckCredential && p.Credential != "" {
		f.on = p.Credential
	}
	if e.Class == provider.Retry || e.Class == provider.Park {
		f.passing(e.Cause)
	}
	if c := gcloud.FindString(f.Fix); c != "" && len(f.Commands) == 0 {
		f.Commands = []string{c}
	}
	if e.Cause == "scope_unknown" && p.Kind == "microsoft_app" || e.Cause == "mailbox_not_named" {
		p.notAppOnly(&f)
	}
	if e.Cause == provider.CauseTokenRefused && p.Transport == "microsoft_smtp" {
		p.why573(&f)
	}
	return f
}

// passing is what no person can mend, where the way to the server is open: it is tried
// again by itself.
func (f *Finding) passing(cause string) {
	switch {
	case ofTheVault(cause):
		f.Who = Machine
	case cause == "timeout":
		f.Who, f.Fix = Provider, "The way to it is open: gatepost tries again by itself. If it stays so, look whether a proxy between holds answers back."
	case f.Fix == "":
		f.Who, f.Fix = Provider, "It passes: gatepost tries again by itself."
	case ofTheWay(cause):
		f.Who = Provider
	}
}

// ofTheVault tells whether a cause is that gatepost itself has no secret or token.
func ofTheVault(cause string) bool {
	return cause == "token_unavailable" || cause == "password_unavailable"
}

// gcloud is a command in an advice, which is to be pasted as one line.
var gcloud = regexp.MustCompile(`\bgcloud (?:[^ ,.;(]|[,.;][^ ])+(?: (?:[^ ,.;(]|[,.;][^ ])+)*`)

// notAppOnly is an account whose settings are for a user's consent, with an app that acts
// by itself: it would ask Graph for /me, which an app has not.
func (p *Patient) notAppOnly(f *Finding) {
	f.Check, f.Cause, f.Who = CheckSettings, "not_app_only", You
	f.What = p.Address + " is set to act as the user who signed in (Graph's /me), and its credential is an app that acts by itself, which has no /me."
	f.Fix = "Give the account its credential once more: its settings then follow from that."
	f.Commands = []string{"gatepost accounts change " + p.Address + " --credential " + p.Credential}
}

func stepWords(step string) string {
	if scope, ok := strings.CutPrefix(step, "scope:"); ok {
		return "\"may " + scope + "\""
	}
	return "\"" + strings.ReplaceAll(step, "_", " ") + "\""
}

// checkOf is what a cause is about; where the word says nothing, the step does.
func checkOf(step, cause string) Check {
	switch cause {
	case "delegation_missing", "scope_missing", "permission_missing", "scope_unknown", "consent_needed", "admin_consent_needed", "consent_denied",
		"api_disabled", "forbidden", "access_policy", "delegation_denied", "user_not_assigned", "scope_not_granted", "scopes_mixed":
		return CheckScopes
	case "smtp_auth_disabled", "basic_auth_off", "auth_not_offered", "auth_required", "app_password_required", "credential_refused",
		"too_many_logins", "auth_failed", "auth_unavailable", "security_defaults":
		return CheckSignIn
	case "no_such_mailbox", "mailbox_not_enabled", "mailbox_disabled", "gmail_off", "own_mailbox_full", "wrong_mailbox":
		return CheckMailbox
	case "sender_not_verified", "send_as_denied", "sender_refused", "sender_restricted", "sender_unauthenticated", "address_refused":
		return CheckSender
	case "daily_limit", "rate_limited", "user_quota", "project_quota", "daily_quota", "relay_rate_limited", "sending_limit", "quota", "tenant_limit", "token_rate_limited":
		return CheckLimits
	case "wrong_audience":
		return CheckAudience
	}
	switch {
	case strings.HasPrefix(cause, "tls_"):
		return CheckTLS
	case ofTheWay(cause):
		return CheckPort
	case step == "sign_in" || step == "hello":
		return CheckSignIn
	case step == "senders":
		return CheckSender
	case step == "mailbox":
		return CheckMailbox
	}
	return CheckCredential
}

// who can mend a cause.
func (p *Patient) who(cause string) Who {
	switch cause {
	case "delegation_missing", "session_control", "user_gone", "unknown_user", "gmail_off", "blocked_by_admin", "delegation_denied":
		if p.Google() {
			return WorkspaceAdmin
		}
		return EntraAdmin
	case "smtp_auth_disabled", "send_as_denied", "mailbox_not_enabled", "no_such_mailbox", "access_policy", "own_mailbox_full", "basic_auth_off", "forbidden":
		if p.Google() {
			return WorkspaceAdmin
		}
		return ExchangeAdmin
	case "permission_missing", "consent_needed", "admin_consent_needed", "client_disabled", "user_not_assigned", "conditional_access",
		"security_defaults", "resource_missing", "tenant_restricted", "client_unknown", "certificate_refused", "mfa_required":
		if p.Google() {
			return You
		}
		return EntraAdmin
	case "token_revoked", "token_idle", "token_expired", "scope_missing", "grant_refused", "scope_not_granted", "password_expired",
		"sign_in_frequency", "spa_token", "web_login_required":
		if p.Kind == "google_service_account" || p.Kind == "google_keyless" {
			return WorkspaceAdmin
		}
		return MailboxUser
	case "sender_not_verified":
		return MailboxUser
	case "relay_denied", "sender_refused", "too_many_logins", "auth_not_offered":
		return RelayAdmin
	case "clock_off":
		return Machine
	}
	return You
}

// Google tells whether the account is one of Google's.
func (p *Patient) Google() bool { return strings.HasPrefix(p.Transport, "gmail") }

// Microsoft tells whether it is one of Microsoft 365.
func (p *Patient) Microsoft() bool { return strings.HasPrefix(p.Transport, "microsoft") }
