package gmail

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/provider/webcall"
)

const (
	// smallMail is up to where a message goes as JSON. Gmail's JSON bodies end near
	// 5 MB; larger mail is streamed to the upload address.
	smallMail = 2 << 20
	// resumableFrom is above which size a message goes in an upload session, as
	// Google advises for anything above 5 MB
	// (developers.google.com/workspace/gmail/api/guides/uploads).
	resumableFrom = 5 << 20
)

// sendPath is messages.send; uploads go to the same path below /upload.
const sendPath = "/gmail/v1/users/me/messages/send"

// form is the shape in which a whole message goes to messages.send at once.
type form struct {
	path, contentType string
	head, tail        string
	encoded           bool // the message is base64url
	draft             bool // it names a draft, which may not be there
}

// formOf is JSON for small mail, else the bytes as they are; a conversation is
// named in JSON, which then is a part of its own before the bytes.
func formOf(env email.Envelope, msg email.Content) form {
	switch {
	case msg.Size() <= smallMail:
		head := `{"raw":"`
		if env.Thread != "" {
			head = strings.TrimSuffix(metadata(env), "}") + `,"raw":"`
		}
		return form{path: sendPath, contentType: "application/json", head: head, tail: `"}`, encoded: true}
	case env.Thread == "":
		return form{path: "/upload" + sendPath + "?uploadType=media", contentType: "message/rfc822"}
	}
	boundary := "gatepost-" + rand.Text() // 128 random bits: the message cannot hold it
	return form{
		path:        "/upload" + sendPath + "?uploadType=multipart",
		contentType: `multipart/related; boundary="` + boundary + `"`,
		head: "--" + boundary + "\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n" + metadata(env) +
			"\r\n--" + boundary + "\r\nContent-Type: message/rfc822\r\n\r\n",
		tail: "\r\n--" + boundary + "--\r\n",
	}
}

// metadata is what JSON says of the message.
func metadata(env email.Envelope) string {
	if env.Thread == "" {
		return "{}"
	}
	thread, _ := json.Marshal(env.Thread) // text always has a JSON form
	return `{"threadId":` + string(thread) + `}`
}

func (f form) size(msg email.Content) int64 {
	n := msg.Size()
	if f.encoded {
		n = (n + 2) / 3 * 4
	}
	return int64(len(f.head)+len(f.tail)) + n
}

func (f form) wrap(r io.Reader) io.Reader {
	if f.encoded {
		r = webcall.Encode(base64.URLEncoding, r)
	}
	if f.head == "" {
		return r
	}
	return io.MultiReader(strings.NewReader(f.head), r, strings.NewReader(f.tail))
}

// request makes a request that carries the upload. Without GetBody and without an
// Idempotency-Key header the transport never sends it twice by itself
// (net/http.Transport).
func (a *account) request(ctx context.Context, method, to string, u *webcall.Upload) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, to, u)
	if err != nil {
		return nil, fmt.Errorf("address of the Gmail API: %w", err)
	}
	req.ContentLength = u.Size()
	return req, nil
}

// newUpload prepares a whole message in its form.
func newUpload(ctx context.Context, f form, msg email.Content, trace func(string)) (*webcall.Upload, error) {
	r, err := msg.Open()
	if err != nil {
		return nil, fmt.Errorf("open the message: %w", err)
	}
	size := f.size(msg)
	return webcall.NewUpload(webcall.Part{Ctx: ctx, Trace: trace, Size: size, Half: size - size/2, Last: true, From: f.wrap(r), Close: r}), nil
}
