package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gatepost/internal/email"
)

func load(t *testing.T, src Source) (*Master, bool) {
	t.Helper()
	src.Random = rand.Reader
	m, created, err := LoadMaster(src)
	if err != nil {
		t.Fatal(err)
	}
	return m, created
}

func TestFirstStartMakesAKeyFile(t *testing.T) {
	dir := t.TempDir()
	m, created := load(t, Source{Dir: dir})
	if !created {
		t.Error("the key is not reported as new")
	}
	info, err := os.Stat(filepath.Join(dir, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o", info.Mode().Perm())
	}
	if again, created := load(t, Source{Dir: dir}); created || again.ID() != m.ID() {
		t.Errorf("second start: key %s, created %v; want %s", again.ID(), created, m.ID())
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left in the folder: %v", entries)
	}
}

func TestConcurrentFirstStartsMakeOneKey(t *testing.T) {
	dir := t.TempDir()
	var ids, made sync.Map
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			m, created, err := LoadMaster(Source{Dir: dir, Random: rand.Reader})
			if err == nil {
				err = CheckFolder(dir, m)
			}
			if err != nil {
				t.Error(err)
				return
			}
			ids.Store(m.ID(), true)
			if created {
				made.Store(m, true)
			}
		})
	}
	wg.Wait()
	if n := length(&ids); n != 1 {
		t.Errorf("%d different keys are in use", n)
	}
	if n := length(&made); n != 1 {
		t.Errorf("%d starts say that they made the key", n)
	}
}

func length(m *sync.Map) (n int) {
	m.Range(func(any, any) bool { n++; return true })
	return n
}

func TestAMissingKeyIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	m, _ := load(t, Source{Dir: dir})
	if err := CheckFolder(dir, m); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "master.key")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, _, err := LoadMaster(Source{Dir: dir, Random: rand.Reader})
	if err == nil || !strings.Contains(err.Error(), m.ID()) || !strings.Contains(err.Error(), "restore") {
		t.Errorf("error: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key file was made: %v", err)
	}
}

func TestKeyIsReadFromEachSource(t *testing.T) {
	key := make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		t.Fatal(err)
	}
	text := base64.StdEncoding.EncodeToString(key)
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, src := range map[string]Source{
		"value":          {Value: email.NewSecret(text)},
		"value with end": {Value: email.NewSecret(text + "\n")},
		"URL alphabet":   {Value: email.NewSecret(base64.RawURLEncoding.EncodeToString(key))},
		"file":           {File: file(text + "\n")},
		"raw file":       {File: file(string(key))},
	} {
		m, created := load(t, src)
		if created || m.ID() != masterID(key) {
			t.Errorf("%s: key %s, created %v", name, m.ID(), created)
		}
	}
}

func TestBadKeysAreRefusedWithoutBeingShown(t *testing.T) {
	const marker = "c2VjcmV0LW1hcmtlcg=="
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(marker), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]Source{
		"short value":  {Value: email.NewSecret(marker)},
		"not base64":   {Value: email.NewSecret("!" + marker)},
		"bad file":     {File: path},
		"both":         {Value: email.NewSecret(marker), File: path},
		"folder":       {File: t.TempDir()},
		"lost folder":  {File: filepath.Join(t.TempDir(), "none", "key"), Dir: t.TempDir(), Random: rand.Reader},
		"random fails": {Dir: t.TempDir(), Random: bytes.NewReader(nil)},
	} {
		m, created, err := LoadMaster(src)
		if err == nil || m != nil || created || strings.Contains(err.Error(), marker) {
			t.Errorf("%s: %v, %v, %v", name, m, created, err)
		}
	}
}

func TestKeyFileOpenToOthersIsRefused(t *testing.T) {
	dir := t.TempDir()
	load(t, Source{Dir: dir})
	path := filepath.Join(dir, "master.key")
	for _, mode := range []os.FileMode{0o644, 0o640, 0o604, 0o606} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, _, err := LoadMaster(Source{Dir: dir, Random: rand.Reader})
		if err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if got := quote("/a b/it's"); got != `'/a b/it'\''s'` {
		t.Errorf("quoted path: %s", got)
	}
}

func TestMasterDoesNotPrintItself(t *testing.T) {
	m := testMaster(t, 7)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(verb, m); got != "[redacted]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}
