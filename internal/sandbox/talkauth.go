package sandbox

import (
	"encoding/base64"
	"slices"
	"strings"
)

// auth is AUTH (RFC 4954) with a token: XOAUTH2 of Google or OAUTHBEARER
// (RFC 7628).
func (t *talk) auth(arg string) {
	mechanism, initial, given := strings.Cut(arg, " ")
	mechanism = strings.ToUpper(mechanism)
	switch {
	case t.hello == "":
		t.reply(503, "5.5.1", "EHLO/HELO first.")
		return
	case t.door.relay:
		t.reply(502, "5.5.1", "Unrecognized command.")
		return
	case !t.secure:
		t.reply(530, "5.7.0", "Must issue a STARTTLS command first.")
		return
	case t.user != "" || t.begun:
		t.reply(503, "5.5.1", "MAIL or AUTH was given already.")
		return
	case slices.Contains([]string{"PLAIN", "LOGIN", "PLAIN-CLIENTTOKEN", "XOAUTH"}, mechanism):
		t.password(mechanism, given)
		return
	case mechanism != "XOAUTH2" && mechanism != "OAUTHBEARER":
		t.reply(504, "5.7.4", "Unrecognized Authentication Type")
		return
	}
	if !given {
		t.say("334 ")
		line, err := t.line()
		if err != nil || line == "*" {
			t.reply(501, "5.5.2", "Cannot Decode response")
			return
		}
		initial = line
	}
	t.judgeToken(mechanism, initial)
}

// password refuses a login by password: users who sign in with two steps have
// none here.
func (t *talk) password(mechanism string, given bool) {
	rounds := 1
	if mechanism == "LOGIN" {
		rounds = 2
	}
	if given {
		rounds--
	}
	for _, prompt := range []string{"VXNlcm5hbWU6", "UGFzc3dvcmQ6"}[:rounds] {
		t.say("334 " + prompt)
		if _, err := t.line(); err != nil {
			return
		}
	}
	t.reply(534, "5.7.9", "Application-specific password required. For more information, go to",
		" https://support.google.com/mail/?p=InvalidSecondFactor")
}

func (t *talk) judgeToken(mechanism, initial string) {
	data, err := base64.StdEncoding.DecodeString(initial)
	if err != nil {
		t.reply(501, "5.5.2", "Cannot Decode response")
		return
	}
	user, token, ok := saslToken(mechanism, string(data))
	if !ok {
		t.reply(501, "5.5.2", "Cannot Decode response")
		return
	}
	p := t.door.plan(atAuth, []string{user}, nil)
	if p.is(faultTooManyLogins) {
		t.reply(454, "4.7.0", "Too many login attempts, please try again later. For more information, go to",
			" https://support.google.com/mail/answer/7126229")
		return
	}
	if p.is(faultSMTP) {
		t.refuse(p.outcome, false)
		return
	}
	status := t.door.google.mayMail(user, token)
	if status == "" && !p.is(faultUnauthorized) {
		t.user = strings.ToLower(user)
		t.reply(235, "2.7.0", "Accepted")
		return
	}
	t.challenge(status)
}

// saslToken takes a client's only message apart.
func saslToken(mechanism, message string) (user, token string, ok bool) {
	parts := strings.Split(message, "\x01")
	if mechanism == "XOAUTH2" {
		user, ok = strings.CutPrefix(parts[0], "user=")
	} else { // gs2-header, RFC 7628 section 3.1
		user, ok = strings.CutPrefix(parts[0], "n,a=")
		user = strings.TrimSuffix(user, ",")
	}
	n := len(parts)
	if !ok || n < 4 || parts[n-1] != "" || parts[n-2] != "" {
		return "", "", false
	}
	for _, p := range parts[1 : n-2] {
		if scheme, rest, found := strings.Cut(p, " "); found && strings.EqualFold(scheme, "auth=Bearer") {
			return user, rest, true
		}
	}
	return "", "", false
}

// mayMail says what is wrong with a token for SMTP: nothing, or the status of the
// challenge.
func (g *google) mayMail(user, token string) string {
	g.mu.RLock()
	got, known := g.tokens[token]
	g.mu.RUnlock()
	switch {
	case !known:
		return "400"
	case !got.expires.After(g.now()):
		return "401"
	case !slices.Contains(got.scopes, scopeFull) || !strings.EqualFold(got.user, user) || got.user == userNoGmail:
		return "400"
	}
	return ""
}

// challenge says why in base64 and JSON; the client must answer with one more
// line before it hears the refusal.
func (t *talk) challenge(status string) {
	if status == "" {
		status = "400"
	}
	t.say("334 " + base64.StdEncoding.EncodeToString(
		[]byte(`{"status":"`+status+`","schemes":"Bearer","scope":"`+scopeFull+`"}`)))
	if _, err := t.line(); err != nil {
		return
	}
	t.reply(535, "5.7.8", "Username and Password not accepted. For more information, go to",
		" https://support.google.com/mail/?p=BadCredentials")
}
