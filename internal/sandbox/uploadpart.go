package sandbox

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// postUpload begins an upload, or goes on with one: some clients post their parts.
func (g *google) postUpload(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("upload_id") {
		g.putUpload(w, r)
		return
	}
	g.as(methodSend(), g.sendUpload).ServeHTTP(w, r)
}

// putUpload takes a part, or tells how far the upload came. The address itself is
// the proof of who may; Google asks for no token here, and looks at one that is
// shown.
func (g *google) putUpload(w http.ResponseWriter, r *http.Request) {
	if bad := g.continueUpload(w, r); bad != nil {
		g.log.Info("upload refused", "status", bad.Code, "reason", bad.Message)
		bad.write(w)
	}
}

func (g *google) continueUpload(w http.ResponseWriter, r *http.Request) *apiError {
	if token := r.Header.Get("Authorization"); token != "" {
		_, access, _ := strings.Cut(token, " ")
		if _, ok := g.allows(access); !ok {
			return invalidCredentials()
		}
	}
	g.mu.RLock()
	u := g.uploads[r.URL.Query().Get("upload_id")]
	g.mu.RUnlock()
	if u == nil || !u.until.After(g.now()) {
		return notFound()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		return newError(http.StatusGone, "gone", "This upload has ended.")
	}
	if u.answer != nil {
		_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxMessage))
		writeJSON(w, http.StatusOK, u.answer)
		return nil
	}
	return g.part(w, r, u)
}

// part reads one part. What came in before a connection broke is kept.
func (g *google) part(w http.ResponseWriter, r *http.Request, u *upload) *apiError {
	span := contentRange{0, r.ContentLength - 1, r.ContentLength}
	if text := r.Header.Get("Content-Range"); text != "" {
		var err error
		if span, err = parseContentRange(text); err != nil {
			return invalidArgument("Failed to parse Content-Range header.")
		}
	}
	have := int64(len(u.data))
	switch {
	case span.total > maxMessage || span.last >= maxMessage:
		u.ended = true
		return tooLarge()
	case span.first < 0: // a question, or the end of an upload of unknown length
		if span.total == have && have > 0 {
			return g.finish(w, r, u)
		}
		incomplete(w, r, have)
		return nil
	case span.first > have:
		return newError(http.StatusServiceUnavailable, "backendError",
			fmt.Sprintf("Invalid request. According to the Content-Range header, the upload offset is %d byte(s), which exceeds already uploaded size of %d byte(s).", span.first, have))
	}
	final := span.total >= 0 && span.last == span.total-1
	if !final && (span.last-span.first+1)%uploadChunk != 0 {
		return invalidArgument("Invalid request. The number of bytes uploaded is required to be equal or greater than 262144, except for the final request (it's recommended to be the exact multiple of 262144).")
	}
	if err := g.read(r, u, span); err != nil {
		return newError(http.StatusBadRequest, "badRequest", "Bad Request")
	}
	if !final {
		incomplete(w, r, int64(len(u.data)))
		return nil
	}
	return g.finish(w, r, u)
}

// read appends what is new of a part.
func (g *google) read(r *http.Request, u *upload, span contentRange) error {
	cutIt := g.faults.plan(question{stage: atUpload, via: viaGmail, accounts: []string{u.user}}).is(faultUploadCut)
	if _, err := io.CopyN(io.Discard, r.Body, int64(len(u.data))-span.first); err != nil {
		return err
	}
	want := span.last + 1 - int64(len(u.data))
	if cutIt {
		want = min(want, uploadCutAfter)
	}
	part := make([]byte, max(want, 0))
	n, err := io.ReadFull(r.Body, part)
	u.data = append(u.data, part[:n]...)
	if cutIt {
		cutRequest(r)
	}
	return err
}

// incomplete asks for more: 308 with how far it came. Clients that take 308 for a
// redirect say so, and get 200 with another header.
func incomplete(w http.ResponseWriter, r *http.Request, have int64) {
	if have > 0 {
		w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", have-1))
	}
	if strings.EqualFold(r.Header.Get("X-Guploader-No-308"), "yes") {
		w.Header().Set("X-Http-Status-Code-Override", "308")
		w.WriteHeader(http.StatusOK)
		return
	}
	w.WriteHeader(http.StatusPermanentRedirect)
}

// finish sends the message. Its answer is kept: an empty PUT asks for it again.
func (g *google) finish(w http.ResponseWriter, r *http.Request, u *upload) *apiError {
	raw := u.data
	ref, after, bad := g.send(r, caller{grant: grant{user: u.user}}, outgoing{raw: raw, thread: u.thread})
	if bad != nil {
		// A failure of Google's own leaves the upload; a refusal ends it.
		u.ended = bad.Code < http.StatusInternalServerError && bad.Code != http.StatusTooManyRequests
		return bad
	}
	u.answer, u.data = &ref, nil
	return g.answerSend(w, r, ref, after)
}
