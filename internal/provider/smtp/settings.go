package smtp

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"strconv"
	"strings"

	"gatepost/internal/provider"
)

// The TLS modes.
const (
	startTLS = "starttls" // TLS after STARTTLS, always; RFC 3207
	implicit = "implicit" // TLS from the first byte; RFC 8314
	noTLS    = "none"     // for a relay on this very machine
)

// settings are an account's own, as stored.
type settings struct {
	Preset         string `json:"preset,omitempty"`
	Host           string `json:"host"`
	Port           int    `json:"port"`
	TLS            string `json:"tls"`
	CA             string `json:"ca,omitempty"` // certificates, PEM; never a file's name: it comes over the API
	User           string `json:"user,omitempty"`
	Hello          string `json:"hello,omitempty"` // empty: the domain of the account's address
	MaxConnections int    `json:"max_connections"`
	MaxRecipients  int    `json:"max_recipients"`
	// Limits are what the relay takes over time; accounts of the same host and user
	// share them.
	Limits *provider.OwnRates `json:"limits,omitempty"`
}

const (
	defaultConnections = 10
	mostConnections    = 200
	defaultRecipients  = 100 // RFC 5321 section 4.5.3.1.8: a server takes 100 at least
	mostRecipients     = 1000
)

// parse reads settings strictly and completes them.
func parse(config json.RawMessage) (settings, []provider.FieldError) {
	s := settings{TLS: startTLS, MaxConnections: connectionsTo(config), MaxRecipients: defaultRecipients}
	d := json.NewDecoder(bytes.NewReader(config))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, []provider.FieldError{{Field: "", Message: "is not valid: " + err.Error()}}
	}
	if d.More() {
		return s, []provider.FieldError{{Field: "", Message: "is not valid: there is more after its end"}}
	}
	s.applyPreset()
	if s.Port == 0 {
		s.Port = map[string]int{implicit: 465, noTLS: 25}[s.TLS]
	}
	if s.Port == 0 {
		s.Port = 587
	}
	if s.Hello == "" && s.Preset == "" {
		s.Hello = ownName()
	}
	return s, append(s.check(), s.Limits.Check(false)...)
}

func (s settings) check() []provider.FieldError {
	var wrong []provider.FieldError
	say := func(bad bool, field, message string) {
		if bad {
			wrong = append(wrong, provider.FieldError{Field: field, Message: message})
		}
	}
	say(s.Host == "" || strings.ContainsAny(s.Host, " \t\r\n/@"), "host", "must be a host name or an IP address")
	say(s.Port < 1 || s.Port > 65535, "port", "must be between 1 and 65535")
	say(s.TLS != startTLS && s.TLS != implicit && s.TLS != noTLS, "tls", `must be "starttls", "implicit" or "none"`)
	say(s.TLS == noTLS && !loopback(s.Host), "tls", `"none" is for a relay on this machine only (localhost, 127.0.0.0/8, ::1)`)
	say(strings.ContainsAny(s.User, "\r\n\x00"), "user", "must not hold line breaks")
	say(s.Preset != "" && s.Preset != gmailRelay && s.Preset != office365, "preset", `must be "gmail_relay" or "office365", or be left out`)
	say(strings.ContainsFunc(s.Hello, notPrintable), "hello", "must be a host name")
	say(s.Preset == gmailRelay && !helloForGoogle(s.Hello), "hello", "must be a full host name with a dot, like mail.example.com: Google's relay refuses localhost and addresses; leave it out to say the domain of the account's address")
	say(s.Preset == gmailRelay && s.MaxRecipients > defaultRecipients, "max_recipients", "must be at most 100: Google's relay takes no more in one transaction")
	say(s.MaxConnections < 1 || s.MaxConnections > mostConnections, "max_connections", "must be between 1 and "+strconv.Itoa(mostConnections))
	say(s.MaxRecipients < 1 || s.MaxRecipients > mostRecipients, "max_recipients", "must be between 1 and "+strconv.Itoa(mostRecipients))
	return wrong
}

func notPrintable(r rune) bool { return r <= ' ' || r >= 0x7f }

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}

// ownName is the name to say in EHLO. Some relays refuse "localhost" (Google:
// 421 4.7.0), so a machine without a full name gives one with a dot.
func ownName() string {
	name, err := os.Hostname()
	if err == nil && strings.Contains(name, ".") && !strings.ContainsFunc(name, notPrintable) {
		return name
	}
	return "localhost.localdomain"
}

func (s settings) address() string {
	return net.JoinHostPort(strings.Trim(s.Host, "[]"), strconv.Itoa(s.Port))
}

func validate(config json.RawMessage) (json.RawMessage, []provider.FieldError) {
	s, wrong := parse(config)
	if s.CA != "" {
		list, err := readAuthorities(s.CA)
		if err != nil {
			wrong = append(wrong, provider.FieldError{Field: "ca", Message: err.Error()})
		}
		s.CA = writeAuthorities(list)
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	complete, err := json.Marshal(s)
	if err != nil {
		return nil, []provider.FieldError{{Field: "", Message: err.Error()}}
	}
	return complete, nil
}

// limits knows only what the account says: a relay tells its size limit in the
// reply to EHLO, and then Send heeds it.
func limits(config json.RawMessage) provider.Limits {
	s, _ := parse(config)
	return provider.Limits{
		MaxRecipients: s.MaxRecipients,
		MaxParallel:   s.MaxConnections,
		EightBit:      true, // where the relay does not offer it, Send encodes anew
		Source:        "the account's settings; RFC 5321 section 4.5.3.1.8",
	}
}
