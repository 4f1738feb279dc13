package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatepost/client"
)

func accountsCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "accounts",
		Short: "Connected mailboxes: list, check, test, change, remove",
		Long: `Accounts are connected mailboxes: an address, a way to send and a credential. Name
one by its address or its id. New ones: gatepost connect`,
	}
	cmd.AddCommand(accountsListCommand(env), accountsShowCommand(env), accountsCheckCommand(env), accountsTestCommand(env),
		accountsChangeCommand(env), accountsHealthCommand(env), accountsAliasesCommand(env), accountsReleaseCommand(env), accountsTraceCommand(env), accountsRemoveCommand(env))
	return cmd
}

// onAccount is a command about one account.
func onAccount(env environment, cmd *cobra.Command, do func(ctx context.Context, r *remote, a client.Account) error) *cobra.Command {
	return onAccountWith(env, cmd, forClient, do)
}

func onAccountWith(env environment, cmd *cobra.Command, which groups, do func(ctx context.Context, r *remote, a client.Account) error) *cobra.Command {
	name, _, _ := strings.Cut(cmd.Use, " ")
	cmd.Use = name + " ACCOUNT"
	cmd.Args = oneArg("the account's address or id; gatepost accounts list shows them")
	cmd.ValidArgsFunction = accountNames(env)
	if cmd.Example == "" {
		cmd.Example = "  gatepost accounts " + name + " app@example.com"
	}
	return overAPIWith(env, cmd, which, func(ctx context.Context, r *remote, args []string) error {
		a, err := r.account(ctx, args[0])
		if err != nil {
			return err
		}
		return do(ctx, r, a)
	})
}

func accountsListCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "List the accounts", Args: cobra.NoArgs}
	return overAPI(env, cmd, func(ctx context.Context, r *remote, _ []string) error {
		list, err := r.Accounts(ctx)
		if err != nil {
			return err
		}
		return r.show(list, func() { r.accountTable(list.Data) })
	})
}

func (r *remote) accountTable(list []client.Account) {
	if len(list) == 0 {
		r.line("No mailbox is connected yet. Connect one: gatepost connect --help")
		return
	}
	var rows [][]string
	for _, a := range list {
		rows = append(rows, []string{a.Address, a.Transport, a.Status, a.ID, whyNot(a)})
	}
	r.table([]string{"ADDRESS", "BY", "STATUS", "ID", "WHY"}, rows)
}

// endsSoon is what of an account ends soon; came is what its provider has changed, which
// is no reason by itself: whether it does harm the account's state tells.
func endsSoon(a client.Account) (ends, came []string) {
	for _, e := range a.Expiries {
		if hasCome(e) {
			came = append(came, e.Summary)
		} else {
			ends = append(ends, e.Summary)
		}
	}
	return ends, came
}

// whyNot is why an account does not send, or some lanes of it do not, or soon will not.
func whyNot(a client.Account) string {
	var why []string
	if a.Cause != "" && a.Cause != a.Status {
		why = append(why, a.Cause)
	}
	if a.ParkedUntil != nil {
		why = append(why, "until "+whenAt(a.ParkedUntil))
	}
	if len(a.PausedLanes) > 0 {
		why = append(why, pausedLanes(a.PausedLanes))
	}
	ends, _ := endsSoon(a)
	return strings.Join(append(why, ends...), ", ")
}

// pausedLanes tells which lanes are paused; no words for none.
func pausedLanes(lanes []string) string {
	switch len(lanes) {
	case 0:
		return ""
	case 3:
		return "every lane paused"
	}
	return "lane " + strings.Join(lanes, " and ") + " paused"
}

func accountsShowCommand(env environment) *cobra.Command {
	return onAccount(env, &cobra.Command{Use: "show", Short: "Show an account, its limits and what is used of them"}, func(ctx context.Context, r *remote, a client.Account) error {
		var limits []client.CapacityLimit
		if !r.asJSON {
			all, err := r.CapacityOf(ctx, client.CapacityQuery{Account: a.ID})
			if err != nil {
				return err
			}
			if i := slices.IndexFunc(all.Data, func(c client.Capacity) bool { return c.Account == a.ID }); i >= 0 {
				limits = all.Data[i].Limits
			}
		}
		return r.show(a, func() {
			r.accountFacts(a)
			r.accountLimits(limits)
		})
	})
}

