package main

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A slip of the pen is met by the right name; other words are not.
func TestNearest(t *testing.T) {
	names := []string{"listen", "looks", "data", "database"}
	for given, want := range map[string]string{"listne": "listen", "lisen": "listen", "look": "looks", "databse": "database", "colour": "", "": ""} {
		if got := nearest(given, names); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-c]{0,6}`)
		a, b, c := word.Draw(t, "a"), word.Draw(t, "b"), word.Draw(t, "c")
		if distance(a, b) != distance(b, a) || (distance(a, b) == 0) != (a == b) || distance(a, c) > distance(a, b)+distance(b, c) {
			t.Fatalf("%q %q %q", a, b, c)
		}
	})
}

// Names in the environment, in the file and on the command line do not collide,
// and no secret is a flag but the database's URL, which may have none.
func TestSettingTable(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range allRows() {
		for _, name := range []string{r.flag(), r.variable(), r.key()} {
			if seen[name] {
				t.Errorf("%s is there twice", name)
			}
			seen[name] = true
		}
	}
	for _, r := range settingTable() {
		if r.secret && !r.noFlag && r.name != "database" {
			t.Errorf("--%s would show a secret in the process list", r.name)
		}
		if r.doc == "" || !strings.HasSuffix(r.doc, ".") || strings.Contains(r.doc, "|") {
			t.Errorf("%s: text %q", r.name, r.doc)
		}
		if err := r.set(&settings{}, r.initial); err != nil {
			t.Errorf("%s: the default is refused: %v", r.name, err)
		}
	}
}

// Tokens and keys are sent over TLS, or stay on this machine.
func TestSecretsAreSentOverTLS(t *testing.T) {
	for _, r := range settingTable() {
		if r.name != "google-url" && r.name != "google-metadata-url" && r.name != "microsoft-url" && r.name != "acme-directory" {
			continue
		}
		for address, good := range map[string]bool{
			"https://google.example": true, "http://127.0.0.1:7027": true, "http://[::1]:7027/x": true, "http://localhost:1": true,
			"http://google.example": false, "http://192.0.2.1:7027": false, "HTTP://google.example": false, "http://localhost.example": false,
			"http://127.0.0.1.example": false, "ftp://127.0.0.1": false,
		} {
			if err := r.set(&settings{}, address); (err == nil) != good {
				t.Errorf("%s %s: %v", r.name, address, err)
			}
		}
	}
}

// Whatever is given as a value, an error does not show a secret.
func TestErrorsKeepSecrets(t *testing.T) {
	for _, vars := range []map[string]string{
		{"GATEPOST_DATABASE": "mysql://u:hunter2@host/x"},
		{"GATEPOST_KEY": "gp live hunter2"},
		{"GATEPOST_MASTER_KEY": "hunter2"},
		{"GATEPOST_KEY": "gp_live_hunter2", "GATEPOST_URL": "https://u:hunter2@127.0.0.1:1"},
	} {
		for _, args := range [][]string{{"serve", "--data", t.TempDir()}, {"accounts", "list"}, {"config", "show"}} {
			if args[0] == "serve" && vars["GATEPOST_KEY"] != "" {
				continue // it is not for the server, which would start
			}
			if _, out, errs := command(vars, args...); strings.Contains(out+errs, "hunter2") {
				t.Errorf("%v %v: %s%s", vars, args, out, errs)
			}
		}
	}
}

// Where the data lies is told without the password, and of PostgreSQL not as a folder.
func TestWhereTheDataLies(t *testing.T) {
	for database, want := range map[string]string{
		"": "gatepost-data",
		"postgres://u:hunter2@db.example.com:5433/mail?sslmode=disable":             "the PostgreSQL database mail at db.example.com:5433",
		"postgres://u:hunter2@db1.example.com,db2.example.com/mail?sslmode=disable": "the PostgreSQL database mail at db1.example.com:5432",
	} {
		s := &settings{data: "gatepost-data", database: database}
		if got := s.where(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
