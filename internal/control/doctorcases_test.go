package control

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/monitor"
	"gatepost/internal/queue"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
)

// ailment is a set-up that is broken on purpose, and what the doctor has to say of it
// first. Fault by fault it is made for real, over real sockets.
type ailment struct {
	name   string
	around func(*testing.T, *sandbox.World, *around) // nil: nothing stands between
	make   func(*clinic)
	from   string
	cause  string
	check  monitor.Check
	who    monitor.Who
	says   []string // in what is wrong
	fix    []string // in the fix and its commands
	warns  bool     // mail leaves all the same
}

const graph = "https://graph.microsoft.com/"

// ailments are in the order of the checks.
func ailments() []ailment {
	return slices.Concat(roadAilments(), tlsAilments(), googleAilments(), microsoftAilments(), exchangeAilments(), ownAilments())
}

func roadAilments() []ailment {
	return []ailment{
		{
			name: "clock ahead", around: func(_ *testing.T, _ *sandbox.World, a *around) { a.ahead = 20 * time.Minute },
			make:  func(k *clinic) { k.workspaceUnasked(ada) },
			cause: "clock_off", check: monitor.CheckClock, who: monitor.Machine, says: []string{"20m", "ahead"}, fix: []string{"timedatectl set-ntp true"},
		},
		{
			name: "clock behind", around: func(_ *testing.T, _ *sandbox.World, a *around) { a.ahead = -3 * time.Hour },
			make:  func(k *clinic) { k.workspaceUnasked(ada) },
			cause: "clock_off", check: monitor.CheckClock, who: monitor.Machine, says: []string{"behind"}, fix: []string{"NTP"},
		},
		{
			name: "a relay's name that does not exist", make: func(k *clinic) { k.relay("no-such-relay.test:587", "starttls") },
			cause: "host_not_found", check: monitor.CheckDNS, who: monitor.You, says: []string{"no-such-relay.test cannot be resolved"},
			fix: []string{"gatepost accounts change shop@acme.example --host NAME", "nslookup no-such-relay.test"},
		},
		{
			name: "no DNS for Google", around: func(_ *testing.T, _ *sandbox.World, a *around) { a.google = "https://gmail.test" },
			make:  func(k *clinic) { k.workspaceUnasked(ada) },
			cause: "host_not_found", check: monitor.CheckDNS, who: monitor.Machine, says: []string{"gmail.test cannot be resolved"}, fix: []string{"nslookup gmail.test"},
		},
		{
			name: "HTTPS to Google is closed", around: func(t *testing.T, _ *sandbox.World, a *around) { a.google = "https://" + closed(t) },
			make:  func(k *clinic) { k.workspaceUnasked(ada) },
			cause: "unreachable", check: monitor.CheckPort, who: monitor.Machine, says: []string{"cannot reach", "HTTPS"}, fix: []string{"curl -sSI https://127.0.0.1:"},
		},
		{
			name: "nothing listens at the relay's port", make: func(k *clinic) { k.relay(closed(k.t), "starttls") },
			cause: "port_refused", check: monitor.CheckPort, who: monitor.RelayAdmin, says: []string{"refuses connections", "25, 465, 587"},
			fix: []string{"Start the server", "--host NAME --port PORT"},
		},
		{
			name: "a firewall drops SMTP to a relay", make: func(k *clinic) { k.relay(hole(k.t), "starttls") },
			cause: "port_blocked", check: monitor.CheckPort, who: monitor.Machine, says: []string{"does not answer at all", "firewall"}, fix: []string{"Ask the hosting provider to open outgoing port 587"},
		},
		{
			name: "port 465 is blocked, 587 is open", around: func(t *testing.T, w *sandbox.World, a *around) {
				a.hosts = map[string]string{"relay.test": "127.0.0.1"}
				a.moved = map[string]string{"relay.test:465": hole(t), "relay.test:587": w.SMTPAddr}
			},
			make:  func(k *clinic) { k.relay("relay.test:465", "implicit") },
			cause: "port_closed", check: monitor.CheckPort, who: monitor.You, says: []string{"Port 465 of relay.test cannot be reached, and port 587"},
			fix: []string{"gatepost accounts change shop@acme.example --port 587 --tls starttls"},
		},
		{
			name: "smtp.gmail.com is blocked", around: func(t *testing.T, _ *sandbox.World, a *around) { a.googleSMTP = hole(t) },
			make:  func(k *clinic) { k.add(ada, transportSMTP, k.serviceAccount(fullScope), "{}") },
			cause: "port_blocked", check: monitor.CheckPort, who: monitor.Machine, says: []string{"does not answer at all"}, fix: []string{"gatepost connect workspace " + ada + " --credential cred_", "HTTPS alone"},
		},
		{
			name: "smtp.office365.com is blocked", around: func(t *testing.T, _ *sandbox.World, a *around) { a.exchangeSMTP = closed(t) },
			make: func(k *clinic) {
				_, id := k.smtpApp(principal, contoso)
				k.add(contoso, transportMicrosoftSMTP, id, "{}")
			},
			cause: "port_refused", check: monitor.CheckPort, who: monitor.Machine, says: []string{"refuses connections"}, fix: []string{"gatepost connect microsoft " + contoso + " --credential cred_"},
		},
		{
			name: "a server that says nothing", make: func(k *clinic) { k.relay(mute(k.t), "starttls") },
			cause: "server_silent", check: monitor.CheckPort, who: monitor.RelayAdmin, says: []string{"then says nothing"}, fix: []string{"service runs there"},
		},
	}
}

