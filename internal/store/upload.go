package store

import (
	"context"
	"fmt"
	"time"

	"gatepost/internal/email"
)

// Upload is a file that messages can attach.
type Upload struct {
	Team, ID    email.ID
	Filename    string
	ContentType string
	Size        int64
	CreatedAt   time.Time
	ExpiresAt   time.Time
}

// UploadContent is what an upload holds, sealed like the content of a message.
type UploadContent struct {
	WrappedKey []byte
	Content    []byte // nil where Blob names it in the bucket
	Blob       string
}

const uploadColumns = `team_id, id, filename, content_type, size, created_at, expires_at`

func scanUpload(row interface{ Scan(...any) error }) (Upload, error) {
	var u Upload
	var created, expires int64
	err := row.Scan(&u.Team, &u.ID, &u.Filename, &u.ContentType, &u.Size, &created, &expires)
	u.CreatedAt, u.ExpiresAt = fromMillis(created), fromMillis(expires)
	return u, err
}

// AddUpload keeps a file.
func (s *Store) AddUpload(ctx context.Context, u Upload, c UploadContent) error {
	return s.do(ctx, "keep upload "+u.ID, func(ctx context.Context, t *tx) error {
		_, err := t.ExecContext(ctx, `INSERT INTO uploads (`+uploadColumns+`, blob, wrapped, content)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, u.Team, u.ID, u.Filename, u.ContentType, u.Size,
			millis(u.CreatedAt), millis(u.ExpiresAt), c.Blob, c.WrappedKey, c.Content)
		return err
	})
}

// Uploads lists a team's uploads that have not expired, newest first.
func (s *Store) Uploads(ctx context.Context, team email.ID, now time.Time) ([]Upload, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+uploadColumns+` FROM uploads WHERE team_id = $1 AND expires_at > $2 ORDER BY id DESC`,
		team, millis(now))
	if err != nil {
		return nil, fmt.Errorf("list uploads: %w", err)
	}
	return scanAll(rows, scanUpload)
}

// Upload returns an upload that has not expired, or ErrNotFound.
func (s *Store) Upload(ctx context.Context, team, id email.ID, now time.Time) (Upload, error) {
	u, err := scanUpload(s.read.QueryRowContext(ctx, `SELECT `+uploadColumns+` FROM uploads
		WHERE team_id = $1 AND id = $2 AND expires_at > $3`, team, id, millis(now)))
	if err != nil {
		return u, fmt.Errorf("upload %s: %w", id, found(err))
	}
	return u, nil
}

// UploadContent returns what an upload holds, or ErrNotFound.
func (s *Store) UploadContent(ctx context.Context, team, id email.ID) (c UploadContent, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT blob, wrapped, content FROM uploads WHERE team_id = $1 AND id = $2`, team, id).
		Scan(&c.Blob, &c.WrappedKey, &c.Content)
	if err != nil {
		return c, fmt.Errorf("content of upload %s: %w", id, found(err))
	}
	return c, nil
}

// RemoveUpload deletes an upload, or gives ErrNotFound. A file of the bucket is
// left to the sweep.
func (s *Store) RemoveUpload(ctx context.Context, team, id email.ID) error {
	return s.do(ctx, "remove upload "+id, func(ctx context.Context, t *tx) error {
		r, err := t.ExecContext(ctx, `DELETE FROM uploads WHERE team_id = $1 AND id = $2`, team, id)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return orNotFound(err)
		}
		return nil
	})
}

// ExpireUploads deletes the uploads whose time is over.
func (s *Store) ExpireUploads(ctx context.Context, now time.Time) (n int64, err error) {
	err = s.do(ctx, "remove expired uploads", func(ctx context.Context, t *tx) error {
		r, err := t.ExecContext(ctx, `DELETE FROM uploads WHERE expires_at <= $1`, millis(now))
		if err != nil {
			return err
		}
		n, err = r.RowsAffected()
		return err
	})
	return n, err
}
