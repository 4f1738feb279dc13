package smtp

import (
	"errors"
	"io"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// fit is the body as this relay takes it: one without 8BITMIME gets bodies with
// bytes above ASCII encoded anew (RFC 6152 section 3). A header with such bytes is
// SMTPUTF8's matter.
func fit(s *session, b *body) (*body, *provider.Error) {
	if _, ok := s.offers["8BITMIME"]; ok || !b.eightBit || b.utf8 {
		return b, nil
	}
	content := &watched{Content: b.msg}
	encoded, err := email.SevenBit(content)
	if err != nil {
		return nil, notEncoded(err, content.err)
	}
	return prepare(encoded)
}

// notEncoded says why a message cannot do without 8BITMIME; unread is what went
// wrong with reading it.
func notEncoded(err, unread error) *provider.Error {
	switch {
	case unread != nil:
		return contentError(unread)
	case errors.Is(err, email.ErrEightBitHeader):
		return refuse("needs_smtputf8", "A header field of the message or of a part has bytes above ASCII, and the relay does not offer SMTPUTF8.", "Write the header with encoded words.")
	case errors.Is(err, email.ErrSigned):
		return refuse("needs_8bitmime", "The message is signed or encrypted and has bytes above ASCII, and the relay does not offer 8BITMIME: encoding it anew would break the signature.", "Encode the parts as quoted-printable or base64 before signing, or send through another account.")
	}
	e := refuse("needs_8bitmime", "The message has bytes above ASCII that cannot be encoded, and the relay does not offer 8BITMIME: "+err.Error()+".", "Encode the message's parts as quoted-printable or base64.")
	e.Err = err
	return e
}

// watched notes what goes wrong with reading the content.
type watched struct {
	email.Content
	err error
}

// Open implements email.Content.
func (w *watched) Open() (io.ReadCloser, error) {
	r, err := w.Content.Open()
	if err != nil {
		w.err = err
		return nil, err
	}
	return &watchedReader{r, w}, nil
}

type watchedReader struct {
	io.ReadCloser
	of *watched
}

// Read implements io.Reader.
func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.of.err = err
	}
	return n, err
}
