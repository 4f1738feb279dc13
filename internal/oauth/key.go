package oauth

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// The sizes of RSA keys that are taken. Google gives 2048 bits; above the most,
// each signature would cost seconds.
const (
	fewestBits = 2048
	mostBits   = 8192
	// mostDER is above a key of mostBits in PKCS #8, so that larger ones are not even
	// taken apart.
	mostDER = 6 << 10
)

// parseKey reads the PEM text; line ends that were escaped twice (a "\n" of two
// characters, the usual harm when a key passes through an environment variable)
// are repaired.
func parseKey(text string) (*rsa.PrivateKey, error) {
	if text == "" {
		return nil, errors.New("is missing; download the key again as JSON")
	}
	text = strings.NewReplacer(`\r\n`, "\n", `\n`, "\n", "\r\n", "\n").Replace(text)
	block, _ := pem.Decode([]byte(strings.TrimSpace(text) + "\n"))
	if block == nil {
		return nil, errors.New("is damaged: no PEM block with its line ends could be found; download the key again as JSON")
	}
	if len(block.Bytes) > mostDER {
		return nil, wrongSize()
	}
	key, err := readKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	if n := key.N.BitLen(); n < fewestBits || n > mostBits {
		return nil, wrongSize()
	}
	return key, nil
}

func wrongSize() error {
	return fmt.Errorf("is not of %d to %d bits, as Google's keys are: download the key again as JSON", fewestBits, mostBits)
}

func readKey(der []byte) (*rsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
			return key, nil
		}
		return nil, errors.New("is damaged: its PEM block holds no private key; download the key again as JSON")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("is not an RSA key, which Google's service accounts use")
	}
	return key, nil
}

// Try signs once, and tells by a KeyFileError of a key that cannot: one of its
// numbers is damaged although all can be read.
func (s *ServiceAccount) Try() error {
	sum := sha256.Sum256([]byte(s.keyID))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])
	if err == nil {
		err = rsa.VerifyPKCS1v15(&s.key.PublicKey, crypto.SHA256, sum[:], signature)
	}
	if err != nil {
		return KeyFileError{{Field: "private_key", Message: "is damaged: it cannot sign; download the key again as JSON"}}
	}
	return nil
}
