package vault

import (
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"

	"gatepost/internal/email"
)

// segmentSize is the length of a sealed chunk of content. Each writer and
// reader holds about two of them, and most messages are smaller than one.
const segmentSize = 4 << 10

// ContentKey seals the content of one message. Whoever deletes its wrapped form
// everywhere has shredded the content. It prints as [redacted].
type ContentKey struct {
	// Wrapped is the key sealed by its team's data key, to be kept.
	Wrapped []byte

	stream *subtle.AESGCMHKDF
	place  []byte
	codecs *codecs
}

// contentKeyPlace is where the wrapped key of a message belongs.
func contentKeyPlace(message email.ID) Bind {
	return Bind{Table: "content_keys", Row: message, Column: "wrapped"}
}

// newContentKey prepares a message's key. Each stream under it is sealed with a
// key of its own, derived with a random salt (Tink's AES-GCM-HKDF streaming).
func newContentKey(key, wrapped []byte, team, message email.ID, c *codecs) (ContentKey, error) {
	stream, err := subtle.NewAESGCMHKDF(key, "SHA256", keySize, segmentSize, 0)
	if err != nil {
		return ContentKey{}, fmt.Errorf("prepare the content key of %s: %w", message, err)
	}
	place := appendPart(appendPart([]byte("gatepost content v1\x00"), team), message)
	return ContentKey{Wrapped: wrapped, stream: stream, place: place, codecs: c}, nil
}

// Format implements fmt.Formatter, so that no verb shows the key.
func (k ContentKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// Writer compresses and seals what is written, into dst. Close says that the
// content is complete, and must succeed. A writer whose source failed is dropped
// without Close, else half a message would pass for a whole one.
func (k ContentKey) Writer(dst io.Writer) (io.WriteCloser, error) {
	enc, err := k.codecs.encoder()
	if err != nil {
		return nil, err
	}
	sealed, err := k.stream.NewEncryptingWriter(dst, k.place)
	if err != nil {
		return nil, fmt.Errorf("seal content: %w", err)
	}
	enc.Reset(sealed)
	return &contentWriter{enc: enc, sealed: sealed, codecs: k.codecs}, nil
}

// Reader opens what a Writer of the same message's key sealed. All bytes that
// it yields were sealed so, and io.EOF says that they are complete. Content that
// is damaged, cut, reordered or of another message gives ErrNotOpened. The
// caller closes it.
func (k ContentKey) Reader(src io.Reader) (io.ReadCloser, error) {
	in := &source{r: src}
	plain, err := k.stream.NewDecryptingReader(in, k.place)
	if err != nil {
		return nil, in.failure()
	}
	dec, err := k.codecs.decoder()
	if err != nil {
		return nil, err
	}
	r := &contentReader{in: in, sealed: &authentic{r: plain}, dec: dec, codecs: k.codecs}
	if err := r.start(); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}
