package access

import (
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"gatepost/internal/email"
)

// The prefixes of API keys, which tell people and scanners what they have found.
const (
	LivePrefix = "gp_live_"
	TestPrefix = "gp_test_"
)

const (
	prefixLen   = len(LivePrefix)
	randomLen   = 30 // characters of base62: 178 bits
	checksumLen = 6  // base62 of a CRC-32
	keyLen      = prefixLen + randomLen + checksumLen

	base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// NewKey draws an API key. The plain key is shown once and kept nowhere; hash is
// what is kept, and hint is what may be shown of it ever after: the prefix and
// the last four characters.
//
// The form is (gp_live_|gp_test_)[0-9A-Za-z]{36}, the last six characters a
// checksum, so that a scanner of source code can tell a key from other text.
func NewKey(random io.Reader, live bool) (plain email.Secret, hash []byte, hint string, err error) {
	prefix := TestPrefix
	if live {
		prefix = LivePrefix
	}
	secret, err := randomText(random, randomLen)
	if err != nil {
		return email.Secret{}, nil, "", fmt.Errorf("draw an API key: %w", err)
	}
	key := prefix + secret
	key += checksum(key)
	return email.NewSecret(key), Hash(key), prefix + "…" + key[keyLen-4:], nil
}

// ParseKey tells whether s has the form of an API key, without asking the
// database: any single wrong character is found. The error wraps
// ErrUnauthenticated and does not repeat s.
func ParseKey(s string) error {
	switch {
	case s == "":
		return refuse("no API key was given")
	case !strings.HasPrefix(s, LivePrefix) && !strings.HasPrefix(s, TestPrefix):
		return refuse("an API key begins with " + LivePrefix + " or " + TestPrefix)
	case len(s) != keyLen:
		return refuse(fmt.Sprintf("an API key has %d characters, this one has %d", keyLen, len(s)))
	case strings.Trim(s[prefixLen:], base62) != "":
		return refuse("after its prefix an API key has letters and digits only")
	case checksum(s[:keyLen-checksumLen]) != s[keyLen-checksumLen:]:
		return refuse("the checksum of the API key is wrong: it was mistyped or changed")
	}
	return nil
}

// Hash is what is kept of a key. A key has 178 random bits, so a fast hash
// without salt is as good as a slow one.
func Hash(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// randomText draws n characters of base62, all equally likely: bytes above the
// last multiple of 62 are drawn again.
func randomText(random io.Reader, n int) (string, error) {
	out := make([]byte, 0, n)
	buf := make([]byte, n)
	for len(out) < n {
		if _, err := io.ReadFull(random, buf); err != nil {
			return "", err
		}
		for _, b := range buf {
			if b < 4*62 && len(out) < n {
				out = append(out, base62[b%62])
			}
		}
	}
	return string(out), nil
}

// checksum is the CRC-32 (IEEE) of s in base62, most significant digit first.
func checksum(s string) string {
	sum := crc32.ChecksumIEEE([]byte(s))
	var out [checksumLen]byte
	for i := checksumLen - 1; i >= 0; i-- {
		out[i] = base62[sum%62]
		sum /= 62
	}
	return string(out[:])
}
