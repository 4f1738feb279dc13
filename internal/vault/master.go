package vault

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
)

// keySize is the length of every key here, in bytes.
const keySize = 32

// ErrWrongMaster reports a master key other than the one that sealed the data.
var ErrWrongMaster = errors.New("wrong master key")

// Master is the key that opens all others. It prints as [redacted].
type Master struct {
	id    string
	check string
	wrap  sealer
}

// newMaster derives what is needed from the key and keeps no copy of it.
func newMaster(key []byte) (*Master, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("a master key has %d bytes, not %d", keySize, len(key))
	}
	wrap, err := newSealer(key, "gatepost master wrap v1")
	if err != nil {
		return nil, err
	}
	checkKey, err := derive(key, "gatepost master check v1")
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, checkKey)
	mac.Write([]byte("gatepost master key"))
	return &Master{id: masterID(key), check: hex.EncodeToString(mac.Sum(nil)), wrap: wrap}, nil
}

// masterID names a key without telling anything of it.
func masterID(key []byte) string {
	h := sha256.New()
	h.Write([]byte("gatepost master key id v1\x00"))
	h.Write(key)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// ID names the key: 16 hexadecimal digits that may be shown.
func (m *Master) ID() string { return m.id }

// Format implements fmt.Formatter, so that no verb shows the key.
func (m *Master) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// derive makes a key for one purpose from another (HKDF, RFC 5869). The source
// keys are uniformly random, so no salt is needed (section 3.1).
func derive(key []byte, purpose string) ([]byte, error) {
	k, err := hkdf.Key(sha256.New, key, nil, purpose, keySize)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	return k, nil
}

// newSealer makes the sealer for one purpose of a key.
func newSealer(key []byte, purpose string) (sealer, error) {
	k, err := derive(key, purpose)
	if err != nil {
		return sealer{}, err
	}
	a, err := subtle.NewXChaCha20Poly1305(k)
	if err != nil {
		return sealer{}, fmt.Errorf("make a cipher: %w", err)
	}
	return sealer{aead: a, id: keyID(k)}, nil
}
