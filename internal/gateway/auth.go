package gateway

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/queue"
)

// mechanisms of AUTH (RFC 4954), the simplest first: each has an API key as its
// secret.
var mechanisms = []string{"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"}

// login is what a client said to log in.
type login struct {
	user, secret string
	bearer       bool // said as a token: the refusal has a form of its own
}

// auth is AUTH.
func (c *conn) auth(arg string) {
	mechanism, initial, _ := strings.Cut(arg, " ")
	mechanism = strings.ToUpper(mechanism)
	switch {
	case c.mode == Open:
		c.wrong(503, "5.5.1", "no login is needed here: this address is trusted")
	case !c.greeted:
		c.wrong(503, "5.5.1", "say EHLO first")
	case c.known.Load():
		c.wrong(503, "5.5.1", "you are logged in already")
	case c.mail != nil:
		c.wrong(503, "5.5.1", "log in before MAIL")
	case !c.mayLogIn():
		c.wrong(538, "5.7.11", c.needsTLS(initial != ""))
	case !slices.Contains(mechanisms, mechanism):
		c.wrong(504, "5.5.4", "unknown way to log in: one of "+strings.Join(mechanisms, ", "))
	default:
		c.logIn(mechanism, initial)
	}
}

// needsTLS says how to get to a login.
func (c *conn) needsTLS(said bool) string {
	how := "say STARTTLS first (in most programs: encryption STARTTLS)"
	if c.s.TLS == nil {
		how = "this gatepost has no certificate for SMTP: set tls-cert and tls-key, or list this network in smtp-plain"
	}
	if said {
		how += "; the key has just crossed the network readably: replace it if others could listen"
	}
	return "no login without TLS: " + how
}

func (c *conn) logIn(mechanism, initial string) {
	l, err := c.credentials(mechanism, initial)
	var form misspoken
	switch {
	case errors.Is(err, errCancelled):
		c.wrong(501, "5.7.0", "the login was given up")
		return
	case errors.As(err, &form):
		c.wrong(501, "5.5.2", mechanism+": "+form.Error())
		return
	case err != nil:
		c.broken(err)
		c.over = true
		return
	}
	c.judge(l)
}

var errCancelled = errors.New("the client has given up")

// misspoken is how a login is not of its mechanism's form.
type misspoken string

func (m misspoken) Error() string { return string(m) }

const (
	notBase64   misspoken = "what was said is no base64 (RFC 4648 section 4)"
	nothingSaid misspoken = "neither a user nor a key was said: fill in both in the program"
	asAnother   misspoken = "it asks to act as somebody else than the user that logs in: leave that identity empty"
	notPlain    misspoken = "what was said is base64, but not of NUL, user, NUL, key (RFC 4616)"
	notBearer   misspoken = "what was said is base64, but not of a user and auth=Bearer with the key (RFC 7628 section 3.1; XOAUTH2 of Google)"
)

// credentials asks for what a mechanism needs.
func (c *conn) credentials(mechanism, initial string) (l login, err error) {
	switch mechanism {
	case "LOGIN":
		return c.byLogin(initial)
	case "PLAIN":
		said, err := c.answerTo("", initial)
		if err != nil {
			return l, err
		}
		return plain(said)
	}
	said, err := c.answerTo("", initial)
	if err != nil {
		return l, err
	}
	return bearer(mechanism, said)
}

// byLogin is LOGIN, as draft-murchison-sasl-login-00 has it: two questions.
func (c *conn) byLogin(initial string) (l login, err error) {
	user, err := c.answerTo("Username:", initial)
	if err != nil {
		return l, err
	}
	secret, err := c.answerTo("Password:", "")
	return login{user: user, secret: secret}, err
}

// plain is PLAIN (RFC 4616): the identity to act as may only be the own.
func plain(said string) (l login, err error) {
	parts := strings.Split(said, "\x00")
	switch {
	case strings.Trim(said, "\x00") == "":
		return l, nothingSaid
	case len(parts) != 3:
		return l, notPlain
	case parts[0] != "" && parts[0] != parts[1]:
		return l, asAnother
	}
	return login{user: parts[1], secret: parts[2]}, nil
}

// bearer is OAUTHBEARER (RFC 7628 section 3.1) and XOAUTH2, Google's and Microsoft's
// form of the same, with an API key in place of the token.
func bearer(mechanism, said string) (l login, err error) {
	parts := strings.Split(said, "\x01")
	first, ok := strings.CutPrefix(parts[0], "user=")
	if mechanism == "OAUTHBEARER" {
		first, ok = strings.CutPrefix(parts[0], "n,")
		first = strings.TrimSuffix(strings.TrimPrefix(first, "a="), ",")
	}
	for _, p := range parts[1:] {
		scheme, token, found := strings.Cut(p, " ")
		if found && strings.EqualFold(scheme, "auth=Bearer") {
			l.secret = token
		}
	}
	switch {
	case said == "":
		return l, nothingSaid
	case !ok || l.secret == "":
		return l, notBearer
	}
	l.user, l.bearer = strings.NewReplacer("=2C", ",", "=3D", "=").Replace(first), true
	return l, nil
}

// answerTo asks a question, unless the answer came with the command.
func (c *conn) answerTo(question, initial string) (string, error) {
	if initial == "" {
		c.say("334 " + base64.StdEncoding.EncodeToString([]byte(question)))
		line, err := c.line(maxLogin)
		if err != nil {
			return "", err
		}
		c.tell("client", mask)
		initial = string(line)
	}
	switch initial {
	case "*":
		return "", errCancelled
	case "=": // RFC 4954 section 4: empty
		return "", nil
	}
	b, err := base64.StdEncoding.DecodeString(initial)
	if err != nil {
		return "", notBase64
	}
	return string(b), nil
}

