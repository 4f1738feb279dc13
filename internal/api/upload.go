package api

import (
	"mime"
	"net/http"

	"gatepost/client"
	"gatepost/internal/email"
	"gatepost/internal/queue"
)

// createUpload keeps a file that messages can attach.
func (s *server) createUpload(c *call) error {
	u, problems, err := c.upload()
	if err == nil && len(problems) > 0 {
		err = wrongFields(problems)
	}
	if err != nil {
		return err
	}
	made, err := s.Engine.AddUpload(c.r.Context(), c.grant, u)
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", "/v1/uploads/"+made.ID)
	return c.answer(http.StatusCreated, uploadOf(made))
}

// upload reads a file: the body itself, with its name in the query, or JSON.
func (c *call) upload() (queue.NewUpload, []email.Problem, error) {
	if !c.r.URL.Query().Has("filename") {
		return c.uploadJSON()
	}
	one, wrong, err := c.only("filename")
	if err != nil {
		return queue.NewUpload{}, nil, err
	}
	b, err := c.read(nil)
	if err != nil {
		return queue.NewUpload{}, nil, err
	}
	defer b.release()
	return queue.NewUpload{Filename: one["filename"], ContentType: knownType(c.r.Header.Get("Content-Type")), Content: b.keep()}, wrong, nil
}

func (c *call) uploadJSON() (queue.NewUpload, []email.Problem, error) {
	if media, err := c.mediaType(); err != nil || media != "application/json" {
		wrong := wrongFields{{Field: "filename", Message: "is missing: name the file in the query, as in /v1/uploads?filename=price-list.pdf"}}
		return queue.NewUpload{}, wrong, nil
	}
	u, problems, err := decodeBody(c, c.s.uploads, nil)
	if u.Content == nil && !follows("content", problems) {
		problems = append(problems, email.Problem{Field: "content", Message: "is missing: the file in base64"})
	}
	u.ContentType = knownType(u.ContentType)
	return queue.NewUpload(u), problems, err
}

// knownType is the type of a file, empty where it was not told: programs write
// application/octet-stream when they know nothing (RFC 2046 section 4.5.1), and curl
// the type of a form. Then the name's ending decides; what is in the file never does.
func knownType(s string) string {
	media, _, err := mime.ParseMediaType(s)
	if err == nil && (media == "application/octet-stream" || media == "application/x-www-form-urlencoded") {
		return ""
	}
	return s
}

func uploadOf(u queue.Upload) client.Upload {
	return client.Upload{
		ID: u.ID, Filename: u.Filename, ContentType: u.ContentType, Size: u.Size, CreatedAt: timeOf(u.CreatedAt), ExpiresAt: timeOf(u.ExpiresAt),
	}
}

// listUploads shows the files that can be attached.
func (s *server) listUploads(c *call) error {
	all, err := s.Engine.Uploads(c.r.Context(), c.grant)
	if err != nil {
		return err
	}
	list := client.UploadList{Data: make([]client.Upload, len(all))}
	for i, u := range all {
		list.Data[i] = uploadOf(u)
	}
	return c.answer(http.StatusOK, list)
}

// showUpload shows one file's name and size.
func (s *server) showUpload(c *call) error {
	u, err := s.Engine.Upload(c.r.Context(), c.grant, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, uploadOf(u))
}

// deleteUpload removes a file.
func (s *server) deleteUpload(c *call) error {
	if err := s.Engine.RemoveUpload(c.r.Context(), c.grant, c.r.PathValue("id")); err != nil {
		return err
	}
	return c.done()
}
