package sandbox

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"slices"
)

// signingKey signs ID tokens (OpenID Connect Core section 2).
type signingKey struct {
	id  string
	key *rsa.PrivateKey
}

func newSigningKey() signingKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic("sandbox: make a key: " + err.Error()) // the system's random source cannot fail
	}
	return signingKey{randomHex(20), key}
}

// identity are the claims of an ID token, and of userinfo.
type identity struct {
	Subject       string `json:"sub"`
	Name          string `json:"name,omitempty"`
	GivenName     string `json:"given_name,omitempty"`
	Email         string `json:"email,omitempty"`
	EmailVerified bool   `json:"email_verified,omitempty"`
	Domain        string `json:"hd,omitempty"`
}

// identityOf is what scopes let an app know of a user.
func identityOf(user string, scopes []string) identity {
	id := identity{Subject: subjectOf(user), Domain: hostedDomain(user)}
	if slices.Contains(scopes, scopeEmail) {
		id.Email, id.EmailVerified = user, true
	}
	if slices.Contains(scopes, scopeProfile) {
		id.Name = nameOf(user)
		id.GivenName = id.Name
	}
	return id
}

// signIDToken tells an app who has agreed.
func (g *google) signIDToken(c *consent, scopes []string, access string) string {
	now := g.now()
	hash := sha256.Sum256([]byte(access))
	return g.signing.sign(struct {
		Issuer     string `json:"iss"`
		Authorized string `json:"azp"`
		Audience   string `json:"aud"`
		identity
		AccessHash string `json:"at_hash"`
		Nonce      string `json:"nonce,omitempty"`
		IssuedAt   int64  `json:"iat"`
		Expires    int64  `json:"exp"`
	}{
		g.url, c.client, c.client, identityOf(c.user, scopes),
		base64.RawURLEncoding.EncodeToString(hash[:16]), c.nonce, now.Unix(), now.Unix() + tokenSeconds + 1,
	})
}

// sign makes a compact JWS with RS256.
func (k signingKey) sign(claims any) string {
	header := map[string]string{"alg": "RS256", "kid": k.id, "typ": "JWT"}
	signed := encodePart(header) + "." + encodePart(claims)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, k.key, crypto.SHA256, sum[:])
	if err != nil {
		panic("sandbox: sign an ID token: " + err.Error()) // the key is large enough
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func encodePart(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic("sandbox: write a token: " + err.Error()) // strings and numbers always can be
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// showKeys is the JWK set of the key that signs ID tokens (RFC 7517).
func (g *google) showKeys(w http.ResponseWriter, _ *http.Request) {
	public := g.signing.key.PublicKey
	w.Header().Set("Cache-Control", "public, max-age=3600")
	writeJSON(w, http.StatusOK, map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": g.signing.id,
		"n": base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
	}}})
}

// showDiscovery is the provider's metadata (OpenID Connect Discovery section 3,
// RFC 9207 section 3).
func (g *google) showDiscovery(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                g.url,
		"authorization_endpoint":                g.url + "/o/oauth2/v2/auth",
		"token_endpoint":                        g.tokenURL(),
		"userinfo_endpoint":                     g.url + "/v1/userinfo",
		"revocation_endpoint":                   g.url + "/revoke",
		"jwks_uri":                              g.url + "/oauth2/v3/certs",
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      []string{"openid", "email", "profile"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post"},
		"claims_supported":                      []string{"aud", "email", "email_verified", "exp", "given_name", "hd", "iat", "iss", "name", "sub"},
		"code_challenge_methods_supported":      []string{"plain", "S256"},
		"grant_types_supported":                 []string{grantCode, grantRefresh, jwtBearer},

		"authorization_response_iss_parameter_supported": true,
	})
}
