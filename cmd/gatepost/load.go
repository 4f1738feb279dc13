package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
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
		f.String("config", "", "`file` with settings (default gatepost.toml here, then in /etc/gatepost)")
	}
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

// source is one place that settings come from.
type source struct {
	values *koanf.Koanf
	name   func(r setting) string // what a setting is called there
}

// load reads flags, environment and file, in this order of strength, and checks
// each value of the groups asked for. Mistakes are told all at once.
func load(flags *pflag.FlagSet, env environment, which groups) (*settings, error) {
	file, err := fileSource(flags, env)
	if err != nil {
		return nil, err
	}
	vars, err := environmentSource(env)
	if err != nil {
		return nil, err
	}
	return resolve([]source{flagSource(flags), vars, file}, which)
}

// loadFlags is load for the sandbox, which must not touch what an environment
// names for a real server.
func loadFlags(flags *pflag.FlagSet) (*settings, error) {
	return resolve([]source{flagSource(flags)}, forSandbox)
}

// resolve leaves settings of other groups as they are by default: what a server
// needs may be out of reach, or wrong, without concern to who sends.
func resolve(sources []source, which groups) (*settings, error) {
	s := &settings{given: map[string]given{}}
	var errs []error
	for _, r := range settingTable() {
		from := sources
		if r.groups&which == 0 {
			from = nil
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
	return given{text: strings.TrimSpace(string(b)), from: from, path: path}, nil
}

// text is a setting's value as one would write it on the command line. What is
// empty is not given.
func (src source) text(r setting) (string, bool) {
	if !src.values.Exists(r.key()) {
		return "", false
	}
	var s string
	switch v := src.values.Get(r.key()).(type) {
	case []any:
		list := make([]string, len(v))
		for i := range v {
			list[i] = fmt.Sprint(v[i])
		}
		s = strings.Join(list, ",")
	default:
		s = fmt.Sprint(v)
	}
	return s, s != ""
}

func flagSource(flags *pflag.FlagSet) source {
	keys := map[string]string{}
	for _, r := range allRows() {
		keys[r.name] = r.key()
	}
	k := koanf.New(".")
	pick := func(f *pflag.Flag) (string, any) {
		if _, ours := f.Value.(*flagValue); !ours {
			return "", nil
		}
		return keys[f.Name], f.Value.String()
	}
	_ = k.Load(posflag.ProviderWithFlag(flags, ".", nil, pick), nil) // it reads memory and cannot fail
	return source{k, setting.flag}
}

// allRows are the settings with those that name files of secrets.
func allRows() []setting {
	var rows []setting
	for _, r := range settingTable() {
		rows = append(rows, r)
		if r.filed() {
			rows = append(rows, r.fileRow())
		}
	}
	return rows
}

// environmentSource reads GATEPOST_… . A name that is nearly a setting's is
// refused as a slip of the pen; others are left alone, because cluster managers
// put names of their own there (GATEPOST_PORT and so on).
func environmentSource(e environment) (source, error) {
	keys, names := map[string]string{}, []string{envPrefix + "CONFIG"}
	for _, r := range allRows() {
		keys[r.variable()] = r.key()
		names = append(names, r.variable())
	}
	var errs []error
	transform := func(name, value string) (string, any) {
		key := keys[name]
		if near := nearest(name, names); value != "" && key == "" && near != "" && near != name {
			errs = append(errs, fmt.Errorf("%s is no setting: did you mean %s?", name, near))
		}
		return key, value
	}
	k := koanf.New(".")
	_ = k.Load(env.Provider(".", env.Opt{Prefix: envPrefix, TransformFunc: transform, EnvironFunc: e.environ}), nil) // as above
	if len(errs) > 0 {
		slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
		return source{}, usageError{errors.Join(errs...)}
	}
	return source{k, setting.variable}, nil
}

// defaultFiles are looked for, in this order, when no file is named.
func defaultFiles() []string { return []string{"gatepost.toml", "/etc/gatepost/gatepost.toml"} }

func fileSource(flags *pflag.FlagSet, e environment) (source, error) {
	path, named := "", ""
	if f := flags.Lookup("config"); f != nil && f.Changed {
		path, named = f.Value.String(), "--config"
	} else if v, ok := e.lookup(envPrefix + "CONFIG"); ok && v != "" {
		path, named = v, envPrefix+"CONFIG"
	}
	if named != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return source{}, usagef("%s: %w", named, err)
		}
		return parseFile(path, b)
	}
	for _, path := range defaultFiles() {
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue // the server's file is not for everybody who sends
		}
		if err != nil {
			return source{}, usageError{err}
		}
		return parseFile(path, b)
	}
	return parseFile("", nil)
}

// content is a file's bytes for koanf.
type content []byte

// ReadBytes implements koanf.Provider.
func (c content) ReadBytes() ([]byte, error) { return c, nil }

// Read implements koanf.Provider; koanf does not call it beside a parser.
func (c content) Read() (map[string]any, error) { return nil, errors.ErrUnsupported }

func parseFile(path string, b []byte) (source, error) {
	k := koanf.New(".")
	if err := k.Load(content(b), toml.Parser()); err != nil {
		return source{}, usagef("%s: not TOML: %w", path, err)
	}
	var keys []string
	for _, r := range allRows() {
		keys = append(keys, r.key())
	}
	var errs []error
	for _, key := range k.Keys() {
		if slices.Contains(keys, key) {
			continue
		}
		err := fmt.Errorf("%s: %q is no setting", path, key)
		if near := nearest(key, keys); near != "" {
			err = fmt.Errorf("%w: did you mean %q?", err, near)
		} else {
			err = fmt.Errorf("%w; `gatepost config docs` lists all", err)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return source{}, usageError{err}
	}
	return source{k, func(r setting) string { return r.key() + " in " + path }}, nil
}

// nearest is the name that is a slip of the pen away; empty when none is.
func nearest(name string, names []string) string {
	best, found := 3, ""
	for _, n := range names {
		if d := distance(name, n); d < best {
			best, found = d, n
		}
	}
	return found
}

// distance counts the letters to change, add or leave out (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
