package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
)

// Limits of the Gmail API.
const (
	maxMessage  = 36_700_160 // 35 MiB, for messages.send
	maxJSONBody = 5 << 20
)

const textNoRaw = "'raw' RFC822 payload message string or uploading message via /upload/* URL required"

// sendJSON takes a message as base64url in JSON.
func (g *google) sendJSON(w http.ResponseWriter, r *http.Request, who caller) *apiError {
	body, bad := readBody(w, r, maxJSONBody)
	if bad != nil {
		return bad
	}
	out, bad := rawOfJSON(body)
	if bad != nil {
		return bad
	}
	return g.sendNow(w, r, who, out)
}

// rawOfJSON reads {"raw": "…", "threadId": "…"}: base64url, with padding or
// without.
func rawOfJSON(body []byte) (outgoing, *apiError) {
	var in struct {
		Raw      string `json:"raw"`
		ThreadID string `json:"threadId"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return outgoing{}, newError(http.StatusBadRequest, "parseError", "Parse Error")
	}
	if in.Raw == "" {
		return outgoing{}, invalidArgument(textNoRaw)
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(in.Raw, "="))
	if err != nil {
		return outgoing{}, invalidArgument("Invalid value for ByteString: raw")
	}
	return outgoing{raw: raw, thread: in.ThreadID}, nil
}

// sendUpload takes a message as it is (uploadType=media), or as the second part
// after its metadata (uploadType=multipart), or begins an upload in parts
// (uploadType=resumable).
func (g *google) sendUpload(w http.ResponseWriter, r *http.Request, who caller) *apiError {
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch r.URL.Query().Get("uploadType") {
	case "resumable":
		return g.startUpload(w, r, who)
	case "media":
		if !strings.HasPrefix(kind, "message/") {
			return badMedia(kind)
		}
		return g.sendMedia(w, r, who, "")
	case "multipart":
		if params["boundary"] == "" {
			return badMultipart()
		}
		return g.sendMedia(w, r, who, params["boundary"])
	}
	return invalidArgument("Invalid value for uploadType: it must be media, multipart or resumable")
}

// sendMedia reads a message that comes in one piece, in parts when there is a
// boundary.
func (g *google) sendMedia(w http.ResponseWriter, r *http.Request, who caller, boundary string) *apiError {
	body, bad := readBody(w, r, maxMessage+uploadFrame)
	if bad != nil {
		return bad
	}
	out := outgoing{raw: body}
	if boundary != "" {
		if out, bad = rawOfMultipart(body, boundary); bad != nil {
			return bad
		}
	}
	if len(out.raw) > maxMessage {
		return tooLarge()
	}
	return g.sendNow(w, r, who, out)
}

// uploadFrame is room for the metadata and boundaries of a multipart upload.
const uploadFrame = 64 << 10

func badMultipart() *apiError {
	return newError(http.StatusBadRequest, "badContent", "Malformed multipart body.")
}

// rawOfMultipart reads a body of multipart/related: JSON with the threadId, then
// the message.
func rawOfMultipart(body []byte, boundary string) (outgoing, *apiError) {
	var meta struct {
		ThreadID string `json:"threadId"`
	}
	raw, bad := multipartOf(body, boundary, &meta)
	return outgoing{raw: raw, thread: meta.ThreadID}, bad
}

// draftOfMultipart is rawOfMultipart where the JSON is of a draft.
func draftOfMultipart(body []byte, boundary string) (outgoing, *apiError) {
	var meta struct {
		Message struct {
			ThreadID string `json:"threadId"`
		} `json:"message"`
	}
	raw, bad := multipartOf(body, boundary, &meta)
	return outgoing{raw: raw, thread: meta.Message.ThreadID}, bad
}

func multipartOf(body []byte, boundary string, meta any) ([]byte, *apiError) {
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			return nil, badMultipart()
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, badMultipart()
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		switch {
		case strings.HasPrefix(kind, "message/"):
			return data, nil
		case kind == "application/json" && json.Unmarshal(data, meta) != nil:
			return nil, newError(http.StatusBadRequest, "parseError", "Parse Error")
		}
	}
}

// readBody reads a request to its end, which also lets the server notice when
// the client goes away.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *apiError) {
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close")
		return nil, tooLarge()
	}
	body, err := readAll(http.MaxBytesReader(w, r.Body, limit), r.ContentLength)
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return nil, tooLarge()
	}
	if err != nil {
		return nil, newError(http.StatusBadRequest, "badRequest", "Bad Request")
	}
	return body, nil
}

// readAll reads to the end into a buffer of the announced size.
func readAll(r io.Reader, announced int64) ([]byte, error) {
	if announced < 0 {
		return io.ReadAll(r)
	}
	body := make([]byte, announced)
	n, err := io.ReadFull(r, body)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, r)
	return body[:n], err
}
