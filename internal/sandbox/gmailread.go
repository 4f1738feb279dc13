package sandbox

import (
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"slices"
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
		answer.Messages = append(answer.Messages, messageRef{ID: b.id, ThreadID: b.id})
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
	}{who.user, total, total, strconv.FormatUint(g.post.store.history(), 10)})
	return nil
}

// gmailMessage is a message as the Gmail API shows it; 64-bit numbers are text.
type gmailMessage struct {
	messageRef
	HistoryID    string   `json:"historyId"`
	InternalDate string   `json:"internalDate"`
	SizeEstimate int      `json:"sizeEstimate"`
	Payload      *payload `json:"payload,omitempty"`
	Raw          string   `json:"raw,omitempty"`
}

type payload struct {
	PartID   string          `json:"partId"`
	MimeType string          `json:"mimeType"`
	Filename string          `json:"filename"`
	Headers  []payloadHeader `json:"headers,omitempty"`
	Body     *payloadBody    `json:"body,omitempty"`
}

type payloadHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type payloadBody struct {
	Size int `json:"size"`
}

// showMessage is users.messages.get.
func (g *google) showMessage(w http.ResponseWriter, r *http.Request, who caller) *apiError {
	id := r.PathValue("id")
	if _, err := strconv.ParseUint(id, 16, 64); err != nil {
		return invalidArgument("Invalid id value")
	}
	b, ok := g.post.store.copy(who.user, id, g.now())
	if !ok {
		return notFound()
	}
	v := r.URL.Query()
	format := v.Get("format")
	if format == "" {
		format = "full"
	}
	if (format == "full" || format == "raw") && who.headersOnly() {
		return newError(http.StatusForbidden, "forbidden", "Metadata scope doesn't allow format "+strings.ToUpper(format))
	}
	m, bad := b.as(format, v["metadataHeaders"])
	if bad != nil {
		return bad
	}
	writeJSON(w, http.StatusOK, m)
	return nil
}

// as renders a copy in one of the API's formats.
func (b *boxed) as(format string, only []string) (gmailMessage, *apiError) {
	m := gmailMessage{
		messageRef:   messageRef{b.id, b.id, b.labels},
		HistoryID:    strconv.FormatUint(b.seq, 10),
		InternalDate: strconv.FormatInt(b.of.At.UnixMilli(), 10),
		SizeEstimate: len(b.raw),
	}
	switch format {
	case "minimal":
	case "raw":
		m.Raw = base64.URLEncoding.EncodeToString(b.raw)
	case "metadata":
		m.Payload = b.payload(only)
	case "full":
		m.Payload = b.payload(nil)
		m.Payload.Body = &payloadBody{len(b.raw)}
	default:
		return m, invalidArgument("Invalid value for format")
	}
	return m, nil
}

// payload is the header of a copy, all of it or the named fields.
func (b *boxed) payload(only []string) *payload {
	h := readHeader(b.raw)
	kind, _, err := mime.ParseMediaType(h.first("Content-Type"))
	if err != nil {
		kind = "text/plain"
	}
	p := &payload{MimeType: kind}
	for _, f := range h.fields {
		wanted := len(only) == 0 || slices.ContainsFunc(only, func(n string) bool { return strings.EqualFold(n, f.name) })
		if f.name != "" && wanted {
			p.Headers = append(p.Headers, payloadHeader{f.name, h.text(f)})
		}
	}
	return p
}
