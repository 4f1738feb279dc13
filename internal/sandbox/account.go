package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
)

// Domain is the Workspace domain of the simulated Google: each of its addresses
// is a user, but for the two below.
const Domain = "acme.example"

const (
	userUnknown = "nobody@" + Domain   // no such user
	userNoGmail = "no-gmail@" + Domain // a user without a Gmail licence
)

// serviceAccount is an account of a program, with one key, and the scopes that
// the Workspace administrator has delegated to it for all users of the domain.
type serviceAccount struct {
	email    string
	clientID string
	keyID    string
	key      *rsa.PublicKey
	scopes   map[string]bool
}

// keyFile is a service-account key as Google hands it out.
type keyFile struct {
	Type           string `json:"type"`
	ProjectID      string `json:"project_id"`
	PrivateKeyID   string `json:"private_key_id"`
	PrivateKey     string `json:"private_key"`
	ClientEmail    string `json:"client_email"`
	ClientID       string `json:"client_id"`
	AuthURI        string `json:"auth_uri"`
	TokenURI       string `json:"token_uri"`
	AuthCertURL    string `json:"auth_provider_x509_cert_url"`
	ClientCertURL  string `json:"client_x509_cert_url"`
	UniverseDomain string `json:"universe_domain"`
}

const sandboxProject = "acme-sandbox"

// newAccount makes a service account and returns its key file.
func (g *google) newAccount(scopes []string) []byte {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic("sandbox: make a key: " + err.Error()) // the system's random source cannot fail
	}
	return g.keyFile(g.keepAccount(scopes, key), key)
}

// keepAccount makes the service account of a key.
func (g *google) keepAccount(scopes []string, key *rsa.PrivateKey) *serviceAccount {
	a := &serviceAccount{
		email:    "gatepost-" + strings.ToLower(rand.Text()[:8]) + "@" + sandboxProject + ".iam.gserviceaccount.com",
		clientID: randomDigits(21),
		keyID:    randomHex(20),
		key:      &key.PublicKey,
		scopes:   map[string]bool{},
	}
	for _, s := range scopes {
		a.scopes[s] = true
	}
	g.mu.Lock()
	g.accounts[a.email] = a
	g.mu.Unlock()
	return a
}

// keyID is the id of an account's key.
func (g *google) keyID(address string) string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if a := g.accounts[address]; a != nil {
		return a.keyID
	}
	return ""
}

func (g *google) keyFile(a *serviceAccount, key *rsa.PrivateKey) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic("sandbox: encode a key: " + err.Error()) // an RSA key always can be
	}
	file, err := json.MarshalIndent(keyFile{
		Type:           "service_account",
		ProjectID:      sandboxProject,
		PrivateKeyID:   a.keyID,
		PrivateKey:     string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		ClientEmail:    a.email,
		ClientID:       a.clientID,
		AuthURI:        "https://accounts.google.com/o/oauth2/auth",
		TokenURI:       g.tokenURL(),
		AuthCertURL:    "https://www.googleapis.com/oauth2/v1/certs",
		ClientCertURL:  "https://www.googleapis.com/robot/v1/metadata/x509/" + strings.ReplaceAll(a.email, "@", "%40"),
		UniverseDomain: "googleapis.com",
	}, "", "  ")
	if err != nil {
		panic("sandbox: write a key file: " + err.Error()) // strings always can be
	}
	return append(file, '\n')
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func randomDigits(n int) string {
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n-1)), nil)
	d, err := rand.Int(rand.Reader, limit)
	if err != nil {
		return "1" + strings.Repeat("0", n-1)
	}
	return d.Add(d, limit).String()
}
