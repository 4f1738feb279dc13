package queue

import (
	"strings"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// What may be a second copy stays marked so, though the attempt between was refused
// and the message had left the queue.
func TestMarkOutlivesARefusal(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		answers := []*provider.Error{{Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: "no_answer", Text: "no answer"}, {Class: provider.Fail, Scope: provider.ScopeMessage, Cause: "refused", Text: "no"}, nil}
		w := newWorld(t, opt, nil, nil)
		w.send = func(env email.Envelope, c email.Content) (provider.Receipt, error) {
			if err := answers[0]; err != nil {
				answers = answers[1:]
				return provider.Receipt{}, err
			}
			return accepting(env, c)
		}
		sub := toBob()
		sub.OnUnknown = email.Hold
		id := w.take(sub).ID
		w.sendOne()
		w.looks()
		w.must(w.Release(t.Context(), w.grant, id))
		w.sendOne()
		w.byHand(id)
		w.sendOne()
		_, events, err := w.Message(t.Context(), w.grant, id)
		w.must(err)
		if last := events[len(events)-1]; last.Kind != email.EventAccepted || !last.Data.PossibleDuplicate {
			t.Errorf("%+v", events)
		}
	})
}

// Where recipients fared differently the summary tells why one failed, whichever
// event came last.
func TestSummaryTellsOfTheFailure(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, func(env email.Envelope, _ email.Content) (provider.Receipt, error) {
		r := provider.AcceptedBy(env, "", "250 OK")
		r.Recipients[0].Err = &provider.Error{Class: provider.Fail, Scope: provider.ScopeRecipient, Cause: "no_such_mailbox", Text: "There is no such mailbox."}
		return r, nil
	}, nil)
	id := w.take(toBobAndCarol(t)).ID
	w.sendOne()
	x, err := w.Explain(t.Context(), w.grant, id)
	w.must(err)
	if !strings.Contains(x.Summary, "Last: There is no such mailbox.") {
		t.Error(x.Summary)
	}
}
