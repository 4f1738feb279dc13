package sandbox

import (
	"encoding/base64"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// gmailMessage is a message as the Gmail API shows it; 64-bit numbers are text.
type gmailMessage struct {
	messageRef
	Snippet      string   `json:"snippet,omitempty"`
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
	Parts    []*payload      `json:"parts,omitempty"`
}

type payloadHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type payloadBody struct {
	AttachmentID string `json:"attachmentId,omitempty"`
	Size         int    `json:"size"`
	Data         string `json:"data,omitempty"`
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
	if !who.headersOnly() && format != "metadata" {
		m.Snippet = b.snippet()
	}
	writeJSON(w, http.StatusOK, m)
	return nil
}

// as renders a copy in one of the API's formats.
func (b *boxed) as(format string, only []string) (gmailMessage, *apiError) {
	m := gmailMessage{
		messageRef:   messageRef{b.id, b.thread, b.labels},
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
		m.Payload = b.full()
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
