package sandbox

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// maxInline bounds the images that are written into a message's HTML.
const maxInline = 20 << 20

// contentIDs are the references of HTML to other parts (RFC 2392).
var contentIDs = regexp.MustCompile(`(?i)\bcid:([^"'\s<>)]+)`)

// showHTML gives a message's HTML as it would look, for the frame on its page.
// Nothing of it can act: the policy makes it a document of no site, without
// script, that loads nothing; pictures of the message itself are written into it.
// Its links open in a new window.
func (c *control) showHTML(w http.ResponseWriter, r *http.Request) {
	m, ok := c.post.store.message(r.PathValue("id"))
	if !ok {
		c.showMissing(w, r)
		return
	}
	var d Detail
	read := walker{d: &d, images: map[string]string{}}
	if e, err := parse(m.raw); err == nil {
		_ = read.part(e, 0) // what could be read is shown
	}
	secure(w)
	h := w.Header()
	h.Set("Content-Security-Policy", "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "+
		"style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("<!DOCTYPE html><base target=\"_blank\">" + withImages(d.HTML, read.images)))
}

// withImages puts the message's own pictures where its HTML names them.
func withImages(html string, images map[string]string) string {
	room := maxInline
	return contentIDs.ReplaceAllStringFunc(html, func(ref string) string {
		image, ok := images[ref[len("cid:"):]]
		if !ok || len(image) > room {
			return ref
		}
		room -= len(image)
		return image
	})
}

// imageURL is a picture as a data URL; of other kinds there is none.
func imageURL(kind string, data []byte) string {
	switch kind {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data)
	}
	return ""
}

// showPart gives an attachment as a file to keep, never to be shown as a page of
// this site.
func (c *control) showPart(w http.ResponseWriter, r *http.Request) {
	m, ok := c.post.store.message(r.PathValue("id"))
	n, err := strconv.Atoi(r.PathValue("n"))
	if !ok || err != nil || n < 0 {
		c.showMissing(w, r)
		return
	}
	var d Detail
	find := walker{d: &d, wanted: n + 1}
	if e, err := parse(m.raw); err == nil {
		_ = find.part(e, 0)
	}
	if n >= len(d.Attachments) {
		c.showMissing(w, r)
		return
	}
	secure(w)
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+safeName(d.Attachments[n].Filename)+`"`)
	_, _ = w.Write(find.found)
}

// safeName is a file name that a header can carry.
func safeName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\/:`, r) {
			return '_'
		}
		return r
	}, name)
	if name == "" {
		return "attachment"
	}
	return name
}
