// Package picture holds the project's imports to the picture that ARCHITECTURE.md draws: they point
// down, and doors never import each other. It is a test alone: nothing is to be imported from here.
package picture

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// table says which rooms of internal each room may import besides email, which all may.
func table() map[string][]string {
	return map[string][]string{
		"email":    {},
		"egress":   {},
		"compose":  {},
		"provider": {},
		"oauth":    {"provider"},
		"webhook":  {"egress"},
		"store":    {},
		"vault":    {"store", "oauth"},
		"access":   {"store", "vault"},
		"mailbox":  {"provider", "store", "vault"},
		"queue":    {"access", "compose", "provider", "webhook", "egress", "mailbox", "store", "vault"},
		"monitor":  {"provider", "store", "vault", "oauth", "egress"},
		"control": {
			"access", "queue", "mailbox", "monitor", "compose", "provider", "webhook", "store", "vault", "oauth",
		},
		"api":     {"control", "queue", "access", "client"},
		"web":     {"control", "queue", "access", "client"},
		"gateway": {"control", "queue", "access", "client"},
		"sandbox": {},
		"client":  {},
	}
}

// violation says what is wrong with a file of room importing other; "" is well.
// A room's own folders belong to it.
func violation(room, other string) string {
	allowed, known := table()[room]
	switch {
	case !known:
		return "the picture has no room " + room
	case other == room, other == "email" && room != "client":
		return ""
	case !slices.Contains(allowed, other):
		return room + " may not import " + other
	}
	return ""
}

// room names the room that an import path or a folder of this module belongs to; "" is none:
// cmd wires all of them, bench and test stand outside.
func room(path string) string {
	path, ours := strings.CutPrefix(path, "gatepost/")
	if !ours {
		return ""
	}
	first, rest, _ := strings.Cut(path, "/")
	if first == "internal" {
		first, _, _ = strings.Cut(rest, "/")
		return first
	}
	if first == "client" {
		return first
	}
	return ""
}

func TestImportsFollowThePicture(t *testing.T) {
	const root = "../.."
	seen := 0
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		from := "gatepost/" + filepath.ToSlash(rel)
		if room(from) == "" {
			return nil
		}
		seen++
		for _, path := range imports(t, name) {
			if wrong := outside(from, path); wrong != "" {
				t.Errorf("%s imports %q: %s", strings.TrimPrefix(name, root+"/"), path, wrong)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen == 0 {
		t.Fatal("no file of any room was seen: the test looks in the wrong place")
	}
}

// outside judges one import by the package from.
func outside(from, path string) string {
	if path != "gatepost" && !strings.HasPrefix(path, "gatepost/") {
		return ""
	}
	to := room(path)
	switch {
	case to == "":
		return room(from) + " may not import what stands outside the rooms"
	case suite(path) && !suite(from):
		return "a suite is for tests alone"
	case to == "sandbox" && suite(from):
		return ""
	}
	return violation(room(from), to)
}

// suite says that a package is one, like storetest: only tests use it, and it may use the sandbox.
func suite(path string) bool { return strings.HasSuffix(path, "test") }

func imports(t *testing.T, name string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func TestViolationsAreSeen(t *testing.T) {
	for _, c := range []struct {
		from, path string
		wrong      bool
	}{
		{"provider/providertest", "gatepost/internal/sandbox", false},
		{"provider", "gatepost/internal/provider/providertest", true},
		{"queue", "gatepost/internal/store/storetest", true},
		{"api", "gatepost/internal/queue", false},
		{"api", "gatepost/internal/email", false},
		{"api", "gatepost/internal/api/dialect", false},
		{"provider", "gatepost/internal/provider/gmail", false},
		{"queue", "database/sql", false},
		{"api", "gatepost/internal/web", true},
		{"api", "gatepost/internal/store", true},
		{"store", "gatepost/internal/queue", true},
		{"email", "gatepost/internal/store", true},
		{"queue", "gatepost/internal/sandbox", true},
		{"queue", "gatepost/test/powercut", true},
		{"helpers", "gatepost/internal/store", true},
	} {
		if got := outside("gatepost/internal/"+c.from, c.path); (got != "") != c.wrong {
			t.Errorf("%s importing %s: %q, want a violation: %v", c.from, c.path, got, c.wrong)
		}
	}
	if outside("gatepost/client", "gatepost/internal/email") == "" {
		t.Error("the public client imports nothing of ours")
	}
}

// The SQLite driver is generated for one version of its C library: another one, forced by some other
// module, builds and then fails in strange ways.
func TestSQLiteHasTheLibraryItWasMadeFor(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", "modernc.org/libc").Output()
	if err != nil {
		t.Fatal(err)
	}
	graph, err := exec.Command("go", "mod", "graph").Output()
	if err != nil {
		t.Fatal(err)
	}
	have := strings.TrimSpace(string(out))
	for line := range strings.Lines(string(graph)) {
		from, to, _ := strings.Cut(strings.TrimSpace(line), " ")
		if want, ok := strings.CutPrefix(to, "modernc.org/libc@"); ok && strings.HasPrefix(from, "modernc.org/sqlite@") && want != have {
			t.Errorf("%s was made for modernc.org/libc %s, and %s is built in", from, want, have)
		}
	}
}
