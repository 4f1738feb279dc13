package vault

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/tink"

	"gatepost/internal/email"
)

// ErrNotOpened reports sealed bytes that do not open: changed, cut, sealed with
// another key, or moved from the place they were sealed for. It tells no more,
// because whoever forges would learn from it.
var ErrNotOpened = errors.New("sealed bytes do not open: damaged, moved, or sealed with another key")

// Sealed bytes are: format, key id, nonce, ciphertext, tag. XChaCha20-Poly1305
// because its nonce of 192 bits may be drawn at random for any number of
// messages under one key, where that of AES-GCM allows 2^32.
const (
	formatXChaCha = 1
	sealHeader    = 1 + 4
)

// Bind is the place that sealed bytes belong to. They open nowhere else.
type Bind struct {
	Table  string
	Row    string
	Column string
}

// sealer seals for one purpose of one key.
type sealer struct {
	aead tink.AEAD
	id   uint32
}

// keyID tells keys apart; it is no secret and need not be unique.
func keyID(key []byte) uint32 {
	sum := sha256.Sum256(append([]byte("gatepost key id v1\x00"), key...))
	return binary.BigEndian.Uint32(sum[:4])
}

// seal encrypts plaintext for its place.
func (s sealer) seal(team email.ID, at Bind, plaintext []byte) ([]byte, error) {
	header := s.header()
	ct, err := s.aead.Encrypt(plaintext, associated(header, team, at))
	if err != nil {
		return nil, fmt.Errorf("seal %s.%s: %w", at.Table, at.Column, err)
	}
	return append(header[:], ct...), nil
}

// open reverses seal.
func (s sealer) open(team email.ID, at Bind, sealed []byte) ([]byte, error) {
	header := s.header()
	if len(sealed) < sealHeader || string(sealed[:sealHeader]) != string(header[:]) {
		return nil, fmt.Errorf("open %s.%s: %w", at.Table, at.Column, ErrNotOpened)
	}
	plain, err := s.aead.Decrypt(sealed[sealHeader:], associated(header, team, at))
	if err != nil {
		return nil, fmt.Errorf("open %s.%s: %w", at.Table, at.Column, ErrNotOpened)
	}
	return plain, nil
}

func (s sealer) header() [sealHeader]byte {
	var h [sealHeader]byte
	h[0] = formatXChaCha
	binary.BigEndian.PutUint32(h[1:], s.id)
	return h
}

// associated is what a ciphertext is bound to: its header and its place, each
// part with its length, so that no two places read the same.
func associated(header [sealHeader]byte, team email.ID, at Bind) []byte {
	out := make([]byte, 0, 160)
	out = append(out, header[:]...)
	for _, part := range [...]string{team, at.Table, at.Row, at.Column} {
		out = appendPart(out, part)
	}
	return out
}

// appendPart appends a part with its length before it.
func appendPart[T string | []byte](out []byte, part T) []byte {
	out = binary.BigEndian.AppendUint64(out, uint64(len(part)))
	return append(out, part...)
}
