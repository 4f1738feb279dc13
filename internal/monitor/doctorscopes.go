package monitor

import (
	"slices"
	"strings"

	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
)

// tokens are the findings about what tokens allow beyond what is needed.
func (p *Patient) tokens(others []Finding) []Finding {
	if slices.ContainsFunc(others, func(f Finding) bool { return f.Check == CheckAudience }) {
		return nil
	}
	extra := p.tooMany()
	if len(extra) == 0 {
		return nil
	}
	f := Finding{
		Check: CheckTooMany, Severity: Warning, Cause: "scopes_too_many", on: p.Credential,
		What: "The credential allows more than its accounts need: " + strings.Join(extra, ", ") + ".",
		Why:  "They need " + strings.Join(p.Needs, ", ") + ": " + strings.Join(p.needed(), ", ") + ". Whoever got hold of the credential could do all of it.",
	}
	p.takeAway(&f, extra)
	return []Finding{f}
}

// tooMany are the permissions that no account of the credential needs.
func (p *Patient) tooMany() (extra []string) {
	extra = slices.Clone(p.Extra)
	granted := slices.Clone(p.Consented)
	for _, t := range p.Tokens {
		if !t.Opaque && (p.Microsoft() || p.Kind == "google_user") {
			granted = append(granted, t.allowed()...)
		}
	}
	need := p.needed()
	for _, g := range granted {
		name := nameOf(g)
		if !harmless(name) && !contains(need, name) && !slices.Contains(extra, name) {
			extra = append(extra, name)
		}
	}
	slices.Sort(extra)
	return slices.Compact(extra)
}

// nameOf is a permission without the address of its resource. Google's scopes are known
// by their last part, but for the one that has none.
func nameOf(scope string) string {
	if scope == oauth.ScopeFull {
		return scope
	}
	return scope[strings.LastIndexByte(scope, '/')+1:]
}

// harmless are those of signing in, which say who somebody is
// (learn.microsoft.com/entra/identity-platform/scopes-oidc).
func harmless(name string) bool {
	return contains([]string{"openid", "email", "profile", "offline_access", "User.Read", "userinfo.email", "userinfo.profile", ".default", ""}, name)
}

// needed are the names of the least permissions for what the accounts do.
func (p *Patient) needed() []string {
	var names []string
	add := func(scopes ...string) {
		for _, s := range scopes {
			if name := nameOf(s); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for _, need := range p.Needs {
		switch {
		case p.Google():
			add(oauth.Purpose(need).Scope())
		case p.Kind == "microsoft_app":
			add(rolesFor(need)...)
		default:
			add(entra.ScopesFor([]oauth.Purpose{oauth.Purpose(need)}, entra.Global.Resources())...)
			if contains(p.Needs, string(entra.PurposeShared)) {
				add(entra.ScopesFor([]oauth.Purpose{oauth.Purpose(need), entra.PurposeShared}, entra.Global.Resources())...)
			}
		}
	}
	if p.Google() { // one that is given stands for those that it covers
		names = slices.DeleteFunc(names, func(s string) bool { return s == "" })
	}
	return names
}

// rolesFor are the application permissions for a purpose
// (learn.microsoft.com/graph/permissions-reference).
func rolesFor(need string) []string {
	return map[string][]string{
		"send": {"Mail.Send"}, "draft": {"Mail.ReadWrite", "Mail.Send"}, "look": {"Mail.ReadBasic.All"}, "smtp": {"SMTP.SendAsApp"},
	}[need]
}

// takeAway says how to get rid of what is too much.
func (p *Patient) takeAway(f *Finding, extra []string) {
	switch {
	case p.Kind == "google_service_account" || p.Kind == "google_keyless":
		f.Who = WorkspaceAdmin
		f.Fix = "In https://admin.google.com/ac/owl/domainwidedelegation, client id " + orElse(p.ClientID, "of the service account") + ", Edit: leave only " +
			strings.Join(p.neededScopes(), ",") + "."
	case p.Google():
		f.Who = MailboxUser
		f.Fix = "Remove the app at https://myaccount.google.com/connections, then connect the mailbox again with fewer purposes."
		f.Commands = []string{"gatepost connect gmail " + p.Address + p.bySMTP() + " --purposes " + strings.Join(p.Needs, ",")}
	case p.Kind == "microsoft_app":
		f.Who = EntraAdmin
		f.Fix = "At https://entra.microsoft.com > App registrations > " + orElse(p.ClientID, "the app") + " > API permissions remove " + strings.Join(extra, ", ") +
			", and press Grant admin consent for what is left. Roles of Exchange (RBAC for Applications) hold for single mailboxes, permissions here for all."
		if contains(p.Needs, "look") && !p.holds("Mail.ReadBasic.All") {
			f.Fix = "First add Mail.ReadBasic.All there (it reads headers alone). " + f.Fix
		}
	default:
		f.Who = EntraAdmin
		f.Fix = "At https://entra.microsoft.com > Enterprise applications > " + orElse(p.ClientID, "the app") + " > Permissions revoke them, then connect the mailbox again with fewer purposes."
		f.Commands = []string{"gatepost connect microsoft " + p.Address + " --consent" + p.sharedWith() + p.bySMTP() + " --purposes " + strings.Join(p.Needs, ",")}
	}
}

func (p *Patient) neededScopes() (scopes []string) {
	for _, need := range p.Needs {
		scopes = append(scopes, oauth.Purpose(need).Scope())
	}
	return scopes
}

func (p *Patient) holds(role string) bool {
	return slices.ContainsFunc(p.Tokens, func(t Token) bool { return contains(t.Roles, role) })
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
