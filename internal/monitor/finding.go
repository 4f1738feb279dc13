package monitor

import (
	"cmp"
	"slices"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
)

// Severity says how bad a finding is.
type Severity string

// The severities.
const (
	Broken  Severity = "broken"  // mail does not leave
	Warning Severity = "warning" // it leaves, and something should be mended
)

// Who can mend something.
type Who string

// Those who can.
const (
	You            Who = "you"                        // whoever runs this gatepost
	Machine        Who = "operator of this machine"   // its network, clock and disk
	WorkspaceAdmin Who = "Workspace super admin"      // of Google
	ExchangeAdmin  Who = "Exchange admin"             // of Microsoft 365
	EntraAdmin     Who = "Entra admin"                // of Microsoft 365
	MailboxUser    Who = "the mailbox's user"         // by signing in
	RelayAdmin     Who = "administrator of the relay" // or of whatever server takes the mail
	Provider       Who = "the provider"               // it passes by itself
)

// Check names what was looked at.
type Check string

// The checks, the deepest first: what is broken in one breaks what comes after it.
const (
	CheckServer     Check = "server" // the gatepost that a command speaks to, and its key
	CheckDatabase   Check = "database"
	CheckDisk       Check = "disk"
	CheckKey        Check = "master key"
	CheckNode       Check = "node"
	CheckDoor       Check = "door"
	CheckClock      Check = "clock"
	CheckDNS        Check = "DNS"
	CheckPort       Check = "port"
	CheckTLS        Check = "TLS"
	CheckSettings   Check = "settings"
	CheckCredential Check = "credential"
	CheckAudience   Check = "audience"
	CheckScopes     Check = "scopes"
	CheckSignIn     Check = "sign-in"
	CheckMailbox    Check = "mailbox"
	CheckSender     Check = "sender"
	CheckLimits     Check = "limits"
	CheckState      Check = "account"
	CheckMail       Check = "mail"
	CheckEnd        Check = "expiry"
	CheckTooMany    Check = "least privilege"
)

// Checks lists all, the deepest first.
func Checks() []Check {
	return []Check{
		CheckServer, CheckDatabase, CheckDisk, CheckKey, CheckNode, CheckDoor, CheckClock, CheckDNS, CheckPort, CheckTLS, CheckSettings,
		CheckCredential, CheckAudience, CheckScopes, CheckSignIn, CheckMailbox, CheckSender, CheckLimits, CheckState, CheckMail, CheckEnd, CheckTooMany,
	}
}

// depth is the place of a check among all.
func (c Check) depth() int { return slices.Index(Checks(), c) }

// Subject is an account that a finding is about.
type Subject struct {
	ID      email.ID
	Address string
}

// Finding is something that is wrong, and what to do about it.
type Finding struct {
	Check    Check
	Severity Severity
	Cause    string // a stable word, the catalogue's where it has one
	What     string // one sentence
	Why      string // by what it was seen
	Fix      string
	Commands []string // to paste, with the ids of this case
	Who      Who
	Reply    string // the provider's own words
	Link     string // the provider's page
	Accounts []Subject
	// Follows is what is wrong because of this, and is well once this is mended.
	Follows []Finding

	on      string // what it is about, where that is shared by accounts: a host, a credential
	outcome bool   // it tells what came of something else: a held account, mail that waits
}

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
