package microsoft

import "gatepost/internal/provider"

// Places implements provider.Placed.
func (a *account) Places() []provider.Place {
	return []provider.Place{provider.PlaceOf(a.base, a.deps.RootCAs)}
}

// Places implements provider.Placed: Graph is asked only where Sent Items may be read.
func (s *submitter) Places() []provider.Place {
	if s.settings.MayLook {
		return append(s.Login.Places(), s.graph.Places()...)
	}
	return s.Login.Places()
}

// Uses implements provider.Scoped.
func (a *account) Uses() []provider.TokenUse {
	uses := []provider.TokenUse{{For: "send", Scopes: a.scopes(toSend)}}
	if a.settings.DraftFence {
		uses = append(uses, provider.TokenUse{For: "draft", Scopes: a.scopes(toDraft)})
	}
	if a.settings.mayLook() {
		uses = append(uses, provider.TokenUse{For: "look", Scopes: a.scopes(toLook)})
	}
	return uses
}

// Uses implements provider.Scoped.
func (s *submitter) Uses() []provider.TokenUse {
	uses := []provider.TokenUse{{For: "smtp", Scopes: []string{s.settings.scope()}}}
	if s.settings.MayLook {
		uses = append(uses, provider.TokenUse{For: "look", Scopes: s.graph.scopes(toLook)})
	}
	return uses
}

var (
	_ provider.Scoped = (*account)(nil)
	_ provider.Scoped = (*submitter)(nil)
	_ provider.Placed = (*account)(nil)
	_ provider.Placed = (*submitter)(nil)
)
