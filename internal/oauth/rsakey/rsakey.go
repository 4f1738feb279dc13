// Package rsakey reads the private keys that requests for tokens are signed with.
// It knows no file of a provider's: see oauth and entra.
package rsakey

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// The sizes of keys that are taken. Below the fewest, providers refuse; above the
// most, each signature would cost seconds.
const (
	FewestBits = 2048
	MostBits   = 8192
	// mostDER is above a key of MostBits in PKCS #8, so that larger ones are not even
	// taken apart.
	mostDER = 6 << 10
)

// What can be wrong with a key.
var (
	ErrNoKey  = errors.New("no private key")
	ErrNotRSA = errors.New("not an RSA key")
	ErrSize   = fmt.Errorf("not of %d to %d bits", FewestBits, MostBits)
	ErrSign   = errors.New("cannot sign")
)

// Parse reads a key in DER of PKCS #8 (RFC 5958) or PKCS #1 (RFC 8017 appendix A.1.2).
// The error is one of this package's.
func Parse(der []byte) (*rsa.PrivateKey, error) {
	if len(der) > mostDER {
		return nil, ErrSize
	}
	key, err := read(der)
	if err != nil {
		return nil, err
	}
	if n := key.N.BitLen(); n < FewestBits || n > MostBits {
		return nil, ErrSize
	}
	return key, nil
}

func read(der []byte) (*rsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
			return key, nil
		}
		if _, err := x509.ParseECPrivateKey(der); err == nil {
			return nil, ErrNotRSA
		}
		return nil, ErrNoKey
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, ErrNotRSA
	}
	return key, nil
}

// Try signs once, and gives ErrSign for a key that cannot: one of its numbers is
// damaged although all can be read.
func Try(key *rsa.PrivateKey) error {
	sum := sha256.Sum256([]byte("gatepost"))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err == nil {
		err = rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], signature)
	}
	if err != nil {
		return ErrSign
	}
	return nil
}

// Lines repairs the line ends of PEM text: those that were escaped twice (a "\n" of
// two characters, the usual harm when a key passes through an environment variable),
// and those of Windows.
func Lines(text string) string {
	text = strings.NewReplacer(`\r\n`, "\n", `\n`, "\n", "\r\n", "\n").Replace(text)
	return strings.TrimSpace(text) + "\n"
}
