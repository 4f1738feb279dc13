package gmail

import "gatepost/internal/provider"

// Places implements provider.Placed.
func (a *account) Places() []provider.Place {
	return []provider.Place{provider.PlaceOf(a.base, a.deps.RootCAs)}
}

// Places implements provider.Placed: the API is asked only for what SMTP cannot tell.
func (s *submitter) Places() []provider.Place {
	return append(s.Login.Places(), s.api.Places()...)
}

// Uses implements provider.Scoped.
func (a *account) Uses() []provider.TokenUse {
	uses := []provider.TokenUse{{For: "send", Scopes: []string{a.sendScope}}}
	if a.settings.DraftFence {
		uses[0].For = "draft"
	}
	if a.settings.mayLook() {
		uses = append(uses, provider.TokenUse{For: "look", Scopes: []string{a.lookScope}})
	}
	return uses
}

// Uses implements provider.Scoped: one token does for all.
func (s *submitter) Uses() []provider.TokenUse {
	return []provider.TokenUse{{For: "smtp", Scopes: []string{ScopeMail}}}
}

var (
	_ provider.Scoped = (*account)(nil)
	_ provider.Scoped = (*submitter)(nil)
	_ provider.Placed = (*account)(nil)
	_ provider.Placed = (*submitter)(nil)
)
