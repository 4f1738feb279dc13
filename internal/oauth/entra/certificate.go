package entra

import (
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/oauth"
	"gatepost/internal/oauth/rsakey"
	"gatepost/internal/provider"
)

// certificate is one that is registered with an app, and its private key.
type certificate struct {
	leaf *x509.Certificate
	key  *rsa.PrivateKey
}

// maxPEM is far above any certificate with its chain and key.
const maxPEM = 64 << 10

// makePEM is the advice for files of other forms.
const makePEM = "make PEM of it: openssl pkcs12 -in FILE.pfx -nodes -out app.pem, or openssl x509 -inform der -in FILE.cer -out app.pem"

// readCertificate reads a certificate and its private key, which may be in one text.
// Nothing of them gets into a problem.
func readCertificate(certText, keyText string) (*certificate, oauth.KeyFileError) {
	var found pemFile
	if problem := found.add(certText); problem != "" {
		return nil, fieldError("certificate", problem)
	}
	if problem := found.add(keyText); problem != "" {
		return nil, fieldError("key", problem)
	}
	switch {
	case len(found.certificates) == 0:
		return nil, fieldError("certificate", "is missing: there is a private key alone; give the certificate that is registered with the app")
	case found.key == nil:
		return nil, fieldError("key", "is missing: there is a certificate alone; give its private key too, or a file with both")
	}
	for _, leaf := range found.certificates {
		if public, ok := leaf.PublicKey.(*rsa.PublicKey); ok && public.Equal(&found.key.PublicKey) {
			return &certificate{leaf, found.key}, nil
		}
	}
	if _, ok := found.certificates[0].PublicKey.(*rsa.PublicKey); !ok {
		return nil, fieldError("certificate", notRSA)
	}
	return nil, fieldError("key", "belongs to another certificate: give the private key that this certificate was made with")
}

const notRSA = "is not of RSA, and Entra ID takes signatures of RSA keys alone (PS256): " +
	"make another, such as openssl req -x509 -newkey rsa:2048 -nodes -days 365 -keyout key.pem -out cert.pem -subj /CN=gatepost"

func fieldError(field, problem string) oauth.KeyFileError {
	return oauth.KeyFileError{provider.FieldError{Field: field, Message: problem}}
}

// pemFile is what texts in PEM hold.
type pemFile struct {
	certificates []*x509.Certificate
	key          *rsa.PrivateKey
}

// add reads all blocks of a text, and says what is wrong with it.
func (p *pemFile) add(text string) (problem string) {
	if text == "" {
		return ""
	}
	if len(text) > maxPEM {
		return "is larger than 64 KiB: no certificate or key is"
	}
	rest, blocks := []byte(rsakey.Lines(text)), 0
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		blocks++
		if problem := p.addBlock(block); problem != "" {
			return problem
		}
	}
	switch {
	case blocks > 0:
		return ""
	case strings.Contains(text, "-----BEGIN"):
		return "is damaged: no PEM block with its line ends could be found; give the whole file"
	}
	return "is not PEM, which begins with -----BEGIN: " + makePEM
}

func (p *pemFile) addBlock(block *pem.Block) (problem string) {
	switch block.Type {
	case "CERTIFICATE":
		leaf, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return "is damaged: its certificate cannot be read"
		}
		p.certificates = append(p.certificates, leaf)
		return ""
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
		return p.addKey(block)
	case "EC PARAMETERS": // stands before a key of that kind
		return ""
	case "ENCRYPTED PRIVATE KEY":
		return encryptedKey
	case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
		return "is a request for a certificate, not a certificate"
	case "PUBLIC KEY", "RSA PUBLIC KEY":
		return "is a public key: give the certificate and its private key"
	}
	return "holds a block that is neither a certificate nor a private key"
}

const encryptedKey = "is sealed with a passphrase: take it off with openssl pkey -in FILE -out key.pem; gatepost's vault seals it again"

func (p *pemFile) addKey(block *pem.Block) (problem string) {
	if strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
		return encryptedKey
	}
	key, err := rsakey.Parse(block.Bytes)
	switch {
	case errors.Is(err, rsakey.ErrNotRSA):
		return notRSA
	case errors.Is(err, rsakey.ErrSize):
		return fmt.Sprintf("is not of %d to %d bits: make another", rsakey.FewestBits, rsakey.MostBits)
	case err != nil || rsakey.Try(key) != nil:
		return "is damaged: its private key cannot sign"
	case p.key != nil && !p.key.Equal(key):
		return "is one of two private keys: give that of the certificate alone"
	}
	p.key = key
	return ""
}

// outdated says whether the certificate is not valid now.
func (c *certificate) outdated(now time.Time) oauth.KeyFileError {
	const day = "2 January 2006"
	switch {
	case now.After(c.leaf.NotAfter):
		return fieldError("certificate", "expired on "+c.leaf.NotAfter.UTC().Format(day)+": make a new one and register it with the app at "+appsPage)
	case now.Before(c.leaf.NotBefore.Add(-clockSlack)):
		return fieldError("certificate", "is not valid before "+c.leaf.NotBefore.UTC().Format(day)+": wait, or check this machine's clock (NTP)")
	}
	return nil
}

// thumbprint is the SHA-1 of the certificate, in hexadecimal digits: the name that
// Entra's pages show. Nothing is proven by it.
func (c *certificate) thumbprint() string {
	sum := sha1.Sum(c.leaf.Raw)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// pem writes certificate and key.
func (c *certificate) pem() (cert, key string, err error) {
	der, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		return "", "", err
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return block("CERTIFICATE", c.leaf.Raw), block("PRIVATE KEY", der), nil
}
