package control

import (
	"errors"
	"fmt"
	"strings"

	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// Refusal says why a consent did not lead to an account. Nothing was stored.
type Refusal struct {
	Cause string // one of the causes below, or a provider's
	Text  string // what happened, for the person in front of the browser
	Fix   string // what to do about it
	// Expected and Chosen are the two mailboxes, when another one was chosen.
	Expected, Chosen string
	Missing          []string // purposes that were not agreed to
	Reply            string   // the provider's own words, if it said any
}

// Error implements error.
func (r *Refusal) Error() string {
	if r.Fix == "" {
		return r.Text
	}
	return strings.TrimSuffix(r.Text, ".") + ". " + r.Fix
}

// The causes of refusals that are not a provider's.
const (
	CauseWrongMailbox = "wrong_mailbox"   // another mailbox than the expected one
	CauseDenied       = "denied"          // the user said no
	CauseUnticked     = "scope_missing"   // a box that is needed was left unticked
	CauseUsed         = "consent_used"    // it came a second time
	CauseExpired      = "consent_expired" // it came too late
	CauseUnknownState = "state_unknown"   // nobody started it
	CauseOtherBrowser = "other_browser"   // it was started in another browser
	CauseOtherIssuer  = "issuer_mismatch" // somebody else than the provider sent the browser
	CauseLinkUsed     = "link_used"
	CauseLinkExpired  = "link_expired"
	CauseLinkCanceled = "link_canceled"
	CauseLinkKeyEnded = "link_key_ended" // with the API key that made it
	CauseTooManyOpen  = "too_many_open"  // as many consents of the link wait as may
)

// refusalOf tells what a provider said to a consent. Other errors are nobody's
// business but the log's.
func refusalOf(err error, name string) error {
	e, ok := errors.AsType[*provider.Error](err)
	if !ok {
		return err
	}
	if e.Cause == "grant_refused" { // the catalogue speaks of a stored grant
		return &Refusal{
			Cause: "code_refused", Text: name + " does not take the code that came back: it was used already, or is too old.",
			Fix: "Start again; each consent is good once.", Reply: e.Reply,
		}
	}
	return providersWord(err)
}

// providersWord makes what a provider said a refusal; other errors stay ours.
func providersWord(err error) error {
	e, ok := errors.AsType[*provider.Error](err)
	if !ok {
		return err
	}
	return &Refusal{Cause: e.Cause, Text: e.Text, Fix: e.Fix, Reply: e.Reply}
}

// denied is a redirect that brought an error in place of a code (RFC 6749 section
// 4.1.2.1).
func denied(said, name string) *Refusal {
	if said == "access_denied" {
		return &Refusal{
			Cause: CauseDenied, Text: "Consent was not given: nothing was connected.",
			Fix: "Start again and allow it, if that was a mistake.",
		}
	}
	word := provider.CleanReply(said)
	return &Refusal{
		Cause: CauseDenied, Text: fmt.Sprintf("%s sent the browser back without consent (%s): nothing was connected.", name, word),
		Fix: "Start again. If it stays so, an administrator may have blocked the app.", Reply: word,
	}
}

// stale tells why a state is not taken, for somebody who may be the user.
func stale(err error) error {
	switch {
	case errors.Is(err, store.ErrConsentUsed):
		return &Refusal{Cause: CauseUsed, Text: "This consent was used already: each is good once.", Fix: "If the mailbox is not connected, start again."}
	case errors.Is(err, store.ErrConsentExpired):
		return &Refusal{Cause: CauseExpired, Text: "That took more than ten minutes, so the consent is no longer good.", Fix: "Start again."}
	case errors.Is(err, store.ErrNotFound):
		return &Refusal{Cause: CauseUnknownState, Text: "Nobody started this consent here.", Fix: "Start again from where you began: the connect link, or the command."}
	}
	return err
}

func wrongMailbox(expected, chosen string) *Refusal {
	return &Refusal{
		Cause: CauseWrongMailbox, Expected: expected, Chosen: chosen,
		Text: fmt.Sprintf("The mailbox %s was expected and %s was chosen: nothing was connected.", expected, chosen),
		Fix:  fmt.Sprintf("Start again and choose %s. If that is an alias of %s, ask for a link to %s and list the alias among the senders.", expected, chosen, chosen),
	}
}

func unticked(need string, missing []string) *Refusal {
	return &Refusal{
		Cause: CauseUnticked, Missing: missing,
		Text: fmt.Sprintf("A box was left unticked, and without it no mail can be sent (%s): nothing was connected.", need),
		Fix:  "Start again and leave every box ticked: " + strings.Join(missing, ", ") + " was missing.",
	}
}
