package sandbox

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// exchangeForm is what a program asks of the Security Token Service (RFC 8693, and
// cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token): as a form, or as
// JSON in Google's own names.
type exchangeForm struct {
	Grant       string `json:"grantType"`
	Audience    string `json:"audience"`
	Scope       string `json:"scope"`
	Wanted      string `json:"requestedTokenType"`
	Subject     string `json:"subjectToken"`
	SubjectType string `json:"subjectTokenType"`
}

const (
	grantExchange   = "urn:ietf:params:oauth:grant-type:token-exchange"
	tokenTypeAccess = "urn:ietf:params:oauth:token-type:access_token"
)

func readExchange(r *http.Request) (exchangeForm, error) {
	var f exchangeForm
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return f, err
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" {
		return f, json.Unmarshal(body, &f)
	}
	v, err := url.ParseQuery(string(body))
	return exchangeForm{
		v.Get("grant_type"), v.Get("audience"), v.Get("scope"), v.Get("requested_token_type"),
		v.Get("subject_token"), v.Get("subject_token_type"),
	}, err
}

// exchangeToken gives a federated token for a token of an outside issuer.
func (k *keyless) exchangeToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxTokenBody)
	f, err := readExchange(r)
	made := TokenCall{At: k.google.now(), Grant: f.Grant, Client: f.Audience}
	var token string
	bad := invalidRequest("The request body could not be read.")
	if err == nil {
		token, bad = k.exchange(f, &made)
	}
	made.OK = bad == nil
	if bad != nil {
		made.Error = bad.Code
	}
	k.google.calls.record(made)
	if bad != nil {
		k.google.refuseToken(w, bad)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": token, "issued_token_type": tokenTypeAccess, "token_type": "Bearer", "expires_in": tokenSeconds,
	})
}

// exchange checks the outside token: its form, issuer, audience, subject and times.
// The signature is not checked: the issuer is none of the world's.
func (k *keyless) exchange(f exchangeForm, made *TokenCall) (string, *tokenError) {
	k.mu.Lock()
	pool, known := k.pools[f.Audience]
	k.mu.Unlock()
	switch {
	case f.Grant != grantExchange:
		return "", &tokenError{status: http.StatusBadRequest, Code: "unsupported_grant_type", Description: "Invalid grant_type: " + f.Grant}
	case f.Wanted != tokenTypeAccess:
		return "", invalidRequest("Invalid requested_token_type.")
	case !known:
		return "", &tokenError{status: http.StatusBadRequest, Code: "invalid_target", Description: "The target service indicated by the \"audience\" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn't exist."}
	case !cloud(fullScopes(f.Scope)):
		return "", &tokenError{status: http.StatusBadRequest, Code: "invalid_scope", Description: "Invalid OAuth scope."}
	case f.SubjectType != "urn:ietf:params:oauth:token-type:jwt" && f.SubjectType != "urn:ietf:params:oauth:token-type:id_token":
		return "", invalidRequest("Invalid subject_token_type: the sandbox takes jwt and id_token.")
	}
	a, err := parseClientAssertion(f.Subject)
	now := k.google.now()
	switch {
	case err != nil:
		return "", badGrant("Unable to parse the ID Token.")
	case pool.Issuer != "" && a.claims.Issuer != pool.Issuer:
		return "", badGrant("The issuer in ID Token " + a.claims.Issuer + " does not match the expected ones: " + pool.Issuer + ".")
	case !containsFold(a.claims.Audience, f.Audience) && !containsFold(a.claims.Audience, "https:"+f.Audience):
		return "", badGrant("The audience in ID Token " + strings.Join(a.claims.Audience, " ") + " does not match the expected audience.")
	case !time.Unix(a.claims.Expires, 0).After(now):
		return "", badGrant("ID Token issued at " + now.Format(time.RFC3339) + " is stale to sign-in.")
	case pool.Subject != "" && a.claims.Subject != pool.Subject:
		return "", &tokenError{status: http.StatusUnauthorized, Code: "unauthorized_client", Description: "The given credential is rejected by the attribute condition."}
	}
	made.Subject = a.claims.Subject
	principal := principalOf(f.Audience, a.claims.Subject)
	if p := k.google.faults.plan(question{stage: atExchange, via: viaGmail, accounts: []string{principal}}); p.is(faultSTS) {
		return "", stsFault(p.outcome.arg)
	}
	if _, bad := k.google.tokenPlan(principal, "Unable to parse the ID Token."); bad != nil {
		return "", bad
	}
	return k.google.remember(grant{
		client: principal, scopes: fullScopes(f.Scope), expires: now.Add(tokenSeconds * time.Second),
	}), nil
}
