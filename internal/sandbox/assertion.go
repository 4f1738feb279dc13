package sandbox

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// assertion is a JWT of the bearer grant (RFC 7523), read but not believed yet.
type assertion struct {
	header struct {
		Algorithm string `json:"alg"`
		Type      string `json:"typ"`
		KeyID     string `json:"kid"`
	}
	claims struct {
		Issuer    string `json:"iss"`
		Subject   string `json:"sub"`
		Principal string `json:"prn"` // the old name of sub; some libraries send both
		Scope     string `json:"scope"`
		Audience  string `json:"aud"`
		IssuedAt  int64  `json:"iat"`
		Expires   int64  `json:"exp"`
	}
	signed    string // what the signature is over
	signature []byte
}

// maxAssertion bounds what is parsed; real ones have about 1 KB.
const maxAssertion = 16 << 10

var errAssertion = errors.New("not a JWT")

// parseAssertion takes a compact JWS (RFC 7515 section 7.1) apart.
func parseAssertion(text string) (assertion, error) {
	var a assertion
	if len(text) > maxAssertion {
		return a, errAssertion
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return a, errAssertion
	}
	a.signed = parts[0] + "." + parts[1]
	if err := decodePart(parts[0], &a.header); err != nil {
		return a, err
	}
	if err := decodePart(parts[1], &a.claims); err != nil {
		return a, err
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil {
		return a, errAssertion
	}
	a.signature = signature
	return a, nil
}

func decodePart(part string, into any) error {
	data, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return errAssertion
	}
	if err := json.Unmarshal(data, into); err != nil {
		return errAssertion
	}
	return nil
}

// user is whom the assertion asks to act for.
func (a assertion) user() string {
	if a.claims.Subject == "" {
		return a.claims.Principal
	}
	return a.claims.Subject
}

// signedBy tells whether this key made the signature, with RS256. Google's library
// for Node names no key.
func (a assertion) signedBy(account *serviceAccount) bool {
	if a.header.Algorithm != "RS256" || a.header.KeyID != "" && a.header.KeyID != account.keyID {
		return false
	}
	sum := sha256.Sum256([]byte(a.signed))
	return rsa.VerifyPKCS1v15(account.key, crypto.SHA256, sum[:], a.signature) == nil
}

const (
	maxLife = 60 * time.Minute
	maxSkew = 5 * time.Minute
)

// timely tells whether the assertion lives at most an hour, and now.
func (a assertion) timely(now time.Time) bool {
	issued, expires := time.Unix(a.claims.IssuedAt, 0), time.Unix(a.claims.Expires, 0)
	if a.claims.IssuedAt <= 0 || expires.Sub(issued) > maxLife {
		return false
	}
	return expires.After(now) && expires.After(issued) && !issued.After(now.Add(maxSkew))
}
