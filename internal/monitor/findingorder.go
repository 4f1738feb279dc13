package monitor

import (
	"cmp"
	"slices"

	"gatepost/internal/oauth"
)

// same tells whether two findings are one, about several accounts: about the same thing
// of theirs, or in the same words.
func (f *Finding) same(o *Finding) bool {
	if f.Check != o.Check || f.Cause != o.Cause || f.Severity != o.Severity {
		return false
	}
	return f.on != "" && f.on == o.on || f.What == o.What && f.Fix == o.Fix
}

// Why mail waits for a person: a single message, and what is paused.
const (
	heldMail   = "held"
	pausedMail = "paused"
)

// causes tells whether f explains another finding about the same account: what lies
// below tokens and permissions explains all that is tried over it, those explain the
// sign-in that needs them, and anything explains what came of it.
func (f *Finding) causes(o *Finding) bool {
	switch {
	case o.Check == CheckMail && o.Cause == heldMail:
		return false // it waits for a person, whatever is mended
	case o.Check == CheckMail && o.Cause == pausedMail:
		return f.Check == CheckState && f.Cause == pausedMail
	case f.Check == CheckState: // mail waits for it, and nothing else
		return o.Check == CheckMail && o.outcome && f.Cause != pausedMail
	case o.Check == CheckEnd:
		return f.Severity == Broken && f.Check == CheckCredential && f.renews(o)
	case f.Check.depth() < CheckSettings.depth() && refusedHere(o.Cause):
		return false // nobody was asked
	case f.Severity != Broken || f.outcome || f.Check == CheckSender && !o.outcome:
		return false
	case o.outcome:
		return true
	case o.Check == CheckTooMany || o.Check == CheckLimits || o.Check.depth() < f.Check.depth():
		return false
	case f.Check.depth() < CheckScopes.depth():
		return true
	case f.Check == CheckScopes:
		return o.Check == CheckSignIn || o.Check == CheckMailbox
	}
	return o.Check == f.Check || f.Check == CheckMailbox
}

// refusedHere tells whether gatepost itself refuses a credential, whatever the way to its
// provider is like.
func refusedHere(cause string) bool {
	return slices.Contains([]string{"credential_unusable", "key_unusable", oauth.CauseNotAllowed}, cause)
}

// folded puts the findings about one account into their order, what follows from
// another one beneath it.
func folded(list []Finding) []Finding {
	slices.SortStableFunc(list, byDepth)
	var roots []Finding
next:
	for _, f := range list {
		for i := range roots {
			if roots[i].causes(&f) {
				roots[i].Follows = append(roots[i].Follows, f)
				continue next
			}
		}
		roots = append(roots, f)
	}
	return roots
}

// byDepth puts what is broken before what is not, and then the deepest first. What
// only came of something comes after what may be its cause.
func byDepth(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(rank(a.Severity), rank(b.Severity)),
		cmp.Compare(a.Check.depth(), b.Check.depth()),
	)
}

func rank(s Severity) int {
	if s == Broken {
		return 0
	}
	return 1
}

// merged joins findings that are the same for several accounts.
func merged(list []Finding) []Finding {
	var out []Finding
	for _, f := range list {
		i := slices.IndexFunc(out, func(o Finding) bool { return o.same(&f) })
		if i < 0 {
			out = append(out, f)
			continue
		}
		out[i].Accounts = append(out[i].Accounts, f.Accounts...)
		out[i].Follows = append(out[i].Follows, f.Follows...)
		for _, c := range f.Commands {
			if out[i].on == "" && !slices.Contains(out[i].Commands, c) {
				out[i].Commands = append(out[i].Commands, c)
			}
		}
	}
	return out
}
