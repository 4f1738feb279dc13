package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/compose"
	"gatepost/internal/email"
	"gatepost/internal/store"
)

// PrefixUpload starts the ids of uploads.
const PrefixUpload = "upl"

const (
	uploadLife = 30 * day
	// MaxUpload is how large an upload may be: more than any provider carries.
	MaxUpload = 50 << 20
)

// NewUpload is a file that messages are to attach.
type NewUpload struct {
	Filename    string
	ContentType string // empty: by the name's extension
	Content     []byte
}

// Upload is a file that messages can attach by its id, until it expires. Messages
// that attach it have a copy.
type Upload = store.Upload

// AddUpload keeps a file for 30 days. What is wrong with it is told as *Invalid.
func (e *Engine) AddUpload(ctx context.Context, g access.Grant, n NewUpload) (Upload, error) {
	if err := maySend(g); err != nil {
		return Upload{}, err
	}
	release, err := e.bodies.take(int64(len(n.Content)))
	if err != nil {
		return Upload{}, err
	}
	defer release()
	if problems := n.check(); len(problems) > 0 {
		return Upload{}, &Invalid{problems}
	}
	now := e.cfg.Now()
	id, err := email.NewID(PrefixUpload, now, e.cfg.Random)
	if err != nil {
		return Upload{}, err
	}
	u := Upload{
		Team: g.Team, ID: id, Filename: n.Filename, ContentType: n.ContentType, Size: int64(len(n.Content)),
		CreatedAt: now, ExpiresAt: now.Add(uploadLife),
	}
	c, err := e.sealed(ctx, g.Team, id, func(w io.Writer) error {
		_, err := w.Write(n.Content)
		return err
	})
	if err != nil {
		return Upload{}, fmt.Errorf("seal the upload: %w", err)
	}
	err = e.cfg.Store.AddUpload(ctx, u, store.UploadContent{WrappedKey: c.WrappedKey, Content: c.Content, Blob: c.Blob})
	if c.Blob != "" && neverKept(err) {
		_ = e.cfg.Store.Bucket.Remove(c.Blob)
	}
	return u, err
}

// check asks the composer, which will have to attach it.
func (n NewUpload) check() []email.Problem {
	var problems []email.Problem
	const of = "attachments[0]."
	for _, p := range compose.Check(compose.Parts{Attachments: []compose.Attachment{{Filename: n.Filename, ContentType: n.ContentType, Content: n.Content}}}) {
		if field, ok := strings.CutPrefix(p.Field, of); ok {
			problems = append(problems, email.Problem{Field: field, Message: p.Message})
		}
	}
	if len(n.Content) > MaxUpload {
		problems = append(problems, email.Problem{Field: "content", Message: fmt.Sprintf("%d bytes: at most %d", len(n.Content), MaxUpload)})
	}
	return problems
}

// Uploads lists the team's uploads, newest first.
func (e *Engine) Uploads(ctx context.Context, g access.Grant) ([]Upload, error) {
	if err := maySend(g); err != nil {
		return nil, err
	}
	return e.cfg.Store.Uploads(ctx, g.Team, e.cfg.Now())
}

// Upload returns one upload, or ErrNotFound.
func (e *Engine) Upload(ctx context.Context, g access.Grant, id email.ID) (Upload, error) {
	if err := maySend(g); err != nil {
		return Upload{}, err
	}
	return e.cfg.Store.Upload(ctx, g.Team, id, e.cfg.Now())
}

// RemoveUpload deletes an upload, or gives ErrNotFound.
func (e *Engine) RemoveUpload(ctx context.Context, g access.Grant, id email.ID) error {
	if err := maySend(g); err != nil {
		return err
	}
	return e.cfg.Store.RemoveUpload(ctx, g.Team, id)
}

// uploads are the files that the messages of one request attach, each read once.
type uploads struct {
	e     *Engine
	team  email.ID
	files map[email.ID]*file
	given []func() // of the bytes in hand
}

type file struct {
	Upload
	content []byte
}

func (e *Engine) newUploads(team email.ID) *uploads {
	return &uploads{e: e, team: team, files: map[email.ID]*file{}}
}

// take counts bytes as in hand until release.
func (u *uploads) take(n int64) error {
	give, err := u.e.bodies.take(n)
	if err == nil {
		u.given = append(u.given, give)
	}
	return err
}

func (u *uploads) release() {
	for _, give := range u.given {
		give()
	}
}

// open reads a file, or gives store.ErrNotFound.
func (u *uploads) open(ctx context.Context, id email.ID) (*file, error) {
	if f := u.files[id]; f != nil {
		return f, nil
	}
	row, err := u.e.cfg.Store.Upload(ctx, u.team, id, u.e.cfg.Now())
	if err != nil {
		return nil, err
	}
	if err := u.take(row.Size); err != nil {
		return nil, err
	}
	f := &file{Upload: row}
	if f.content, err = u.read(ctx, row); err != nil {
		return nil, err
	}
	u.files[id] = f
	return f, nil
}

func (u *uploads) read(ctx context.Context, row Upload) ([]byte, error) {
	c, err := u.e.cfg.Store.UploadContent(ctx, row.Team, row.ID)
	if err != nil {
		return nil, err
	}
	key, err := u.e.cfg.Vault.UnwrapContentKey(ctx, row.Team, row.ID, c.WrappedKey)
	if err != nil {
		return nil, fmt.Errorf("open upload %s: %w", row.ID, err)
	}
	r, err := (content{u.e.cfg.Store.Bucket, key, &store.Stored{Size: row.Size, Content: c.Content, Blob: c.Blob}}).Open()
	if err != nil {
		return nil, fmt.Errorf("open upload %s: %w", row.ID, err)
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("read upload %s: %w", row.ID, err)
	}
	return b, nil
}

// attach puts the files in place of the ids of uploads.
func (d *draft) attach(ctx context.Context) error {
	files := make([]Attachment, len(d.sub.Attachments))
	for i, a := range d.sub.Attachments {
		files[i] = a
		if a.Upload == "" {
			continue
		}
		field := fmt.Sprintf("attachments[%d].", i)
		if a.Content != nil {
			d.wrong(field+"content", "cannot be given beside upload")
		}
		f, err := d.uploads.open(ctx, a.Upload)
		if errors.Is(err, store.ErrNotFound) {
			d.wrong(field+"upload", "unknown, or its time is over: upload the file again")
			files[i].Filename = "unknown" // that it has no name either is no news
			continue
		}
		if err == nil {
			err = d.uploads.take(min(f.Size, inline)) // the message's copy; what is larger goes to the bucket
		}
		if err != nil {
			return err
		}
		files[i].Content = f.content
		if a.Filename == "" {
			files[i].Filename = f.Filename
		}
		if a.ContentType == "" {
			files[i].ContentType = f.ContentType
		}
	}
	d.sub.Attachments = files
	return nil
}
