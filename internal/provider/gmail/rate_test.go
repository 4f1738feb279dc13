package gmail

import (
	"encoding/json"
	"fmt"
	"testing"

	"gatepost/internal/provider"
)

func TestRatesOfGmail(t *testing.T) {
	told := func(list []provider.Rate) string {
		var out []string
		for _, r := range list {
			out = append(out, fmt.Sprintf("%s %s %d %s/%s", r.Scope, r.Of, r.Max, r.Unit, r.Window))
		}
		return fmt.Sprint(out)
	}
	const units = "account  6000 units/1m0s project  1200000 units/1m0s "
	const day = "mailbox ada@acme.example 2000 messages/24h0m0s mailbox ada@acme.example 10000 recipients/24h0m0s " +
		"mailbox ada@acme.example 3000 external/24h0m0s mailbox ada@acme.example 3000 unique/24h0m0s"
	for _, c := range []struct{ address, config, want string }{
		{"Ada@acme.example", `{}`, "[" + units + day + "]"},
		{"ada@acme.example", `{"limits": {"units_per_minute": 15000}}`, "[account  15000 units/1m0s project  1200000 units/1m0s " + day + "]"},
		{"ada@gmail.com", `{}`, "[" + units + "mailbox ada@gmail.com 500 messages/24h0m0s]"},
		{"ada@gmail.com", `{"limits": {"per_day": 100}}`, "[" + units + "mailbox ada@gmail.com 100 messages/24h0m0s]"},
	} {
		if got := told(rates(c.address, json.RawMessage(c.config))); got != c.want {
			t.Errorf("%s %s\n got %s\nwant %s", c.address, c.config, got, c.want)
		}
	}
	if got := told(ratesSMTP("ada@acme.example", json.RawMessage(`{}`))); got != "["+day+"]" {
		t.Errorf("by SMTP: %s", got)
	}
}

// Recipients of the mailbox's own domain are not external; the figures can be set.
func TestExternalAndUniqueRecipients(t *testing.T) {
	list := rates("Ada@Acme.example", json.RawMessage(`{"limits": {"external_per_day": 500, "unique_per_day": 600}}`))
	seen := map[string]int64{}
	for _, r := range list {
		seen[r.Unit+" "+r.Own] = r.Max
	}
	if seen["external acme.example"] != 500 || seen["unique "] != 600 || len(list) != 6 {
		t.Errorf("rates: %+v", list)
	}
}
