package smtp

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// The ways to sign in with a token.
const (
	XOAUTH2     = "xoauth2"     // developers.google.com/workspace/gmail/imap/xoauth2-protocol
	OAuthBearer = "oauthbearer" // RFC 7628
)

// Bearer is an account at a server for submission that takes an OAuth token in
// place of a password.
type Bearer struct {
	Host      string
	Port      int
	TLS       string // "starttls" or "implicit"
	Mailbox   string // who signs in, and the sender that Prove tries
	Mechanism string // XOAUTH2 or OAuthBearer; empty: the latter where it is offered

	MaxConnections int
	Scope          string // what the token must allow; for advice
	// About names what else an advice must name; nil: nothing.
	About func() provider.About
	// Token gives a token; renew asks for another than the one that was refused.
	Token func(ctx context.Context, renew bool) (email.Secret, error)
}

// Login is an open account at a server for submission.
type Login interface {
	provider.Provider
	provider.Closer
	provider.Prover
	provider.Placed
}

// OpenBearer opens such an account. A token that is refused is renewed once for
// each connection.
func OpenBearer(b Bearer, deps provider.Deps) (Login, error) {
	if b.Token == nil {
		return nil, errors.New("open an account at " + b.Host + ": no source of tokens given")
	}
	if b.Mailbox == "" || strings.ContainsFunc(b.Mailbox, unwanted) {
		return nil, fmt.Errorf("open an account at %s: %q is not the address of a mailbox", b.Host, b.Mailbox)
	}
	s := settings{Host: b.Host, Port: b.Port, TLS: b.TLS, User: b.Mailbox, Hello: ownName(), MaxConnections: b.MaxConnections}
	acc := newAccount(s, b.Mailbox, deps)
	acc.bearer = &b
	return acc, nil
}

// choose picks the mechanism from what EHLO offers.
func (b *Bearer) choose(offered string) string {
	wanted := []string{b.Mechanism}
	if b.Mechanism == "" {
		wanted = []string{OAuthBearer, XOAUTH2}
	}
	return firstOffered(wanted, offered)
}

// present signs in with a token.
func (a *account) present(ctx context.Context, s *session, renew bool) (mechanism string, problem *provider.Error) {
	if mechanism = a.bearer.choose(s.offers["AUTH"]); mechanism == "" {
		return "", &provider.Error{
			Class: provider.Hold, Scope: provider.ScopeAccount, Cause: "auth_not_offered",
			Text:  "The server does not offer to sign in with a token (OAUTHBEARER or XOAUTH2).",
			Fix:   "Check host and TLS mode, and the account's mechanism if one is set; smtp.gmail.com offers both after TLS.",
			Reply: provider.CleanReply(strings.TrimSpace("AUTH " + s.offers["AUTH"])),
		}
	}
	token, err := a.bearer.Token(ctx, renew)
	if err != nil {
		return "", credentialError(err, "token")
	}
	first, end := a.bearer.words(mechanism, token)
	return strings.ToUpper(mechanism), a.askBearer(s, "AUTH "+strings.ToUpper(mechanism)+" "+first, end, token)
}

// askBearer says the token. A server that refuses it tells why in a challenge,
// waits for the client to end the exchange and only then gives its reply (RFC
// 7628 section 3.2.3).
func (a *account) askBearer(s *session, line, end string, token email.Secret) *provider.Error {
	s.veil = func(text string) string { return scrub(text, []string{line, strings.Fields(line)[2]}, token) }
	defer func() { s.veil = nil }()
	r, err := s.say(line)
	why := ""
	if err == nil && r.code == 334 {
		why = challenge(r.text)
		r, err = s.say(end)
	}
	if err != nil {
		return a.noReply(provider.StageBearer, err)
	}
	if r.code == 235 {
		return nil
	}
	r.text = scrub(strings.TrimSpace(r.text+" "+why), []string{line, strings.Fields(line)[2]}, token)
	return a.problem(provider.StageBearer, r)
}

// words are the client's first message and the one that ends a refused exchange.
func (b *Bearer) words(mechanism string, token email.Secret) (first, end string) {
	encode := base64.StdEncoding.EncodeToString
	if mechanism == XOAUTH2 {
		return encode([]byte("user=" + b.Mailbox + "\x01auth=Bearer " + token.Reveal() + "\x01\x01")), ""
	}
	name := strings.NewReplacer("=", "=3D", ",", "=2C").Replace(b.Mailbox) // saslname, RFC 5801 section 4
	return encode([]byte("n,a=" + name + ",\x01host=" + b.Host + "\x01port=" + strconv.Itoa(b.Port) +
		"\x01auth=Bearer " + token.Reveal() + "\x01\x01")), encode([]byte{1})
}

// challenge is what a server says of a token that it refuses, in words: base64 of
// {"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}.
func challenge(text string) string {
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || !bytes.HasPrefix(bytes.TrimSpace(decoded), []byte("{")) {
		return ""
	}
	var said struct {
		Status  json.RawMessage `json:"status"` // text with Google, a number with others
		Schemes string          `json:"schemes"`
		Scope   string          `json:"scope"`
	}
	if json.Unmarshal(decoded, &said) != nil {
		return ""
	}
	var words []string
	for _, w := range [][2]string{{"status", strings.Trim(string(said.Status), `"`)}, {"schemes", said.Schemes}, {"scope", said.Scope}} {
		if w[1] != "" {
			words = append(words, w[0]+" "+w[1])
		}
	}
	return "(" + strings.Join(words, ", ") + ")"
}
