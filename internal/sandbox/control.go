package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// control is the world's own door: faults, the ledger, and what arrived.
type control struct {
	post   *office
	faults *faults
	google *google
	pages  pages

	microsoft *microsoft
}

func newControl(post *office, f *faults, g *google, m *microsoft) *control {
	return &control{post: post, faults: f, google: g, microsoft: m, pages: newPages()}
}

func (c *control) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /control/faults", c.listFaults)
	mux.HandleFunc("POST /control/faults", c.createFault)
	mux.HandleFunc("DELETE /control/faults", c.deleteFaults)
	mux.HandleFunc("POST /control/service-accounts", c.createAccount)
	mux.HandleFunc("POST /control/oauth-clients", c.createClient)
	mux.HandleFunc("POST /control/revoke", c.revoke)
	mux.HandleFunc("PUT /control/send-as", c.setSendAs)
	mux.HandleFunc("GET /control/token-calls", c.listTokenCalls)
	mux.HandleFunc("GET /control/drafts", c.listAllDrafts)
	mux.HandleFunc("GET /ledger", c.showLedger)
	mux.HandleFunc("GET /api/messages", c.listMessages)
	mux.HandleFunc("GET /api/messages/{id}", c.showMessage)
	c.addMicrosoft(mux)
	c.addPages(mux)
	// Pages of other sites must not be able to change anything here.
	return http.NewCrossOriginProtection().Handler(mux)
}

const maxControlBody = 64 << 10

// decode reads a small JSON object, strictly: a misspelt field is a mistake.
func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControlBody))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Sprintf("the body is not the JSON object that is wanted here: %v", err))
		return false
	}
	return true
}

func refuse(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, map[string]string{"error": text})
}

func (c *control) listFaults(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"faults": c.faults.list()})
}

func (c *control) createFault(w http.ResponseWriter, r *http.Request) {
	var rule Rule
	if !decode(w, r, &rule) {
		return
	}
	if err := rule.check(); err != nil {
		refuse(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	if !c.faults.add(rule) {
		refuse(w, http.StatusConflict, "there are too many faults; delete them first")
		return
	}
	writeJSON(w, http.StatusCreated, rule)
}

func (c *control) deleteFaults(w http.ResponseWriter, _ *http.Request) {
	c.faults.clear()
	w.WriteHeader(http.StatusNoContent)
}

// createAccount gives a key file to those who run the world as a process of its
// own.
func (c *control) createAccount(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Scopes []string `json:"scopes"`
	}
	if !decode(w, r, &in) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(c.google.newAccount(in.Scopes))
}

// createClient gives a client file.
func (c *control) createClient(w http.ResponseWriter, r *http.Request) {
	in := ClientOptions{Type: clientWeb}
	if !decode(w, r, &in) {
		return
	}
	if err := in.check(); err != nil {
		refuse(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(c.google.newClient(in))
}

// revoke takes back what a user has agreed to.
func (c *control) revoke(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Account string `json:"account"`
	}
	if !decode(w, r, &in) {
		return
	}
	c.google.mu.Lock()
	n := c.google.withdraw(strings.ToLower(in.Account), "")
	c.google.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]int{"revoked": n})
}

func (c *control) showLedger(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	http.ServeFile(w, r, c.post.ledger.file.Name())
}
