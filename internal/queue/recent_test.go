package queue

import (
	"fmt"
	"testing"

	"gatepost/internal/store"
)

// One message that waits must not make the memory of all that came after it grow.
func TestRecentStaysSmallBehindOneThatWaits(t *testing.T) {
	r := newRecent()
	r.put(&store.NewMessage{ID: "msg_waits"})
	for i := range 10_000 {
		id := fmt.Sprintf("msg_%d", i)
		r.put(&store.NewMessage{ID: id})
		if r.take(&store.Entry{Message: id, Attempt: 1}) == nil {
			t.Fatal("what was just put is not there")
		}
	}
	if len(r.order) > 100 {
		t.Errorf("%d places for %d messages", len(r.order), len(r.kept))
	}
	if r.take(&store.Entry{Message: "msg_waits", Attempt: 1}) == nil {
		t.Error("the one that waits was lost")
	}
}
