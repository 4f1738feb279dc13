package sandbox

import (
	"encoding/base64"
	"strings"
)

// auth is AUTH (RFC 4954) with XOAUTH2, whose data come with the command or after
// 334
// (learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth).
func (t *exchangeTalk) auth(arg string) {
	mechanism, initial, given := strings.Cut(strings.TrimSpace(arg), " ")
	switch mechanism = strings.ToUpper(mechanism); {
	case t.hello == "":
		t.reply(503, "5.5.2", "Send hello first "+t.name())
		return
	case !t.secure:
		t.reply(530, "5.7.0", "Must issue a STARTTLS command first "+t.name())
		return
	case t.pass != nil || t.begun:
		t.reply(503, "5.5.2", "Already authenticated "+t.name())
		return
	case mechanism == "LOGIN":
		t.password(given)
		return
	case mechanism != "XOAUTH2":
		t.reply(504, "5.7.4", "Unrecognized authentication type "+t.name())
		return
	}
	if !given {
		t.say("334 ")
		line, err := t.line()
		if err != nil {
			return
		}
		initial = line
	}
	data, err := base64.StdEncoding.DecodeString(initial)
	user, token, ok := saslToken("XOAUTH2", string(data))
	if err != nil || !ok {
		t.refuseAuth(exchangeError{code: 501, enhanced: "5.5.121", text: "Invalid XOAUTH2 argument"})
		return
	}
	t.judge(user, token)
}

// password refuses a login by password: it is off for tenants of today.
func (t *exchangeTalk) password(given bool) {
	prompts := []string{"VXNlcm5hbWU6", "UGFzc3dvcmQ6"}
	if given {
		prompts = prompts[1:]
	}
	user := ""
	for _, p := range prompts {
		t.say("334 " + p)
		line, err := t.line()
		if err != nil {
			return
		}
		if p == "VXNlcm5hbWU6" {
			user = line
		}
	}
	e, _ := exchangeFault("basic_auth")
	if name, err := base64.StdEncoding.DecodeString(user); err == nil {
		if asked, ok := t.authFault(string(name)); ok {
			e = asked
		}
	}
	t.refuseAuth(e)
}

// refuseAuth answers at once, without the challenge that Google sends.
func (t *exchangeTalk) refuseAuth(e exchangeError) {
	t.reply(e.code, e.enhanced, e.text+" "+t.name())
}

// authFault is what shall go wrong when a mailbox signs in.
func (t *exchangeTalk) authFault(user string) (exchangeError, bool) {
	p := t.door.plan(atAuth, []string{user}, nil, "")
	switch p.outcome.name {
	case faultExchange:
		return exchangeFault(p.outcome.arg)
	case faultUnauthorized:
		return exchangeFault("auth")
	case faultTooManyLogins:
		return exchangeFault("auth_busy")
	}
	return exchangeError{}, false
}

func (t *exchangeTalk) judge(user, token string) {
	if e, ok := t.authFault(user); ok {
		t.refuseAuth(e)
		return
	}
	p, box, name := t.door.microsoft.mayMail(user, token)
	if name != "" {
		e, _ := exchangeFault(name)
		t.refuseAuth(e)
		return
	}
	t.pass, t.box = p, box
	t.sit()
	t.reply(235, "2.7.0", textSuccessful)
}

const textSuccessful = "Authentication successful"

// mayMail says by which error of Exchange a token is refused for a mailbox; "" where
// it is good. The token must be for Outlook and of the mailbox's tenant; a user needs
// SMTP.Send and the right to the mailbox. An app needs a service principal under the
// right object id; with the role SMTP.SendAsApp in the token FullAccess counts, and
// without it the roles of RBAC for Applications do.
func (m *microsoft) mayMail(user, token string) (*pass, *entraUser, string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, alive := m.passOf(token)
	box := m.user(user)
	if !alive || box == nil || !box.mailbox() || p.of != outlook || p.tenant != box.tenant {
		return nil, nil, "auth"
	}
	allowed := p.has("SMTP.Send") && p.mayOpen(box)
	if p.user == nil {
		allowed = p.known() && (p.has("SMTP.SendAsApp") && p.mayOpen(box) || !p.has("SMTP.SendAsApp") && p.inRole(box, "SMTP.SendAsApp"))
	}
	if !allowed {
		return nil, nil, "auth"
	}
	switch box.smtpAuthOff() {
	case "Mailbox":
		return nil, nil, "smtp_auth_mailbox"
	case "Tenant":
		return nil, nil, "smtp_auth_tenant"
	}
	return p, box, ""
}
