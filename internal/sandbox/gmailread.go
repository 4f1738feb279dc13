package sandbox

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// messageRef names a message in an answer.
type messageRef struct {
	ID       string   `json:"id"`
	ThreadID string   `json:"threadId"`
	LabelIDs []string `json:"labelIds,omitempty"`
}

// Limits of messages.list.
const (
	listDefault = 100
	listMax     = 500
)

// listMessages is users.messages.list: newest first, labels joined by AND.
func (g *google) listMessages(w http.ResponseWriter, r *http.Request, who caller) *apiError {
	q, bad := g.listQuery(r.URL.Query(), who)
	if bad != nil {
		return bad
	}
	page, more := g.post.store.list(q)
	answer := struct {
		Messages      []messageRef `json:"messages,omitempty"`
		NextPageToken string       `json:"nextPageToken,omitempty"`
		Estimate      int          `json:"resultSizeEstimate"`
	}{Estimate: len(page)}
	for _, b := range page {
		answer.Messages = append(answer.Messages, messageRef{ID: b.id, ThreadID: b.thread})
	}
	if more {
		answer.NextPageToken = pageToken(page[len(page)-1].seq)
		answer.Estimate++
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (g *google) listQuery(v url.Values, who caller) (listQuery, *apiError) {
	q := listQuery{owner: who.user, limit: listDefault, now: g.now()}
	if text := v.Get("maxResults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return q, invalidArgument("Invalid value for maxResults")
		}
		if n > 0 {
			q.limit = min(n, listMax)
		}
	}
	if text := v.Get("pageToken"); text != "" {
		before, err := parsePageToken(text)
		if err != nil {
			return q, invalidArgument("Invalid pageToken")
		}
		q.before = before
	}
	labels, found, bad := search(v.Get("q"), who)
	if bad != nil {
		return q, bad
	}
	labels = append(labels, v["labelIds"]...)
	q.want = func(b *boxed) bool { return b.has(labels) && found(b) }
	return q, nil
}

// search understands as much of Gmail's search as finds a message again:
// rfc822msgid:ID, in:sent and in:inbox.
func search(q string, who caller) (labels []string, found func(*boxed) bool, bad *apiError) {
	found = func(*boxed) bool { return true }
	if q == "" {
		return nil, found, nil
	}
	if who.headersOnly() {
		return nil, nil, newError(http.StatusForbidden, "forbidden", "Metadata scope does not support 'q' parameter")
	}
	for _, term := range strings.Fields(q) {
		key, value, _ := strings.Cut(term, ":")
		switch {
		case key == "rfc822msgid" && value != "":
			id := strings.Trim(value, "<>")
			found = func(b *boxed) bool { return strings.Trim(readHeader(b.raw).first("Message-Id"), "<>") == id }
		case key == "in" && (value == "sent" || value == "inbox"):
			labels = append(labels, strings.ToUpper(value))
		default:
			return nil, nil, invalidArgument("Invalid query: the sandbox knows rfc822msgid:, in:sent and in:inbox")
		}
	}
	return labels, found, nil
}

// pageToken is opaque to clients: the place in the order of arrival.
func pageToken(seq uint64) string {
	return base64.RawURLEncoding.EncodeToString([]byte("p" + strconv.FormatUint(seq, 10)))
}

func parsePageToken(token string) (uint64, error) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimPrefix(string(text), "p"), 10, 64)
}

// showProfile is users.getProfile.
func (g *google) showProfile(w http.ResponseWriter, _ *http.Request, who caller) *apiError {
	total := g.post.store.count(who.user, g.now())
	writeJSON(w, http.StatusOK, struct {
		Address  string `json:"emailAddress"`
		Messages int    `json:"messagesTotal"`
		Threads  int    `json:"threadsTotal"`
		History  string `json:"historyId"`
	}{who.user, total, g.post.store.threads(who.user), strconv.FormatUint(g.post.store.history(), 10)})
	return nil
}
