package queue

import (
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// A program that did not hear the 250 sends the same again: for an hour that is one
// message.
func TestRecognisesRepeats(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		w.now = w.now.Add(59 * time.Minute) // an hour of the clock changes right after
		bob, _ := email.ParseAddress("bob@example.com")
		eve, _ := email.ParseAddress("eve@example.com")
		raw := func(id, text string) []byte {
			return []byte("From: ada@acme.example\r\nTo: bob@example.com\r\n" + id + "\r\n" + text + "\r\n")
		}
		take := func(sub Submission) Submitted { sub.Recognise = true; return w.take(sub) }
		one := Submission{To: []email.Address{bob}, Raw: raw("Message-ID: <1@acme.example>\r\n", "x")}
		first := take(one)
		for _, after := range []time.Duration{0, 2 * time.Minute, 57 * time.Minute} {
			w.now = w.now.Add(after)
			if got := take(one); !got.Replayed || got.ID != first.ID {
				t.Errorf("again after %s: %+v", w.now.Sub(first.CreatedAt), got)
			}
		}
		other, text, noID := one, one, one
		other.To = []email.Address{eve}
		text.Raw = raw("Message-ID: <1@acme.example>\r\n", "y")
		noID.Raw = raw("", "x")
		for name, sub := range map[string]Submission{"to somebody else": other, "with another text": text, "without an id": noID} {
			if got := take(sub); got.Replayed {
				t.Errorf("%s: taken for the first", name)
			}
		}
		if take(noID).Replayed || w.take(one).Replayed {
			t.Error("taken for the first without an id, or without being asked to")
		}
		w.now = w.now.Add(2 * time.Minute)
		again := take(one)
		if again.Replayed || again.ID == first.ID {
			t.Errorf("after %s: still taken for the first", w.now.Sub(first.CreatedAt))
		}
		if got := take(one); !got.Replayed || got.ID != again.ID {
			t.Errorf("the second is not recognised: %+v", got)
		}
	})
}

// What took a message may refuse its repetition: it is recognised all the same, and
// costs the key nothing.
func TestRecognisesRepeatsThatWouldBeRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		w.bind(func(g *access.Grant) { g.Daily = 1 })
		bob, _ := email.ParseAddress("bob@example.com")
		sub := Submission{To: []email.Address{bob}, Recognise: true, Raw: []byte("From: ada@acme.example\r\nTo: bob@example.com\r\nMessage-ID: <1@acme.example>\r\n\r\nx\r\n")}
		first := w.take(sub)
		if got := w.take(sub); !got.Replayed || got.ID != first.ID {
			t.Errorf("when the key has nothing left: %+v", got)
		}
		w.grant.Senders = []string{"shop@acme.example"}
		if got := w.take(sub); !got.Replayed || got.ID != first.ID {
			t.Errorf("when the key is bound to another sender: %+v", got)
		}
		w.grant.Senders = nil
		w.now = w.now.Add(recognisedFor + time.Second)
		w.over(sub)
		if n := w.kept(); n != 1 {
			t.Errorf("%d messages", n)
		}
	})
}
