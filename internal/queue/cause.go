package queue

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// ownCauses are the words for what is found out without an answer of a provider. A
// test compares them with what the code says.
func ownCauses() []string {
	return []string{
		"account_removed", "account_unreadable", "account_unusable", "auth_not_offered", "bare_line_end", "bcc_in_header",
		store.CauseByHand, "call_failed", "cannot_look", "claim_lost",
		"client_not_allowed", "connection_broken", "content_unreadable", "copy_in_doubt", "draft_gone", "draft_not_kept", "expired", "gave_up", "guard",
		"incomplete_receipt", "invalid_header", "invalid_recipient", "invalid_sender", "key_unusable", "keyless_not_allowed", "look_failed", "look_unfinished", "looked_early", "message_too_large",
		"no_answer", "no_free_connection", "no_machine_account", "no_metadata_server", "no_recipients", "node_lost", "outcome_unknown", causePanic, "precondition_failed", "scope_missing",
		"sender_not_allowed", "store_failed", "store_unreadable", "subject_token_unusable", "subset_of_header", "tls_injected", "tls_not_offered", "token_refused",
		"token_unavailable", "unclassified", "unexpected_answer", "unreachable", "unreadable_answer", "upload_session_lost", "upload_stalled", "wrong_mailbox",
	}
}

// Causes are the words by which messages can be selected.
func Causes() []string {
	all := append(ownCauses(), provider.Causes()...)
	slices.Sort(all)
	return slices.Compact(all)
}

// CheckCause refuses the cause of a selection that there is not: nothing would fit,
// which looks like nothing waiting. What an earlier version has left in the database
// is there, too.
func (e *Engine) CheckCause(ctx context.Context, g access.Grant, cause string) error {
	if err := mayRead(g); err != nil {
		return err
	}
	problems, err := e.wrongCause(ctx, g.Team, cause)
	if err == nil && len(problems) > 0 {
		err = &Invalid{problems}
	}
	return err
}

func (e *Engine) wrongCause(ctx context.Context, team email.ID, cause string) ([]email.Problem, error) {
	all := Causes()
	if cause == "" || slices.Contains(all, cause) {
		return nil, nil
	}
	used, err := e.usedCauses(ctx, team)
	if err != nil || slices.Contains(used, cause) {
		return nil, err
	}
	return []email.Problem{{Field: "cause", Message: "there is no such cause: " + near(cause, append(all, used...))}}, nil
}

func (e *Engine) usedCauses(ctx context.Context, team email.ID) ([]string, error) {
	var used []string
	waiting, err := e.cfg.Store.Groups(ctx, team, Selection{}, e.cfg.Now())
	if err != nil {
		return nil, err
	}
	failed, err := e.cfg.Store.FailedGroups(ctx, team, Selection{}, e.cfg.Now())
	for _, x := range append(waiting, failed...) {
		used = append(used, x.Cause)
	}
	return used, err
}

// mostNear is how many words are offered for one that was mistyped.
const mostNear = 3

// near names the words that one may have been meant for. A state is none: what is held
// was held for several causes.
func near(word string, all []string) string {
	if slices.Contains(waitingStates(), email.State(word)) {
		return word + " is a state, not a cause: select by state for it"
	}
	slices.Sort(all)
	all = slices.DeleteFunc(slices.Compact(all), func(w string) bool { return nearness(word, w) == 0 })
	slices.SortStableFunc(all, func(a, b string) int { return cmp.Compare(nearness(word, b), nearness(word, a)) })
	switch all = all[:min(mostNear, len(all))]; len(all) {
	case 0:
		return "docs/errors.md lists those of providers, docs/queue.md those of gatepost itself"
	case 1:
		return "near it is " + all[0]
	}
	return "near it are " + strings.Join(all, ", ")
}

func waitingStates() []email.State {
	return []email.State{email.Scheduled, email.Queued, email.Sending, email.Unknown, email.Held}
}

// nearness tells how near two words are, 0 for not at all: by their letters, or by the
// parts between underscores that they share.
func nearness(word, other string) float64 {
	byLetters := alike(word, other)
	if byLetters < 0.5 {
		byLetters = 0
	}
	return byLetters + shared(word, other)
}

// shared is the part of a word's parts that another one has, too, give or take a letter.
func shared(word, other string) float64 {
	split := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("_- ", r) })
	}
	parts, common := split(word), 0
	for _, p := range parts {
		if slices.ContainsFunc(split(other), func(o string) bool { return sameBut(p, o) }) {
			common++
		}
	}
	return float64(common) / float64(max(1, len(parts)))
}

// sameBut tells whether two parts of words are the same, but for a letter that is
// wrong, missing, too many, or changed places with the next one.
func sameBut(a, b string) bool {
	if a == b {
		return true
	}
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(b) < 4 || len(a) > len(b)+1 {
		return false
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	if len(a) > len(b) {
		return a[i+1:] == b[i:]
	}
	swapped := i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
	return swapped || a[i+1:] == b[i+1:]
}

// alike is the part of their pairs of letters that two words have in common (Dice).
func alike(a, b string) float64 {
	if len(a)+len(b) < 4 {
		return 0
	}
	pairs, common := map[string]int{}, 0
	for i := range len(a) - 1 {
		pairs[a[i:i+2]]++
	}
	for i := range len(b) - 1 {
		if pairs[b[i:i+2]] > 0 {
			pairs[b[i:i+2]]--
			common++
		}
	}
	return 2 * float64(common) / float64(len(a)+len(b)-2)
}