// accountLimits tells what may be sent over time, set or known, and what of it is used.
func (r *remote) accountLimits(limits []client.CapacityLimit) {
	if len(limits) == 0 {
		r.line("  %snone is known, and none is set", r.in(dim, "limit        "))
	}
	for _, l := range limits {
		line := fmt.Sprintf("%d %s: %d used, %d left", l.Max, l.Name, l.Used, l.Left)
		if l.Reserved > 0 {
			line += fmt.Sprintf(", %d of that for urgent mail alone", l.Reserved)
		}
		r.line("  %s%s", r.in(dim, "limit        "), line)
	}
}

func (r *remote) accountFacts(a client.Account) {
	ends, came := endsSoon(a)
	r.line("%s  %s", r.in(bold, a.Address), r.state(a.Status))
	for _, f := range [][2]string{
		{"id", a.ID},
		{"by", a.Transport},
		{"credential", a.Credential},
		{"senders", strings.Join(a.Senders, " ")},
		{"may look", mayLook(a)},
		{"draft fence", draftFence(a)},
		{"at a time", atATime(a)},
		{"limits set", limitsOf(a)},
		{"server", serverOf(a)},
		{"user", userOf(a)},
		{"trusts", authorityOf(a)},
		{"connected", when(a.CreatedAt.Time)},
		{"waits until", whenAt(a.ParkedUntil)},
		{"paused", pausedLanes(a.PausedLanes)},
		{"why", inCommands(a.Reason)},
		{"ends", strings.Join(ends, "; ")},
		{"notice", strings.Join(came, "; ")},
	} {
		if f[1] != "" {
			r.line("  %s%s", r.in(dim, (f[0] + "            ")[:13]), f[1])
		}
	}
}

func serverOf(a client.Account) string {
	if a.SMTP == nil {
		return ""
	}
	host := a.SMTP.Host
	if a.SMTP.Port != nil {
		host = net.JoinHostPort(host, strconv.Itoa(*a.SMTP.Port))
	}
	return strings.Join(strings.Fields(a.SMTP.Preset+" "+host+" "+a.SMTP.TLS), " ")
}

func userOf(a client.Account) string {
	switch {
	case a.SMTP == nil:
		return ""
	case a.SMTP.User == "":
		return "none: no sign-in"
	}
	return a.SMTP.User
}

// mayLook tells of an account at Google or Microsoft whether gatepost looks in Sent.
func mayLook(a client.Account) string {
	var look *bool
	switch {
	case a.Gmail != nil:
		look = a.Gmail.MayLook
	case a.GmailSMTP != nil:
		look = a.GmailSMTP.MayLook
	case a.Microsoft != nil:
		look = a.Microsoft.MayLook
	case a.MicrosoftSMTP != nil:
		look = a.MicrosoftSMTP.MayLook
	default:
		return ""
	}
	if look == nil || *look {
		return "yes: in Sent, after an attempt without an answer"
	}
	return "no: what ends without an answer waits for a person"
}

// draftFence tells of an account that makes each message a draft first.
func draftFence(a client.Account) string {
	gmail := a.Gmail != nil && a.Gmail.DraftFence != nil && *a.Gmail.DraftFence
	graph := a.Microsoft != nil && a.Microsoft.DraftFence != nil && *a.Microsoft.DraftFence
	if !gmail && !graph {
		return ""
	}
	return "yes: each message is a draft first, which tells whether it was sent"
}

