package queue

import (
	"context"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/store"
)

// PrefixUpload starts the ids of uploads.
const PrefixUpload = "upl"

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
func (e *Engine) AddUpload(ctx context.Context, g access.Grant, u NewUpload) (Upload, error) {
	return Upload{}, errNotYet
}

// Uploads lists the team's uploads, newest first.
func (e *Engine) Uploads(ctx context.Context, g access.Grant) ([]Upload, error) {
	return nil, errNotYet
}

// Upload returns one upload, or ErrNotFound.
func (e *Engine) Upload(ctx context.Context, g access.Grant, id email.ID) (Upload, error) {
	return Upload{}, errNotYet
}

// RemoveUpload deletes an upload, or gives ErrNotFound.
func (e *Engine) RemoveUpload(ctx context.Context, g access.Grant, id email.ID) error {
	return errNotYet
}
