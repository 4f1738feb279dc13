package api

import (
	"net/http"

	"gatepost/client"
	"gatepost/internal/control"
)

// listExpiries tells what ends, and what providers change.
func (s *server) listExpiries(c *call) error {
	all, err := s.Control.Expiries(c.r.Context(), c.grant)
	if err != nil {
		return err
	}
	changes, err := s.Control.Changes()
	if err != nil {
		return err
	}
	out := client.Expiries{Data: expiriesOf(all), Changes: make([]client.ProviderChange, len(changes))}
	for i, x := range changes {
		out.Changes[i] = client.ProviderChange{
			ID: x.ID, Provider: x.Provider, Title: x.Title, Date: x.Date, When: x.When, What: x.What, Who: x.Who, Fix: x.Fix, Source: x.Source, Read: x.Read,
		}
	}
	return c.answer(http.StatusOK, out)
}

func expiriesOf(all []control.Expiry) []client.Expiry {
	out := make([]client.Expiry, len(all))
	for i, e := range all {
		out[i] = client.Expiry{
			Kind: e.Kind, Credential: e.Credential, Change: e.Change, At: timeAt(e.At), Severity: e.Severity, Summary: e.Summary, What: e.What, Fix: e.Fix, Link: e.Link,
			Accounts: make([]client.ExpiryAccount, len(e.Accounts)),
		}
		if !e.At.IsZero() {
			out[i].DaysLeft = &e.Days
		}
		for k, a := range e.Accounts {
			out[i].Accounts[k] = client.ExpiryAccount{ID: a.ID, Address: a.Address}
		}
	}
	return out
}

const exampleExpiry = `{"kind": "client_secret", "credential": "cred_01jd2q0000e0080g40r40m30e3",
 "accounts": [{"id": "acc_01jd2q0000e0080g40r40m30e2", "address": "app@example.com"}], "at": "2026-12-03T00:00:00.000Z", "days_left": 12, "severity": "warning",
 "summary": "client secret ends in 12 days", "what": "The client secret of app 1111 in tenant contoso.com ends.", "fix": "Make a new client secret …",
 "link": "https://learn.microsoft.com/entra/identity-platform/how-to-add-credentials"}`

func describeListExpiries(d *describer) {
	d.about("listExpiries", "What ends, and what providers change", "Secrets, certificates and consents, the soonest first; and a dated table of what Google and Microsoft change.")
	d.gives(http.StatusOK, "All that ends.", client.Expiries{}, `{"data": [`+exampleExpiry+`],
 "changes": [{"id": "microsoft-smtp-password", "provider": "Microsoft", "title": "passwords at Exchange Online's SMTP", "date": "2026-12-31", "when": "end of December 2026",
  "what": "Basic authentication for SMTP submission is off by default.", "who": "accounts that send through smtp.office365.com with a password",
  "fix": "Connect the mailbox by OAuth.", "source": "https://techcommunity.microsoft.com/blog/exchange/4489835", "read": "2026-11"}]}`)
}
