package smtp

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// signIn proves who we are, with a token or by PLAIN or else LOGIN, and tells how.
// It runs only after TLS, or on loopback.
func (a *account) signIn(ctx context.Context, s *session, renew bool) (how string, problem *provider.Error) {
	switch {
	case a.bearer != nil:
		return a.present(ctx, s, renew)
	case a.settings.User == "":
		return "", nil
	}
	mechanism := firstOffered([]string{"PLAIN", "LOGIN"}, s.offers["AUTH"])
	if mechanism == "" {
		return "", &provider.Error{
			Class: provider.Hold, Scope: provider.ScopeAccount, Cause: "auth_not_offered",
			Text:  "The server offers no sign-in by password (PLAIN or LOGIN).",
			Fix:   "Check port and TLS mode. Where only OAuth is offered, connect the mailbox through its API; a relay that needs no sign-in wants an account without user.",
			Reply: provider.CleanReply(strings.TrimSpace("AUTH " + s.offers["AUTH"])),
		}
	}
	return mechanism, a.sayPassword(ctx, s, mechanism)
}

func (a *account) sayPassword(ctx context.Context, s *session, mechanism string) *provider.Error {
	password, problem := a.password(ctx)
	if problem != nil {
		return problem
	}
	lines := conversation(mechanism, a.settings.User, password)
	s.veil = func(text string) string { return scrub(text, lines, password) }
	defer func() { s.veil = nil }()
	for i, line := range lines {
		r, err := s.say(line)
		switch {
		case err != nil:
			return a.noReply(provider.StageAuth, err)
		case r.code == 235:
			return nil
		case r.code != 334 || i == len(lines)-1:
			r.text = scrub(r.text, lines, password)
			return a.problem(provider.StageAuth, r)
		}
	}
	return nil
}

// firstOffered is the first of the wanted mechanisms that EHLO offers.
func firstOffered(wanted []string, offered string) string {
	for _, mechanism := range wanted {
		for word := range strings.FieldsSeq(offered) {
			if strings.EqualFold(word, mechanism) {
				return mechanism
			}
		}
	}
	return ""
}

// conversation is what the client says, line by line: PLAIN at once (RFC 4616),
// LOGIN name and password as they are asked for, whatever words ask.
func conversation(mechanism, user string, password email.Secret) []string {
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	if mechanism == "PLAIN" {
		return []string{"AUTH PLAIN " + encode("\x00"+user+"\x00"+password.Reveal())}
	}
	return []string{"AUTH LOGIN", encode(user), encode(password.Reveal())}
}

// scrub takes the password or token out of a reply that repeats what it was told.
func scrub(text string, said []string, password email.Secret) string {
	for _, line := range said {
		word := strings.TrimPrefix(strings.TrimPrefix(line, "AUTH PLAIN "), "AUTH LOGIN")
		if len(word) > 3 {
			text = strings.ReplaceAll(text, word, "[redacted]")
		}
	}
	if !password.Empty() {
		text = strings.ReplaceAll(text, password.Reveal(), "[redacted]")
	}
	return text
}

// credentialError keeps the class of an error that came with one.
func credentialError(err error, what string) *provider.Error {
	if e, ok := errors.AsType[*provider.Error](err); ok {
		return e
	}
	return &provider.Error{
		Class: provider.Retry, Scope: provider.ScopeAccount, Cause: what + "_unavailable", Err: err,
		Text: "gatepost could not get the account's " + what + ".", Fix: "Look in gatepost's log why. Where its database takes no writes, mend that first.",
	}
}
