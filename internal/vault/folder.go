package vault

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// check tells whether a master key is the right one without telling the key.
type check struct {
	KeyID string `json:"key_id"`
	Check string `json:"check"`
}

// checkValue is what a folder and a database keep of the key.
func (m *Master) checkValue() check { return check{KeyID: m.id, Check: m.check} }

// matches tells whether the key is the one that made the check value.
func (m *Master) matches(c check) bool {
	return subtle.ConstantTimeCompare([]byte(c.KeyID+" "+c.Check), []byte(m.id+" "+m.check)) == 1
}

// CheckFolder compares the key with the data folder's check file, which it
// makes when the folder has none. It must be called before a database of the
// folder is opened, so that a wrong key changes nothing. A wrong key is
// ErrWrongMaster.
func CheckFolder(dir string, m *Master) error {
	c, err := readCheck(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := writeCheck(dir, m); err != nil {
			return err
		}
		c, err = readCheck(dir)
	}
	if err != nil {
		return err
	}
	if !m.matches(c) {
		return fmt.Errorf("%w: master key %s does not open this data folder: it was sealed with %s; "+
			"nothing was changed; give the key %s with --master-key-file or GATEPOST_MASTER_KEY, or name another folder with --data",
			ErrWrongMaster, m.id, c.KeyID, c.KeyID)
	}
	return nil
}

// readCheck reads a folder's check file.
func readCheck(dir string) (check, error) {
	path := filepath.Join(dir, checkFileName)
	text, err := os.ReadFile(path)
	if err != nil {
		return check{}, fmt.Errorf("read the check of the master key: %w", err)
	}
	c, err := parseCheck(text)
	if err != nil {
		return check{}, fmt.Errorf("%s: %w: restore the file from a backup", path, err)
	}
	return c, nil
}

func parseCheck(text []byte) (check, error) {
	var c check
	if err := json.Unmarshal(text, &c); err != nil || c.KeyID == "" || c.Check == "" {
		return check{}, errors.New("not the check of a master key")
	}
	return c, nil
}

// writeCheck makes a folder's check file. Another process may be first.
func writeCheck(dir string, m *Master) error {
	text, err := json.Marshal(m.checkValue())
	if err != nil {
		return fmt.Errorf("write the check of the master key: %w", err)
	}
	err = createFile(filepath.Join(dir, checkFileName), append(text, '\n'))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write the check of the master key: %w", err)
	}
	return nil
}
