package oauth

import (
	"slices"
	"strings"
)

// Purpose is what gatepost wants to do with a mailbox. Each has the narrowest
// scope that allows it (developers.google.com/workspace/gmail/api/auth/scopes).
type Purpose string

// The purposes.
const (
	PurposeSend   Purpose = "send"   // send mail through the Gmail API
	PurposeLook   Purpose = "look"   // look at headers in Sent, to settle what became of a send
	PurposeDraft  Purpose = "draft"  // make drafts and send them, to settle what became of a send
	PurposeRead   Purpose = "read"   // read mail
	PurposeModify Purpose = "modify" // read, send, and change labels
	PurposeSMTP   Purpose = "smtp"   // sign in at smtp.gmail.com
)

// Scopes of Google that gatepost knows by name.
const (
	scopePrefix   = "https://www.googleapis.com/auth/"
	ScopeSend     = scopePrefix + "gmail.send"
	ScopeMetadata = scopePrefix + "gmail.metadata"
	ScopeReadonly = scopePrefix + "gmail.readonly"
	ScopeModify   = scopePrefix + "gmail.modify"
	ScopeCompose  = scopePrefix + "gmail.compose"
	ScopeSettings = scopePrefix + "gmail.settings.basic"
	ScopeFull     = "https://mail.google.com/"
	ScopeOpenID   = "openid"
	ScopeEmail    = "email"
	// scopeEmailLong is how Google writes "email" in its answers.
	scopeEmailLong = scopePrefix + "userinfo.email"
)

// Purposes lists all purposes, the narrowest first.
func Purposes() []Purpose {
	return []Purpose{PurposeSend, PurposeLook, PurposeDraft, PurposeRead, PurposeModify, PurposeSMTP}
}

// Scope is the narrowest scope for a purpose; empty for an unknown one.
func (p Purpose) Scope() string {
	switch p {
	case PurposeSend:
		return ScopeSend
	case PurposeLook:
		return ScopeMetadata
	case PurposeDraft:
		return ScopeCompose
	case PurposeRead:
		return ScopeReadonly
	case PurposeModify:
		return ScopeModify
	case PurposeSMTP:
		return ScopeFull
	}
	return ""
}

// ParsePurpose reads the name of a purpose.
func ParsePurpose(s string) (Purpose, bool) {
	p := Purpose(s)
	return p, p.Scope() != ""
}

// ScopesFor lists the scopes to ask a user for, one for each purpose, so that a
// box left unticked costs only its own purpose. The exception is looking beside
// reading: a token that holds gmail.metadata is shown headers alone, whatever
// else it holds, so the wider scope stands for both.
func ScopesFor(ps []Purpose) []string {
	var scopes []string
	for _, p := range Purposes() {
		if slices.Contains(ps, p) {
			scopes = append(scopes, p.Scope())
		}
	}
	return slices.DeleteFunc(scopes, func(s string) bool {
		return s == ScopeMetadata && slices.ContainsFunc(scopes, showsBodies)
	})
}

func showsBodies(scope string) bool {
	return scope != ScopeMetadata && Covers([]string{scope}, ScopeReadonly)
}

// Granted lists the purposes that these scopes allow.
func Granted(scopes []string) []Purpose {
	var out []Purpose
	for _, p := range Purposes() {
		if Covers(scopes, p.Scope()) {
			out = append(out, p)
		}
	}
	return out
}

// Covers tells whether one of the granted scopes is the wanted one or a wider
// one (the lists of scopes per method in Google's discovery document).
func Covers(granted []string, scope string) bool {
	scope = short(scope)
	return slices.ContainsFunc(granted, func(g string) bool {
		return short(g) == scope || slices.Contains(narrower(g), scope)
	})
}

// narrower lists what a scope allows besides itself.
func narrower(scope string) []string {
	switch scope {
	case ScopeFull:
		return append([]string{ScopeModify}, narrower(ScopeModify)...)
	case ScopeModify:
		return []string{ScopeReadonly, ScopeMetadata, ScopeCompose, ScopeSend, scopePrefix + "gmail.insert", scopePrefix + "gmail.labels"}
	case ScopeReadonly:
		return []string{ScopeMetadata}
	case ScopeCompose:
		return []string{ScopeSend}
	}
	return nil
}

// short writes the scope of the address as it is asked for.
func short(scope string) string {
	if scope == scopeEmailLong {
		return ScopeEmail
	}
	return scope
}

// splitScopes reads the scope field of an answer (RFC 6749 section 3.3).
func splitScopes(s string) []string {
	scopes := strings.Fields(s)
	slices.Sort(scopes)
	return slices.Compact(scopes)
}
