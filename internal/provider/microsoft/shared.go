package microsoft

import (
	"cmp"
	"slices"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// note remembers what the last token says of itself, for the words of errors alone.
func (a *account) note(token email.Secret) {
	if c := readClaims(token); c.app() != "" {
		a.seen.Store(&c)
	}
}

// known is what the last token said.
func (a *account) known() claims {
	if c := a.seen.Load(); c != nil {
		return *c
	}
	return claims{}
}

// guest is the user who signs in, where the mailbox is another one, shared with them.
func (a *account) guest() string {
	if user := a.known().User; !a.settings.AppOnly && a.settings.Mailbox != "" && !strings.EqualFold(user, a.mailbox) {
		return user
	}
	return ""
}

// sharedHint says of a refusal, where the mailbox is shared with the user, which of
// Exchange's rights is missing, in the lines to paste; sender is the address in From,
// where one is known
// (learn.microsoft.com/exchange/recipients-in-exchange-online/manage-permissions-for-recipients).
func (a *account) sharedHint(e *provider.Error, sender string) *provider.Error {
	user := a.guest()
	if e == nil || user == "" || !slices.Contains([]string{"permission_missing", "send_as_denied", provider.CauseTokenRefused}, e.Cause) {
		return e
	}
	hinted := *e
	full := "Add-MailboxPermission -Identity " + a.mailbox + " -User " + user + " -AccessRights FullAccess -AutoMapping $false"
	as := cmp.Or(sender, a.mailbox)
	sendAs := "Add-RecipientPermission -Identity " + as + " -Trustee " + user + " -AccessRights SendAs"
	switch e.Cause {
	case "send_as_denied":
		hinted.Text = user + " may not send as " + as + "."
		hinted.Fix = "In Exchange Online PowerShell: " + sendAs + ". It can take an hour to apply."
	default:
		hinted.Text = user + " may not use the shared mailbox " + a.mailbox + "."
		hinted.Fix = "An Exchange administrator gives both rights, in Exchange Online PowerShell: " + full + "; " + sendAs + ". It can take an hour to apply."
	}
	if e.Cause == provider.CauseTokenRefused {
		hinted.Fix += " SMTP AUTH must be on, too: Set-CASMailbox -Identity " + a.mailbox + " -SmtpClientAuthenticationDisabled $false."
	}
	return &hinted
}
