package oauth

import (
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"

	"gatepost/internal/oauth/rsakey"
)

// parseKey reads the PEM text, whose line ends are repaired.
func parseKey(text string) (*rsa.PrivateKey, error) {
	if text == "" {
		return nil, errors.New("is missing; download the key again as JSON")
	}
	block, _ := pem.Decode([]byte(rsakey.Lines(text)))
	if block == nil {
		return nil, errors.New("is damaged: no PEM block with its line ends could be found; download the key again as JSON")
	}
	key, err := rsakey.Parse(block.Bytes)
	switch {
	case errors.Is(err, rsakey.ErrSize):
		return nil, fmt.Errorf("is not of %d to %d bits, as Google's keys are: download the key again as JSON", rsakey.FewestBits, rsakey.MostBits)
	case errors.Is(err, rsakey.ErrNotRSA):
		return nil, errors.New("is not an RSA key, which Google's service accounts use")
	case err != nil:
		return nil, errors.New("is damaged: its PEM block holds no private key; download the key again as JSON")
	}
	return key, nil
}

// Try signs once, and tells by a KeyFileError of a key that cannot: one of its
// numbers is damaged although all can be read.
func (s *ServiceAccount) Try() error {
	if err := rsakey.Try(s.key); err != nil {
		return KeyFileError{{Field: "private_key", Message: "is damaged: it cannot sign; download the key again as JSON"}}
	}
	return nil
}
