package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// source is one place that settings come from.
type source struct {
	values *koanf.Koanf
	name   func(r setting) string // what a setting is called there
	file   string                 // the file that it is; empty: none
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
	return source{values: k, name: setting.flag}
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
	return source{values: k, name: setting.variable}, nil
}

// The files that are looked for, in this order, when none is named. Commands are
// given in folders of all kinds, some of them from strangers: a file there must not
// say whom a key is sent to. A server is started where its data is.
const (
	fileHere   = "gatepost.toml"
	fileForAll = "/etc/gatepost/gatepost.toml"
)

func serverFiles() []string { return []string{fileHere, fileForAll} }

func clientFiles(e environment) []string {
	if own := ownFile(e); own != "" {
		return []string{own, fileForAll}
	}
	return []string{fileForAll}
}

// ownFile is where a user's file is (XDG Base Directory Specification): a folder
// that is not given by its whole path does not count.
func ownFile(e environment) string {
	if dir, _ := e.lookup("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "gatepost", "gatepost.toml")
	}
	if home, _ := e.lookup("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".config", "gatepost", "gatepost.toml")
	}
	return ""
}

// fileSource reads the file that is named, else the first there is of some.
func fileSource(flags *pflag.FlagSet, e environment, files []string) (source, error) {
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
	for _, path := range files {
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

// place is where a file is not TOML, where the parser tells.
func place(path string, err error) string {
	var at interface{ Position() (row, column int) }
	if !errors.As(err, &at) {
		return path
	}
	row, column := at.Position()
	return fmt.Sprintf("%s:%d:%d", path, row, column)
}

func parseFile(path string, b []byte) (source, error) {
	k := koanf.New(".")
	if err := k.Load(content(b), toml.Parser()); err != nil {
		return source{}, usagef("%s: not TOML: %w", place(path, err), err)
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
	return source{k, func(r setting) string { return r.key() + " in " + path }, path}, nil
}
