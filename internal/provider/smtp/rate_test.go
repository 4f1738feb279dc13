package smtp

import (
	"encoding/json"
	"fmt"
	"testing"
)

func TestRatesOfRelays(t *testing.T) {
	for config, want := range map[string]string{
		`{"host": "smtp.example.com", "user": "u"}`:                                                         "[]",
		`{"host": "SMTP.example.com", "user": "u", "limits": {"per_second": 5, "recipients_per_day": 100}}`: "[relay smtp.example.com u: 5 messages/1s relay smtp.example.com u: 100 recipients/24h0m0s]",
		`{"preset": "office365", "user": "u@x.org"}`:                                                        "[relay smtp.office365.com u@x.org: 30 messages/1m0s relay smtp.office365.com u@x.org: 10000 recipients/24h0m0s]",
		`{"host": "smtp.office365.com", "user": "u", "limits": {"per_minute": 10}}`:                         "[relay smtp.office365.com u: 10 messages/1m0s relay smtp.office365.com u: 10000 recipients/24h0m0s]",
		`{"preset": "gmail_relay"}`:                                                                         "[relay smtp-relay.gmail.com ada@acme.example: 10000 messages/24h0m0s]",
	} {
		got := []string{}
		for _, r := range rates("Ada@acme.example", json.RawMessage(config)) {
			got = append(got, fmt.Sprintf("%s %s: %d %s/%s", r.Scope, r.Of, r.Max, r.Unit, r.Window))
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s\n got %v\nwant %s", config, got, want)
		}
	}
}

func TestConnectionsToExchange(t *testing.T) {
	for config, want := range map[string]int{
		`{"preset": "office365"}`:                                        3,
		`{"host": "Smtp.Office365.com"}`:                                 3,
		`{"host": "smtp.office365.com", "max_connections": 2}`:           2,
		`{"host": "smtp.example.com"}`:                                   10,
		`{"preset": "office365", "host": "relay.example.com"}`:           10,
		`{"preset": "gmail_relay", "limits": {"recipients_per_day": 9}}`: 10,
	} {
		if s, wrong := parse(json.RawMessage(config)); s.MaxConnections != want || len(wrong) > 0 {
			t.Errorf("%s: %d, %v", config, s.MaxConnections, wrong)
		}
	}
}

func TestWrongLimitsAreTold(t *testing.T) {
	for config, field := range map[string]string{
		`{"host": "h.example.com", "limits": {"per_day": -1}}`:          "limits.per_day",
		`{"host": "h.example.com", "limits": {"units_per_minute": 9}}`:  "limits.units_per_minute",
		`{"host": "h.example.com", "limits": {"per_hour": 9000000000}}`: "limits.per_hour",
		`{"host": "h.example.com", "limits": {"per_week": 1}}`:          "",
	} {
		if _, wrong := validate(json.RawMessage(config)); len(wrong) != 1 || wrong[0].Field != field {
			t.Errorf("%s: %v", config, wrong)
		}
	}
}
