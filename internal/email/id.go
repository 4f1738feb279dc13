package email

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// ID is a TypeID (prefix, underscore, 26 characters of Crockford base32 over a
// UUIDv7, https://github.com/jetify-com/typeid): sortable by time, and telling
// what it names. It is our own 40 lines because ids come from the engine's
// clock and random source, which a library would take from the system.
type ID = string

// The prefixes of ids.
const (
	PrefixMessage    = "msg"
	PrefixEvent      = "evt"
	PrefixAccount    = "acc"
	PrefixPool       = "pool"
	PrefixCredential = "cred"
	PrefixTeam       = "team"
	PrefixKey        = "key"
	PrefixNode       = "node"
)

const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// NewID makes an id of the given prefix from a time and a random source.
func NewID(prefix string, now time.Time, random io.Reader) (ID, error) {
	var u [16]byte
	if _, err := io.ReadFull(random, u[6:]); err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	ms := uint64(now.UnixMilli())
	var t [8]byte
	binary.BigEndian.PutUint64(t[:], ms<<16)
	copy(u[:6], t[:6])
	u[6] = u[6]&0x0f | 0x70 // version 7
	u[8] = u[8]&0x3f | 0x80 // variant of RFC 9562
	return prefix + "_" + encode(u), nil
}

// encode writes 128 bits as 26 characters; the first carries only 3 bits.
func encode(u [16]byte) string {
	hi, lo := binary.BigEndian.Uint64(u[:8]), binary.BigEndian.Uint64(u[8:])
	var out [26]byte
	for i := 25; i >= 0; i-- {
		out[i] = crockford[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(out[:])
}

// ErrID reports text that is not an id of the wanted kind.
var ErrID = errors.New("not an id")

// ParseID checks that s is an id with the given prefix and returns its UUID.
func ParseID(prefix, s string) ([16]byte, error) {
	var u [16]byte
	rest, ok := strings.CutPrefix(s, prefix+"_")
	if !ok || len(rest) != 26 || rest[0] > '7' {
		return u, fmt.Errorf("%w: %s_ and 26 characters expected", ErrID, prefix)
	}
	var hi, lo uint64
	for i := range 26 {
		v := strings.IndexByte(crockford, rest[i])
		if v < 0 {
			return u, fmt.Errorf("%w: %q is not a character of an id", ErrID, rest[i])
		}
		hi = hi<<5 | lo>>59
		lo = lo<<5 | uint64(v)
	}
	binary.BigEndian.PutUint64(u[:8], hi)
	binary.BigEndian.PutUint64(u[8:], lo)
	return u, nil
}
