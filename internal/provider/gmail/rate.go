package gmail

import (
	"encoding/json"
	"strings"
	"time"

	"gatepost/internal/provider"
)

// What a send costs, and how much there is: for each user of a project 6,000 units
// a minute (15,000 for a project that used the API before 2026-05-01), and
// 1,200,000 for the project (developers.google.com/workspace/gmail/api/reference/quota).
const (
	sendUnits      = 100
	userUnits      = 6_000
	projectUnits   = 1_200_000
	sourceOfUnits  = "developers.google.com/workspace/gmail/api/reference/quota, read 2026-11"
	sourceOfDay    = "support.google.com/a/answer/166852, read 2026-11"
	sourceOfPeople = "support.google.com/mail/answer/22839, read 2026-11"
)

// rates are the limits of the Gmail API and of the mailbox.
func rates(address string, config json.RawMessage) []provider.Rate {
	s, _ := parse(config)
	units := provider.Rate{
		Scope: provider.RateOfAccount, Unit: provider.UnitUnits, Max: userUnits, Window: time.Minute, Cost: sendUnits, Source: sourceOfUnits,
	}
	if s.Limits != nil && s.Limits.UnitsPerMinute > 0 {
		units.Max, units.Source = s.Limits.UnitsPerMinute, provider.SourceSettings
	}
	project := provider.Rate{
		Scope: provider.RateOfProject, Unit: provider.UnitUnits, Max: projectUnits, Window: time.Minute, Cost: sendUnits, Source: sourceOfUnits,
	}
	return append([]provider.Rate{units, project}, mailboxRates(address, s.Limits)...)
}

// ratesSMTP are the limits of the mailbox.
func ratesSMTP(address string, config json.RawMessage) []provider.Rate {
	s, _ := parseSMTP(config)
	return mailboxRates(address, s.Limits)
}

// mailboxRates are what a mailbox may send in a rolling day, whichever way it goes:
// of Google Workspace, or of a person's Gmail.
func mailboxRates(address string, own *provider.OwnRates) []provider.Rate {
	address = strings.ToLower(address)
	day := func(unit string, most int64, source string) provider.Rate {
		return provider.Rate{Scope: provider.RateOfMailbox, Of: address, Unit: unit, Max: most, Window: provider.Day, Source: source}
	}
	if strings.HasSuffix(address, "@gmail.com") || strings.HasSuffix(address, "@googlemail.com") {
		return own.Rates(address, provider.RateOfMailbox, address, day(provider.UnitMessages, 500, sourceOfPeople))
	}
	return own.Rates(address, provider.RateOfMailbox, address,
		day(provider.UnitMessages, 2_000, sourceOfDay), day(provider.UnitRecipients, 10_000, sourceOfDay),
		day(provider.UnitExternal, 3_000, sourceOfDay), day(provider.UnitUnique, 3_000, sourceOfDay))
}
