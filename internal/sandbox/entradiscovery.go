package sandbox

import (
	"encoding/base64"
	"math/big"
	"net/http"
)

// issuer names a tenant in ID tokens.
func (m *microsoft) issuer(tenant string) string { return m.url + "/" + tenant + "/v2.0" }

// showDiscovery is the metadata of a tenant (OpenID Connect Discovery section 3).
func (m *microsoft) showDiscovery(w http.ResponseWriter, r *http.Request) {
	m.mu.RLock()
	a, bad := m.authority(r.PathValue("tenant"))
	m.mu.RUnlock()
	if bad != nil {
		if bad.number == 90002 { // the token endpoint has another word for it
			bad.code = "invalid_tenant"
		}
		m.refuseToken(w, r, bad)
		return
	}
	id := "{tenantid}"
	if a.tenant != nil {
		id = a.tenant.ID
	}
	base := m.url + "/" + r.PathValue("tenant")
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                m.issuer(id),
		"authorization_endpoint":                base + "/oauth2/v2.0/authorize",
		"token_endpoint":                        base + "/oauth2/v2.0/token",
		"device_authorization_endpoint":         base + "/oauth2/v2.0/devicecode",
		"end_session_endpoint":                  base + "/oauth2/v2.0/logout",
		"jwks_uri":                              base + "/discovery/v2.0/keys",
		"userinfo_endpoint":                     m.url + "/oidc/userinfo",
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query", "fragment", "form_post"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"code_challenge_methods_supported":      []string{"plain", "S256"},
		"tenant_region_scope":                   "EU",
		"cloud_instance_name":                   "microsoftonline.com",
		"cloud_graph_host_name":                 "graph.windows.net",
		"msgraph_host":                          "graph.microsoft.com",
	})
}

// showInstances tells which hosts are Entra ID: this one alone.
func (m *microsoft) showInstances(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": m.url + "/" + r.PathValue("tenant") + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata": []map[string]any{{
			"preferred_network": r.Host, "preferred_cache": r.Host, "aliases": []string{r.Host},
		}},
	})
}

// showKeys is the JWK set of the key that signs tokens (RFC 7517).
func (m *microsoft) showKeys(w http.ResponseWriter, _ *http.Request) {
	public := m.signing.key.PublicKey
	writeJSON(w, http.StatusOK, map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "use": "sig", "kid": m.signing.id,
		"n": base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
	}}})
}

// signID tells an app who has signed in
// (learn.microsoft.com/entra/identity-platform/id-token-claims-reference).
func (m *microsoft) signID(s *entraSignIn) string {
	now := m.now().Unix()
	return m.signing.sign(struct {
		Audience  string `json:"aud"`
		Issuer    string `json:"iss"`
		IssuedAt  int64  `json:"iat"`
		Before    int64  `json:"nbf"`
		Expires   int64  `json:"exp"`
		Name      string `json:"name"`
		Email     string `json:"email"`
		Preferred string `json:"preferred_username"`
		Nonce     string `json:"nonce,omitempty"`
		Object    string `json:"oid"`
		Subject   string `json:"sub"`
		Tenant    string `json:"tid"`
		Version   string `json:"ver"`
	}{
		s.app.ClientID, m.issuer(s.tenant.ID), now, now, now + tokenSeconds + 1,
		nameOf(s.user.Address), s.user.Address, s.user.Address, s.nonce,
		s.user.id, guidOf("pairwise " + s.app.ClientID + s.user.id), s.tenant.ID, "2.0",
	})
}
