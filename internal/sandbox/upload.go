package sandbox

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// upload is a resumable upload: a message that comes in parts, and what became of
// it. Google keeps the address of one for about a week.
type upload struct {
	user   string
	thread string
	kind   string // Content-Type of the message
	until  time.Time

	mu     sync.Mutex
	data   []byte
	answer *messageRef // once the message is taken
	ended  bool        // refused for good
}

const (
	uploadLife  = 7 * 24 * time.Hour
	uploadChunk = 256 << 10 // parts but the last are multiples of it
	maxUploads  = 1000
)

// startUpload answers with the address to which the message is put.
func (g *google) startUpload(w http.ResponseWriter, r *http.Request, who caller) *apiError {
	body, bad := readBody(w, r, maxJSONBody)
	if bad != nil {
		return bad
	}
	var in struct {
		ThreadID string `json:"threadId"`
	}
	if len(body) > 0 && json.Unmarshal(body, &in) != nil {
		return newError(http.StatusBadRequest, "parseError", "Parse Error")
	}
	kind := r.Header.Get("X-Upload-Content-Type")
	if plain, _, _ := mime.ParseMediaType(kind); kind != "" && !strings.HasPrefix(plain, "message/") {
		return badMedia(plain)
	}
	if size := r.Header.Get("X-Upload-Content-Length"); size != "" {
		n, err := strconv.ParseInt(size, 10, 64)
		if err != nil || n < 0 {
			return invalidArgument("Invalid value for X-Upload-Content-Length")
		}
		if n > maxMessage {
			return tooLarge()
		}
	}
	if bad := g.checkThread(who.user, in.ThreadID); bad != nil {
		return bad
	}
	id := "AB" + rand.Text() + rand.Text()
	g.keepUpload(id, &upload{user: who.user, thread: in.ThreadID, kind: kind, until: g.now().Add(uploadLife)})
	h := w.Header()
	h.Set("Location", g.url+"/upload/gmail/v1/users/me/messages/send?uploadType=resumable&upload_id="+id)
	h.Set("X-Guploader-Uploadid", id)
	h.Set("Content-Type", "text/html; charset=UTF-8")
	w.WriteHeader(http.StatusOK)
	return nil
}

func badMedia(kind string) *apiError {
	return newError(http.StatusBadRequest, "badContent", "Media type '"+kind+"' is not supported. Valid media types: [message/*]")
}

func (g *google) keepUpload(id string, u *upload) {
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	for old, was := range g.uploads {
		if !was.until.After(now) || len(g.uploads) >= maxUploads {
			delete(g.uploads, old)
		}
	}
	g.uploads[id] = u
}

// contentRange is the header of a part: bytes FIRST-LAST/TOTAL, or bytes */TOTAL
// to ask how far it came; the total may be unknown.
type contentRange struct {
	first, last, total int64 // -1 where there is none
}

var errRange = errors.New("not a range of bytes")

func parseContentRange(text string) (contentRange, error) {
	rest, ok := strings.CutPrefix(text, "bytes ")
	span, total, slash := strings.Cut(rest, "/")
	if !ok || !slash {
		return contentRange{}, errRange
	}
	r := contentRange{-1, -1, -1}
	var err error
	if total != "*" {
		if r.total, err = number(total); err != nil {
			return r, err
		}
	}
	if span == "*" {
		return r, nil
	}
	first, last, _ := strings.Cut(span, "-")
	if r.first, err = number(first); err != nil {
		return r, err
	}
	if r.last, err = number(last); err != nil {
		return r, err
	}
	if r.last < r.first || r.total >= 0 && r.last >= r.total {
		return r, errRange
	}
	return r, nil
}

func number(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || strings.HasPrefix(text, "+") {
		return 0, errRange
	}
	return n, nil
}
