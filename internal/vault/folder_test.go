package vault

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFolderKnowsItsKey(t *testing.T) {
	dir := t.TempDir()
	right, wrong := testMaster(t, 1), testMaster(t, 2)
	if err := CheckFolder(dir, right); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "master.check"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("check file: %v, %v", info, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "gatepost.db"), []byte("rows"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := contents(t, dir)
	err = CheckFolder(dir, wrong)
	if !errors.Is(err, ErrWrongMaster) {
		t.Fatalf("wrong key: %v", err)
	}
	want := "master key " + wrong.ID() + " does not open this data folder: it was sealed with " + right.ID()
	if !strings.Contains(err.Error(), want) {
		t.Errorf("the error does not name the keys: %v", err)
	}
	if err := CheckFolder(dir, right); err != nil {
		t.Errorf("right key afterwards: %v", err)
	}
	if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
		t.Errorf("the folder changed:\n%s", diff)
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(text)
	}
	return out
}

func TestDamagedCheckFileIsNotReplaced(t *testing.T) {
	m := testMaster(t, 1)
	for name, text := range map[string]string{
		"empty":            "",
		"not JSON":         "key",
		"without check":    `{"key_id":"` + m.ID() + `"}`,
		"check of another": `{"key_id":"` + m.ID() + `","check":"` + testMaster(t, 2).check + `"}`,
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "master.check")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := CheckFolder(dir, m); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, _, err := LoadMaster(Source{Dir: dir, Random: rand.Reader}); err == nil {
			t.Errorf("%s: a new key was made", name)
		}
		if got, _ := os.ReadFile(path); string(got) != text {
			t.Errorf("%s: the file was changed to %s", name, got)
		}
	}
}

func TestFolderThatCannotBeWrittenIsAnError(t *testing.T) {
	if err := CheckFolder(filepath.Join(t.TempDir(), "none"), testMaster(t, 1)); err == nil {
		t.Error("no error for a folder that is not there")
	}
}
