package entra

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/oauth"
	"gatepost/internal/oauth/endpoint"
)

// PurposeShared is to send for shared mailboxes too, with whatever else is asked for
// reaching into them; the other purposes are package oauth's.
const PurposeShared oauth.Purpose = "shared"

// defaultScope stands for all permissions of a resource that were agreed to.
const defaultScope = ".default"

// openID are the scopes that belong to no resource. offline_access is what a refresh
// token is given for.
func openID() []string { return []string{"openid", "profile", "email", "offline_access"} }

// Purposes lists all purposes, the narrowest first.
func Purposes() []oauth.Purpose { return append(oauth.Purposes(), PurposeShared) }

// ParsePurpose reads the name of a purpose.
func ParsePurpose(s string) (oauth.Purpose, bool) {
	return oauth.Purpose(s), slices.Contains(Purposes(), oauth.Purpose(s))
}

// permissions are what a purpose needs, the least
// (learn.microsoft.com/graph/permissions-reference). A draft is written and then sent,
// which are two.
func permissions(p oauth.Purpose, r Resources) []string {
	graph := func(names ...string) []string {
		for i := range names {
			names[i] = r.Graph + "/" + names[i]
		}
		return names
	}
	switch p {
	case oauth.PurposeSend:
		return graph("Mail.Send")
	case oauth.PurposeLook:
		return graph("Mail.ReadBasic")
	case oauth.PurposeDraft:
		return graph("Mail.ReadWrite", "Mail.Send")
	case oauth.PurposeRead:
		return graph("Mail.Read")
	case oauth.PurposeModify:
		return graph("Mail.ReadWrite")
	case oauth.PurposeSMTP:
		return []string{r.Outlook + "/SMTP.Send"}
	case PurposeShared:
		return graph("Mail.Send.Shared")
	}
	return nil
}

// ScopesFor lists the scopes to ask a user for, none that another one covers. With
// PurposeShared, what is asked for reading or writing mail is asked for shared
// mailboxes too.
func ScopesFor(ps []oauth.Purpose, r Resources) []string {
	var scopes []string
	for _, p := range Purposes() {
		if slices.Contains(ps, p) {
			scopes = append(scopes, permissions(p, r)...)
		}
	}
	if slices.Contains(ps, PurposeShared) {
		scopes = append(scopes, intoShared(scopes, r)...)
	}
	var needed []string
	for i, s := range scopes {
		if !Covers(needed, s) && !Covers(scopes[i+1:], s) {
			needed = append(needed, s)
		}
	}
	return needed
}

// intoShared are the forms of reading and writing that reach shared mailboxes.
func intoShared(scopes []string, r Resources) []string {
	switch {
	case Covers(scopes, r.Graph+"/Mail.ReadWrite"):
		return []string{r.Graph + "/Mail.ReadWrite.Shared"}
	case Covers(scopes, r.Graph+"/Mail.ReadBasic"):
		return []string{r.Graph + "/Mail.Read.Shared"}
	}
	return nil
}

// Granted lists the purposes that these scopes allow.
func Granted(scopes []string, r Resources) []oauth.Purpose {
	var out []oauth.Purpose
	for _, p := range Purposes() {
		if !slices.ContainsFunc(permissions(p, r), func(s string) bool { return !Covers(scopes, s) }) {
			out = append(out, p)
		}
	}
	return out
}

// Covers tells whether one of the granted scopes is the wanted one or a wider one.
// Capital letters do not count.
func Covers(granted []string, scope string) bool {
	resource, name := split(scope)
	return slices.ContainsFunc(granted, func(g string) bool {
		ofResource, has := split(g)
		return ofResource == resource && (has == name || has == defaultScope || slices.Contains(narrower(has), name))
	})
}

// narrower lists what a permission allows besides itself, of reading and writing.
// Sending is a permission of its own.
func narrower(name string) []string {
	switch name {
	case "mail.readwrite":
		return []string{"mail.read", "mail.readbasic"}
	case "mail.read":
		return []string{"mail.readbasic"}
	case "mail.readwrite.shared":
		return []string{"mail.read.shared", "mail.readwrite", "mail.read", "mail.readbasic"}
	case "mail.read.shared":
		return []string{"mail.read", "mail.readbasic"}
	}
	return nil
}

// split takes a scope apart, in a form that compares: a name alone is one of Graph in
// the global cloud, or of OpenID Connect, which has no resource.
func split(scope string) (resource, name string) {
	scope = strings.ToLower(scope)
	if i := strings.LastIndexByte(scope, '/'); i >= 0 {
		return strings.TrimRight(scope[:i], "/"), scope[i+1:]
	}
	if slices.Contains(openID(), scope) {
		return "", scope
	}
	return Global.Resources().Graph, scope
}

// Resource is what a scope belongs to; empty for those of OpenID Connect.
func Resource(scope string) string {
	resource, _ := split(scope)
	return resource
}

// OneResource is the resource of all scopes. A token is for one, so scopes of two in
// one request are an error, which says what to do.
func OneResource(scopes []string) (string, error) {
	one := ""
	for _, s := range scopes {
		switch resource := Resource(s); {
		case resource == "" || resource == one:
		case one == "":
			one = resource
		default:
			return "", fmt.Errorf("the scopes are of two resources, %s and %s, and a token is for one: ask for one token for each",
				endpoint.Clip(one, 80), endpoint.Clip(resource, 80))
		}
	}
	if one == "" {
		return "", errors.New("the scopes name no resource: ask for one such as https://graph.microsoft.com/Mail.Send")
	}
	return one, nil
}

// OfResource are those scopes that belong to a resource.
func OfResource(scopes []string, resource string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return Resource(s) != resource })
}

// resources lists what the scopes belong to, in order.
func resources(scopes []string) []string {
	var all []string
	for _, s := range scopes {
		if r := Resource(s); r != "" && !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}

// answered are the scopes of an answer. Graph's are often named without the resource.
func answered(said, resource string) []string {
	scopes := strings.Fields(said)
	for i, s := range scopes {
		if !strings.Contains(s, "/") && !slices.Contains(openID(), strings.ToLower(s)) {
			scopes[i] = resource + "/" + s
		}
	}
	return scopes
}

// appScopes checks the scopes of an app that acts by itself: .default of one resource
// is all that there is (learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow).
func appScopes(scopes []string) error {
	if _, err := OneResource(scopes); err != nil {
		return err
	}
	for _, s := range scopes {
		if _, name := split(s); name != defaultScope {
			return fmt.Errorf("an app by itself asks for %s of a resource, not for %s: what it may do is set in Entra (API permissions, type Application)",
				defaultScope, endpoint.Clip(s, 120))
		}
	}
	return nil
}
