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
