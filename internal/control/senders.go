package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/queue"
	"gatepost/internal/store"
)

// Google puts the mailbox's own address in the place of an author that is none of
// its verified send-as addresses (support.google.com/mail/answer/22370), and says
// nothing of it: so senders are compared with what Google lists, where that may be
// read.

// stepSenders is also what an SMTP server says of the account's own address.
const stepSenders = "senders"

// The causes of a step that did not go well: Google would replace a sender, or
// nobody can say.
const (
	causeSender    = "sender_not_verified"
	causeUnchecked = "sender_unchecked"
)

// senderFix is what to do about them, in the words of Gmail's settings.
const senderFix = "In the mailbox's Gmail settings, Accounts, \"Send mail as\": add it and confirm it by the mail that Google sends there. Or take it out of the account's senders."

// checkSenders refuses senders that Google would replace. Where the credential does
// not allow to read the list, or Google cannot be asked, they are taken: the
// account's check tells.
func (c *Control) checkSenders(ctx context.Context, a *store.Account) error {
	if len(explicit(a.Address, a.Senders)) == 0 {
		return nil
	}
	short, cancel := context.WithTimeout(ctx, trialPatience)
	defer cancel()
	list, err := c.cfg.Engine.AliasesOf(short, a)
	if err != nil {
		return ctx.Err()
	}
	var wrong problems
	for i, s := range a.Senders {
		if len(explicit(a.Address, []string{s})) > 0 && !verified(list, s) {
			wrong.add(fmt.Sprintf("senders[%d]", i), "%s %s", replaced(a.Address, s), senderFix)
		}
	}
	return wrong.err()
}

// replaced says what Google would do with a message of a sender.
func replaced(mailbox string, senders ...string) string {
	return fmt.Sprintf("Google does not list %s among the verified send-as addresses of %s, and would put %s in its place.",
		strings.Join(senders, ", "), mailbox, mailbox)
}

// explicit are the senders that are addresses, and not the mailbox's own.
func explicit(mailbox string, senders []string) []string {
	return slices.DeleteFunc(slices.Clone(senders), func(s string) bool {
		return strings.HasPrefix(s, "@") || sameAddress(s, mailbox)
	})
}

func sameAddress(a, b string) bool {
	x, errX := email.ParseAddress(a)
	y, errY := email.ParseAddress(b)
	return errX == nil && errY == nil && (x.Equal(y) || strings.EqualFold(x.Addr(), y.Addr()))
}

func verified(list []provider.Alias, sender string) bool {
	return slices.ContainsFunc(list, func(x provider.Alias) bool { return x.Verified && sameAddress(x.Address, sender) })
}

// proveSenders adds to a proof whether Google lets an account write as its senders.
func (c *Control) proveSenders(ctx context.Context, a Account, team email.ID, steps []Step) ([]Step, error) {
	if len(a.Senders) == 0 {
		return steps, nil
	}
	list, err := c.cfg.Engine.Aliases(ctx, team, a.ID)
	if errors.Is(err, queue.ErrNoAliases) {
		return steps, nil
	}
	var unread *provider.Error
	if err != nil && !errors.As(err, &unread) {
		return nil, err
	}
	s := sendersStep(a, list)
	if unread != nil {
		s = unreadSenders(a, unread)
	}
	i := slices.IndexFunc(steps, func(s Step) bool { return s.Name == stepSenders })
	switch {
	case i < 0:
		return append(steps, s), nil
	case steps[i].OK: // of the account's own address
		steps[i] = s
	}
	return steps, nil
}

func sendersStep(a Account, list []provider.Alias) Step {
	own := explicit(a.Address, a.Senders)
	bad := slices.DeleteFunc(slices.Clone(own), func(s string) bool { return verified(list, s) })
	switch {
	case len(bad) > 0:
		return Step{Name: stepSenders, Cause: causeSender, Text: replaced(a.Address, bad...), Fix: senderFix}
	case len(domains(a.Senders)) == 0:
		return Step{Name: stepSenders, OK: true, Detail: "Google lets " + a.Address + " write as " + strings.Join(a.Senders, ", ")}
	}
	s := Step{
		Name: stepSenders, Optional: true, Cause: causeUnchecked,
		Text: fmt.Sprintf("Whether %s may write as every address of %s cannot be checked: Google lists single addresses.", a.Address, strings.Join(domains(a.Senders), ", ")),
		Fix:  fmt.Sprintf("An author that is no verified send-as address of the mailbox is replaced by %s. gatepost accounts aliases %s lists those that are.", a.Address, a.Address),
	}
	if len(own) > 0 {
		s.Text = "Google lists " + strings.Join(own, ", ") + ". " + s.Text
	}
	return s
}

// unreadSenders: nothing is known, so nothing is called fine.
func unreadSenders(a Account, e *provider.Error) Step {
	return Step{
		Name: stepSenders, Optional: true, Cause: causeUnchecked, Reply: e.Reply, Fix: e.Fix,
		Text: fmt.Sprintf("Whether %s may write as %s was not checked. %s", a.Address, strings.Join(a.Senders, ", "), e.Text),
	}
}

func domains(senders []string) []string {
	return slices.DeleteFunc(slices.Clone(senders), func(s string) bool { return !strings.HasPrefix(s, "@") })
}