const fullScope = "https://mail.google.com/"

func tlsAilments() []ailment {
	return []ailment{
		{
			name: "TLS to Google is intercepted", around: func(_ *testing.T, _ *sandbox.World, a *around) { a.stranger = true },
			make:  func(k *clinic) { k.workspaceUnasked(ada) },
			cause: "tls_intercepted", check: monitor.CheckTLS, who: monitor.Machine, says: []string{"intercepted", "sandbox", "no public authority"}, fix: []string{"gatepost serve --ca-file FILE"},
		},
		{
			name: "a relay's certificate is of an unknown authority", around: func(_ *testing.T, _ *sandbox.World, a *around) { a.stranger = true },
			make:  func(k *clinic) { k.relay(k.google.SMTPSAddr, "implicit") },
			cause: "tls_unknown_authority", check: monitor.CheckTLS, who: monitor.You, says: []string{"which this machine does not trust"}, fix: []string{"--relay-ca FILE"},
		},
		{
			name: "a relay's certificate is for another name", around: func(_ *testing.T, w *sandbox.World, a *around) {
				a.hosts = map[string]string{"relay.test": "127.0.0.1"}
				a.moved = map[string]string{"relay.test:465": w.SMTPSAddr}
			},
			make:  func(k *clinic) { k.relay("relay.test:465", "implicit") },
			cause: "tls_wrong_host", check: monitor.CheckTLS, who: monitor.Machine, says: []string{"is for another name"}, fix: []string{"Name the server as its certificate does"},
		},
		{
			name: "TLS at once at the port of STARTTLS", make: func(k *clinic) { k.relay(k.google.SMTPAddr, "implicit") },
			cause: "tls_wrong_mode", check: monitor.CheckTLS, who: monitor.You, says: []string{"begins without TLS (STARTTLS)"}, fix: []string{"--tls starttls"},
		},
		{
			name: "STARTTLS at the port of TLS at once", make: func(k *clinic) { k.relay(k.google.SMTPSAddr, "starttls") },
			cause: "tls_wrong_mode", check: monitor.CheckTLS, who: monitor.You, says: []string{"speaks TLS from the first byte"}, fix: []string{"--tls implicit"},
		},
	}
}

