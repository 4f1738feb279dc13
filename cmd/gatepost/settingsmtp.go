package main

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/gateway"
)

// smtpSettings are those of the SMTP door.
type smtpSettings struct {
	listen, tls, open string // addresses; empty: it does not listen there
	plain, repair     []netip.Prefix
	trusted           []gateway.Trusted
	hostname          string
	recognise         bool
	reports           bool
	certificate       *tls.Config // of a sandbox; nil: that of the HTTP API
}

// any tells whether the door listens anywhere.
func (s smtpSettings) any() bool { return s.listen != "" || s.tls != "" || s.open != "" }

func smtpDoorSettings() []setting {
	const section = "SMTP"
	return []setting{
		{
			name: "smtp-listen", section: section, groups: forServer | forSandbox, kind: "address",
			doc: "Address and port for programs that begin in the clear and use STARTTLS, such as `0.0.0.0:587`. Empty: none.",
			set: setAddress(func(s *settings) *string { return &s.smtp.listen }, "0.0.0.0:587"),
		}, {
			name: "smtps-listen", section: section, groups: forServer, kind: "address",
			doc: "Address and port for programs that use TLS from the first byte, such as `0.0.0.0:465`. Empty: none.",
			set: setAddress(func(s *settings) *string { return &s.smtp.tls }, "0.0.0.0:465"),
		}, {
			name: "smtp-plain", section: section, groups: forServer, kind: "list", initial: "127.0.0.0/8,::1",
			doc: "Networks whose programs may log in without TLS.",
			set: setNetworks(func(s *settings) *[]netip.Prefix { return &s.smtp.plain }),
		}, {
			name: "smtp-open-listen", section: section, groups: forServer, kind: "address",
			doc: "Address and port without a login, for the devices of `smtp-trusted` alone, such as `192.168.1.2:25`. Empty: none.",
			set: setAddress(func(s *settings) *string { return &s.smtp.open }, "192.168.1.2:25"),
		}, {
			name: "smtp-trusted", section: section, groups: forServer, kind: "list",
			doc: "Devices that need no login, each with its account: `192.168.1.50=scanner@example.com`. A From that the account may not send is replaced by the account's address.",
			set: setList(func(s *settings) *[]gateway.Trusted { return &s.smtp.trusted }, parseTrusted),
		}, {
			name: "smtp-repair", section: section, groups: forServer, kind: "list",
			doc: "Networks of devices that end lines with a bare LF, or have a bare CR in a message. All others are refused that: it is how mail is smuggled. A device that ends its lines with LF needs a connection for each mail.",
			set: setNetworks(func(s *settings) *[]netip.Prefix { return &s.smtp.repair }),
		}, {
			name: "smtp-hostname", section: section, groups: forServer, kind: "name",
			doc: "The name in the SMTP greeting. Empty: that of `public-url`, or the machine's.",
			set: text(func(s *settings) *string { return &s.smtp.hostname }),
		}, {
			name: "smtp-recognise", section: section, groups: forServer, kind: "bool", initial: "true",
			doc: "A message with a Message-ID that comes again within an hour, with the same content and recipients, is sent once.",
			set: setSwitch(func(s *settings) *bool { return &s.smtp.recognise }),
		}, {
			name: "smtp-reports", section: section, groups: forServer, kind: "bool", initial: "true",
			doc: "Mail that came by SMTP and failed is reported to its MAIL FROM, if that is an address that the account may send as.",
			set: setSwitch(func(s *settings) *bool { return &s.smtp.reports }),
		},
	}
}

func setSwitch(at func(*settings) *bool) func(*settings, string) error {
	return func(s *settings, v string) error {
		on, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("%q: true or false", v)
		}
		*at(s) = on
		return nil
	}
}

func setNetworks(at func(*settings) *[]netip.Prefix) func(*settings, string) error {
	return setList(at, func(v string) (netip.Prefix, error) {
		p, err := access.ParseNetwork(v)
		if err != nil {
			return p, fmt.Errorf("%q %w", v, err)
		}
		return p, nil
	})
}

func parseTrusted(v string) (t gateway.Trusted, err error) {
	client, account, ok := strings.Cut(v, "=")
	client, t.Account = strings.TrimSpace(client), strings.TrimSpace(account)
	if !ok || t.Account == "" {
		return t, fmt.Errorf("%q: write it as address=account, for instance 192.168.1.50=scanner@example.com", v)
	}
	if t.Client, err = access.ParseNetwork(client); err != nil {
		return t, fmt.Errorf("%q %w", client, err)
	}
	return t, nil
}
