package sandbox

import (
	"net/http"
	"strings"
	"time"
)

// metadata is the metadata server of a machine of Google's
// (cloud.google.com/compute/docs/metadata/querying-metadata): it answers those alone
// who send Metadata-Flavor: Google.
func (k *keyless) metadata() http.Handler {
	mux := http.NewServeMux()
	room := "GET /computeMetadata/v1/"
	mux.HandleFunc(room+"instance/service-accounts/{account}/token", k.showMachineToken)
	mux.HandleFunc(room+"instance/service-accounts/{account}/email", k.showMachine)
	mux.HandleFunc(room+"instance/service-accounts/{account}/scopes", k.showMachine)
	mux.HandleFunc(room+"instance/service-accounts/{account}/{$}", k.showMachine)
	mux.HandleFunc(room+"project/project-id", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(sandboxProject)) })
	mux.HandleFunc(room+"universe/universe-domain", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("googleapis.com")) })
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("computeMetadata/\n")) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Metadata-Flavor", "Google")
		w.Header().Set("Server", "Metadata Server for VM")
		flavored := r.URL.Path == "/" || r.Header.Get("Metadata-Flavor") == "Google"
		if !flavored || r.Header.Get("X-Forwarded-For") != "" {
			http.Error(w, "Missing required header: Metadata-Flavor", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/text")
		mux.ServeHTTP(w, r)
	})
}

// MachineOptions say what service account a machine of Google's has.
type MachineOptions struct {
	// Scopes are delegated to it for the users of Domain, as with ServiceAccountKey.
	Scopes []string `json:"scopes"`
	// Access are the access scopes of the machine: cloud-platform where there are none.
	Access []string `json:"access"`
	// NoSigning leaves the account without RoleTokenCreator on itself.
	NoSigning bool `json:"no_signing"`
}

// AddMachine gives the metadata server a service account, which replaces the one
// before.
func (w *World) AddMachine(o MachineOptions) WorkloadAccount { return w.keyless.addMachine(o) }

func (k *keyless) addMachine(o MachineOptions) WorkloadAccount {
	a := k.addAccount(o.Scopes)
	a.Principal = a.Address
	if len(o.Access) == 0 {
		o.Access = []string{scopeCloud}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.machine, k.scopes[a.Address] = a.Address, o.Access
	if o.NoSigning {
		k.users[a.Address+" "+a.Address] = true
	} else {
		k.principals[a.Address+" "+a.Address] = true
	}
	return a
}

// account finds the machine's service account: by its address, or as default.
func (k *keyless) account(r *http.Request) (address string, scopes []string, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	name := r.PathValue("account")
	ok = k.machine != "" && (name == "default" || name == k.machine)
	return k.machine, k.scopes[k.machine], ok
}

func (k *keyless) showMachineToken(w http.ResponseWriter, r *http.Request) {
	address, scopes, ok := k.account(r)
	if !ok {
		http.Error(w, "Not Found", http.StatusNotFound)
		return
	}
	made := TokenCall{At: k.google.now(), Grant: "metadata", Client: address}
	_, bad := k.google.tokenPlan(address, "")
	if made.OK = bad == nil; bad != nil {
		made.Error = bad.Code
	}
	k.google.calls.record(made)
	if bad != nil {
		http.Error(w, bad.Description, http.StatusServiceUnavailable)
		return
	}
	token := k.google.remember(grant{client: address, scopes: scopes, expires: k.google.now().Add(tokenSeconds * time.Second)})
	writeJSON(w, http.StatusOK, map[string]any{"access_token": token, "expires_in": tokenSeconds, "token_type": "Bearer"})
}

// showMachine tells the account's address or scopes, or with recursive=true all of it.
func (k *keyless) showMachine(w http.ResponseWriter, r *http.Request) {
	address, scopes, ok := k.account(r)
	if !ok {
		http.Error(w, "Not Found", http.StatusNotFound)
		return
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/email"):
		_, _ = w.Write([]byte(address))
	case strings.HasSuffix(r.URL.Path, "/scopes"):
		_, _ = w.Write([]byte(strings.Join(scopes, "\n") + "\n"))
	case r.URL.Query().Get("recursive") == "true":
		writeJSON(w, http.StatusOK, map[string]any{"aliases": []string{"default"}, "email": address, "scopes": scopes})
	default:
		_, _ = w.Write([]byte("aliases\nemail\nscopes\ntoken\n"))
	}
}
