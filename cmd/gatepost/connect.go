package main

import (
	"strings"

	"github.com/spf13/cobra"
)

func connectCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "connect",
		Short: "Connect a mailbox: Workspace, Gmail, Microsoft 365, a relay, or by a link for a colleague",
		Long: `Connect a mailbox, so that gatepost can send through it. Each way tells what to do
at the provider and exactly what to paste there, then proves every step live, and
ends with a test message to the mailbox itself.

  workspace   mailboxes of a Google Workspace, by a service account, with a key or
              without: nobody signs in
  gmail       one Gmail or Workspace mailbox, by its user's consent in a browser
  microsoft   mailboxes of Microsoft 365: by an app that acts by itself, by a user's
              consent, or by a device code
  link        a user's consent for a colleague, who needs no login here
  relay       any SMTP server, such as smtp-relay.gmail.com`,
		Example: `  gatepost connect workspace app@example.com --service-account key.json
  gatepost connect gmail you@gmail.com --oauth-client client_secret.json
  gatepost connect microsoft app@contoso.com --tenant contoso.com --client-id 5f1e… --secret-file secret.txt
  gatepost connect link colleague@example.com --oauth-client client_secret.json
  gatepost connect relay app@example.com --host smtp.example.com --user app@example.com`,
	}
	cmd.AddCommand(connectWorkspaceCommand(env), connectGmailCommand(env), connectMicrosoftCommand(env), connectLinkCommand(env), connectRelayCommand(env))
	return cmd
}

// mailboxFlags are common to the ways to a mailbox of Google or Microsoft.
type mailboxFlags struct {
	microsoft  bool
	credential string
	purposes   []string
	senders    []string
	smtp       bool
	noTest     bool
}

func (m *mailboxFlags) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	use, all := "send by smtp.gmail.com in place of the Gmail API", purposes()
	if m.microsoft {
		use, all = "send by smtp.office365.com in place of Microsoft Graph", microsoftPurposes()
	}
	f.BoolVar(&m.smtp, "smtp", false, use)
	f.StringSliceVar(&m.purposes, "purposes", nil, "what `access` is for: "+strings.Join(all, ", ")+" (default send,look; with --smtp smtp)")
	f.StringSliceVar(&m.senders, "senders", nil, "further `addresses` that may stand in From, or @domain")
	f.StringVar(&m.credential, "credential", "", "`id` of a credential that is stored already")
	complete(cmd, "purposes", listOf(all))
}

func (m *mailboxFlags) transport() string {
	name := "gmail"
	if m.microsoft {
		name = "microsoft"
	}
	if m.smtp {
		name += "_smtp"
	}
	return name
}

// provider is whose mailbox it is.
func (m *mailboxFlags) provider() string {
	if m.microsoft {
		return "Microsoft"
	}
	return "Google"
}

// wanted are the purposes to ask for. Looking in Sent is what tells of attempts
// without an answer.
func (m *mailboxFlags) wanted() []string {
	switch {
	case len(m.purposes) > 0:
		return m.purposes
	case m.smtp:
		return []string{"smtp"}
	}
	return []string{"send", "look"}
}
