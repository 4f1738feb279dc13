package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
)

// settingTable lists every setting there is, in the order of the reference.
func settingTable() []setting {
	return slices.Concat(storeSettings(), doorSettings(), smtpDoorSettings(), sendingSettings(), clientSettings())
}

func storeSettings() []setting {
	const section = "Data"
	return []setting{
		{
			name: "data", section: section, groups: forServer | forStore, kind: "folder", initial: "gatepost-data",
			doc: "Data folder: SQLite's database and large contents, master key, certificates, the node's name.",
			set: text(func(s *settings) *string { return &s.data }),
		}, {
			name: "database", section: section, groups: forServer | forStore, kind: "url", secret: true,
			doc: "PostgreSQL URL. Empty: SQLite in the data folder. A password in a flag shows in the process list: give the URL by file.",
			set: setDatabase(func(s *settings) *string { return &s.database }),
		}, {
			name: "database-direct", section: section, groups: forServer | forStore, kind: "url", secret: true, noFlag: true,
			doc: "PostgreSQL URL past the pooler, where `database` leads through one that pools transactions, such as PgBouncer.",
			set: setDatabase(func(s *settings) *string { return &s.databaseDirect }),
		}, {
			name: "master-key", section: section, groups: forServer, kind: "base64", secret: true, noFlag: true,
			doc: "The master key itself: base64 of 32 bytes.",
			set: secretText(func(s *settings) *email.Secret { return &s.masterKey }),
		}, {
			name: "master-key-file", section: section, groups: forServer, kind: "file",
			doc: "File with the master key. Empty: `master.key` in the data folder, made on first start.",
			set: text(func(s *settings) *string { return &s.masterKeyFile }),
		},
	}
}

func doorSettings() []setting {
	const section = "HTTP API"
	return []setting{
		{
			name: "listen", section: section, groups: forServer | forSandbox, kind: "address", initial: "127.0.0.1:7025",
			doc: "Address and port of the HTTP API. Other than on this machine alone it needs TLS.",
			set: setListen(func(s *settings) *string { return &s.listen }, "127.0.0.1:7025"),
		}, {
			name: "public-url", section: section, groups: forServer, kind: "url",
			doc: "Where browsers reach gatepost: connect links and Google's redirect begin with it. Empty: made from `listen`, or the ACME domain.",
			set: setURL(func(s *settings) *string { return &s.publicURL }, "https://mail.example.com"),
		}, {
			name: "tls-cert", section: section, groups: forServer, kind: "file",
			doc: "Certificate chain, PEM. It is read again when it changes.",
			set: text(func(s *settings) *string { return &s.tlsCert }),
		}, {
			name: "tls-key", section: section, groups: forServer, kind: "file",
			doc: "Private key of the certificate, PEM.",
			set: text(func(s *settings) *string { return &s.tlsKey }),
		}, {
			name: "acme-domain", section: section, groups: forServer, kind: "list",
			doc: "Get certificates for these names by ACME. The authority connects to port 443 of each: `listen` there, or forward it. Using it accepts the authority's terms.",
			set: setList(func(s *settings) *[]string { return &s.acmeDomains }, parseDomain),
		}, {
			name: "acme-email", section: section, groups: forServer, kind: "email",
			doc: "Whom the certificate authority may write to.",
			set: text(func(s *settings) *string { return &s.acmeEmail }),
		}, {
			name: "acme-directory", section: section, groups: forServer, kind: "url", initial: "https://acme-v02.api.letsencrypt.org/directory",
			doc: "The certificate authority's ACME directory.",
			set: overTLS(setURL(func(s *settings) *string { return &s.acmeDirectory }, "https://acme-v02.api.letsencrypt.org/directory")),
		},
	}
}

func sendingSettings() []setting {
	const section = "Sending"
	return []setting{
		{
			name: "looks", section: section, groups: forServer | forSandbox, kind: "durations", initial: "30s,2m,10m",
			doc: "When to look in Sent after an attempt without an answer.",
			set: setLooks,
		}, {
			name: "send-timeout", section: section, groups: forServer | forSandbox, kind: "duration", initial: "10m",
			doc: "Time limit of one attempt.",
			set: duration(time.Second, func(s *settings) *time.Duration { return &s.sendTimeout }),
		}, {
			name: "stop-timeout", section: section, groups: forServer | forSandbox, kind: "duration", initial: "30s",
			doc: "How long a stop waits for sends that are under way.",
			set: duration(0, func(s *settings) *time.Duration { return &s.stopTimeout }),
		}, {
			name: "ca-file", section: section, groups: forServer | forClient, kind: "file",
			doc: "Further certificate authorities to trust, PEM.",
			set: text(func(s *settings) *string { return &s.caFile }),
		}, {
			name: "google-keyless", section: section, groups: forServer, kind: "list",
			doc: "Identities of this machine that credentials without a key may use: `metadata` (its service account at Google Cloud), files of outside tokens, folders of them (with / at the end), addresses that give them. Empty: none.",
			set: setList(func(s *settings) *[]string { return &s.googleKeyless }, oauth.ParseKeylessIdentity),
		}, {
			name: "google-url", section: section, groups: forServer, kind: "url",
			doc: "Where a simulated Google is, for tests (`gatepost sandbox --world`).",
			set: overTLS(setURL(func(s *settings) *string { return &s.googleURL }, "https://127.0.0.1:7027")),
		}, {
			name: "google-smtp", section: section, groups: forServer, kind: "address",
			doc: "Where a simulated smtp.gmail.com is, for tests.",
			set: setAddress(func(s *settings) *string { return &s.googleSMTP }, "127.0.0.1:7031"),
		}, {
			name: "google-metadata-url", section: section, groups: forServer, kind: "url",
			doc: "Where a simulated metadata server of Google Cloud is, for tests.",
			set: overTLS(setURL(func(s *settings) *string { return &s.metadataURL }, "http://127.0.0.1:7036")),
		}, {
			name: "microsoft-url", section: section, groups: forServer, kind: "url",
			doc: "Where a simulated Entra ID and Microsoft Graph are, for tests (`gatepost sandbox --world`).",
			set: overTLS(setURL(func(s *settings) *string { return &s.microsoftURL }, "https://127.0.0.1:7034")),
		}, {
			name: "microsoft-smtp", section: section, groups: forServer, kind: "address",
			doc: "Where a simulated smtp.office365.com is, for tests.",
			set: setAddress(func(s *settings) *string { return &s.microsoftSMTP }, "127.0.0.1:7035"),
		}, {
			name: "log-level", section: section, groups: forServer | forSandbox, kind: "level", initial: "info",
			doc: "`debug`, `info`, `warn` or `error`.",
			set: setLevel,
		},
	}
}