// judge lets a client in, or says why not. A wrong password harms nothing: it is
// counted, and answered more slowly where there are many.
func (c *conn) judge(l login) {
	ctx, cancel := context.WithTimeout(c.s.ctx, loginTime)
	defer cancel()
	g, account, err := c.decide(ctx, l)
	var no *notIn
	switch {
	case errors.As(err, &no):
		c.refuse(l, no.why)
	case err != nil:
		c.s.Log.Error("an SMTP login could not be decided", "client", c.client, "err", err)
		c.reply(454, "4.7.0", "the login cannot be decided now, because the database does not answer: try again")
	default:
		c.grant, c.secret, c.account, c.failures = g, email.NewSecret(strings.TrimSpace(l.secret)), account, 0
		c.known.Store(true)
		c.reply(235, "2.7.0", "welcome, "+g.KeyName)
	}
}

// loginTime ends a login whose database does not answer.
const loginTime = 30 * time.Second

// notIn is a login that was decided against; any other error is none of the client's.
type notIn struct{ why error }

func (e *notIn) Error() string { return e.why.Error() }

// decide finds the key and the account that a client means.
func (c *conn) decide(ctx context.Context, l login) (g access.Grant, account string, err error) {
	if l.swapped() {
		return g, "", &notIn{errors.New("user and password are swapped: the API key is the password")}
	}
	g, err = c.s.Keys.Authenticate(ctx, strings.TrimSpace(l.secret), c.client)
	switch {
	case errors.Is(err, access.ErrUnauthenticated), errors.Is(err, access.ErrNetwork):
		return g, "", &notIn{err}
	case err != nil:
		return g, "", err
	case !g.May(access.ScopeMessagesSend):
		return g, "", &notIn{fmt.Errorf("this API key may not send: it lacks the scope %s", access.ScopeMessagesSend)}
	}
	account, err = c.accountOf(ctx, g, l)
	return g, account, err
}

// swapped tells whether the key stands in the place of the user, and none in its own.
func (l login) swapped() bool { return keyForm.MatchString(l.user) && !keyForm.MatchString(l.secret) }

// name is the user as it may be shown: some programs, and people, give the key there too.
func (l login) name() string {
	if keyForm.MatchString(l.user) {
		return "[an API key, not shown]"
	}
	return oneLine(l.user)
}

// accountOf is the account that a client means by its user name: the name and the id
// of the key mean the one that may send as From, and so does the key itself, which mail
// services ask for in both fields.
func (c *conn) accountOf(ctx context.Context, g access.Grant, l login) (string, error) {
	user := strings.TrimSpace(l.user)
	if user == "" || strings.EqualFold(user, g.KeyName) || user == g.Key || user == strings.TrimSpace(l.secret) {
		return "", nil
	}
	id, err := c.s.Engine.AccountNamed(ctx, g, user)
	switch {
	case errors.Is(err, queue.ErrNotFound):
		return "", &notIn{fmt.Errorf("the API key is right, but the user %.200q is neither its name (%s) nor an account or pool", l.name(), g.KeyName)}
	case errors.Is(err, queue.ErrForbidden):
		return "", &notIn{fmt.Errorf("the API key is right, but it may not send by %.200q", l.name())}
	}
	return id, err
}

// refuse tells why a client may not log in, after the pause that so many failures
// have earned its network.
func (c *conn) refuse(l login, err error) {
	wait := c.s.Keys.Attempts.Failed(c.client)
	c.s.Log.Info("an SMTP login was refused", "client", c.client, "user", l.name(), "err", err)
	if !c.pause(wait) {
		c.broken(errEnding)
		c.over = true
		return
	}
	if l.bearer { // RFC 7628 section 3.2.3; the client answers with an empty response
		c.say("334 " + base64.StdEncoding.EncodeToString([]byte(`{"status":"invalid_token","schemes":"bearer","scope":""}`)))
		if _, err := c.line(maxLogin); err != nil {
			c.broken(err)
			c.over = true
			return
		}
	}
	c.reply(535, "5.7.8", loginText(err))
	if c.failures++; c.failures >= c.s.Limits.LoginFailures {
		c.reply(421, "4.7.0", "too many failed logins: the connection is closed; nothing is locked")
		c.close()
	}
}

// loginText is an error without its class, which the code says.
func loginText(err error) string {
	return strings.TrimPrefix(err.Error(), access.ErrUnauthenticated.Error()+": ")
}

// still asks again whether the key is good, as the API does for each request: one that was
// removed, or has expired, ends the connection.
func (c *conn) still() bool {
	if c.trusted != nil {
		return true
	}
	ctx, cancel := context.WithTimeout(c.s.ctx, loginTime)
	defer cancel()
	g, err := c.s.Keys.Authenticate(ctx, c.secret.Reveal(), c.client)
	switch {
	case err == nil:
		c.grant = g
		return true
	case errors.Is(err, access.ErrUnauthenticated), errors.Is(err, access.ErrNetwork):
		c.reply(421, "4.7.0", "the login is no longer good: "+loginText(err))
		c.close()
	default:
		c.s.Log.Error("an API key could not be looked up", "client", c.client, "err", err)
		c.reply(451, "4.3.0", "the database does not answer: try again a little later")
	}
	return false
}
