package sandbox

import (
	"net/http"
	"slices"
	"time"
)

// TokenCall is one call of the token endpoint.
type TokenCall struct {
	At    time.Time `json:"at"`
	Grant string    `json:"grant"` // grant_type
	// Client is the OAuth client's id, or the service account's address.
	Client string `json:"client"`
	// Subject is the mailbox, as far as it was found out.
	Subject string `json:"subject"`
	OK      bool   `json:"ok"`
	Error   string `json:"error,omitempty"` // the OAuth error code
}

// maxTokenCalls bounds the log of a world that runs for long.
const maxTokenCalls = 100_000

// record notes a call of the token endpoint before it is answered.
func (g *google) record(c TokenCall) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.calls) >= maxTokenCalls {
		g.calls = slices.Delete(g.calls, 0, maxTokenCalls/2)
	}
	g.calls = append(g.calls, c)
}

func (g *google) tokenCalls() []TokenCall {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return slices.Clone(g.calls)
}

// TokenCalls lists the calls of the token endpoint, oldest first. A call stands
// in the list before the client has its answer.
func (w *World) TokenCalls() []TokenCall { return w.google.tokenCalls() }

func (c *control) listTokenCalls(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"token_calls": append([]TokenCall{}, c.google.tokenCalls()...)})
}
