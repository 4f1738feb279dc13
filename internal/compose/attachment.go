package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/textproto"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/wneessen/go-mail"

	"gatepost/internal/email"
)

// maxContentType keeps a type with encoded parameters on one line.
const maxContentType = 200

// attach adds the files. Their fields are written here, because go-mail would
// put encoded words into quotes (RFC 2047 section 5 forbids that) and change
// some names; RFC 2231 parameters keep them.
func (p Parts) attach(m *mail.Msg) {
	files := make([]*mail.File, len(p.Attachments))
	for i, a := range p.Attachments {
		files[i] = &mail.File{
			Name:   a.Filename,
			Writer: func(w io.Writer) (int64, error) { return bytes.NewReader(a.Content).WriteTo(w) },
			Header: textproto.MIMEHeader{
				"Content-Type":        {a.contentType()},
				"Content-Disposition": {"attachment" + param("filename", a.Filename)},
			},
		}
	}
	m.SetAttachments(files)
}

// contentType is the type with its parameters and the name, for readers that
// look for it there.
func (a Attachment) contentType() string {
	kind, params, _ := a.mediaType() // Check refused what cannot be parsed
	delete(params, "name")
	if params["charset"] == "" && strings.HasPrefix(kind, "text/") && utf8.Valid(a.Content) {
		params["charset"] = "utf-8"
	}
	return mime.FormatMediaType(kind, params) + param("name", a.Filename)
}

// param is a parameter on a line of its own, encoded where it needs that.
func param(name, value string) string {
	one := mime.FormatMediaType("x", map[string]string{name: value})
	return ";\r\n " + strings.TrimPrefix(one, "x; ")
}

// mediaType parses the type, or finds one by the extension.
func (a Attachment) mediaType() (kind string, params map[string]string, err error) {
	if a.ContentType == "" {
		return typeByName(a.Filename), map[string]string{}, nil
	}
	if len(a.ContentType) > maxContentType {
		return "", nil, fmt.Errorf("longer than %d bytes", maxContentType)
	}
	if err := email.CheckHeaderValue(a.ContentType); err != nil {
		return "", nil, err // the parser would trim a line break away
	}
	kind, params, err = mime.ParseMediaType(a.ContentType)
	switch {
	case err != nil || !strings.Contains(kind, "/"):
		return "", nil, errors.New("not a media type such as application/pdf")
	case strings.HasPrefix(kind, "multipart/") || strings.HasPrefix(kind, "message/"):
		// RFC 2046 section 5.2.1 allows no base64 there.
		return "", nil, errors.New("multipart and message types cannot be attached: use application/octet-stream")
	case mime.FormatMediaType(kind, params) == "":
		return "", nil, errors.New("not a media type that can be written")
	}
	return kind, params, nil
}

// typeByName knows common extensions. The system's table is not asked: the same
// request would become another message on another machine.
func typeByName(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".pdf":
		return "application/pdf"
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".gif":
		return "image/gif"
	case ".webp":
		return "image/webp"
	case ".txt":
		return "text/plain"
	case ".csv":
		return "text/csv"
	case ".html", ".htm":
		return "text/html"
	case ".ics":
		return "text/calendar"
	case ".json":
		return "application/json"
	case ".xml":
		return "application/xml"
	case ".zip":
		return "application/zip"
	case ".docx":
		return "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	case ".xlsx":
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case ".pptx":
		return "application/vnd.openxmlformats-officedocument.presentationml.presentation"
	}
	return "application/octet-stream"
}