func googleAilments() []ailment {
	fault := func(rule string) func(*clinic) {
		return func(k *clinic) { k.workspace(ada); k.fault(rule) }
	}
	consentFault := func(rule string) func(*clinic) {
		return func(k *clinic) {
			k.consented(NewConsent{Credential: k.oauthClient(k.t, "installed")}, sandbox.Decision{Account: grace})
			k.fault(rule)
		}
	}
	return []ailment{
		{
			name: "a service account's key was deleted", make: fault(`{"fault": "token_refused"}`),
			cause: "key_refused", check: monitor.CheckCredential, who: monitor.You, says: []string{"does not accept the signature"}, fix: []string{"gatepost credentials replace cred_", "--file new-key.json"},
		},
		{
			name: "a service account of elsewhere", make: func(k *clinic) {
				other, err := sandbox.Start(sandbox.Config{Dir: k.t.TempDir()})
				must(k.t, err)
				k.t.Cleanup(func() { must(k.t, other.Close()) })
				id := k.keep(NewCredential{Kind: KindServiceAccount, Name: "W", Key: here(k.t, other, k.google)})
				k.addUnasked(ada, transportGmail, id, "{}")
			},
			cause: "unknown_service_account", check: monitor.CheckCredential, who: monitor.You, says: []string{"does not know the service account"}, fix: []string{"client_email"},
		},
		{
			name: "a consent was revoked", make: func(k *clinic) {
				k.consented(NewConsent{Credential: k.oauthClient(k.t, "installed")}, sandbox.Decision{Account: grace})
				k.google.Revoke(grace)
			},
			cause: "token_revoked", check: monitor.CheckCredential, who: monitor.MailboxUser, says: []string{"expired or was revoked"}, fix: []string{"gatepost connect gmail " + grace},
		},
		{
			name: "the organisation wants a new sign-in", make: consentFault(`{"fault": "reauth"}`),
			cause: "session_control", check: monitor.CheckCredential, who: monitor.WorkspaceAdmin, says: []string{"session length control"}, fix: []string{"gatepost connect gmail " + grace},
		},
		{
			name: "an administrator blocks the app", make: consentFault(`{"fault": "admin_policy"}`),
			cause: "blocked_by_admin", check: monitor.CheckCredential, who: monitor.WorkspaceAdmin, says: []string{"administrator"}, fix: []string{"dmin"},
		},
		{
			name: "the OAuth client was deleted", make: consentFault(`{"fault": "client_deleted"}`),
			cause: "client_unknown", check: monitor.CheckCredential, who: monitor.You, says: []string{"was deleted or disabled"}, fix: []string{"https://console.cloud.google.com/auth/clients"},
		},
		{
			name: "no such user", make: func(k *clinic) { k.workspaceUnasked("nobody@" + sandbox.Domain) },
			cause: "unknown_user", check: monitor.CheckCredential, who: monitor.WorkspaceAdmin, says: []string{"no user nobody@"}, fix: []string{"primary address"},
		},
		{
			name: "the delegation lacks the scope to send", make: func(k *clinic) {
				k.addUnasked(ada, transportGmail, k.serviceAccount(scopes+"metadata"), "{}")
			},
			cause: "delegation_missing", check: monitor.CheckScopes, who: monitor.WorkspaceAdmin, says: []string{"may not act for " + ada, "gmail.send"},
			fix: []string{"https://admin.google.com/ac/owl/domainwidedelegation"},
		},
		{
			name: "a consent without the scope of SMTP", make: func(k *clinic) {
				made := k.consented(NewConsent{Credential: k.oauthClient(k.t, "installed")}, sandbox.Decision{Account: grace})
				k.add(grace, transportSMTP, made.Credential, "{}")
			},
			cause: "scope_missing", check: monitor.CheckScopes, who: monitor.MailboxUser, says: []string{"has not allowed gatepost to \"smtp\""}, fix: []string{"gatepost connect gmail " + grace + " --smtp"},
		},
		{
			name: "a box that was left unticked", make: func(k *clinic) {
				k.consented(NewConsent{Credential: k.oauthClient(k.t, "installed")}, sandbox.Decision{Account: grace, Leave: []string{scopes + "metadata"}})
				all, err := k.Accounts(k.t.Context(), k.grant)
				must(k.t, err)
				_, err = k.UpdateAccount(k.t.Context(), k.grant, all[0].ID, ChangeAccount{Config: json.RawMessage(`{"may_look": true}`)})
				must(k.t, err)
			},
			cause: "scope_missing", check: monitor.CheckScopes, who: monitor.MailboxUser, says: []string{"has not allowed gatepost to \"look\""}, fix: []string{"leave every box ticked"},
		},
		{
			name: "Google's token endpoint is down", make: fault(`{"fault": "token_error", "arg": "503"}`),
			cause: "token_endpoint_down", check: monitor.CheckPort, who: monitor.Provider, says: []string{"Google"}, fix: []string{""},
		},
		{
			name: "a sender that is not verified", make: func(k *clinic) {
				k.google.SetSendAs(ada, sandbox.SendAs{Address: "hello@acme.example"})
				k.add(ada, transportGmail, k.serviceAccount(scopes+"send", scopes+"metadata", scopes+"settings.basic"), "{}", "hello@acme.example")
				k.google.SetSendAs(ada, sandbox.SendAs{Address: "hello@acme.example", Verification: "pending"})
			},
			cause: "sender_not_verified", check: monitor.CheckSender, who: monitor.MailboxUser, says: []string{"does not list hello@acme.example"}, fix: []string{"Send mail as", "gatepost accounts aliases " + ada},
		},
		{
			name: "a service account that may do too much", make: func(k *clinic) {
				k.add(ada, transportGmail, k.serviceAccount(scopes+"send", scopes+"metadata", fullScope), "{}")
			},
			cause: "scopes_too_many", check: monitor.CheckTooMany, who: monitor.WorkspaceAdmin, says: []string{"allows more", fullScope}, fix: []string{"leave only", scopes + "send"}, warns: true,
		},
		{
			name: "a consent to too much", make: func(k *clinic) {
				k.consented(NewConsent{Credential: k.oauthClient(k.t, "installed"), Purposes: []string{"send", "look", "modify"}}, sandbox.Decision{Account: grace})
			},
			cause: "scopes_too_many", check: monitor.CheckTooMany, who: monitor.MailboxUser, says: []string{"allows more", "gmail.modify"},
			fix: []string{"https://myaccount.google.com/connections", "--purposes send,look"}, warns: true,
		},
	}
}

