package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What `config check` calls right a server can be started with; and it makes
// nothing.
func TestCheckOfData(t *testing.T) {
	data, bad := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(bad, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, value, want string }{
		{"GATEPOST_MASTER_KEY", "hunter2", "GATEPOST_MASTER_KEY: not a master key"},
		{"GATEPOST_MASTER_KEY_FILE", bad, bad + ": not a master key"},
		{"GATEPOST_DATABASE", "postgres://u:hunter2@127.0.0.1:port/x", "GATEPOST_DATABASE: it cannot be understood"},
		{"GATEPOST_DATABASE", "postgres://u:hunter2@127.0.0.1/x?sslmode=maybe", "GATEPOST_DATABASE: it cannot be understood"},
		{"GATEPOST_DATABASE", "postgres://u:hunter2@127.0.0.1/x", ""},
		{"GATEPOST_MASTER_KEY_FILE", "", ""},
	} {
		code, _, errs := command(map[string]string{c.name: c.value}, "config", "check", "--data", data)
		if (code == exitOK) != (c.want == "") || c.want != "" && code != exitUsage || !strings.Contains(errs, c.want) || strings.Contains(errs, "hunter2") {
			t.Errorf("%s=%s: code %d: %s", c.name, c.value, code, errs)
		}
		if _, err := os.Stat(data); err == nil {
			t.Errorf("%s=%s: the data folder was made", c.name, c.value)
		}
	}
}

func TestShownSettingsAreAList(t *testing.T) {
	_, out, _ := command(nil, "config", "show", "--json")
	var list struct{ Data []shownSetting }
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Data) == 0 || list.Data[0].Name != "data" {
		t.Errorf("%v: %s", err, out)
	}
}

// What `config check` refuses serve refuses too, before it makes anything.
func TestServeChecksDataFirst(t *testing.T) {
	for name, value := range map[string]string{"GATEPOST_MASTER_KEY": "hunter2", "GATEPOST_DATABASE": "postgres://u:hunter2@127.0.0.1:port/x"} {
		data := filepath.Join(t.TempDir(), "data")
		code, _, errs := command(map[string]string{name: value}, "serve", "--data", data, "--listen", "127.0.0.1:0")
		if code != exitUsage || !strings.Contains(errs, name+": ") || strings.Contains(errs, "hunter2") {
			t.Errorf("%s: code %d: %s", name, code, errs)
		}
		if _, err := os.Stat(data); err == nil {
			t.Errorf("%s: the data folder was made", name)
		}
	}
}

// A file that is not TOML is told with the place.
func TestPlaceOfMistake(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gatepost.toml")
	if err := os.WriteFile(file, []byte("listen = \"127.0.0.1:1\"\nlooks = [1s]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"serve"}, {"config", "check"}, {"config", "show"}, {"accounts", "list"}} {
		if code, _, errs := command(nil, append(args, "--config", file)...); code != exitUsage || !strings.Contains(errs, file+":2:11: not TOML") {
			t.Errorf("%v: code %d: %s", args, code, errs)
		}
	}
}

// A wrong scope is named by its flag, whether gatepost or the folder is asked.
func TestWrongScope(t *testing.T) {
	_, f := sandboxed(t)
	served := map[string]string{"GATEPOST_URL": f.APIURL, "GATEPOST_KEY": f.APIKey}
	for _, c := range []struct {
		vars map[string]string
		args []string
	}{{served, nil}, {nil, []string{"--data", t.TempDir()}}} {
		code, _, errs := command(c.vars, append([]string{"keys", "create", "--name", "x", "--scopes", "nope"}, c.args...)...)
		if code != exitUsage || !strings.Contains(errs, "--scopes: ") || strings.Contains(errs, "scopes[0]") {
			t.Errorf("%v: code %d: %s", c.args, code, errs)
		}
	}
}