func clientSettings() []setting {
	return []setting{
		{
			name: "url", section: clientSection, groups: forClient, kind: "url", initial: "http://127.0.0.1:7025",
			doc: "The gatepost that commands speak to.",
			set: setURL(func(s *settings) *string { return &s.url }, "https://mail.example.com"),
		}, {
			name: "key", section: clientSection, groups: forClient, kind: "key", secret: true, noFlag: true,
			doc: "The API key that commands use.",
			set: secretText(func(s *settings) *email.Secret { return &s.key }),
		}, {
			name: "smtp-password", section: clientSection, groups: forRelay, kind: "password", secret: true, noFlag: true,
			doc: "The password that `gatepost connect relay` and `credentials replace` hand over.",
			set: secretText(func(s *settings) *email.Secret { return &s.smtpPassword }),
		},
	}
}

func text(at func(*settings) *string) func(*settings, string) error {
	return func(s *settings, v string) error { *at(s) = v; return nil }
}

func secretText(at func(*settings) *email.Secret) func(*settings, string) error {
	return func(s *settings, v string) error { *at(s) = email.NewSecret(v); return nil }
}

func duration(least time.Duration, at func(*settings) *time.Duration) func(*settings, string) error {
	return func(s *settings, v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d < 0 {
			return fmt.Errorf("%q is no duration: write it as 90s, 10m or 1h30m", v)
		}
		if d < least {
			return fmt.Errorf("%s is too short: at least %s", v, least)
		}
		*at(s) = d
		return nil
	}
}

func setLooks(s *settings, v string) error {
	s.looks = nil
	for field := range strings.SplitSeq(v, ",") {
		d, err := time.ParseDuration(strings.TrimSpace(field))
		if err != nil || d <= 0 || len(s.looks) > 0 && d <= s.looks[len(s.looks)-1] {
			return fmt.Errorf("%q: write rising times, for instance 30s,2m,10m", v)
		}
		s.looks = append(s.looks, d)
	}
	return nil
}

func setDatabase(at func(*settings) *string) func(*settings, string) error {
	return func(s *settings, v string) error {
		if v != "" && !strings.HasPrefix(v, "postgres://") && !strings.HasPrefix(v, "postgresql://") {
			return errors.New("write it as postgres://user:password@host:5432/name")
		}
		*at(s) = v
		return nil
	}
}

// setAddress sets an address that may be empty: then there is none.
func setAddress(at func(*settings) *string, example string) func(*settings, string) error {
	must := setListen(at, example)
	return func(s *settings, v string) error {
		if v == "" {
			*at(s) = ""
			return nil
		}
		return must(s, v)
	}
}

func setListen(at func(*settings) *string, example string) func(*settings, string) error {
	return func(s *settings, v string) error {
		if _, _, err := net.SplitHostPort(v); err != nil {
			return fmt.Errorf("%q: write it as address:port, for instance %s", v, example)
		}
		*at(s) = v
		return nil
	}
}

// setList sets what stands between commas.
func setList[T any](at func(*settings) *[]T, parse func(string) (T, error)) func(*settings, string) error {
	return func(s *settings, v string) error {
		var list []T
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			one, err := parse(part)
			if err != nil {
				return err
			}
			list = append(list, one)
		}
		*at(s) = list
		return nil
	}
}

func setURL(at func(*settings) *string, example string) func(*settings, string) error {
	return func(s *settings, v string) error {
		u, err := url.Parse(v)
		if v != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
			return fmt.Errorf("write it as %s", example)
		}
		if u != nil && u.User != nil {
			return fmt.Errorf("it has a user or password in it, which would show: write it as %s", example)
		}
		*at(s) = strings.TrimRight(v, "/")
		return nil
	}
}

// overTLS is for addresses that secrets are sent to: plain HTTP stays on this machine.
func overTLS(set func(*settings, string) error) func(*settings, string) error {
	return func(s *settings, v string) error {
		if err := set(s, v); err != nil {
			return err
		}
		if u, err := url.Parse(v); err != nil || u.Scheme == "http" && !thisMachine(u.Hostname()) {
			return errors.New("write it with https:// : what is sent there must not be read on its way; http:// is for this machine alone")
		}
		return nil
	}
}

func parseDomain(v string) (string, error) {
	name := strings.ToLower(v)
	if _, err := netip.ParseAddr(name); err == nil || !strings.Contains(name, ".") || strings.ContainsAny(name, ":/*@ ") {
		return "", fmt.Errorf("%q: write names such as mail.example.com, without port and wildcard", name)
	}
	return name, nil
}

func setLevel(s *settings, v string) error {
	var l slog.Level
	if err := l.UnmarshalText([]byte(v)); err != nil {
		return fmt.Errorf("%q: one of debug, info, warn, error", v)
	}
	s.logLevel = l
	return nil
}