func microsoftAilments() []ailment {
	app := func(then func(*clinic, sandbox.App)) func(*clinic) {
		return func(k *clinic) {
			a, id := k.app(sandbox.AppOptions{Roles: []string{"Mail.Send", "Mail.ReadBasic.All"}})
			k.add(contoso, transportMicrosoft, id, "{}")
			then(k, a)
		}
	}
	return []ailment{
		{
			name: "the client secret has ended", make: app(func(k *clinic, a sandbox.App) {
				must(k.t, k.google.ChangeApp(a.ClientID, func(o *sandbox.AppOptions) { o.SecretExpires = time.Now().Add(-time.Hour) }))
			}),
			cause: "client_secret_expired", check: monitor.CheckCredential, who: monitor.You, says: []string{"secret"}, fix: []string{"gatepost credentials replace cred_", "--secret-file FILE --secret-expires DATE"},
		},
		{
			name: "a wrong client secret", make: app(func(k *clinic, _ sandbox.App) { k.fault(`{"fault": "aadsts", "arg": "7000215"}`) }),
			cause: "client_secret_refused", check: monitor.CheckCredential, who: monitor.You, says: []string{"secret"}, fix: []string{"--secret-file FILE"},
		},
		{
			name: "the app was deleted", make: app(func(k *clinic, a sandbox.App) { k.google.DeleteApp(a.ClientID) }),
			cause: "client_unknown", check: monitor.CheckCredential, who: monitor.EntraAdmin, says: []string{"no app"}, fix: []string{""},
		},
		{
			name: "the app was switched off", make: app(func(k *clinic, a sandbox.App) {
				must(k.t, k.google.ChangeApp(a.ClientID, func(o *sandbox.AppOptions) { o.Disabled = true }))
			}),
			cause: "client_disabled", check: monitor.CheckCredential, who: monitor.EntraAdmin, says: []string{"disabled"}, fix: []string{""},
		},
		{
			name: "Graph: the app has no permission", make: func(k *clinic) {
				_, id := k.app(sandbox.AppOptions{})
				k.add(contoso, transportMicrosoft, id, `{"may_look": false}`)
			},
			cause: "permission_missing", check: monitor.CheckScopes, who: monitor.EntraAdmin, says: []string{"does not let app"},
			fix: []string{"New-ServicePrincipal -AppId ", `-Role "Application Mail.Send"`},
		},
		{
			name: "a policy keeps the app out of the mailbox", make: app(func(k *clinic, a sandbox.App) {
				must(k.t, k.google.AddAccessPolicy("", a.ClientID, "other@"+sandbox.MicrosoftDomain))
			}),
			cause: "access_policy", check: monitor.CheckScopes, who: monitor.ExchangeAdmin, says: []string{"keeps app"}, fix: []string{"Test-ApplicationAccessPolicy -Identity " + contoso},
		},
		{
			name: "no licence for a mailbox", make: func(k *clinic) {
				_, id := k.app(sandbox.AppOptions{Roles: []string{"Mail.Send", "Mail.ReadBasic.All"}})
				k.add("no-mailbox@"+sandbox.MicrosoftDomain, transportMicrosoft, id, "{}")
			},
			cause: "mailbox_not_enabled", check: monitor.CheckMailbox, who: monitor.ExchangeAdmin, says: []string{"has no mailbox"}, fix: []string{"licence"},
		},
		{
			name: "/me with an app that acts by itself", make: func(k *clinic) {
				_, id := k.app(sandbox.AppOptions{Roles: []string{"Mail.Send"}})
				k.addRow(contoso, transportMicrosoft, id, `{"app_only": false, "may_look": false}`)
			},
			cause: "not_app_only", check: monitor.CheckSettings, who: monitor.You, says: []string{"/me"}, fix: []string{"gatepost accounts change " + contoso + " --credential cred_"},
		},
		{
			name: "a Microsoft user's consent was revoked", make: func(k *clinic) {
				k.microsoftUser(NewConsent{}, "send")
				k.google.RevokeMicrosoft(contoso)
			},
			cause: "token_revoked", check: monitor.CheckCredential, who: monitor.MailboxUser, says: []string{"contoso"}, fix: []string{"gatepost connect microsoft " + contoso + " --consent"},
		},
		{
			name: "an app that may do too much", make: func(k *clinic) {
				_, id := k.app(sandbox.AppOptions{Roles: []string{"Mail.Send", "Mail.ReadBasic.All", "Mail.ReadWrite"}})
				k.add(contoso, transportMicrosoft, id, "{}")
			},
			cause: "scopes_too_many", check: monitor.CheckTooMany, who: monitor.EntraAdmin, says: []string{"Mail.ReadWrite"}, fix: []string{"API permissions remove Mail.ReadWrite"}, warns: true,
		},
		{
			name: "a Microsoft user's consent to too much", make: func(k *clinic) { k.microsoftUser(NewConsent{}, "send", "look", "read") },
			cause: "scopes_too_many", check: monitor.CheckTooMany, who: monitor.EntraAdmin, says: []string{"Mail.Read."}, fix: []string{"Enterprise applications", "--purposes send,look"}, warns: true,
		},
	}
}

