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
	raw, bad := rawOfJSON(body)
	if bad != nil {
		return bad
	}
	return g.send(w, r, who, raw)
}

// rawOfJSON reads {"raw": "…"}: base64url, with padding or without.
func rawOfJSON(body []byte) ([]byte, *apiError) {
	var in struct {
		Raw string `json:"raw"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, newError(http.StatusBadRequest, "parseError", "Parse Error")
	}
	if in.Raw == "" {
		return nil, invalidArgument(textNoRaw)
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(in.Raw, "="))
	if err != nil {
		return nil, invalidArgument("Invalid value for ByteString: raw")
	}
	return raw, nil
}

// sendUpload takes a message as it is (uploadType=media), or as the second part
// after its metadata (uploadType=multipart).
func (g *google) sendUpload(w http.ResponseWriter, r *http.Request, who caller) *apiError {
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	upload := r.URL.Query().Get("uploadType")
	switch {
	case upload == "media" && !strings.HasPrefix(kind, "message/"):
		return newError(http.StatusBadRequest, "badContent",
			"Media type '"+kind+"' is not supported. Valid media types: [message/*]")
	case upload != "media" && upload != "multipart":
		return invalidArgument("Invalid value for uploadType: media and multipart are supported here")
	}
	body, bad := readBody(w, r, maxMessage+uploadFrame)
	if bad != nil {
		return bad
	}
	if upload == "multipart" {
		if body, bad = rawOfMultipart(body, params["boundary"]); bad != nil {
			return bad
		}
	}
	if len(body) > maxMessage {
		return tooLarge()
	}
	return g.send(w, r, who, body)
}

// uploadFrame is room for the metadata and boundaries of a multipart upload.
const uploadFrame = 64 << 10

func rawOfMultipart(body []byte, boundary string) ([]byte, *apiError) {
	bad := newError(http.StatusBadRequest, "badContent", "Malformed multipart body.")
	if boundary == "" {
		return nil, bad
	}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			return nil, bad
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if !strings.HasPrefix(kind, "message/") {
			continue
		}
		raw, err := io.ReadAll(part)
		if err != nil {
			return nil, bad
		}
		return raw, nil
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
