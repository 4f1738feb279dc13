package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"slices"
	"strings"

	"gatepost/internal/store"
)

// A password is for one server. Who may change accounts must not learn it by
// naming another one, so the first account that uses a credential ties it to the
// place in its settings: what is public of the credential says which.

// place is where a password is used, as far as that decides who gets it.
type place struct {
	For  string `json:"given_for"` // the same for people
	Host string `json:"host"`
	Port string `json:"port"`
	TLS  string `json:"tls"`
	User string `json:"user"`
	CA   string `json:"ca"` // SHA-256 of the certificates; empty: the system's authorities
}

// placeOf reads the settings of an account, as its transport completed them.
func placeOf(config json.RawMessage) (place, error) {
	var s struct {
		Host string      `json:"host"`
		Port json.Number `json:"port"`
		TLS  string      `json:"tls"`
		User string      `json:"user"`
		CA   string      `json:"ca"`
	}
	if err := json.Unmarshal(config, &s); err != nil {
		return place{}, err
	}
	host := strings.ToLower(strings.TrimSuffix(strings.Trim(s.Host, "[]"), "."))
	p := place{Host: host, Port: s.Port.String(), TLS: s.TLS, User: s.User, CA: fingerprint(s.CA)}
	p.For = net.JoinHostPort(p.Host, p.Port) + " " + p.TLS
	if p.User != "" {
		p.For += " user " + p.User
	}
	if p.CA != "" {
		p.For += " ca " + p.CA
	}
	return p, nil
}

// fingerprint tells certificates apart; the transport has written them in one form.
func fingerprint(pem string) string {
	if pem == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(pem))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// fit is a store.Fit: it ties a password to the place of its first account, and
// refuses another one as *Invalid.
func fit(a *store.Account, c store.Credential) (json.RawMessage, error) {
	if c.Kind != KindPassword {
		return nil, nil
	}
	want, err := placeOf(a.Config)
	if err != nil {
		return nil, err
	}
	if publicOf(c.Public, "given_for") == "" {
		return json.Marshal(want)
	}
	var wrong problems
	wrong.place(a.Transport, want, c.Public)
	return nil, wrong.err()
}

// place names every field in which a place differs from the password's own.
func (ps *problems) place(transport string, want place, public json.RawMessage) {
	for _, f := range []struct{ name, value string }{
		{"host", want.Host}, {"port", want.Port}, {"tls", want.TLS}, {"user", want.User}, {"ca", want.CA},
	} {
		if f.value == publicOf(public, f.name) {
			continue
		}
		ps.add(transport+"."+f.name, "the password was given for %s: to use another, make a new credential with the password (POST /v1/credentials), then name it together with these settings (PATCH of an account takes both in one request)",
			publicOf(public, "given_for"))
	}
}

// checkPlace finds out beforehand what fit would refuse, beside all else that is
// wrong.
func (c *Control) checkPlace(ctx context.Context, a *store.Account, wrong *problems) error {
	if a.Credential == "" || a.Config == nil || !slices.Contains(c.kinds[a.Transport].Credentials, KindPassword) {
		return nil
	}
	row, err := c.cfg.Store.Credential(ctx, a.Team, a.Credential)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = fit(a, row)
	if invalid, ok := errors.AsType[*Invalid](err); ok {
		*wrong = append(*wrong, invalid.Problems...)
		return nil
	}
	return err
}
