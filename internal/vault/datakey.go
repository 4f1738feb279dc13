package vault

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"gatepost/internal/email"
)

// dataKey is what a team's random key is used for, ready for use. Each use has
// a key of its own, derived from that one.
type dataKey struct {
	secrets     sealer
	contentKeys sealer
	fingerprint []byte
}

// newDataKey prepares a team's key.
func newDataKey(key []byte) (*dataKey, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("a data key has %d bytes, not %d", keySize, len(key))
	}
	secrets, err := newSealer(key, "gatepost data secrets v1")
	if err != nil {
		return nil, err
	}
	contentKeys, err := newSealer(key, "gatepost data content keys v1")
	if err != nil {
		return nil, err
	}
	fingerprint, err := derive(key, "gatepost data fingerprint v1")
	if err != nil {
		return nil, err
	}
	return &dataKey{secrets: secrets, contentKeys: contentKeys, fingerprint: fingerprint}, nil
}

// wrapNewKey draws a team's key and seals it with the master key.
func wrapNewKey(m *Master, team email.ID, random io.Reader) ([]byte, error) {
	key := make([]byte, keySize)
	if _, err := io.ReadFull(random, key); err != nil {
		return nil, fmt.Errorf("draw a data key: %w", err)
	}
	return m.wrap.seal(team, m.dataKeyPlace(), key)
}

// unwrapKey opens a team's key.
func unwrapKey(m *Master, team email.ID, wrapped []byte) (*dataKey, error) {
	key, err := m.wrap.open(team, m.dataKeyPlace(), wrapped)
	if err != nil {
		return nil, err
	}
	return newDataKey(key)
}

func (m *Master) dataKeyPlace() Bind {
	return Bind{Table: "data_keys", Row: m.id, Column: "wrapped"}
}

// mac is HMAC-SHA-256 over the parts, each with its length: a plain hash of
// something short, such as a code of six digits, could be guessed.
func (k *dataKey) mac(parts [][]byte) []byte {
	h := hmac.New(sha256.New, k.fingerprint)
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write(p)
	}
	return h.Sum(nil)
}
