package sandbox

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// ClientOptions say what OAuth client to make.
type ClientOptions struct {
	// Type is "web" (the default) or "installed", a desktop app.
	Type string `json:"type"`
	// RedirectURIs must be matched exactly by a web client's redirect_uri. A
	// desktop app may use any port and path of the loopback address.
	RedirectURIs []string `json:"redirect_uris"`
	// Name is the app's name on the consent page.
	Name string `json:"name"`
	// Testing is the publishing status: refresh tokens then end 7 days after
	// consent.
	Testing bool `json:"testing"`
	// Internal lets only users of acme.example give consent.
	Internal bool `json:"internal"`
}

// Types of OAuth clients, as the top key of their files.
const (
	clientWeb       = "web"
	clientInstalled = "installed"
)

func (o ClientOptions) check() error {
	if o.Type != clientWeb && o.Type != clientInstalled {
		return fmt.Errorf("type must be web or installed, not %q", o.Type)
	}
	for _, uri := range o.RedirectURIs {
		u, err := url.Parse(uri)
		if err != nil || u.Host == "" || u.Fragment != "" || u.Scheme != "https" && !isLoopback(u) {
			return fmt.Errorf("redirect URI %q must be https, or http on the loopback address, without fragment", uri)
		}
	}
	return nil
}

// isLoopback tells whether a URI is http on this machine.
func isLoopback(u *url.URL) bool {
	return u.Scheme == "http" && slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, u.Hostname())
}

// oauthClient is an app that asks users for consent.
type oauthClient struct {
	ClientOptions
	id, secret string
}

// clientDetails are the values of a client file, under the client's type.
type clientDetails struct {
	ClientID     string   `json:"client_id"`
	ProjectID    string   `json:"project_id"`
	AuthURI      string   `json:"auth_uri"`
	TokenURI     string   `json:"token_uri"`
	AuthCertURL  string   `json:"auth_provider_x509_cert_url"`
	ClientSecret string   `json:"client_secret"`
	RedirectURIs []string `json:"redirect_uris,omitempty"`
}

// newClient makes an OAuth client and returns its file.
func (g *google) newClient(o ClientOptions) []byte {
	if o.Name == "" {
		o.Name = "gatepost"
	}
	if o.Type == clientInstalled && len(o.RedirectURIs) == 0 {
		o.RedirectURIs = []string{"http://localhost"}
	}
	c := &oauthClient{
		ClientOptions: o,
		id:            randomDigits(12) + "-" + strings.ToLower(rand.Text()) + ".apps.googleusercontent.com",
		secret:        "GOCSPX-" + rand.Text(),
	}
	g.mu.Lock()
	g.clients[c.id] = c
	g.mu.Unlock()
	file, err := json.MarshalIndent(map[string]clientDetails{o.Type: {
		ClientID: c.id, ProjectID: sandboxProject,
		AuthURI: g.url + "/o/oauth2/v2/auth", TokenURI: g.tokenURL(),
		AuthCertURL: g.url + "/oauth2/v3/certs", ClientSecret: c.secret, RedirectURIs: o.RedirectURIs,
	}}, "", "  ")
	if err != nil {
		panic("sandbox: write a client file: " + err.Error()) // strings always can be
	}
	return append(file, '\n')
}

func (g *google) client(id string) *oauthClient {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.clients[id]
}

// mayRedirect tells whether an answer may go to a URI: for a web client one of
// those registered, character by character; for a desktop app any port of the
// loopback address (RFC 8252 section 7.3).
func (c *oauthClient) mayRedirect(uri string) bool {
	if slices.Contains(c.RedirectURIs, uri) {
		return true
	}
	u, err := url.Parse(uri)
	return c.Type == clientInstalled && err == nil && isLoopback(u) && u.Fragment == "" && u.User == nil
}