func exchangeAilments() []ailment {
	signIn := func(then func(*clinic)) func(*clinic) {
		return func(k *clinic) {
			_, id := k.smtpApp(principal, contoso)
			k.add(contoso, transportMicrosoftSMTP, id, "{}")
			then(k)
		}
	}
	off := true
	return []ailment{
		{
			name: "5.7.3: a token for another resource", make: func(k *clinic) {
				_, id := k.smtpApp(principal, contoso)
				k.add(contoso, transportMicrosoftSMTP, id, `{"scope": "`+graph+`.default"}`)
			},
			cause: "wrong_audience", check: monitor.CheckAudience, who: monitor.You, says: []string{"The token is for https://graph.microsoft.com"}, fix: []string{"Take the setting scope out", graph + ".default"},
		},
		{
			name: "5.7.3: the object id of the app registration", make: func(k *clinic) {
				_, id := k.smtpApp(func(a sandbox.App) string { return a.ObjectID })
				k.add(contoso, transportMicrosoftSMTP, id, "{}")
			},
			cause: "service_principal", check: monitor.CheckSignIn, who: monitor.ExchangeAdmin, says: []string{"does not know app"},
			fix: []string{"that of the App registration is the usual mistake", "Get-ServicePrincipal", "New-ServicePrincipal -AppId "},
		},
		{
			name: "5.7.3: no right to this mailbox", make: func(k *clinic) {
				_, id := k.smtpApp(principal, "first@"+sandbox.MicrosoftDomain)
				k.add("first@"+sandbox.MicrosoftDomain, transportMicrosoftSMTP, id, "{}")
				k.add(contoso, transportMicrosoftSMTP, id, "{}")
			},
			cause: "no_full_access", check: monitor.CheckMailbox, who: monitor.ExchangeAdmin, says: []string{"The app has no right to the mailbox " + contoso},
			fix: []string{"Add-MailboxPermission -Identity " + contoso + " -User "},
		},
		{
			name: "5.7.3: no role", make: func(k *clinic) {
				_, id := k.app(sandbox.AppOptions{Roles: []string{"Mail.Send"}})
				k.add(contoso, transportMicrosoftSMTP, id, "{}")
			},
			cause: "permission_missing", check: monitor.CheckScopes, who: monitor.ExchangeAdmin, says: []string{"has no role SMTP.SendAsApp"}, fix: []string{`-Role "Application SMTP.SendAsApp"`},
		},
		{
			name: "5.7.3: a consent without SMTP.Send", make: func(k *clinic) {
				made := k.microsoftUser(NewConsent{}, "send")
				k.add(contoso, transportMicrosoftSMTP, made.Credential, `{"app_only": false}`)
			},
			cause: "scope_missing", check: monitor.CheckScopes, who: monitor.MailboxUser, says: []string{"SMTP.Send"}, fix: []string{"gatepost connect microsoft " + contoso + " --consent --smtp"},
		},
		{
			name: "5.7.3: a user's token that is right in all", make: func(k *clinic) {
				k.microsoftUser(NewConsent{Transport: transportMicrosoftSMTP}, "smtp")
				k.fault(`{"fault": "exchange", "arg": "auth", "account": "` + contoso + `"}`)
			},
			cause: "smtp_auth_disabled", check: monitor.CheckSignIn, who: monitor.ExchangeAdmin, says: []string{"most likely SMTP AUTH is off for " + contoso},
			fix: []string{"Set-CASMailbox -Identity " + contoso, "gatepost connect microsoft " + contoso + " --consent"},
		},
		{
			name: "5.7.139: SMTP AUTH is off for the organisation", make: signIn(func(k *clinic) {
				must(k.t, k.google.ChangeTenant(sandbox.MicrosoftDomain, func(o *sandbox.TenantOptions) { o.SMTPAuthOff = true }))
			}),
			cause: "smtp_auth_disabled", check: monitor.CheckSignIn, who: monitor.ExchangeAdmin, says: []string{"for the whole organisation"},
			fix: []string{"Set-TransportConfig -SmtpClientAuthenticationDisabled $false", "Set-CASMailbox -Identity " + contoso},
		},
		{
			name: "5.7.139: SMTP AUTH is off for the mailbox", make: signIn(func(k *clinic) {
				must(k.t, k.google.AddUser(sandbox.UserOptions{Address: contoso, SMTPAuthDisabled: &off}))
			}),
			cause: "smtp_auth_disabled", check: monitor.CheckSignIn, who: monitor.ExchangeAdmin, says: []string{"for the mailbox " + contoso},
			fix: []string{"Set-CASMailbox -Identity " + contoso + " -SmtpClientAuthenticationDisabled $false", "gatepost connect microsoft " + contoso},
		},
		{
			name: "5.7.139: Conditional Access", make: signIn(func(k *clinic) { k.fault(`{"fault": "exchange", "arg": "conditional_access"}`) }),
			cause: "conditional_access", check: monitor.CheckSignIn, who: monitor.EntraAdmin, says: []string{"Conditional Access"}, fix: []string{"Sign-in logs"},
		},
		{
			name: "5.7.139: security defaults", make: signIn(func(k *clinic) { k.fault(`{"fault": "exchange", "arg": "security_defaults"}`) }),
			cause: "security_defaults", check: monitor.CheckSignIn, who: monitor.EntraAdmin, says: []string{"security defaults"}, fix: []string{"gatepost connect microsoft"},
		},
		{
			name: "the sender lacks Send As", make: func(k *clinic) {
				_, id := k.app(sandbox.AppOptions{Roles: []string{"Mail.Send", "Mail.ReadBasic.All"}})
				k.add(contoso, transportMicrosoft, id, "{}", "billing@"+sandbox.MicrosoftDomain)
				from := to("billing@" + sandbox.MicrosoftDomain)[0]
				k.send(queue.Submission{From: &from, To: to("maria@example.net"), Subject: "Hello", Text: "x"}, 1, func() bool { return k.hasFailed() })
			},
			cause: "send_as_denied", check: monitor.CheckSender, who: monitor.ExchangeAdmin, says: []string{"may not send as"},
			fix: []string{"Add-RecipientPermission -Identity billing@" + sandbox.MicrosoftDomain + " -Trustee " + contoso + " -AccessRights SendAs", "gatepost messages explain msg_"},
		},
	}
}

