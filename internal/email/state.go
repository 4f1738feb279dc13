package email

// State is where a recipient of a message is. Each (message, recipient) is in
// exactly one state at any time.
type State string

// The states of a recipient. The diagram is in docs/states.md.
const (
	Scheduled State = "scheduled" // waits for its time
	Queued    State = "queued"    // waits for a send slot, a due time or its account
	Sending   State = "sending"   // an attempt is recorded and has no outcome yet
	Unknown   State = "unknown"   // an attempt ended without a verdict; gatepost looks for the copy
	Held      State = "held"      // waits for a person

	Accepted   State = "accepted" // the next hop took it (not: delivered)
	Failed     State = "failed"   // refused for good, or given up
	Canceled   State = "canceled"
	Expired    State = "expired"    // its expires_at passed before it left
	Suppressed State = "suppressed" // gatepost does not send to this address

	Bounced    State = "bounced"    // after accepted: a DSN says failed (RFC 3464)
	Complained State = "complained" // after accepted: a feedback report (RFC 5965)
)

// Final tells whether gatepost will not try this recipient again by itself.
func (s State) Final() bool {
	switch s {
	case Scheduled, Queued, Sending, Unknown, Held:
		return false
	}
	return true
}

// OnUnknown says what becomes of a message when an attempt has no known outcome
// and the account's Sent mail cannot tell.
type OnUnknown string

// The policies for unknown outcomes.
const (
	// Reconcile looks in Sent; when nothing is there after the last look the
	// message is sent again, and where gatepost may not look it is held.
	Reconcile OnUnknown = "reconcile"
	// Retry looks where it may, else sends again and marks a possible duplicate.
	Retry OnUnknown = "retry"
	// Hold looks where it may; if that does not find the copy, a person decides.
	Hold OnUnknown = "hold"
)

// Lane is a message's place in the queue; smaller leaves first.
type Lane int

// The lanes.
const (
	Urgent Lane = 0
	Normal Lane = 1
	Bulk   Lane = 2
)

// EventKind names an event, "message.<word>", "account.<word>" or "credential.<word>".
type EventKind string

// The kinds of events.
const (
	EventSubmitted EventKind = "message.submitted" // kept durably
	EventAccepted  EventKind = "message.accepted"  // the next hop took it for these recipients
	EventDelayed   EventKind = "message.delayed"   // refused for now; will be tried again
	EventFailed    EventKind = "message.failed"
	EventUnknown   EventKind = "message.unknown"  // no verdict; see State Unknown
	EventHeld      EventKind = "message.held"     // a person must decide
	EventReleased  EventKind = "message.released" // a person let it go on
	EventNotSent   EventKind = "message.not_sent" // looked in Sent: it had not left; queued again
	EventCanceled  EventKind = "message.canceled"
	EventExpired   EventKind = "message.expired" // its time was over before it left
	EventRetried   EventKind = "message.retried" // a person had failed recipients tried again
	EventMoved     EventKind = "message.moved"   // a person had it wait for another account

	EventAccountConnected EventKind = "account.connected" // also when it is connected again
	EventAccountParked    EventKind = "account.parked"
	EventAccountHeld      EventKind = "account.held"
	EventAccountReleased  EventKind = "account.released"
	EventAccountResting   EventKind = "account.resting" // its server is in trouble
	EventAccountWell      EventKind = "account.well"    // its server is well again
	EventAccountPaused    EventKind = "account.paused"  // by a person; of a team: all its accounts
	EventAccountResumed   EventKind = "account.resumed"
	EventAccountWarning   EventKind = "account.warning" // its provider changes something that it uses

	EventCredentialExpiring EventKind = "credential.expiring" // it ends soon
	EventCredentialExpired  EventKind = "credential.expired"
)
