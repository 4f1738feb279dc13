package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gatepost/client"
)

// accountChange is what a command changes of an account.
type accountChange struct {
	credential string
	senders    []string
	look       bool
	limits     limitFlag
	relay      relayChange
}

func accountsChangeCommand(env environment) *cobra.Command {
	w := &accountChange{}
	cmd := &cobra.Command{
		Use: "change", Short: "Change an account's credential, senders, abilities or limits; the rest stays",
		Long: `Change an account's credential, senders, abilities or limits, or the server of a
relay; the rest stays.

A password is for one server. Where a relay's server, port, TLS or authority is
changed it is asked for once more, or taken from GATEPOST_SMTP_PASSWORD, or from a
file (--smtp-password-file).`,
		Example: `  gatepost accounts change app@example.com --senders billing@example.com,@shop.example.com
  gatepost accounts change app@example.com --senders ""
  gatepost accounts change app@example.com --look=false
  gatepost accounts change app@example.com --port 465 --tls implicit
  gatepost accounts change app@example.com --limit per_minute=100,recipients_per_day=5000
  gatepost accounts change app@example.com --limit per_minute=`,
	}
	f := cmd.Flags()
	f.StringVar(&w.credential, "credential", "", "`id` of the credential to use")
	f.StringSliceVar(&w.senders, "senders", nil, "further `addresses` that may stand in From, or @domain; replaces the list")
	f.BoolVar(&w.look, "look", true, "whether gatepost looks in Sent after an attempt without an answer (Google)")
	w.relay.flags(f)
	f.Var(&w.limits, "limit", limitUsage+"; without a number what is known of the provider holds again")
	return onAccountWith(env, cmd, forClient|forRelay, func(ctx context.Context, r *remote, a client.Account) error {
		change, err := w.of(a, f)
		if err != nil {
			return err
		}
		a, err = w.relay.carryOut(ctx, newGuide(r), a, change)
		if err != nil {
			return err
		}
		return r.show(a, func() { r.accountFacts(a) })
	})
}

// of is the change that the flags stand for. Settings of a transport are changed as a
// whole, so they begin as the account has them.
func (w *accountChange) of(a client.Account, f *pflag.FlagSet) (change client.ChangeAccount, err error) {
	if f.Changed("credential") {
		change.Credential = &w.credential
	}
	if f.Changed("senders") {
		change.Senders = &w.senders
	}
	if f.Changed("look") {
		if err := setLook(&change, a, w.look); err != nil {
			return change, err
		}
	}
	if f.Changed("limit") {
		setLimits(&change, a, w.limits)
	}
	if err := w.relay.put(&change, a, f); err != nil {
		return change, err
	}
	if change == (client.ChangeAccount{}) {
		err = usagef("nothing to change: give --credential, --senders, --look, --limit, or of a relay --host, --port, --tls or --relay-ca")
	}
	return change, err
}

func setLook(change *client.ChangeAccount, a client.Account, look bool) error {
	switch a.Transport {
	case "gmail":
		gmailOf(change, a).MayLook = &look
	case "gmail_smtp":
		gmailSMTPOf(change, a).MayLook = &look
	case "microsoft":
		microsoftOf(change, a).MayLook = &look
	case "microsoft_smtp":
		microsoftSMTPOf(change, a).MayLook = &look
	default:
		return usagef("--look: a relay has no Sent mail that gatepost could look into")
	}
	return nil
}

func setLimits(change *client.ChangeAccount, a client.Account, limits limitFlag) {
	var at **client.SendLimits
	switch a.Transport {
	case "gmail":
		at = &gmailOf(change, a).Limits
	case "gmail_smtp":
		at = &gmailSMTPOf(change, a).Limits
	case "microsoft":
		at = &microsoftOf(change, a).Limits
	case "microsoft_smtp":
		at = &microsoftSMTPOf(change, a).Limits
	default:
		at = &relayOf(change, a).Limits
	}
	*at = limits.in(*at)
}

// gmailOf is the settings that a change gives, at first those of the account.
func gmailOf(change *client.ChangeAccount, a client.Account) *client.GmailSettings {
	change.Gmail = settingsOf(change.Gmail, a.Gmail)
	return change.Gmail
}

func gmailSMTPOf(change *client.ChangeAccount, a client.Account) *client.GmailSMTPSettings {
	change.GmailSMTP = settingsOf(change.GmailSMTP, a.GmailSMTP)
	return change.GmailSMTP
}

func microsoftOf(change *client.ChangeAccount, a client.Account) *client.MicrosoftSettings {
	change.Microsoft = settingsOf(change.Microsoft, a.Microsoft)
	return change.Microsoft
}

func microsoftSMTPOf(change *client.ChangeAccount, a client.Account) *client.MicrosoftSMTPSettings {
	change.MicrosoftSMTP = settingsOf(change.MicrosoftSMTP, a.MicrosoftSMTP)
	return change.MicrosoftSMTP
}

func relayOf(change *client.ChangeAccount, a client.Account) *client.SMTPSettings {
	change.SMTP = settingsOf(change.SMTP, a.SMTP)
	return change.SMTP
}

func settingsOf[T any](changed, has *T) *T {
	switch {
	case changed != nil:
		return changed
	case has == nil:
		return new(T)
	}
	first := *has
	return &first
}
