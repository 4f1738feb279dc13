package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFilesOfWindows: a secret that Windows PowerShell or an editor of Windows wrote is
// read as what was meant.
func TestFilesOfWindows(t *testing.T) {
	for name, text := range map[string]string{
		"UTF-8":               "s€cret~1\r\n",
		"UTF-8 with a mark":   "\xef\xbb\xbfs€cret~1\r\n",
		"UTF-16LE":            "\xff\xfes\x00\xac\x20c\x00r\x00e\x00t\x00~\x001\x00\r\x00\n\x00",
		"UTF-16BE":            "\xfe\xff\x00s\x20\xac\x00c\x00r\x00e\x00t\x00~\x001\x00\r\x00\n",
		"UTF-16LE, cut short": "\xff\xfes\x00\xac\x20c\x00r\x00e\x00t\x00~\x001\x00\r",
	} {
		path := filepath.Join(t.TempDir(), "secret.txt")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := readSmall(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := firstLine(strings.NewReader(string(b))); err != nil || got != "s€cret~1" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if got, err := firstLine(strings.NewReader(text)); err != nil || got != "s€cret~1" {
			t.Errorf("%s on standard input: %q, %v", name, got, err)
		}
		if given, err := readSecret("GATEPOST_KEY_FILE", path); err != nil || given.text != "s€cret~1" {
			t.Errorf("%s as a setting: %q, %v", name, given.text, err)
		}
		if b, err := (&guide{}).keyFile("--file", path, ""); err != nil || !strings.HasPrefix(string(b), "s€cret~1") {
			t.Errorf("%s as a key file: %q, %v", name, b, err)
		}
	}
}
