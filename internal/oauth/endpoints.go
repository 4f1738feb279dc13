package oauth

import "strings"

// Endpoints are where Google is asked. The zero value is Google itself.
type Endpoints struct {
	Auth      string // where the user's browser goes
	Token     string
	Revoke    string
	TokenInfo string
	Issuer    string // who signs the ID tokens, and the iss of a redirect (RFC 9207)
}

// Google is the real one (developers.google.com/identity/protocols/oauth2/web-server).
func Google() Endpoints {
	return Endpoints{
		Auth: "https://accounts.google.com/o/oauth2/v2/auth", Token: GoogleTokenURL, Revoke: "https://oauth2.googleapis.com/revoke",
		TokenInfo: "https://oauth2.googleapis.com/tokeninfo", Issuer: "https://accounts.google.com",
	}
}

// At is a simulated Google whose addresses all lie below base. An empty base
// means Google itself.
func At(base string) Endpoints {
	base = strings.TrimRight(base, "/")
	if base == "" {
		return Google()
	}
	return Endpoints{
		Auth: base + "/o/oauth2/v2/auth", Token: base + "/token", Revoke: base + "/revoke", TokenInfo: base + "/tokeninfo", Issuer: base,
	}
}

// Simulated tells that these are not Google's own addresses.
func (e Endpoints) Simulated() bool { return e.orGoogle() != Google() }

// TokenURL is what ParseServiceAccount wants: empty for Google itself.
func (e Endpoints) TokenURL() string {
	if e.Simulated() {
		return e.Token
	}
	return ""
}

// IssuedBy tells whether a name of an issuer means this Google. Its ID tokens
// have been seen with and without the scheme
// (developers.google.com/identity/openid-connect/openid-connect).
func (e Endpoints) IssuedBy(issuer string) bool {
	own := e.orGoogle().Issuer
	return issuer != "" && (issuer == own || !e.Simulated() && issuer == strings.TrimPrefix(own, "https://"))
}

func (e Endpoints) orGoogle() Endpoints {
	if e == (Endpoints{}) {
		return Google()
	}
	return e
}
