package smtp_test

import (
	"encoding/json"
	"strings"
	"testing"

	"gatepost/internal/provider/smtp"
)

func TestSettings(t *testing.T) {
	kind := smtp.Kind()
	for config, want := range map[string]string{ // the wrong fields, or parts of the completed settings
		`{"host":"mail.example"}`:                          `"port":587,"tls":"starttls"`,
		`{"host":"mail.example","tls":"implicit"}`:         `"port":465,"tls":"implicit"`,
		`{"host":"localhost","tls":"none"}`:                `"port":25,"tls":"none"`,
		`{"host":"127.8.8.8","tls":"none","port":2525}`:    `"port":2525`,
		`{"host":"::1","tls":"none"}`:                      `"host":"::1"`,
		`{"host":"m.example","hello":"me.example"}`:        `"hello":"me.example","max_connections":10,"max_recipients":100`,
		`{"preset":"gmail_relay"}`:                         `"host":"smtp-relay.gmail.com","port":587,"tls":"starttls","max_connections":10`,
		`{"preset":"gmail_relay","hello":"m.example.com"}`: `"hello":"m.example.com"`,
		`{"preset":"gmail_relay","host":"::1","port":25}`:  `"host":"::1","port":25`,
		`{"preset":"gmail_relay","hello":"localhost"}`:     "hello",
		`{"preset":"gmail_relay","hello":"localhost.lan"}`: "hello",
		`{"preset":"gmail_relay","hello":"[192.0.2.1]"}`:   "hello",
		`{"preset":"gmail_relay","max_recipients":101}`:    "max_recipients",
		`{"preset":"sendgrid","host":"mail.example"}`:      "preset",
		`{"host":"mail.example","tls":"none"}`:             "tls",
		`{"host":"192.0.2.1","tls":"none"}`:                "tls",
		`{"host":"mail.example","tls":"ssl"}`:              "tls",
		`{}`:                                               "host",
		`{"host":"a b","port":70000}`:                      "host port",
		`{"host":"m.example","hello":"a b"}`:               "hello",
		`{"host":"m.example","user":"a\nb"}`:               "user",
		`{"host":"m.example","max_connections":-1}`:        "max_connections",
		`{"host":"m.example","max_recipients":0}`:          "max_recipients",
		`{"host":"m.example","ca":"/dev/zero"}`:            "ca",
		`{"host":"m.example","ca_file":"/dev/zero"}`:       "?",
		`{"host":"m.example","password":"x"}`:              "?",
		`{"host":"m.example"} x`:                           "?",
		``:                                                 "?",
	} {
		complete, wrong := kind.Validate(json.RawMessage(config))
		if strings.HasPrefix(want, `"`) {
			if len(wrong) > 0 || !strings.Contains(string(complete), want) {
				t.Errorf("%s: %s %v, want %s", config, complete, wrong, want)
			}
			continue
		}
		var fields []string
		for _, w := range wrong {
			fields = append(fields, w.Field)
		}
		if got := strings.Join(fields, " "); got != strings.Trim(want, "?") || len(wrong) == 0 {
			t.Errorf("%s: %v, want %q", config, wrong, want)
		}
	}
	if complete, _ := kind.Validate(json.RawMessage(`{"host":"m.example"}`)); strings.Contains(string(complete), `"hello":"localhost"`) {
		t.Errorf("would say EHLO localhost: %s", complete)
	}
	if l := kind.Limits(json.RawMessage(`{"host":"m.example","max_connections":3,"max_recipients":7}`)); l.MaxParallel != 3 || l.MaxRecipients != 7 {
		t.Errorf("limits %+v", l)
	}
}

// Text goes to a relay as 8bit, because Send encodes it anew for one that does not
// offer that (TestEncodedAnew).
func TestRelaysGetEightBit(t *testing.T) {
	if l := smtp.Kind().Limits(json.RawMessage(`{"host":"smtp.example.com"}`)); !l.EightBit || l.HeaderDecides {
		t.Errorf("%+v", l)
	}
}
