package queue

import (
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// A message that waits and whose content is gone, which nothing here does, is held
// for a person and not tried for ever.
func TestMessageWithoutContentIsHeld(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		id := w.submit()
		w.recent = newRecent()
		_, err := w.cfg.Store.Shred(t.Context(), store.Keeping{Team: simTeam, Message: id}, simStart.Add(400*day), w.now)
		w.must(err)
		w.sendOne()
		if got := w.state(id); got != email.Held {
			t.Errorf("it is %s", got)
		}
	})
}
