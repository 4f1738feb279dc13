package email

import (
	"mime"
	"strings"
)

// fileName is the name of a part: of its disposition, else of its type. One that
// cannot be parsed is taken as it stands, up to the next quote or semicolon,
// because a forbidden type must not pass by being written badly.
func fileName(h Header, typeParams map[string]string) string {
	disposition := h.Value("Content-Disposition")
	_, params, _ := mime.ParseMediaType(disposition)
	name := params["filename"]
	if name == "" && params == nil {
		name = roughName(disposition, "filename=")
	}
	if name == "" {
		name = typeParams["name"]
	}
	if name == "" && typeParams == nil {
		name = roughName(h.Value("Content-Type"), "name=")
	}
	if decoded, err := words.DecodeHeader(name); err == nil {
		return decoded
	}
	return name
}

func roughName(value, param string) string {
	i := strings.Index(strings.ToLower(value), param)
	if i < 0 || i+len(param) > len(value) {
		return ""
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(value[i+len(param):], `"`), ";")
	name, _, _ = strings.Cut(name, `"`)
	return strings.TrimSpace(name)
}
