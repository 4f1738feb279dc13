package queue

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/vault"
)

var systemRandom = rand.Reader

// inline is how much sealed content a row holds; more goes to the bucket.
const inline = 256 << 10

// seal writes a message's content through its own key into the row, or into the
// bucket where it is large: it is never whole in memory then. A file of the
// bucket is on disk when seal returns.
func (e *Engine) seal(ctx context.Context, m *store.NewMessage, write func(io.Writer) (messageID string, err error)) error {
	c, err := e.sealed(ctx, m.Team, m.ID, func(w io.Writer) (err error) {
		m.MessageID, err = write(w)
		return err
	})
	if err != nil {
		return fmt.Errorf("seal the message: %w", err)
	}
	m.Size, m.WrappedKey, m.Content, m.Blob = c.Size, c.WrappedKey, c.Content, c.Blob
	return nil
}

// sealed seals what is written under a key of its own, which belongs to an id.
func (e *Engine) sealed(ctx context.Context, team, id email.ID, write func(io.Writer) error) (store.Stored, error) {
	key, err := e.cfg.Vault.NewContentKey(ctx, team, id)
	if err != nil {
		return store.Stored{}, fmt.Errorf("make a content key: %w", err)
	}
	dst := &spool{bucket: e.cfg.Store.Bucket}
	w, err := key.Writer(dst)
	if err != nil {
		return store.Stored{}, err
	}
	counted := &counter{w: w}
	if err = write(counted); err == nil {
		err = w.Close() // not after an error: half a message would be sealed as a whole one
	}
	if err != nil {
		dst.abort()
		return store.Stored{}, err
	}
	c := store.Stored{Size: counted.n, WrappedKey: key.Wrapped}
	c.Content, c.Blob, err = dst.finish()
	return c, err
}

// spool collects sealed bytes in memory and moves to a file when they get many.
type spool struct {
	bucket *store.Bucket
	buf    bytes.Buffer
	blob   *store.BlobWriter
}

// Write implements io.Writer.
func (s *spool) Write(p []byte) (int, error) {
	if s.blob == nil && s.buf.Len()+len(p) <= inline {
		return s.buf.Write(p)
	}
	if s.blob == nil {
		blob, err := s.bucket.Create()
		if err != nil {
			return 0, err
		}
		s.blob = blob
		if _, err := blob.Write(s.buf.Bytes()); err != nil {
			return 0, err
		}
		s.buf = bytes.Buffer{}
	}
	return s.blob.Write(p)
}

func (s *spool) finish() (content []byte, blob string, err error) {
	if s.blob == nil {
		return s.buf.Bytes(), "", nil
	}
	return nil, s.blob.Name, s.blob.Commit()
}

func (s *spool) abort() {
	if s.blob != nil {
		s.blob.Abort()
	}
}

type counter struct {
	w io.Writer
	n int64
}

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// open gives stored content to a send, and reads all of it once before anything
// is said to a provider: what is damaged does not open. Small content stays in
// memory; large content is read again when it is sent.
func (c content) open() (email.Content, error) {
	r, err := c.Open()
	if err != nil {
		return nil, err
	}
	if c.stored.Size > inline {
		_, err := io.Copy(io.Discard, r)
		return c, errors.Join(err, r.Close())
	}
	b := make(email.Bytes, c.stored.Size)
	if _, err = io.ReadFull(r, b); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errLength
	} else if err == nil {
		err = atEnd(r)
	}
	return b, errors.Join(err, r.Close())
}

// atEnd makes sure that nothing follows: the last part is authentic only then.
func atEnd(r io.Reader) error {
	if n, err := r.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		return errors.Join(errLength, err)
	}
	return nil
}

// errLength says that content is not as long as its row says.
var errLength = errors.New("the content has another length than its row says")

// content is stored content as email.Content.
type content struct {
	bucket *store.Bucket
	key    vault.ContentKey
	stored *store.Stored
}

// Size implements email.Content.
func (c content) Size() int64 { return c.stored.Size }

// Open implements email.Content.
func (c content) Open() (io.ReadCloser, error) {
	if c.stored.Blob == "" {
		return c.key.Reader(bytes.NewReader(c.stored.Content))
	}
	f, err := c.bucket.Open(c.stored.Blob)
	if err != nil {
		return nil, fmt.Errorf("open the content of a message: %w", err)
	}
	r, err := c.key.Reader(f)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return both{r, f}, nil
}

// both closes the reader of sealed bytes and the file below it.
type both struct {
	io.ReadCloser
	below io.Closer
}

// Close implements io.Closer.
func (b both) Close() error { return errors.Join(b.ReadCloser.Close(), b.below.Close()) }

// budget bounds the bytes of messages in hand.
type budget struct {
	most int64
	used atomic.Int64
}

func newBudget(most int64) *budget { return &budget{most: most} }

// take takes n bytes until release is called; one message alone is always taken.
func (b *budget) take(n int64) (release func(), err error) {
	if used := b.used.Add(n); used > b.most && used != n {
		b.used.Add(-n)
		return nil, ErrOverloaded
	}
	return func() { b.used.Add(-n) }, nil
}
