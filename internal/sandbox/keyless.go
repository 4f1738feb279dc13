package sandbox

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// keyless is how programs reach Google without a key file: tokens of another issuer
// are exchanged for Google's (Security Token Service), a service account signs for
// those who may (IAM Credentials), and machines of Google's ask the metadata server.
type keyless struct {
	google *google

	mu         sync.Mutex
	pools      map[string]WorkloadPool    // by audience
	principals map[string]bool            // who may make tokens of which account: "account principal"
	users      map[string]bool            // who may only act as it
	keys       map[string]*rsa.PrivateKey // of service accounts, by address
	machine    string                     // the machine's service account
	scopes     map[string][]string        // of the machine, by account
}

// WorkloadPool is a provider of a workload identity pool.
type WorkloadPool struct {
	// Audience is //iam.googleapis.com/projects/…/providers/…; one is made where it is
	// empty.
	Audience string `json:"audience"`
	// Issuer and Subject are those that the outside token must have; an empty one is
	// not checked. The signature is not: the outside issuer is none of the world's.
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
}

// WorkloadAccount is a service account without a key, with what signs for it.
type WorkloadAccount struct {
	// Address is the service account's, and ClientID what the Workspace administrator
	// delegates to.
	Address  string `json:"address"`
	ClientID string `json:"client_id"`
	// File is a credential file of type external_account for the pool.
	File json.RawMessage `json:"file"`
	// Principal is the outside identity, as IAM names it.
	Principal string `json:"principal"`
}

func newKeyless(g *google) *keyless {
	return &keyless{
		google: g, pools: map[string]WorkloadPool{}, principals: map[string]bool{}, users: map[string]bool{},
		keys: map[string]*rsa.PrivateKey{}, scopes: map[string][]string{},
	}
}

// addKeyless is the map of STS and of IAM Credentials.
func (k *keyless) addKeyless(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/token", k.exchangeToken)
	mux.HandleFunc("POST /v1/projects/-/serviceAccounts/{call}", k.callAccount)
}

// Roles of IAM that AddWorkload can give.
const (
	RoleTokenCreator = "roles/iam.serviceAccountTokenCreator"
	RoleWorkloadUser = "roles/iam.workloadIdentityUser"
)

// WorkloadOptions say what to make.
type WorkloadOptions struct {
	Pool WorkloadPool `json:"pool"`
	// Role is what the outside identity has on the service account:
	// RoleTokenCreator where it is empty. RoleWorkloadUser is not enough to sign.
	Role string `json:"role"`
	// Scopes are delegated for the users of Domain, as with ServiceAccountKey.
	Scopes []string `json:"scopes"`
	// TokenFile is where the file's credential_source finds the outside token; TokenURL
	// is an address in its place.
	TokenFile string `json:"token_file"`
	TokenURL  string `json:"token_url"`
}

// AddWorkload makes a workload identity pool with a service account that it may use.
func (w *World) AddWorkload(o WorkloadOptions) WorkloadAccount { return w.keyless.addWorkload(o) }

func (k *keyless) addWorkload(o WorkloadOptions) WorkloadAccount {
	if o.Pool.Audience == "" {
		o.Pool.Audience = "//iam.googleapis.com/projects/" + randomDigits(12) + "/locations/global/workloadIdentityPools/outside/providers/outside"
	}
	if o.Pool.Subject == "" {
		o.Pool.Subject = "gatepost"
	}
	a := k.addAccount(o.Scopes)
	a.Principal = principalOf(o.Pool.Audience, o.Pool.Subject)
	k.mu.Lock()
	k.pools[o.Pool.Audience] = o.Pool
	if o.Role == RoleWorkloadUser {
		k.users[a.Address+" "+a.Principal] = true
	} else {
		k.principals[a.Address+" "+a.Principal] = true
	}
	k.mu.Unlock()
	a.File = k.file(a, o)
	return a
}

// addAccount makes a service account whose key stays with Google.
func (k *keyless) addAccount(scopes []string) WorkloadAccount {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic("sandbox: make a key: " + err.Error()) // the system's random source cannot fail
	}
	a := k.google.keepAccount(scopes, key)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys[a.email] = key
	return WorkloadAccount{Address: a.email, ClientID: a.clientID}
}

// principalOf names an outside identity.
func principalOf(audience, subject string) string {
	pool, _, _ := strings.Cut(strings.TrimPrefix(audience, "//"), "/providers/")
	return "principal://" + pool + "/subject/" + subject
}

// file is the credential file that gcloud makes for a pool.
func (k *keyless) file(a WorkloadAccount, o WorkloadOptions) json.RawMessage {
	source := map[string]any{"file": o.TokenFile, "format": map[string]string{"type": "text"}}
	if o.TokenURL != "" {
		source = map[string]any{"url": o.TokenURL}
	}
	out, err := json.MarshalIndent(map[string]any{
		"type": "external_account", "audience": o.Pool.Audience, "universe_domain": "googleapis.com",
		"subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "token_url": k.google.url + "/v1/token",
		"service_account_impersonation_url": k.google.url + "/v1/projects/-/serviceAccounts/" + a.Address + ":generateAccessToken",
		"credential_source":                 source,
	}, "", "  ")
	if err != nil {
		panic("sandbox: write a credential file: " + err.Error()) // strings always can be
	}
	return append(out, '\n')
}

// OutsideToken is a JWT as an outside issuer would make it for a pool.
func (w *World) OutsideToken(issuer, audience, subject string) string {
	return w.keyless.outsideToken(issuer, audience, subject)
}

func (k *keyless) outsideToken(issuer, audience, subject string) string {
	now := k.google.now().Unix()
	return k.google.signing.sign(map[string]any{
		"iss": issuer, "aud": audience, "sub": subject, "iat": now, "exp": now + tokenSeconds,
	})
}

// showOutsideToken gives such a token as text, as an issuer's address does.
func (k *keyless) showOutsideToken(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	w.Header().Set("Content-Type", "text/plain")
	_, _ = w.Write([]byte(k.outsideToken(q.Get("issuer"), q.Get("audience"), cmp.Or(q.Get("subject"), "gatepost")) + "\n"))
}

// mayMake says how far an identity may use a service account: 2 for signing and
// tokens, 1 for tokens alone. It runs under the lock.
func (k *keyless) mayMake(account, principal string) int {
	switch {
	case k.principals[account+" "+principal]:
		return 2
	case k.users[account+" "+principal]:
		return 1
	}
	return 0
}

func deniedPermission(permission, account string) *apiError {
	e := newError(http.StatusForbidden, "forbidden",
		fmt.Sprintf("Permission '%s' denied on resource (or it may not exist).", permission))
	e.Details = []any{map[string]any{
		"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "IAM_PERMISSION_DENIED", "domain": "iam.googleapis.com",
		"metadata": map[string]string{"permission": permission, "resource": "projects/-/serviceAccounts/" + account},
	}}
	return e
}

// scopeCloud is what a caller of IAM Credentials needs.
const scopeCloud = scopePrefix + "cloud-platform"

// cloud tells whether scopes let a program call Google Cloud.
func cloud(scopes []string) bool {
	return slices.Contains(scopes, scopeCloud) || slices.Contains(scopes, scopePrefix+"iam")
}