func ownAilments() []ailment {
	return []ailment{
		{
			name: "a wrong password", make: func(k *clinic) {
				user, _ := k.google.SMTPLogin()
				k.add("shop@acme.example", "smtp", k.keep(password("wrong")), k.relayConfig(k.google.SMTPAddr, "starttls", user))
			},
			cause: "credential_refused", check: monitor.CheckSignIn, who: monitor.You, says: []string{"password"}, fix: []string{"gatepost credentials replace cred_", "--smtp-password-file FILE"},
		},
		{
			name: "a relay that wants a sign-in", make: func(k *clinic) {
				k.add("shop@acme.example", "smtp", "", k.relayConfig(k.google.SMTPAddr, "starttls", ""))
			},
			cause: "auth_required", check: monitor.CheckSignIn, who: monitor.You, says: []string{"sign"}, fix: []string{""},
		},
		{
			name: "the provider's day is used up", make: func(k *clinic) {
				k.workspace(ada)
				k.fault(`{"fault": "quota", "arg": "3600", "account": "` + ada + `"}`)
				k.send(queue.Submission{To: to("maria@example.net"), Subject: "Hello", Text: "x"}, 1, func() bool { return !k.first().ParkedUntil.IsZero() })
			},
			check: monitor.CheckLimits, who: monitor.Provider, says: []string{ada + " waits until", "takes no more until then"}, fix: []string{"gatepost capacity --account " + ada},
		},
		{
			name: "a limit of one's own is used up", make: func(k *clinic) {
				user, secret := k.google.SMTPLogin()
				config := k.relayConfig(k.google.SMTPAddr, "starttls", user)
				k.add("shop@acme.example", "smtp", k.keep(password(secret)), strings.TrimSuffix(config, "}")+`, "limits": {"per_day": 1}}`)
				k.send(queue.Submission{To: to("maria@example.net"), Subject: "Hello", Text: "x"}, 1, func() bool { return k.waits() == 0 })
			},
			cause: "limit_used_up", check: monitor.CheckLimits, who: monitor.Provider, says: []string{"has used up its limit of 1"}, fix: []string{"gatepost capacity --account shop@acme.example"},
		},
		{
			name: "a paused account", make: func(k *clinic) {
				id := k.workspace(ada)
				_, err := k.engine.Pause(k.t.Context(), k.grant, queue.Pause{Account: id, Lane: queue.EveryLane, Reason: "a wrong price"})
				must(k.t, err)
			},
			cause: "paused", check: monitor.CheckState, who: monitor.You, says: []string{ada + " is paused: somebody"}, fix: []string{"gatepost queue resume --account " + ada},
		},
		{
			name: "a paused lane", make: func(k *clinic) {
				id := k.workspace(ada)
				_, err := k.engine.Pause(k.t.Context(), k.grant, queue.Pause{Account: id, Lane: email.Bulk})
				must(k.t, err)
			},
			cause: "paused", check: monitor.CheckState, who: monitor.You, says: []string{"paused in the lane bulk"}, fix: []string{"--lane bulk"}, warns: true,
		},
		{
			name: "held for what is mended", make: func(k *clinic) {
				id := k.workspace(ada)
				must(k.t, k.change(k.t.Context(), id, store.AccountChange{Hold: true}))
			},
			cause: "credential_refused", check: monitor.CheckState, who: monitor.You, says: []string{"is held (credential_refused)"}, fix: []string{"releasing is all", "gatepost accounts release " + ada},
		},
		{
			name: "no account for a sender", make: func(k *clinic) { k.workspace(ada) }, from: "billing@" + sandbox.Domain,
			cause: "no_account_for_sender", check: monitor.CheckSender, who: monitor.You, says: []string{"No account may send as billing@"},
			fix: []string{"gatepost accounts change " + ada + " --senders billing@" + sandbox.Domain},
		},
		{
			name: "a door that does not answer", around: func(t *testing.T, _ *sandbox.World, a *around) {
				a.doors = []monitor.Door{{Name: "smtp-listen", Address: closed(t)}}
			},
			make:  func(k *clinic) { k.workspace(ada) },
			cause: "door_closed", check: monitor.CheckDoor, who: monitor.Machine, says: []string{"smtp-listen door", "does not answer"}, fix: []string{"log"},
		},
	}
}

