package oauth

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/oauth/endpoint"
	"gatepost/internal/provider"
)

// The kinds of OAuth clients, by the key in Google's file.
const (
	ClientWeb       = "web"       // registered redirect addresses, compared exactly
	ClientInstalled = "installed" // "Desktop app": the user's own machine, any port
)

// consolePage is where OAuth clients are made and their files downloaded.
const consolePage = "https://console.cloud.google.com/apis/credentials"

// Client is an OAuth client of a Google Cloud project. It never shows its secret.
type Client struct {
	kind      string
	id        string
	secret    email.Secret
	project   string
	redirects []string
}

// ID is the client id, which is no secret.
func (c *Client) ID() string { return c.id }

// Kind is ClientWeb or ClientInstalled.
func (c *Client) Kind() string { return c.kind }

// Project is the project's id; empty where it was not told.
func (c *Client) Project() string { return c.project }

// Redirects are the registered redirect addresses; empty where they were not told.
func (c *Client) Redirects() []string { return slices.Clone(c.redirects) }

// Format implements fmt.Formatter, so that no verb shows the secret, also not of
// a copy: fmt does not ask fields that are not exported.
func (c Client) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "OAuth client "+c.id) }

// clientFile is Google's JSON for a client, under "web" or "installed".
type clientFile struct {
	ID        string   `json:"client_id"`
	Secret    string   `json:"client_secret,omitempty"`
	Project   string   `json:"project_id,omitempty"`
	AuthURI   string   `json:"auth_uri,omitempty"`
	TokenURI  string   `json:"token_uri,omitempty"`
	Redirects []string `json:"redirect_uris,omitempty"`
}

// Marshal writes the client as Google's file, secret included: the form in which
// the vault keeps it and ParseClient reads it.
func (c *Client) Marshal() (email.Secret, error) {
	text, err := json.Marshal(map[string]clientFile{c.kind: {ID: c.id, Secret: c.secret.Reveal(), Project: c.project, Redirects: c.redirects}})
	if err != nil {
		return email.Secret{}, fmt.Errorf("write OAuth client %s: %w", c.id, err)
	}
	return email.NewSecret(string(text)), nil
}

// ParseClient reads the file that Google gives for an OAuth client. Errors are a
// KeyFileError that names every wrong field. A file that names other endpoints
// than Google's or these is refused; these are used in any case.
func ParseClient(fileJSON []byte, endpoints Endpoints) (*Client, error) {
	kind, f, err := decodeClientFile(fileJSON)
	if err != nil {
		return nil, err
	}
	wrong := append(f.check(kind), f.checkGoogle(endpoints)...)
	if len(wrong) > 0 {
		return nil, wrong
	}
	return &Client{kind: kind, id: f.ID, secret: email.NewSecret(f.Secret), project: f.Project, redirects: f.Redirects}, nil
}

// NewClient is a client given field by field. With no redirects nothing is known
// of what is registered. Errors are a KeyFileError.
func NewClient(kind, id string, secret email.Secret, redirects []string) (*Client, error) {
	if kind != ClientWeb && kind != ClientInstalled {
		return nil, KeyFileError{{Field: "type", Message: `must be "web" or "installed" (which Google's pages call a Desktop app)`}}
	}
	f := clientFile{ID: strings.TrimSpace(id), Secret: secret.Reveal(), Redirects: redirects}
	if wrong := f.check(kind); len(wrong) > 0 {
		return nil, wrong
	}
	return &Client{kind: kind, id: f.ID, secret: secret, redirects: slices.Clone(redirects)}, nil
}

// decodeClientFile finds the client in the file, or says what the file is instead.
func decodeClientFile(fileJSON []byte) (kind string, f clientFile, err error) {
	if len(fileJSON) > maxKeyFile {
		return "", f, fileError("larger than 64 KiB: not an OAuth client's file")
	}
	var all struct {
		Type      string      `json:"type"`
		Web       *clientFile `json:"web"`
		Installed *clientFile `json:"installed"`
	}
	if err := json.Unmarshal(withoutBOM(fileJSON), &all); err != nil {
		return "", f, fileError("not the JSON file that Google gave: download it again at " + consolePage)
	}
	switch {
	case all.Web != nil && all.Installed != nil:
		return "", f, fileError(`has both "web" and "installed": a file of Google's has one of them`)
	case all.Web != nil:
		return ClientWeb, *all.Web, nil
	case all.Installed != nil:
		return ClientInstalled, *all.Installed, nil
	}
	return "", f, KeyFileError{{Field: "type", Message: notAClient(all.Type)}}
}

// notAClient says what was given in place of an OAuth client's file.
func notAClient(found string) string {
	switch found {
	case "service_account":
		return "this is a service account's key, not an OAuth client: keep it as a credential of the kind google_service_account " +
			"(gatepost connect workspace), or download the OAuth client's file at " + consolePage
	case "authorized_user":
		return "this file holds a person's own login (gcloud), not an OAuth client: download the client's file at " + consolePage
	case "":
		return `has neither "web" nor "installed": download the OAuth client's file at ` + consolePage
	}
	return fmt.Sprintf("this is a file of type %q, not an OAuth client: download the client's file at %s", clip(found), consolePage)
}

// check looks at what holds for any client.
func (f clientFile) check(kind string) (wrong KeyFileError) {
	add := func(field, message string) {
		wrong = append(wrong, provider.FieldError{Field: field, Message: message})
	}
	if f.ID == "" {
		add("client_id", "is missing: copy it from "+consolePage)
	} else if strings.ContainsAny(f.ID, " \t\r\n\"") {
		add("client_id", "holds spaces or quotes: copy it again from "+consolePage)
	}
	switch {
	case f.Secret == "" && kind == ClientWeb: // an installed app has no secret that could be kept (RFC 8252 section 8.5)
		add("client_secret", "is missing: add a secret to the client at "+consolePage+" and download its file again")
	case strings.TrimSpace(f.Secret) != f.Secret || strings.ContainsAny(f.Secret, "\r\n\x00"):
		add("client_secret", "begins or ends with a space, or holds a line break: copy it again")
	}
	for i, r := range f.Redirects {
		if u, err := url.Parse(r); err != nil || u.Scheme == "" {
			add(fmt.Sprintf("redirect_uris.%d", i), "is not an address")
		}
	}
	return wrong
}

// checkGoogle looks at where a file comes from, and at the endpoints that it names.
func (f clientFile) checkGoogle(e Endpoints) (wrong KeyFileError) {
	add := func(field, message string) {
		wrong = append(wrong, provider.FieldError{Field: field, Message: message})
	}
	if e = e.orGoogle(); !e.Simulated() && f.ID != "" && !strings.HasSuffix(f.ID, ".apps.googleusercontent.com") {
		add("client_id", "does not end in .apps.googleusercontent.com: copy it again from "+consolePage)
	}
	if !knownEnd(f.TokenURI, tokenEnds(e.Token)) {
		add("token_uri", "must be "+orSimulated(GoogleTokenURL, e.Token)+": a client's secret is never sent elsewhere")
	}
	if !knownEnd(f.AuthURI, authEnds(e.Auth)) {
		add("auth_uri", "must be "+orSimulated(Google().Auth, e.Auth)+": users are never sent elsewhere to sign in")
	}
	return wrong
}

// clip keeps words from outside short in a sentence.
func clip(s string) string { return endpoint.Clip(s, 60) }
