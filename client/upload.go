package client

import (
	"context"
	"io"
	"net/url"
)

// NewUpload is a file in JSON; Client.Upload sends it as it is instead.
type NewUpload struct {
	Filename    string `json:"filename" example:"price-list.pdf"`
	ContentType string `json:"content_type,omitempty" doc:"Empty: by the name's ending." example:"application/pdf"`
	Content     []byte `json:"content,omitzero" doc:"The file in base64."`
}

// Upload is a file that messages can attach by its id.
type Upload struct {
	ID          string `json:"id"`
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"`
	CreatedAt   Time   `json:"created_at"`
	ExpiresAt   Time   `json:"expires_at" doc:"Until then it can be attached. Messages that attach it have a copy."`
}

// UploadList is all uploads that can be attached.
type UploadList struct {
	Data []Upload `json:"data"`
}

// Upload keeps a file that messages can then attach by its id. An empty content
// type is found by the name's ending.
func (c *Client) Upload(ctx context.Context, filename, contentType string, content io.Reader) (Upload, error) {
	r := post("/v1/uploads").set("Content-Type", contentType)
	r.query, r.stream = url.Values{"filename": {filename}}, content
	return ask[Upload](ctx, c, r)
}

// Uploads lists the files that can be attached.
func (c *Client) Uploads(ctx context.Context) (UploadList, error) {
	return ask[UploadList](ctx, c, get("/v1/uploads", nil))
}

// ShowUpload tells of one file.
func (c *Client) ShowUpload(ctx context.Context, id string) (Upload, error) {
	return ask[Upload](ctx, c, get(at("uploads", id, ""), nil))
}

// RemoveUpload removes a file. Messages that attached it have a copy.
func (c *Client) RemoveUpload(ctx context.Context, id string) error {
	return c.drop(ctx, at("uploads", id, ""))
}
