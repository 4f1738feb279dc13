package faults

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/faults.md is true: each fault has a test, and each test it names is there.
func TestDocument(t *testing.T) {
	root := moduleFolder(t)
	text, err := os.ReadFile(filepath.Join(root, "docs/faults.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := rowsOf(string(text))
	if len(rows) == 0 {
		t.Fatal("no row names a fault")
	}
	known := map[string]string{} // the tests' text by folder
	for _, r := range rows {
		named := testsOf(r)
		if len(named) == 0 {
			t.Errorf("no test shows: %s", r)
		}
		for _, n := range named {
			if _, read := known[n.folder]; !read {
				known[n.folder] = testText(t, filepath.Join(root, n.folder))
			}
			if !strings.Contains(known[n.folder], "\nfunc "+n.test+"(t *testing.T) {") {
				t.Errorf("%s has no test %s", n.folder, n.test)
			}
		}
	}
}

// rowsOf are the last cells of all tables that say by what each row is shown.
func rowsOf(text string) []string {
	var out []string
	shown := false
	for line := range strings.SplitSeq(text, "\n") {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		last := strings.TrimSpace(cells[len(cells)-1])
		switch {
		case !strings.HasPrefix(line, "|"):
			shown = false
		case last == "shown by":
			shown = true
		case shown && !strings.HasPrefix(line, "|---"):
			out = append(out, line[strings.LastIndex(strings.TrimRight(line, "| "), "|")+1:])
		}
	}
	return out
}

// shown is one test by its folder and name.
type shown struct{ folder, test string }

var quoted = regexp.MustCompile("`([^`]+)`")

// testsOf are the tests that a cell names: a folder, then tests of it.
func testsOf(cell string) []shown {
	var out []shown
	folder := ""
	for _, q := range quoted.FindAllStringSubmatch(cell, -1) {
		if strings.HasPrefix(q[1], "Test") {
			out = append(out, shown{folder, q[1]})
			continue
		}
		folder = q[1]
	}
	return out
}

func testText(t *testing.T, folder string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}

func moduleFolder(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
}
