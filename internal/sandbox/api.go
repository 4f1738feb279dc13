package sandbox

import (
	"net/http"
	"strconv"
	"time"
)

// Summary is a message in a list.
type Summary struct {
	ID         string    `json:"id"`
	Via        string    `json:"via"`
	Account    string    `json:"account"`
	MailFrom   string    `json:"mail_from"`
	Recipients []string  `json:"recipients"`
	Subject    string    `json:"subject"`
	ReceivedAt time.Time `json:"received_at"`
	Size       int       `json:"size"` // of the message as it was taken
	GatepostID string    `json:"gatepost_id"`
	MessageID  string    `json:"message_id"`
}

func (m *message) summary() Summary {
	return Summary{
		ID: m.ProviderID, Via: m.Via, Account: m.Account, MailFrom: m.MailFrom, Recipients: m.Recipients,
		Subject: decodeWords(m.subject), ReceivedAt: m.At, Size: m.Size,
		GatepostID: m.GatepostID, MessageID: m.MessageID,
	}
}

func summaries(list []*message) []Summary {
	out := make([]Summary, 0, len(list))
	for _, m := range list {
		out = append(out, m.summary())
	}
	return out
}

// Limits of the list of messages.
const (
	apiDefault = 50
	apiMax     = 1000
)

// listMessages answers {"messages": […]}, newest first, for one recipient (to)
// or for all.
func (c *control) listMessages(w http.ResponseWriter, r *http.Request) {
	limit := apiDefault
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			refuse(w, http.StatusBadRequest, "limit must be a number above 0")
			return
		}
		limit = min(n, apiMax)
	}
	list := c.post.store.latest(limit)
	if to := r.URL.Query().Get("to"); to != "" {
		list = c.post.store.in(to, labelInbox, limit)
	}
	writeJSON(w, http.StatusOK, map[string]any{"messages": summaries(list)})
}

// showMessage answers a Detail.
func (c *control) showMessage(w http.ResponseWriter, r *http.Request) {
	m, ok := c.post.store.message(r.PathValue("id"))
	if !ok {
		refuse(w, http.StatusNotFound, "there is no such message; the world forgets the oldest when it holds too much")
		return
	}
	writeJSON(w, http.StatusOK, m.detail())
}
