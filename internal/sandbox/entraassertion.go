package sandbox

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" // the thumbprint x5t is one (RFC 7515 section 4.1.7)
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// clientAssertion is a JWT by which an app proves itself with its certificate
// (learn.microsoft.com/entra/identity-platform/certificate-credentials), read but
// not believed yet.
type clientAssertion struct {
	header struct {
		Algorithm string `json:"alg"`
		SHA1      string `json:"x5t"`
		SHA256    string `json:"x5t#S256"`
	}
	claims struct {
		Issuer    string   `json:"iss"`
		Subject   string   `json:"sub"`
		Audience  audience `json:"aud"`
		ID        string   `json:"jti"`
		NotBefore int64    `json:"nbf"`
		Expires   int64    `json:"exp"`
	}
	signed    string
	signature []byte
}

// audience is a text or a list of them (RFC 7519 section 4.1.3).
type audience []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

func parseClientAssertion(text string) (clientAssertion, error) {
	var a clientAssertion
	parts := strings.Split(text, ".")
	if len(text) > maxAssertion || len(parts) != 3 {
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

// checkAssertion checks who signed, for whom and when. It runs under the lock.
func (m *microsoft) checkAssertion(where authority, app *entraApp, text string) *entraError {
	a, err := parseClientAssertion(text)
	if err != nil {
		return aadsts(50027)
	}
	cert := a.certificate(app)
	now := m.now()
	switch {
	case cert == nil:
		return badAssertion("The key was not found.", a.thumbprint())
	case now.After(cert.NotAfter) || now.Before(cert.NotBefore):
		return badAssertion(fmt.Sprintf("The key used is expired., Found key 'Start=%s, End=%s'",
			cert.NotBefore.UTC().Format("01/02/2006 15:04:05"), cert.NotAfter.UTC().Format("01/02/2006 15:04:05")), a.thumbprint())
	case !a.signedWith(cert):
		return badAssertion("The provided signature value did not match the expected signature value.", a.thumbprint())
	case a.claims.Issuer != app.ClientID || a.claims.Subject != app.ClientID:
		return aadsts(700213).saying("No matching federated identity record found for presented assertion subject '%s'. "+
			"Please check your federated identity credential Subject, Audience and Issuer against the presented assertion.", a.claims.Subject)
	case !m.isAudience(where, a.claims.Audience):
		return aadsts(wrongAudience(app.home))
	case !a.timely(now):
		return aadsts(700024).saying("Client assertion is not within its valid time range. Current time: %s, assertion valid from %s, expiry time of assertion %s.",
			stamp(now), stamp(time.Unix(a.claims.NotBefore, 0)), stamp(time.Unix(a.claims.Expires, 0)))
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }

func badAssertion(reason, thumbprint string) *entraError {
	return aadsts(700027).saying("The certificate with identifier used to sign the client assertion is not registered on application. "+
		"[Reason - %s, Thumbprint of key used by client: '%s']", reason, thumbprint)
}

func wrongAudience(t *tenant) int {
	if aadsts(t.WrongAudience) != nil {
		return t.WrongAudience
	}
	return 700023
}

// certificate finds the app's certificate by the thumbprint in the header.
func (a clientAssertion) certificate(app *entraApp) *x509.Certificate {
	for _, c := range app.certificates {
		long, short := sha256.Sum256(c.Raw), sha1.Sum(c.Raw)
		want := short[:]
		if a.header.SHA256 != "" {
			want = long[:]
		}
		if bytes.Equal(a.print(), want) {
			return c
		}
	}
	return nil
}

// print reads the thumbprint, the longer one where there are both. Entra takes it in
// either alphabet of base64, padded or not: Microsoft's library for Go writes the
// standard one, that for Node the one of RFC 7515.
func (a clientAssertion) print() []byte {
	text := a.header.SHA1
	if a.header.SHA256 != "" {
		text = a.header.SHA256
	}
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	print, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return print
}

func (a clientAssertion) thumbprint() string { return fmt.Sprintf("%X", a.print()) }

// signedWith checks the signature: PS256 (RFC 7518 section 3.5) or RS256.
func (a clientAssertion) signedWith(cert *x509.Certificate) bool {
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return false
	}
	sum := sha256.Sum256([]byte(a.signed))
	switch a.header.Algorithm {
	case "PS256":
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		return rsa.VerifyPSS(key, crypto.SHA256, sum[:], a.signature, options) == nil
	case "RS256":
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], a.signature) == nil
	}
	return false
}

// isAudience tells whether an assertion is for this tenant: its token endpoint, or
// its issuer.
func (m *microsoft) isAudience(where authority, list audience) bool {
	segments := []string{where.segment}
	if where.tenant != nil {
		segments = append(segments, where.tenant.ID, where.tenant.Domain)
	}
	for _, s := range segments {
		for _, base := range []string{m.url, "https://login.microsoftonline.com"} {
			if containsFold(list, base+"/"+s+"/oauth2/v2.0/token") || containsFold(list, base+"/"+s+"/v2.0") {
				return true
			}
		}
	}
	return false
}

func (a clientAssertion) timely(now time.Time) bool {
	begins, ends := time.Unix(a.claims.NotBefore, 0), time.Unix(a.claims.Expires, 0)
	return ends.After(now.Add(-maxSkew)) && !begins.After(now.Add(maxSkew)) && ends.Before(now.Add(24*time.Hour))
}
