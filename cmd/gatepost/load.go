package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// given is a value in force, and where it comes from.
type given struct {
	text string
	from string // --listen, GATEPOST_LISTEN, listen in gatepost.toml; empty: the default
	path string // the file that a secret was read from
}

// flagValue is a flag of the table. Its text is checked with that of the other
// sources, so that every mistake is told in the same way.
type flagValue struct{ text, kind string }

// Set implements pflag.Value.
func (f *flagValue) Set(v string) error { f.text = v; return nil }

// String implements pflag.Value.
func (f *flagValue) String() string { return f.text }

// Type implements pflag.Value: help shows it as the value's placeholder.
func (f *flagValue) Type() string { return f.kind }

// fileRow is the setting that names the file of a secret.
func (r setting) fileRow() setting {
	return setting{name: r.name + "-file", section: r.section, groups: r.groups, kind: "file", doc: "File that holds it."}
}

// filed tells whether a secret can be given by file through fileRow. The master
// key's file has a row of its own: it is made when it is missing.
func (r setting) filed() bool { return r.secret && r.name != "master-key" }

// defineFlags makes flags of the settings that a command takes.
func defineFlags(f *pflag.FlagSet, which groups) {
	for _, r := range settingTable() {
		if r.groups&which == 0 {
			continue
		}
		if !r.noFlag {
			f.Var(&flagValue{r.initial, r.kind}, r.name, flagDoc(r.doc))
		}
		if r.filed() && which != forSandbox {
			f.Var(&flagValue{"", "file"}, r.name+"-file", "file that holds "+fileHolds(r))
		}
	}
	if which != forSandbox {
		f.String("config", "", "`file` with settings (default "+which.files()+")")
	}
}

// files says which files are looked for.
func (g groups) files() string {
	const server, client = "gatepost.toml here", "~/.config/gatepost/gatepost.toml"
	switch {
	case g&forCommands == 0:
		return server + ", then in /etc/gatepost"
	case g&^forCommands == 0:
		return client + ", then in /etc/gatepost"
	}
	return server + " for the server, " + client + " for commands, then in /etc/gatepost"
}

func fileHolds(r setting) string {
	switch r.name {
	case "key":
		return "the API key"
	case "smtp-password":
		return "the password"
	}
	return "the database's URL"
}

// flagDoc turns a sentence of the reference into a line of help.
func flagDoc(doc string) string {
	doc = strings.TrimSuffix(strings.ReplaceAll(doc, "`", ""), ".")
	first, _, _ := strings.Cut(doc, " ")
	if first == "" || strings.ToUpper(first[1:]) == first[1:] || strings.ToLower(first[1:]) != first[1:] {
		return doc // a name such as PostgreSQL
	}
	return strings.ToLower(doc[:1]) + doc[1:]
}

// load reads flags, environment and file, in this order of strength, and checks
// each value of the groups asked for. Mistakes are told all at once.
func load(flags *pflag.FlagSet, env environment, which groups) (*settings, error) {
	files, err := which.read(flags, env)
	if err != nil {
		return nil, err
	}
	vars, err := environmentSource(env)
	if err != nil {
		return nil, err
	}
	s, err := resolve(which, func(r setting) []source {
		return []source{flagSource(flags), vars, files.of(r.groups & which)}
	})
	if err == nil {
		s.files = files
	}
	return s, err
}

// settingFiles are the file for the server's settings and the one for those of
// commands.
type settingFiles struct{ server, client source }

// of is the file for a setting that is asked for by some groups. One that both have
// is the server's.
func (f settingFiles) of(asked groups) source {
	if asked&^forCommands == 0 {
		return f.client
	}
	return f.server
}

// read reads the files that groups of settings stand in.
func (g groups) read(flags *pflag.FlagSet, env environment) (f settingFiles, err error) {
	if f.server, err = parseFile("", nil); err != nil {
		return f, err
	}
	f.client = f.server
	if g&^forCommands != 0 {
		if f.server, err = fileSource(flags, env, serverFiles()); err != nil {
			return f, err
		}
	}
	if g&forCommands != 0 {
		f.client, err = fileSource(flags, env, clientFiles(env))
	}
	return f, err
}

// loadFlags is load for the sandbox, which must not touch what an environment
// names for a real server.
func loadFlags(flags *pflag.FlagSet) (*settings, error) {
	return resolve(forSandbox, func(setting) []source { return []source{flagSource(flags)} })
}

// resolve leaves settings of other groups as they are by default: what a server
// needs may be out of reach, or wrong, without concern to who sends.
func resolve(which groups, sources func(setting) []source) (*settings, error) {
	s := &settings{given: map[string]given{}}
	var errs []error
	for _, r := range settingTable() {
		var from []source
		if r.groups&which != 0 {
			from = sources(r)
		}
		g, err := r.pick(from)
		if err == nil {
			s.given[r.name] = g
			err = r.apply(s, g)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, usageError{err}
	}
	return s, nil
}

func (r setting) apply(s *settings, g given) error {
	err := r.set(s, g.text)
	if err == nil {
		return nil
	}
	if g.path != "" {
		return fmt.Errorf("%s (read from %s): %w", g.from, g.path, err)
	}
	return fmt.Errorf("%s: %w", s.name(r.name), err)
}

// pick takes the value of the strongest source that has one.
func (r setting) pick(sources []source) (given, error) {
	for _, src := range sources {
		value, here := src.text(r)
		if !r.filed() {
			if here {
				return given{text: value, from: src.name(r)}, nil
			}
			continue
		}
		path, byFile := src.text(r.fileRow())
		switch {
		case here && byFile:
			return given{}, fmt.Errorf("%s and %s are both given: leave one out", src.name(r), src.name(r.fileRow()))
		case here:
			return given{text: value, from: src.name(r)}, nil
		case byFile:
			return readSecret(src.name(r.fileRow()), path)
		}
	}
	return given{text: r.initial}, nil
}

func readSecret(from, path string) (given, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return given{}, fmt.Errorf("%s: %w", from, err)
	}
	return given{text: strings.TrimSpace(string(textOf(b))), from: from, path: path}, nil
}
