package queue

import (
	"errors"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/provider"
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

// A 250 says that the message leaves. The repetition of one that came to its end without
// that is a message of its own; one that is on its way, or arrived, is not.
func TestRepeatsOfWhatEndedUnsent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		bob, _ := email.ParseAddress("bob@example.com")
		sub := Submission{To: []email.Address{bob}, Recognise: true, Raw: []byte("From: ada@acme.example\r\nTo: bob@example.com\r\nMessage-ID: <1@acme.example>\r\n\r\nx\r\n")}
		first := w.take(sub)
		w.must(w.Cancel(t.Context(), w.grant, first.ID))
		again := w.take(sub)
		if again.Replayed || again.ID == first.ID {
			t.Errorf("of one that was cancelled: %+v", again)
		}
		if got := w.take(sub); !got.Replayed || got.ID != again.ID {
			t.Errorf("of one that waits: %+v", got)
		}
		w.send = func(env email.Envelope, _ email.Content) (provider.Receipt, error) {
			return provider.AcceptedBy(env, "", "250 OK"), nil
		}
		w.sendOne()
		if got := w.take(sub); !got.Replayed || got.ID != again.ID {
			t.Errorf("of one that arrived: %+v", got)
		}
	})
}

// The same bytes are the same message, in whatever order its recipients are named and
// whatever reports are wished for.
func TestRecognisesWhatIsSaidInAnotherOrder(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
	people := manyPeople(3)
	sub := Submission{To: people, Recognise: true, Raw: []byte("From: ada@acme.example\r\nTo: list@example.com\r\nMessage-ID: <1@acme.example>\r\n\r\nx\r\n")}
	first := w.take(sub)
	sub.To = []email.Address{people[2], people[0], people[1]}
	sub.Report = &Report{To: "ada@acme.example"}
	if got := w.take(sub); !got.Replayed || got.ID != first.ID {
		t.Errorf("in another order: %+v", got)
	}
	sub.To = people[:2]
	if got := w.take(sub); got.Replayed {
		t.Errorf("to fewer: %+v", got)
	}
}

// Under a key of its own a message is compared without what its program makes anew.
func TestOutlinedMessages(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
	bob, _ := email.ParseAddress("bob@example.com")
	one := func(id, text string) Submission {
		return Submission{
			To: []email.Address{bob}, Outlined: true, IdempotencyKey: "order-1",
			Raw: []byte("From: ada@acme.example\r\nTo: bob@example.com\r\nMessage-ID: <" + id + "@acme.example>\r\n\r\n" + text + "\r\n"),
		}
	}
	first := w.take(one("1", "x"))
	if got := w.take(one("2", "x")); !got.Replayed || got.ID != first.ID {
		t.Errorf("made again: %+v", got)
	}
	if _, err := w.Submit(t.Context(), w.grant, one("1", "y")); !errors.Is(err, ErrKeyReused) {
		t.Errorf("with another text: %v", err)
	}
}
