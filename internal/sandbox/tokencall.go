package sandbox

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// TokenCall is one call of the token endpoint.
type TokenCall struct {
	At time.Time `json:"at"`
	// Provider is "microsoft" for Entra ID and empty for Google.
	Provider string `json:"provider,omitempty"`
	Grant    string `json:"grant"` // grant_type
	// Client is the OAuth client's id, or the service account's address.
	Client string `json:"client"`
	// Subject is the mailbox, as far as it was found out.
	Subject string `json:"subject"`
	OK      bool   `json:"ok"`
	Error   string `json:"error,omitempty"` // the OAuth error code
}

// maxTokenCalls bounds the log of a world that runs for long.
const maxTokenCalls = 100_000

// callLog is the list of all calls.
type callLog struct {
	mu   sync.Mutex
	list []TokenCall
}

// record notes a call of the token endpoint before it is answered.
func (l *callLog) record(c TokenCall) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) >= maxTokenCalls {
		l.list = slices.Delete(l.list, 0, maxTokenCalls/2)
	}
	l.list = append(l.list, c)
}

func (l *callLog) all() []TokenCall {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list)
}

// TokenCalls lists the calls of the token endpoint, oldest first. A call stands
// in the list before the client has its answer.
func (w *World) TokenCalls() []TokenCall { return w.google.calls.all() }

func (c *control) listTokenCalls(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"token_calls": append([]TokenCall{}, c.google.calls.all()...)})
}