// Each broken set-up is named by its cause first, with the right fix and the one who can
// do it; and none of them is named as another one is.
func TestDoctorNamesWhatIsBroken(t *testing.T) {
	all := ailments()
	if len(all) < 40 {
		t.Fatalf("%d set-ups", len(all))
	}
	found := make([]*monitor.Finding, len(all))
	var mu sync.Mutex
	t.Run("setups", func(t *testing.T) {
		for i, s := range all {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				first := s.examined(t)
				if wrong := s.wrong(first); wrong != "" {
					t.Errorf("%s\n%s", wrong, told(first))
				}
				mu.Lock()
				found[i] = first
				mu.Unlock()
			})
		}
	})
	for i, s := range all {
		for j, f := range found {
			if i != j && f != nil && s.wrong(f) == "" {
				t.Errorf("%q is named as %q would be: nobody can tell them apart", all[j].name, s.name)
			}
		}
	}
}

// examined makes the set-up and gives what the doctor says first.
func (s ailment) examined(t *testing.T) *monitor.Finding {
	k := openClinic(t, func(w *sandbox.World, a *around) {
		if s.around != nil {
			s.around(t, w, a)
		}
	})
	s.make(k)
	began, before := time.Now(), k.ledgerSize()
	d, err := k.Doctor(t.Context(), k.grant, DoctorQuery{From: s.from})
	must(t, err)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	if k.ledgerSize() != before {
		t.Error("mail was sent")
	}
	if len(d.Findings) == 0 {
		return nil
	}
	want := monitor.Broken
	if s.warns {
		want = monitor.Warning
	}
	if d.Worst() != want {
		t.Errorf("worst is %s:\n%s", d.Worst(), told(&d.Findings[0]))
	}
	for _, f := range d.Findings[1:] {
		if f.Severity == monitor.Broken {
			t.Errorf("what follows is not beneath its cause: %s", told(&f))
		}
	}
	return &d.Findings[0]
}

