package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatepost/client"
)

func expiriesCommand(env environment) *cobra.Command {
	within := 14
	cmd := &cobra.Command{
		Use: "expiries", Short: "See what ends: secrets, certificates, consents, and what providers change", Args: cobra.NoArgs,
		Long: `See what of accounts and credentials ends, the soonest first, and what to do about
it. The exit code is 1 where something is over or ends within --within days,
for monitoring; a provider's change counts until it has come.

What Google and Microsoft change, and when: gatepost changes`,
		Example: "  gatepost expiries\n  gatepost expiries --within 30 --json",
	}
	numberFlag(cmd.Flags(), number{&within, 1, 3650, 30}, "within", "how many `days` ahead an end makes the exit code 1")
	return overAPI(env, cmd, func(ctx context.Context, r *remote, _ []string) error {
		all, err := r.Expiries(ctx)
		if err != nil {
			return err
		}
		if err := r.show(all, func() { r.expiries(all.Data) }); err != nil {
			return err
		}
		for _, e := range all.Data {
			if pressing(e, within) {
				return toldError{exitFailed}
			}
		}
		return nil
	})
}

// pressing tells whether something is over or ends within some days.
func pressing(e client.Expiry, within int) bool {
	return e.At != nil && !hasCome(e) && *e.DaysLeft <= within
}

// hasCome tells whether it is a provider's change whose day is past.
func hasCome(e client.Expiry) bool {
	return e.Kind == "provider_change" && e.At != nil && *e.DaysLeft == 0
}

func (r *remote) expiries(list []client.Expiry) {
	if len(list) == 0 {
		r.line("Nothing is known to end. When a client secret of Entra ID ends, only its owner knows: gatepost credentials replace CREDENTIAL-ID --secret-expires DATE")
		return
	}
	var rows [][]string
	for _, e := range list {
		on, left := "no date", "-"
		if e.At != nil {
			on, left = e.At.UTC().Format(time.DateOnly), daysTo(e, time.Now())
		}
		rows = append(rows, []string{on, left, e.Severity, e.Summary, whose(e)})
	}
	r.table([]string{"ON", "DAYS", "SEVERITY", "WHAT", "WHOSE"}, rows)
	for _, e := range list {
		if e.Severity != "ok" {
			r.line("\n%s", r.in(bold, e.Summary+" · "+whose(e)))
			r.indented(wrap(e.What, 92)...)
			r.indented(inCommands(e.Fix), e.Link)
		}
	}
}

// daysTo is how many days are left, or how long ago it was: by the clock here, which an
// end that is over is far from.
func daysTo(e client.Expiry, now time.Time) string {
	if *e.DaysLeft > 0 {
		return fmt.Sprint(*e.DaysLeft)
	}
	ago := int(now.Sub(e.At.Time) / (24 * time.Hour))
	if ago <= 0 {
		return "0"
	}
	return fmt.Sprintf("%d ago", ago)
}

// whose names the accounts that an end concerns, or the credential where none uses it.
func whose(e client.Expiry) string {
	switch len(e.Accounts) {
	case 0:
		return e.Credential
	case 1:
		return e.Accounts[0].Address
	}
	return fmt.Sprintf("%s and %d more", e.Accounts[0].Address, len(e.Accounts)-1)
}

func changesCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "changes", Short: "See what Google and Microsoft change, when, and which accounts it concerns", Args: cobra.NoArgs,
		Long: `See what Google and Microsoft change, when, and which of your accounts it concerns.
Each row has the page that says so and the month in which it was read.`,
	}
	return overAPI(env, cmd, func(ctx context.Context, r *remote, _ []string) error {
		all, err := r.Expiries(ctx)
		if err != nil {
			return err
		}
		return r.show(all.Changes, func() {
			for _, c := range all.Changes {
				r.change(c, all.Data)
			}
		})
	})
}

func (r *remote) change(c client.ProviderChange, ends []client.Expiry) {
	r.line("%s", r.in(bold, c.Provider+": "+c.Title))
	r.indented(c.When)
	r.indented(wrap(c.What, 92)...)
	r.indented("concerns " + c.Who)
	var here []string
	for _, e := range ends {
		if e.Change == c.ID {
			here = append(here, e.Accounts[0].Address)
		}
	}
	if len(here) > 0 {
		r.line("  %s%s", r.in(yellow, "here    "), strings.Join(here, ", "))
		r.indented(strings.ReplaceAll(c.Fix, "{address}", here[0]))
	}
	r.indented(c.Source + " (read " + c.Read + ")")
	r.line("")
}
