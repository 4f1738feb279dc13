package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// tab is what Tab offers after some words, and whether files are offered too.
func tab(t *testing.T, vars map[string]string, words ...string) (offered string, files bool) {
	t.Helper()
	code, out, errs := command(vars, append([]string{"__complete"}, words...)...)
	i := strings.LastIndex(out, ":")
	if code != exitOK || i < 0 {
		t.Fatalf("%v: exit code %d: %s%s", words, code, out, errs)
	}
	return out[:i], !strings.HasPrefix(out[i:], ":4\n") && !strings.HasPrefix(out[i:], ":36\n")
}

func TestTabOffersWords(t *testing.T) {
	for line, want := range map[string]string{
		"messages list --status ":                         "held\n",
		"messages tail --status ":                         "failed\n",
		"messages list --type ":                           "password_reset\n",
		"keys create --scopes ":                           "messages:send\n",
		"keys create --scopes messages:send,":             "messages:send,messages:read\n",
		"connect gmail --purposes ":                       "look\n",
		"connect workspace a@b.example --purposes send,l": "send,look\n",
		"credentials check cred_1 --purposes ":            "modify\n",
	} {
		offered, files := tab(t, nil, strings.Split(line, " ")...)
		if !strings.Contains("\n"+offered, "\n"+want) || files || strings.Contains(offered, "send,send") {
			t.Errorf("%s: %q, files %t", line, offered, files)
		}
	}
}

// Ids come with the subjects that one knows them by.
func TestTabOffersMessagesAndAccounts(t *testing.T) {
	_, f := sandboxed(t)
	vars := map[string]string{"GATEPOST_URL": f.APIURL, "GATEPOST_KEY": f.APIKey}
	_, answer := post(t, f, map[string]any{"from": f.Accounts[0].Address, "to": "a@example.com", "subject": "Your\torder", "text": "t"})
	id := answer["id"].(string)
	for _, name := range []string{"show", "explain", "cancel", "retry", "release", "content"} {
		offered, files := tab(t, vars, "messages", name, "")
		if !strings.Contains(offered, id+"\t") || !strings.Contains(offered, "Your") || files {
			t.Errorf("%s: %q, files %t", name, offered, files)
		}
		if offered, files := tab(t, vars, "messages", name, id, ""); offered != "" || files {
			t.Errorf("%s, once more: %q, files %t", name, offered, files)
		}
		if offered, files := tab(t, nil, "messages", name, ""); offered != "" || files {
			t.Errorf("%s, without a key: %q, files %t", name, offered, files)
		}
	}
	if offered, files := tab(t, vars, "accounts", "show", ""); !strings.Contains(offered, f.Accounts[0].Address) || files {
		t.Errorf("%q, files %t", offered, files)
	}
	for _, s := range statuses() {
		says(t, f, 0, nil, "messages", "list", "--status", s)
	}
}

// Files are offered where a flag takes one, and nowhere else.
func TestTabOffersFilesForFilesAlone(t *testing.T) {
	for _, c := range commands(rootCommand(with(nil, nil, nil))) {
		path := strings.Fields(c.CommandPath())[1:]
		if c.HasSubCommands() {
			continue
		}
		if _, files := tab(t, nil, append(path, "")...); files {
			t.Errorf("%v offers files", path)
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() == "bool" {
				return
			}
			if _, files := tab(t, nil, append(path, "--"+f.Name, "")...); files != takesFile(f) && f.NoOptDefVal == "" {
				t.Errorf("%v --%s: files %t", path, f.Name, files)
			}
		})
	}
}
