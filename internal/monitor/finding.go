package monitor

import (
	"slices"

	"gatepost/internal/email"
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