// atATime tells how many sends go on at the same time.
func atATime(a client.Account) string {
	var n *int
	switch {
	case a.Gmail != nil:
		n = a.Gmail.MaxParallel
	case a.GmailSMTP != nil:
		n = a.GmailSMTP.MaxConnections
	case a.Microsoft != nil:
		n = a.Microsoft.MaxParallel
	case a.MicrosoftSMTP != nil:
		n = a.MicrosoftSMTP.MaxConnections
	case a.SMTP != nil:
		n = a.SMTP.MaxConnections
	}
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

// authorityOf names the certificates that an account trusts for its relay.
func authorityOf(a client.Account) string {
	if a.SMTP == nil {
		return ""
	}
	var names []string
	for rest := []byte(a.SMTP.CA); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return strings.Join(names, "; ")
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			names = append(names, c.Subject.String()+" (until "+c.NotAfter.UTC().Format(time.DateOnly)+")")
		}
	}
}

func accountsCheckCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "check", Short: "Try an account live, step by step, without sending"}
	return onAccount(env, cmd, func(ctx context.Context, r *remote, a client.Account) error {
		return r.proof(r.checkAccount(ctx, a.ID))
	})
}

func accountsTestCommand(env environment) *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use: "test", Short: "Send a test message through an account and wait until it has left",
		Example: "  gatepost accounts test app@example.com\n  gatepost accounts test app@example.com --to me@example.org",
	}
	cmd.Flags().StringVar(&to, "to", "", "`address` to send it to (default the account's own address)")
	return onAccount(env, cmd, func(ctx context.Context, r *remote, a client.Account) error {
		submitted, err := r.TestAccount(ctx, a.ID, client.Test{To: to})
		if err != nil {
			return err
		}
		m, err := r.settled(ctx, submitted.ID, defaultWait)
		if err != nil {
			return err
		}
		return r.outcome(m)
	})
}

func accountsAliasesCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "aliases", Short: "List the addresses that the mailbox may send as, as its provider says"}
	return onAccount(env, cmd, func(ctx context.Context, r *remote, a client.Account) error {
		list, err := r.Aliases(ctx, a.ID)
		if err != nil {
			return r.whyNoAliases(ctx, a, err)
		}
		return r.show(list, func() {
			var rows [][]string
			for _, al := range list.Data {
				rows = append(rows, []string{al.Address, al.Name, yes(al.Verified), yes(al.Allowed), yes(al.Default)})
			}
			r.table([]string{"ADDRESS", "NAME", "VERIFIED", "ALLOWED HERE", "DEFAULT"}, rows)
		})
	})
}

// whyNoAliases gets the reason from a live check: what the provider said is not in
// the answer itself.
func (r *remote) whyNoAliases(ctx context.Context, a client.Account, err error) error {
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Kind() != "provider" {
		return err
	}
	if proof, err := r.checkAccount(ctx, a.ID); err == nil {
		for _, s := range proof.Steps {
			if s.Name == "aliases" && !s.OK {
				return errors.New(strings.TrimSpace(s.Text + "\n" + s.Fix))
			}
		}
	}
	return fmt.Errorf("the provider refused or did not answer. What is wrong, step by step: gatepost accounts check %s", a.Address)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func accountsReleaseCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "release", Short: "Let a held account go on, once what held it is mended"}
	return onAccount(env, cmd, func(ctx context.Context, r *remote, a client.Account) error {
		a, err := r.ReleaseAccount(ctx, a.ID)
		if err != nil {
			return err
		}
		return r.show(a, func() { r.line("%s is %s; its mail goes on.", a.Address, r.state(a.Status)) })
	})
}

func accountsRemoveCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "remove", Aliases: []string{"rm"}, Short: "Remove an account; a user's consent that nothing else uses ends with it"}
	return onAccount(env, cmd, func(ctx context.Context, r *remote, a client.Account) error {
		gone, err := r.DeleteAccount(ctx, a.ID)
		if err != nil {
			return err
		}
		return r.show(removedConsent{removed{a.ID, true}, gone}, func() {
			if gone.Credential == "" {
				r.line("%s is removed. Its credential stays: gatepost credentials list", a.Address)
				return
			}
			r.line("%s is removed, and with it the user's consent.", a.Address)
			r.left(gone)
		})
	})
}

// left says what became of a user's consent at its provider.
func (r *remote) left(gone client.Removed) {
	for _, text := range []string{gone.Text, gone.Fix} {
		if text != "" {
			r.line("%s", text)
		}
	}
}
