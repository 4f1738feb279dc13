package compose

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/textproto"
	"path"
	"strings"
	"unicode/utf8"

	"gatepost/internal/email"
)

// maxContentType keeps a type with encoded parameters on one line.
const maxContentType = 200

// entity is the file as a part. Its parameters are as RFC 2231 has them: encoded
// words in quotes are what RFC 2047 section 5 forbids.
func (a Attachment) entity() *entity {
	header := textproto.MIMEHeader{
		"Content-Type":              {a.contentType()},
		"Content-Transfer-Encoding": {"base64"},
		"Content-Disposition":       {"attachment" + param("filename", a.Filename)},
	}
	if a.ContentID != "" {
		header["Content-Disposition"] = []string{"inline" + param("filename", a.Filename)}
		header["Content-ID"] = []string{"<" + a.ContentID + ">"}
	}
	return &entity{header: header, body: func(w io.Writer) error { return writeBase64(w, a.Content) }}
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
