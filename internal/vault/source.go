package vault

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gatepost/internal/email"
)

// The files of the data folder that concern the master key.
const (
	keyFileName   = "master.key"
	checkFileName = "master.check"
)

// Source says where the master key comes from.
type Source struct {
	// Value is the key itself, base64 of 32 bytes (GATEPOST_MASTER_KEY).
	Value email.Secret
	// File holds the key (--master-key-file, GATEPOST_MASTER_KEY_FILE). Empty
	// means master.key in Dir. Not together with Value.
	File string
	// Dir is the data folder. It must exist.
	Dir string
	// Random is where a new key is drawn from.
	Random io.Reader
}

// LoadMaster reads the master key. On the first start, when the data folder
// does not know a key yet and the key file is not there, it makes the file and
// says so: the operator must be told to keep a copy. It never makes a key for a
// folder that was sealed with another.
func LoadMaster(src Source) (m *Master, created bool, err error) {
	if !src.Value.Empty() {
		if src.File != "" {
			return nil, false, errors.New("the master key is given twice, as a value and as a file: unset GATEPOST_MASTER_KEY or GATEPOST_MASTER_KEY_FILE")
		}
		key, err := decodeKey(src.Value.Reveal())
		if err != nil {
			return nil, false, fmt.Errorf("GATEPOST_MASTER_KEY: %w", err)
		}
		m, err := newMaster(key)
		return m, false, err
	}
	path := src.File
	if path == "" {
		path = filepath.Join(src.Dir, keyFileName)
	}
	m, err = readMaster(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return m, false, err
	}
	return makeMaster(src, path)
}

// readMaster reads a key file that nobody else may read.
func readMaster(path string) (*Master, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the master key: %w", err)
	}
	defer func() { _ = f.Close() }()
	if err := private(f); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<10))
	if err != nil {
		return nil, fmt.Errorf("read the master key: %w", err)
	}
	key := text // exactly 32 bytes are the key itself, as from a secret store
	if len(text) != keySize {
		if key, err = decodeKey(string(text)); err != nil {
			return nil, fmt.Errorf("master key file %s: %w", path, err)
		}
	}
	return newMaster(key)
}

// private refuses a file that the group or others may touch.
func private(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read the master key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("master key %s is not a regular file: name the file that holds the key", f.Name())
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("master key file %s is open to others (mode %04o): run: chmod 600 %s", f.Name(), mode, quote(f.Name()))
	}
	return nil
}

// quote makes a path safe to paste into a shell.
func quote(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+", r)
	}
	if strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// decodeKey reads base64 of a key. The error must not show what was there.
func decodeKey(text string) ([]byte, error) {
	text = strings.TrimRight(strings.TrimSpace(text), "=")
	key, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		key, err = base64.RawURLEncoding.DecodeString(text)
	}
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("not a master key: base64 of %d bytes is expected; make one with: openssl rand -base64 %d", keySize, keySize)
	}
	return key, nil
}

// makeMaster makes the key file of a folder that has no key yet.
func makeMaster(src Source, path string) (*Master, bool, error) {
	check := filepath.Join(src.Dir, checkFileName)
	if _, err := os.Stat(check); !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return nil, false, fmt.Errorf("look for %s: %w", check, err)
		}
		return nil, false, missingKey(src.Dir, path)
	}
	key := make([]byte, keySize)
	if _, err := io.ReadFull(src.Random, key); err != nil {
		return nil, false, fmt.Errorf("draw a master key: %w", err)
	}
	text := base64.StdEncoding.EncodeToString(key) + "\n"
	err := createFile(path, []byte(text))
	if errors.Is(err, fs.ErrExist) { // another process was first
		m, err := readMaster(path)
		return m, false, err
	}
	if err != nil {
		return nil, false, fmt.Errorf("keep the new master key: %w", err)
	}
	m, err := newMaster(key)
	return m, true, err
}

// missingKey says which key a folder needs.
func missingKey(dir, path string) error {
	expected := "its own key"
	if c, err := readCheck(dir); err == nil {
		expected = "key " + c.KeyID
	}
	return fmt.Errorf("master key file %s is missing, and the data folder %s was sealed with %s: restore the file from your copy, or name it with --master-key-file; without that key nothing sealed can be read", path, dir, expected)
}
