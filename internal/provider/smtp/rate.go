package smtp

import (
	"encoding/json"
	"strings"
	"time"

	"gatepost/internal/provider"
)

// What is published of relays that many use.
const (
	// Exchange Online: 30 messages a minute, 3 connections and 10,000 recipients a
	// day for each mailbox (learn.microsoft.com, "Exchange Online limits" and
	// "Message storage and concurrent connection throttling", read 2026-11).
	exchangeSource      = "learn.microsoft.com, Exchange Online limits, read 2026-11"
	exchangeConnections = 3
	// Google's relay: 10,000 messages a day for each user (support.google.com/a/answer/2956491).
	googleSource = "support.google.com/a/answer/2956491, read 2026-11"
)

// connectionsTo is how many connections there are at a time to the relay of some
// settings, unless they say.
func connectionsTo(config json.RawMessage) int {
	var s struct{ Preset, Host string }
	_ = json.Unmarshal(config, &s) // what is wrong with it is told by whoever reads all of it
	if s.Host == "" {
		s.Host = presetHosts[s.Preset]
	}
	if strings.EqualFold(s.Host, presetHosts[office365]) {
		return exchangeConnections
	}
	return defaultConnections
}

// rates are the limits of the settings, and of relays that are known by host. All
// who sign in to a relay as the same user share them.
func rates(address string, config json.RawMessage) []provider.Rate {
	s, _ := parse(config)
	host := strings.ToLower(s.Host)
	of := host + " " + s.User
	var own []provider.Rate
	switch host {
	case presetHosts[office365]:
		own = []provider.Rate{
			{Scope: provider.RateOfRelay, Of: of, Unit: provider.UnitMessages, Max: 30, Window: time.Minute, Source: exchangeSource},
			{Scope: provider.RateOfRelay, Of: of, Unit: provider.UnitRecipients, Max: 10_000, Window: provider.Day, Source: exchangeSource},
		}
	case presetHosts[gmailRelay]: // counted by the sender, whoever signs in
		own = []provider.Rate{{
			Scope: provider.RateOfRelay, Of: host + " " + strings.ToLower(address), Unit: provider.UnitMessages, Max: 10_000,
			Window: provider.Day, Source: googleSource,
		}}
	}
	return s.Limits.Rates(address, provider.RateOfRelay, of, own...)
}