// wrong says how a finding differs from what it should be.
func (s ailment) wrong(f *monitor.Finding) string {
	if f == nil {
		return "nothing was found"
	}
	fix := f.Fix + "\n" + strings.Join(f.Commands, "\n")
	switch {
	case f.Check != s.check || s.cause != "" && f.Cause != s.cause:
		return fmt.Sprintf("want %s of %s", s.cause, s.check)
	case f.Who != s.who:
		return fmt.Sprintf("want it to be done by %s", s.who)
	}
	for _, part := range s.says {
		if !strings.Contains(f.What, part) {
			return fmt.Sprintf("want %q in what is wrong", part)
		}
	}
	for _, part := range s.fix {
		if !strings.Contains(fix, part) {
			return fmt.Sprintf("want %q in the fix", part)
		}
	}
	return ""
}

func told(f *monitor.Finding) string {
	if f == nil {
		return "nothing"
	}
	text := fmt.Sprintf("%s %s [%s] %s\n  why: %s\n  fix: %s\n  %s\n  who: %s\n  reply: %s", f.Severity, f.Cause, f.Check, f.What, f.Why, f.Fix, strings.Join(f.Commands, "\n  "), f.Who, f.Reply)
	for _, x := range f.Follows {
		text += "\n  > " + x.Cause + " " + x.What
	}
	return text
}
