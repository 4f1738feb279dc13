package sandbox

import (
	"slices"
	"strings"
)

// Scopes of the Gmail API.
const (
	scopeFull     = "https://mail.google.com/"
	scopePrefix   = "https://www.googleapis.com/auth/"
	scopeModify   = scopePrefix + "gmail.modify"
	scopeReadonly = scopePrefix + "gmail.readonly"
	scopeMetadata = scopePrefix + "gmail.metadata"
	scopeCompose  = scopePrefix + "gmail.compose"
	scopeSend     = scopePrefix + "gmail.send"
	scopeLabels   = scopePrefix + "gmail.labels"
	scopeSettings = scopePrefix + "gmail.settings.basic"
	scopeEmail    = scopePrefix + "userinfo.email"
	scopeProfile  = scopePrefix + "userinfo.profile"
)

// method is a method of the Gmail API with the scopes any of which allows it
// (from Google's discovery document, gmail v1, revision 20261005).
type method struct {
	name   string // as Google's error names it
	scopes []string
}

func methodSend() method {
	return method{"SendMessage", []string{scopeFull, scopeModify, scopeCompose, scopeSend}}
}

func methodWriteDrafts(name string) method {
	return method{name, []string{scopeFull, scopeModify, scopeCompose}}
}

func methodReadDrafts(name string) method {
	return method{name, []string{scopeFull, scopeModify, scopeCompose, scopeReadonly}}
}

func methodList() method {
	return method{"ListMessages", []string{scopeFull, scopeModify, scopeReadonly, scopeMetadata}}
}

func methodGet() method {
	return method{"GetMessage", []string{scopeFull, scopeModify, scopeReadonly, scopeMetadata}}
}

func methodProfile() method {
	return method{"GetProfile", []string{scopeFull, scopeModify, scopeCompose, scopeReadonly, scopeMetadata}}
}

func methodAttachment() method {
	return method{"GetAttachment", []string{scopeFull, scopeModify, scopeReadonly}}
}

func methodLabels() method {
	return method{"ListLabels", []string{scopeFull, scopeModify, scopeReadonly, scopeLabels, scopeMetadata}}
}

func methodListSendAs() method {
	return method{"ListSendAs", []string{scopeSettings, scopeReadonly, scopeModify, scopeFull}}
}

func methodGetSendAs() method {
	return method{"GetSendAs", []string{scopeSettings, scopeReadonly, scopeModify, scopeFull}}
}

// covers tells whether a grant allows a method.
func (g grant) covers(m method) bool {
	return slices.ContainsFunc(g.scopes, func(s string) bool { return slices.Contains(m.scopes, s) })
}

// has tells whether a grant has a scope.
func (g grant) has(scope string) bool { return slices.Contains(g.scopes, scope) }

// headersOnly tells whether a grant shows no more of a message than its header.
func (g grant) headersOnly() bool {
	return !slices.ContainsFunc(g.scopes, func(s string) bool {
		return s == scopeFull || s == scopeModify || s == scopeReadonly
	})
}

// knownScope tells whether Google would know a scope: of Google's own names any
// is taken, because other rooms of the world may be asked for with them.
func knownScope(s string) bool {
	if s == scopeFull || s == "openid" || s == "email" || s == "profile" {
		return true
	}
	name, ok := strings.CutPrefix(s, scopePrefix)
	return ok && name != "" && name != "gmail"
}

// fullScopes reads a list of scopes; the short names of OpenID Connect become
// Google's own, as Google answers them.
func fullScopes(list string) []string {
	var out []string
	for _, s := range strings.Fields(list) {
		switch s {
		case "email":
			s = scopeEmail
		case "profile":
			s = scopeProfile
		}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func unknownScopes(list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), knownScope)
}

// signIn tells whether a scope only says who the user is: those are agreed to by
// signing in and have no box to tick.
func signIn(s string) bool { return s == "openid" || s == scopeEmail || s == scopeProfile }

func onlySignIn(list []string) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !signIn(s) })
}

// union joins two lists of scopes.
func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
