package entra

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/endpoint"
)

const (
	// assertionLife is the longest that Microsoft advises.
	assertionLife = 10 * time.Minute
	// backdate allows for a clock that is a little ahead of Entra's.
	backdate = 30 * time.Second
	// clockSlack is how far clocks may be apart.
	clockSlack = endpoint.ClockSlack
)

// prove adds to a request what shows that it is the app that asks: its secret or a
// signed assertion for this token endpoint; a public client has neither. Errors are
// *provider.Error.
func (a *App) prove(form url.Values, tokenURL string, now time.Time) error {
	if a.certificate == nil {
		if !a.secret.Empty() {
			form.Set("client_secret", a.secret.Reveal())
		}
		return nil
	}
	if wrong := a.certificate.outdated(now); wrong != nil {
		return oauth.Held("certificate_expired", "The certificate "+a.Thumbprint()+" of the app "+a.id+" "+wrong[0].Message+".",
			"Store the new certificate in the credential; connected mailboxes stay connected.", nil)
	}
	assertion, err := a.certificate.assertion(a.id, tokenURL, now)
	if err != nil {
		return oauth.Held("key_unusable", "The app's private key cannot sign.", "Make a new certificate and store it in place of this one.", err)
	}
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", assertion.Reveal())
	return nil
}

// assertion is the signed statement that stands in a secret's place (RFC 7523
// section 2.2, in the form of
// learn.microsoft.com/entra/identity-platform/certificate-credentials).
func (c *certificate) assertion(clientID, audience string, now time.Time) (email.Secret, error) {
	id, err := newGUID()
	if err != nil {
		return email.Secret{}, err
	}
	sum := sha256.Sum256(c.leaf.Raw)
	from := now.Add(-backdate)
	head, err := jwtPart(map[string]string{"alg": "PS256", "typ": "JWT", "x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])})
	if err != nil {
		return email.Secret{}, err
	}
	body, err := jwtPart(map[string]any{
		"aud": audience, "iss": clientID, "sub": clientID, "jti": id,
		"nbf": from.Unix(), "iat": from.Unix(), "exp": from.Add(assertionLife).Unix(),
	})
	if err != nil {
		return email.Secret{}, err
	}
	text := head + "." + body
	hash := sha256.Sum256([]byte(text))
	// RFC 7518 section 3.5: a salt as long as the hash.
	signature, err := rsa.SignPSS(rand.Reader, c.key, crypto.SHA256, hash[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	if err != nil {
		return email.Secret{}, fmt.Errorf("sign the client assertion: %w", err)
	}
	return email.NewSecret(text + "." + base64.RawURLEncoding.EncodeToString(signature)), nil
}

func jwtPart(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("write the client assertion: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// newGUID draws a GUID (RFC 9562 section 5.4).
func newGUID() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("draw an id: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}
