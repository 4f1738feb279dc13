package monitor

import (
	"slices"
	"strings"
)

// why573 finds out which of the six reasons it is for which Exchange Online refuses a
// token with 535 5.7.3, and names none of them
// (learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth).
// The token tells the first three; of the others one is left.
func (p *Patient) why573(f *Finding) {
	t := p.token()
	if t == nil {
		return
	}
	f.Why = "Exchange Online answered 535 5.7.3, which it does for six reasons; the token says which: " + t.words() + "."
	switch {
	case t.Audience != "" && !t.forOutlook():
		p.wrongAudience(f, t)
	case t.appOnly():
		p.app573(f, t)
	case !contains(t.Scopes, "SMTP.Send"):
		f.Check, f.Cause, f.Who = CheckScopes, "scope_missing", MailboxUser
		f.What = "The token of " + p.Address + " lacks the permission SMTP.Send."
		f.Fix = "Connect the mailbox again for SMTP, and agree to all that is asked for."
		f.Commands = p.again()
	case t.User != "" && !strings.EqualFold(t.User, p.Mailbox()):
		f.Check, f.Cause, f.Who = CheckMailbox, "no_full_access", ExchangeAdmin
		f.What = "The token is of " + t.User + ", who has no full access to the mailbox " + p.Mailbox() + "."
		f.Fix = "Give the user full access to the mailbox, or connect the mailbox's own user."
		f.Commands = []string{"Add-MailboxPermission -Identity " + p.Mailbox() + " -User " + t.User + " -AccessRights FullAccess"}
	default:
		f.Check, f.Cause, f.Who = CheckSignIn, "smtp_auth_disabled", ExchangeAdmin
		f.What = "Exchange Online refuses a token that is right in all that it says: most likely SMTP AUTH is off for " + p.Mailbox() + "."
		f.Fix = "Switch it on for the mailbox; a change can take an hour. Or send by Microsoft Graph, which does not need it."
		f.Commands = p.commands("smtp_auth_disabled")
	}
}

func (p *Patient) wrongAudience(f *Finding, t *Token) {
	f.Check, f.Cause, f.Who = CheckAudience, "wrong_audience", You
	f.What = "The token is for " + t.Audience + ", and Exchange Online's SMTP takes only tokens for https://outlook.office365.com."
	f.Fix = "Take the setting scope out of the account, so that gatepost asks for the right one; it asked for " + strings.Join(t.Asked, " ") + "."
	f.Commands = []string{"gatepost accounts remove " + p.Address, "gatepost connect microsoft " + p.Address + " --smtp --credential " + p.Credential}
	if p.Kind == "microsoft_user" {
		f.Commands[1] = "gatepost connect microsoft " + p.Address + " --smtp --consent"
	}
}

// app573 is an app that acts by itself: Exchange must know it, by the object id of its
// enterprise application, and let it use the mailbox.
func (p *Patient) app573(f *Finding, t *Token) {
	f.Who, f.Check = ExchangeAdmin, CheckSignIn
	principal := "New-ServicePrincipal -AppId " + t.App + " -ObjectId " + t.Object + " -DisplayName gatepost"
	access := "Add-MailboxPermission -Identity " + p.Mailbox() + " -User " + t.Object + " -AccessRights FullAccess"
	switch {
	case !contains(t.Roles, "SMTP.SendAsApp") && !p.Proven:
		f.Check, f.Cause = CheckScopes, "permission_missing"
		f.What = "The app's token has no role SMTP.SendAsApp, and Exchange gives it none for the mailbox " + p.Mailbox() + " either."
		f.Fix = "An Exchange admin lets the app use this mailbox alone (RBAC for Applications), with these lines. It can need two hours."
		f.Commands = p.permit()
	case p.Proven:
		f.Check, f.Cause = CheckMailbox, "no_full_access"
		f.What = "The app has no right to the mailbox " + p.Mailbox() + "; another mailbox opens to it."
		f.Fix = "Give the app full access to this mailbox too. It can need an hour."
		f.Commands = []string{access}
		if !contains(t.Roles, "SMTP.SendAsApp") {
			f.Commands = p.permit()
		}
	default:
		f.Cause = "service_principal"
		f.What = "Exchange Online does not know app " + t.App + " by the object id " + t.Object + ", or does not let it use the mailbox " + p.Mailbox() + "."
		f.Fix = "Look which ObjectId Exchange has. If it is another one (that of the App registration is the usual mistake), remove that service principal and make it anew with the id of " +
			"the Enterprise application, which is the one below. Then give it the mailbox. It can need an hour."
		f.Commands = []string{"Get-ServicePrincipal | Where-Object AppId -eq " + t.App + " | Format-List ObjectId", "Remove-ServicePrincipal -Identity WRONG-OBJECT-ID", principal, access}
	}
}

// Mailbox is the mailbox that an account signs in to.
func (p *Patient) Mailbox() string {
	if p.Shared != "" {
		return p.Shared
	}
	return p.Address
}

func contains(list []string, name string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, name) })
}

// words are what a token says of itself, in a line.
func (t *Token) words() string {
	var words []string
	for _, w := range [][2]string{
		{"audience ", t.Audience},
		{"app ", t.App},
		{"tenant ", t.Tenant},
		{"user ", t.User},
		{"object id ", t.Object},
		{"scopes ", strings.Join(t.Scopes, " ")},
		{"roles ", strings.Join(t.Roles, " ")},
	} {
		if w[1] != "" {
			words = append(words, w[0]+w[1])
		}
	}
	if t.appOnly() && len(t.Roles) == 0 {
		words = append(words, "no roles")
	}
	return strings.Join(words, ", ")
}
