package monitor

import (
	"slices"
	"strings"
)

// The causes of a finding about an end.
const (
	endOver = "over"
	endSoon = "ends_soon"
)

// ends are the findings of what an account needs and that is over or ends within three
// days. What the provider refuses already for it is told there.
func (x *Exam) ends(p *Patient) (list []Finding) {
	for i := range x.Ends {
		e := &x.Ends[i]
		urgent := e.Severity == SeverityCritical || e.Severity == SeverityOver
		if !urgent || !slices.Contains(e.Accounts, Owner{p.ID, p.Address}) {
			continue
		}
		f := Finding{
			Check: CheckEnd, Severity: Warning, Cause: endSoon, Who: You, What: e.What, Why: "Known to gatepost: " + e.Summary + ".",
			Fix: e.Fix, Link: e.Link, Commands: []string{"gatepost expiries"}, on: e.Kind + " " + e.Credential,
		}
		if e.Severity == SeverityOver {
			f.Cause = endOver
		}
		if e.Kind == KindConsent || e.Kind == KindIdle {
			f.Who = MailboxUser
		}
		list = append(list, f)
	}
	return list
}

// renews tells whether what mends f also puts off an end: a new secret, a new consent.
func (f *Finding) renews(end *Finding) bool {
	switch kind, _, _ := strings.Cut(end.on, " "); kind {
	case KindSecret:
		return strings.HasPrefix(f.Cause, "client_secret")
	case KindCertificate:
		return strings.HasPrefix(f.Cause, "certificate")
	case KindConsent, KindIdle:
		return slices.Contains([]string{"token_revoked", "token_idle", "token_expired", "grant_refused"}, f.Cause)
	}
	return false
}
