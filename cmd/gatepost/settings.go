package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gatepost/internal/email"
)

// settings are what a command is started with, from flags, the environment and a
// file: settingTable has all of them, load fills them in.
type settings struct {
	data           string
	database       string
	databaseDirect string
	masterKey      email.Secret
	masterKeyFile  string

	listen        string
	publicURL     string
	tlsCert       string
	tlsKey        string
	acmeDomains   []string
	acmeEmail     string
	acmeDirectory string

	smtp smtpSettings

	caFile        string
	googleURL     string
	googleSMTP    string
	googleKeyless []string
	metadataURL   string
	microsoftURL  string
	microsoftSMTP string
	looks         []time.Duration
	sendTimeout   time.Duration
	stopTimeout   time.Duration
	logLevel      slog.Level

	url          string
	key          email.Secret
	smtpPassword email.Secret

	given map[string]given // by name: what is in force and where it comes from
	files settingFiles     // that were read
}

// groups say which commands a setting is for.
type groups int

const (
	forServer  groups = 1 << iota // gatepost serve
	forStore                      // commands that open the data folder by themselves
	forSandbox                    // gatepost sandbox, by flag alone
	forClient                     // commands that speak to a running gatepost
	forRelay                      // gatepost connect relay

	forCommands = forClient | forRelay
)

// setting is all there is to know of one setting: flag, environment variable, key
// in the file, reference and checks are made from it.
type setting struct {
	name    string // as a flag: tls-cert, GATEPOST_TLS_CERT, tls_cert
	section string // heading in the reference; "client" is also a table in the file
	groups  groups
	kind    string // what the value is, in a word
	initial string // the default, as one would write it
	doc     string // one or two sentences
	secret  bool   // never shown, never a flag (but for database); also NAME_FILE
	noFlag  bool
	set     func(s *settings, v string) error // the error says how to write it
}

// flag is the setting's name on the command line.
func (r setting) flag() string { return "--" + r.name }

// variable is its name in the environment.
func (r setting) variable() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(r.name, "-", "_"))
}

// key is its name in the file.
func (r setting) key() string {
	key := strings.ReplaceAll(r.name, "-", "_")
	if r.section == clientSection {
		return clientSection + "." + key
	}
	return key
}

const (
	envPrefix     = "GATEPOST_"
	clientSection = "client"
)

// folder makes the data folder.
func (s *settings) folder() (string, error) {
	dir, err := filepath.Abs(s.data)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", usagef("%s: %w", s.name("data"), err)
	}
	return dir, nil
}

// source is the name of a setting, with the file that its value was read from.
func (s *settings) source(of string) string {
	if path := s.given[of].path; path != "" {
		return s.name(of) + " (read from " + path + ")"
	}
	return s.name(of)
}

// name is what the user calls a setting: as it was given, else its flag.
func (s *settings) name(of string) string {
	if g, ok := s.given[of]; ok && g.from != "" {
		return g.from
	}
	return "--" + of
}
