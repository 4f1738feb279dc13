// Package mutant breaks gatepost on purpose: a build in which one snippet of a
// source file is another, without touching the file. Tests of promises use it to
// show that they can fail.
package mutant

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Mutation replaces a snippet, which must stand in the file as often as it says.
type Mutation struct {
	File     string // from the top of the project
	Old, New string
	Count    int // 0: once
}

// Overlay returns the file for the go command's -overlay flag.
func Overlay(t *testing.T, top string, ms ...Mutation) string {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	for _, m := range ms {
		path, err := filepath.Abs(filepath.Join(top, m.File))
		if err != nil {
			t.Fatal(err)
		}
		replace[path] = write(t, dir, path, m)
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func write(t *testing.T, dir, path string, m Mutation) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n, want := strings.Count(string(text), m.Old), max(1, m.Count); n != want {
		t.Fatalf("%s: the snippet to break stands there %d times, want %d: the test has to follow the code\n%s", m.File, n, want, m.Old)
	}
	name := filepath.Join(dir, strings.ReplaceAll(m.File, "/", "_"))
	if err := os.WriteFile(name, []byte(strings.ReplaceAll(string(text), m.Old, m.New)), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
