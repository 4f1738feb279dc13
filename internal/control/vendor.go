package control

import (
	"slices"

	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
)

// The transports that a user's consent can serve.
const (
	transportGmail         = "gmail"
	transportSMTP          = "gmail_smtp"
	transportMicrosoft     = "microsoft"
	transportMicrosoftSMTP = "microsoft_smtp"
)

// vendor is what differs between the providers whose mailboxes users and
// administrators open to gatepost.
type vendor interface {
	// name is what people call it.
	name() string
	// clientKind is the kind of credential that asks users for consent, and userKind
	// the one that a consent makes.
	clientKind() string
	userKind() string
	// api and smtp are its transports.
	api() string
	smtp() string
	// purposes lists what its mailboxes can be used for, the narrowest first.
	purposes() []oauth.Purpose
	// scopes are those to ask a user for.
	scopes(ps []oauth.Purpose) []string
	// covers tells whether granted scopes allow another one.
	covers(granted []string, scope string) bool
	// allows tells whether granted scopes are enough for a purpose.
	allows(granted []string, p oauth.Purpose) bool
}

// vendorOf is the provider of a transport; Google's where it is none of these, which
// is a problem that others name.
func vendorOf(transport string) vendor {
	if transport == transportMicrosoft || transport == transportMicrosoftSMTP {
		return atMicrosoft{entra.Global.Resources()}
	}
	return atGoogle{}
}

// vendors lists all of them.
func vendors() []vendor { return []vendor{atGoogle{}, atMicrosoft{entra.Global.Resources()}} }

// isClient tells whether a kind of credential asks users for consent, isUser whether
// it is a user's consent.
func isClient(kind string) bool {
	return slices.ContainsFunc(vendors(), func(v vendor) bool { return v.clientKind() == kind })
}

func isUser(kind string) bool {
	return slices.ContainsFunc(vendors(), func(v vendor) bool { return v.userKind() == kind })
}

// vendorOfKind is the provider of a credential.
func vendorOfKind(kind string) vendor {
	if kind == KindMicrosoftApp || kind == KindMicrosoftUser {
		return atMicrosoft{entra.Global.Resources()}
	}
	return atGoogle{}
}

type atGoogle struct{}

func (atGoogle) name() string                               { return "Google" }
func (atGoogle) clientKind() string                         { return KindOAuthClient }
func (atGoogle) userKind() string                           { return KindGoogleUser }
func (atGoogle) api() string                                { return transportGmail }
func (atGoogle) smtp() string                               { return transportSMTP }
func (atGoogle) purposes() []oauth.Purpose                  { return oauth.Purposes() }
func (atGoogle) scopes(ps []oauth.Purpose) []string         { return oauth.ScopesFor(ps) }
func (atGoogle) covers(granted []string, scope string) bool { return oauth.Covers(granted, scope) }
func (atGoogle) allows(granted []string, p oauth.Purpose) bool {
	return oauth.Covers(granted, p.Scope())
}

// atMicrosoft is Microsoft 365, in the cloud that has these resources.
type atMicrosoft struct{ at entra.Resources }

func (atMicrosoft) name() string                         { return "Microsoft" }
func (atMicrosoft) clientKind() string                   { return KindMicrosoftApp }
func (atMicrosoft) userKind() string                     { return KindMicrosoftUser }
func (atMicrosoft) api() string                          { return transportMicrosoft }
func (atMicrosoft) smtp() string                         { return transportMicrosoftSMTP }
func (atMicrosoft) purposes() []oauth.Purpose            { return entra.Purposes() }
func (v atMicrosoft) scopes(ps []oauth.Purpose) []string { return entra.ScopesFor(ps, v.at) }
func (atMicrosoft) covers(granted []string, scope string) bool {
	return entra.Covers(granted, scope)
}

func (v atMicrosoft) allows(granted []string, p oauth.Purpose) bool {
	return slices.Contains(entra.Granted(granted, v.at), p)
}

// consentTransports are those that a user's consent can serve.
func consentTransports() []string {
	var all []string
	for _, v := range vendors() {
		all = append(all, v.api(), v.smtp())
	}
	return all
}
