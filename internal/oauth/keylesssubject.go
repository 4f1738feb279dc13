package oauth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// subjectToken is an outside issuer's token, a JWT. It is not verified here: Google
// does that.
type subjectToken struct {
	value   email.Secret
	subject string // its sub claim
	expires int64  // its exp claim; 0: it has none
}

// read gets the outside token. Nothing of what was read gets into an error: the file
// or address may hold something else than a token.
func (s *subjectSource) read(ctx context.Context, client *http.Client, now time.Time) (subjectToken, error) {
	var text []byte
	var err error
	if s.File != "" {
		text, err = s.readFile()
	} else {
		text, err = s.ask(ctx, client, now)
	}
	if err != nil {
		return subjectToken{}, err
	}
	value := strings.TrimSpace(string(text))
	if s.Format.Type == formatJSON {
		var all map[string]json.RawMessage
		if json.Unmarshal(text, &all) != nil || json.Unmarshal(all[s.Format.Field], &value) != nil {
			return subjectToken{}, s.unusable(fmt.Sprintf("holds no JSON with the field %q", clip(s.Format.Field)), nil)
		}
	}
	t, err := parseSubject(value)
	if err != nil {
		return t, s.unusable(err.Error(), nil)
	}
	return t, s.inTime(t, now)
}

// inTime refuses a token that ended a while ago: Google would, and would not say which
// file it was.
func (s *subjectSource) inTime(t subjectToken, now time.Time) error {
	const leeway = 5 * time.Minute // of clocks
	ended := time.Unix(t.expires, 0).UTC()
	if t.expires <= 0 || now.Before(ended.Add(leeway)) {
		return nil
	}
	what := "What the address of the outside token (credential_source.url) gives"
	if s.File != "" {
		what = "The token in the file of the outside token (credential_source.file, " + provider.CleanReply(s.File) + ")"
	}
	return Held(CauseSubjectExpired, fmt.Sprintf("%s expired at %s.", what, ended.Format(time.RFC3339)),
		"See why what renews it (a projected volume, an agent) has stopped, and check this machine's clock; then release the account.", nil)
}

// parseSubject wants the form of a JWT (RFC 7519 section 3).
func parseSubject(value string) (subjectToken, error) {
	errNotOne := errors.New("holds no JWT")
	if value == "" {
		return subjectToken{}, errors.New("is empty")
	}
	parts := strings.Split(value, ".")
	if len(parts) != 3 {
		return subjectToken{}, errNotOne
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(part); err != nil || part == "" {
			return subjectToken{}, errNotOne
		}
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	var claims struct {
		Subject string  `json:"sub"`
		Expires float64 `json:"exp"`
	}
	if json.Unmarshal(decoded[0], &header) != nil || header.Algorithm == "" || json.Unmarshal(decoded[1], &claims) != nil {
		return subjectToken{}, errNotOne
	}
	return subjectToken{email.NewSecret(value), claims.Subject, int64(min(claims.Expires, latest))}, nil
}

// readFile reads the file anew each time: whoever puts tokens there replaces them.
func (s *subjectSource) readFile() ([]byte, error) {
	info, err := os.Stat(s.File)
	if err != nil {
		return nil, s.unusable("cannot be read ("+fileTrouble(err)+")", err)
	}
	if !info.Mode().IsRegular() { // to open a pipe would wait for its writer
		return nil, s.unusable("is not a regular file", nil)
	}
	f, err := os.Open(s.File)
	if err != nil {
		return nil, s.unusable("cannot be read ("+fileTrouble(err)+")", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxKeylessAnswer))
	if err != nil {
		return nil, s.unusable("cannot be read", err)
	}
	return text, nil
}

func fileTrouble(err error) string {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "it does not exist"
	case errors.Is(err, os.ErrPermission):
		return "gatepost's user may not"
	}
	return "see the server's disk"
}

// ask gets the token from an address. Only its status is told of a refusal.
func (s *subjectSource) ask(ctx context.Context, client *http.Client, now time.Time) ([]byte, error) {
	if strings.HasPrefix(s.URL, "http:") {
		client = onLink()
	}
	resp, body, err := call{method: http.MethodGet, address: s.URL, header: s.Headers}.do(ctx, client)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return body, nil
	}
	e := provider.Classify(provider.Answer{
		Stage: provider.StageToken, Code: resp.StatusCode, Text: "(the address of the outside token)",
		RetryAfter: resp.Header.Get("Retry-After"), About: provider.About{Vendor: provider.VendorGoogle},
	}, now)
	e.Cause, e.Text, e.No, e.Link = CauseSubjectToken, "The address of the outside token (credential_source.url) gives none.", "", ""
	e.Fix = "Ask it from the server that runs gatepost, with the headers of credential_source; it must answer 200 with the token."
	return nil, e
}

// The causes of errors about the outside token before it is shown to Google.
const (
	CauseSubjectToken   = "subject_token_unusable"
	CauseSubjectExpired = "subject_token_expired" // as the catalogue calls it
)

// latest is a time far off that a number of seconds can say.
const latest = 1 << 40

func (s *subjectSource) unusable(how string, err error) error {
	if s.File == "" {
		return Held(CauseSubjectToken, "What the address of the outside token (credential_source.url) gives "+how+".",
			"Check url, headers and format of credential_source: it must give the outside issuer's JWT.", err)
	}
	return Held(CauseSubjectToken, fmt.Sprintf("The file of the outside token (credential_source.file, %s) %s.", provider.CleanReply(s.File), how),
		"Let what makes the outside token (a projected volume of Kubernetes, an agent) write the JWT there on every node of gatepost, readable for gatepost's user; then release the account.", err)
}
