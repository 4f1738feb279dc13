package microsoft

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"gatepost/internal/email"
)

// claims are what an access token says of itself, for people to see
// (learn.microsoft.com/entra/identity-platform/access-token-claims-reference). Nothing is
// decided by them: the form of tokens is Microsoft's own affair, and those of personal
// accounts cannot be read at all.
type claims struct {
	AppID  string   `json:"appid"`
	Azp    string   `json:"azp"`
	Tenant string   `json:"tid"`
	Object string   `json:"oid"`
	User   string   `json:"upn"`
	Scopes string   `json:"scp"`
	Roles  []string `json:"roles"`
}

// readClaims reads what can be read.
func readClaims(token email.Secret) claims {
	var c claims
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return c
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(text, &c) != nil {
		return claims{}
	}
	return c
}

func (c claims) app() string {
	if c.AppID != "" {
		return c.AppID
	}
	return c.Azp
}

// objectOfApp is the object id of the enterprise application, where the app acts by
// itself.
func (c claims) objectOfApp() string {
	if c.Scopes != "" || c.User != "" {
		return ""
	}
	return c.Object
}

// words say what the token allows; empty where it does not say.
func (c claims) words() string {
	var words []string
	for _, w := range [][2]string{
		{"app ", c.app()}, {"tenant ", c.Tenant}, {"user ", c.User}, {"permissions ", c.Scopes}, {"roles ", strings.Join(c.Roles, " ")},
	} {
		if w[1] != "" {
			words = append(words, w[0]+w[1])
		}
	}
	return strings.Join(words, ", ")
}
