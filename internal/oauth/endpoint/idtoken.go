package endpoint

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ClockSlack is how far clocks may be apart when an ID token is judged.
const ClockSlack = 5 * time.Minute

// ReadIDToken reads the claims of a JWT in compact form (RFC 7515 section 3.1). Its
// signature is not looked at: the caller has the token from the token endpoint itself
// over verified TLS, which stands in for it (OpenID Connect Core section 3.1.3.7,
// rule 6). Errors show nothing of the token.
func ReadIDToken(text string, claims any) error {
	if text == "" {
		return errors.New("there is no ID token")
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 || parts[2] == "" {
		return errors.New("the ID token is not a signed one")
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	for i, into := range []any{&header, claims} {
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[i], "="))
		if err != nil || json.Unmarshal(raw, into) != nil {
			return errors.New("the ID token cannot be read")
		}
	}
	if header.Algorithm != "RS256" { // the only one that Google and Entra ID sign with
		return fmt.Errorf("the ID token is signed with %q, not RS256", Clip(header.Algorithm, 60))
	}
	return nil
}

// Audience is one name or a list of them (RFC 7519 section 4.1.3).
type Audience []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *Audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = Audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// Clip keeps words from outside short in a sentence.
func Clip(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
