package sandbox

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// callAccount is the IAM Credentials API
// (cloud.google.com/iam/docs/reference/credentials/rest): ADDRESS:signJwt and
// ADDRESS:generateAccessToken.
func (k *keyless) callAccount(w http.ResponseWriter, r *http.Request) {
	address, verb, _ := strings.Cut(r.PathValue("call"), ":")
	var bad *apiError
	switch verb {
	case "signJwt":
		bad = k.signJWT(w, r, address)
	case "generateAccessToken":
		bad = k.generateToken(w, r, address)
	default:
		bad = notFound()
	}
	if bad != nil {
		k.google.log.Info("call refused", "method", verb, "status", bad.Code, "reason", bad.Message)
		bad.write(w)
	}
}

// principal finds who calls, who must have a token for Google Cloud.
func (k *keyless) principal(r *http.Request) (string, *apiError) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	got, ok := k.google.allows(token)
	switch {
	case !strings.EqualFold(scheme, "Bearer") || !ok:
		return "", invalidCredentials()
	case !cloud(got.scopes):
		return "", insufficientScope(method{"SignJwt", []string{scopeCloud}})
	}
	return got.client, nil
}

// signJWT signs claims with the account's key, for those who may make its tokens:
// roles/iam.workloadIdentityUser is not enough.
func (k *keyless) signJWT(w http.ResponseWriter, r *http.Request, address string) *apiError {
	who, bad := k.principal(r)
	if bad != nil {
		return bad
	}
	body, bad := readBody(w, r, maxTokenBody)
	if bad != nil {
		return bad
	}
	var in struct {
		Payload   string   `json:"payload"`
		Delegates []string `json:"delegates"`
	}
	var claims map[string]any
	if json.Unmarshal(body, &in) != nil || json.Unmarshal([]byte(in.Payload), &claims) != nil {
		return invalidArgument("JWT payload must be a JSON object.")
	}
	if bad := k.timely(claims); bad != nil {
		return bad
	}
	k.mu.Lock()
	key, level := k.keys[address], k.mayMake(address, who)
	k.mu.Unlock()
	if key == nil || level < 2 {
		return deniedPermission("iam.serviceAccounts.signJwt", address)
	}
	if p := k.google.faults.plan(question{stage: atSign, via: viaGmail, accounts: []string{address}}); p.is(faultSignJWT) {
		return signFault(p.outcome.arg)
	}
	if bad := k.fault(address); bad != nil {
		return bad
	}
	id := k.google.keyID(address)
	writeJSON(w, http.StatusOK, map[string]string{"keyId": id, "signedJwt": signingKey{id, key}.sign(claims)})
	return nil
}

// timely wants exp at most 12 hours ahead.
func (k *keyless) timely(claims map[string]any) *apiError {
	exp, ok := claims["exp"].(float64)
	if !ok {
		return nil
	}
	if time.Unix(int64(exp), 0).After(k.google.now().Add(12 * time.Hour)) {
		return invalidArgument("The 'exp' claim of the JWT payload must be within 12 hours.")
	}
	return nil
}

// generateToken gives a token of the account itself, which cannot act for users.
func (k *keyless) generateToken(w http.ResponseWriter, r *http.Request, address string) *apiError {
	who, bad := k.principal(r)
	if bad != nil {
		return bad
	}
	body, bad := readBody(w, r, maxTokenBody)
	if bad != nil {
		return bad
	}
	var in struct {
		Scope    []string `json:"scope"`
		Lifetime string   `json:"lifetime"`
	}
	if json.Unmarshal(body, &in) != nil || len(in.Scope) == 0 {
		return invalidArgument("Invalid scope")
	}
	k.mu.Lock()
	known, level := k.keys[address] != nil, k.mayMake(address, who)
	k.mu.Unlock()
	if !known || level < 1 {
		return deniedPermission("iam.serviceAccounts.getAccessToken", address)
	}
	if bad := k.fault(address); bad != nil {
		return bad
	}
	until := k.google.now().Add(tokenSeconds * time.Second)
	token := k.google.remember(grant{client: address, scopes: in.Scope, expires: until})
	writeJSON(w, http.StatusOK, map[string]string{"accessToken": token, "expireTime": until.UTC().Format(time.RFC3339)})
	return nil
}

// fault does what shall go wrong when an account is used: those of the token
// endpoint, named by the account's address.
func (k *keyless) fault(address string) *apiError {
	_, bad := k.google.tokenPlan(address, "")
	if bad == nil {
		return nil
	}
	if bad.status >= http.StatusInternalServerError || bad.status == http.StatusTooManyRequests {
		return backendError(bad.status)
	}
	return deniedPermission("iam.serviceAccounts.signJwt", address)
}
