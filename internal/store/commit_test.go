package store_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// A pooler that loses the server's answer to COMMIT answers with an error of its
// own. The group may be committed all the same: its messages are added, and are no
// repetitions of themselves.
func TestMessageIsAddedThoughAPoolerLostTheAnswer(t *testing.T) {
	at, lose := pooler(t, storetest.Postgres(t))
	s := storetest.Open(t, store.Options{Dir: t.TempDir(), Database: at, Inline: true})
	route := addAccount(t, s)
	var ms []*store.NewMessage
	for _, key := range []string{"k1", "k2", ""} {
		m := newMessage(t, route, "a@b.example")
		m.IdempotencyKey, m.Fingerprint = key, []byte(rand.Text())
		ms = append(ms, m)
	}
	lose.Store(true)
	must(t, s.AddMessages(t.Context(), ms...)...)
	if lose.Load() {
		t.Fatal("no answer was lost")
	}
	for _, m := range ms {
		if m.Existing != nil {
			t.Errorf("%s is said to be a repetition of %s", m.ID, m.Existing.Message)
		}
		if _, err := s.Message(t.Context(), team, m.ID); err != nil {
			t.Error(err)
		}
	}
	checkCounts(t, s)
}

// A message that is added again by the same call is there, and its key stands for
// it: it is neither a repetition nor a second message.
func TestMessageThatIsAddedAgainIsThere(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		m := newMessage(t, addAccount(t, s), "a@b.example")
		m.IdempotencyKey, m.Fingerprint = "k1", []byte("f")
		for range 2 {
			must(t, s.AddMessage(t.Context(), m))
			if m.Existing != nil {
				t.Errorf("it is said to be a repetition of %s", m.Existing.Message)
			}
		}
		checkCounts(t, s)
	})
}

// pooler carries bytes between a store and a server. Once lose is set, the next
// COMMIT is carried out and answered as by a pooler whose own connection broke.
func pooler(t *testing.T, database string) (at string, lose *atomic.Bool) {
	u, err := url.Parse(database)
	must(t, err)
	server := u.Host
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	u.Host, lose = l.Addr().String(), &atomic.Bool{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go carry(c, server, lose)
		}
	}()
	return u.String(), lose
}

func carry(c net.Conn, server string, lose *atomic.Bool) {
	defer c.Close()
	s, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer s.Close()
	var lost atomic.Bool
	answered := make(chan struct{})
	go func() {
		defer c.Close()
		b := make([]byte, 64<<10)
		for n, err := s.Read(b); err == nil; n, err = s.Read(b) {
			if lost.Load() {
				crashed(c)
				close(answered)
				return
			}
			_, _ = c.Write(b[:n])
		}
	}()
	b := make([]byte, 64<<10)
	for n, err := c.Read(b); err == nil; n, err = c.Read(b) {
		if bytes.Contains(b[:n], []byte("COMMIT")) && lose.CompareAndSwap(true, false) {
			lost.Store(true)
			_, _ = s.Write(b[:n])
			<-answered
			return
		}
		_, _ = s.Write(b[:n])
	}
}

// crashed is a pooler's last word on a connection (PostgreSQL's ErrorResponse).
func crashed(w io.Writer) {
	body := "SFATAL\x00VFATAL\x00C08P01\x00Mserver conn crashed?\x00\x00"
	_, _ = w.Write(append([]byte{'E', 0, 0, 0, byte(len(body) + 4)}, body...))
}

// What a person did to a message is done though the answer to its COMMIT was lost.
// Where nothing tells whether a change is there, the answer does not say that it is
// not.
func TestOperationsWhoseAnswerIsLost(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		var lose atomic.Bool
		opt.Fault = func(at string) error {
			if at == "commit.after" && lose.Load() {
				return errors.New("the connection broke")
			}
			return nil
		}
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		add := func() *store.Entry {
			must(t, s.AddMessage(t.Context(), newMessage(t, route, "a@b.example")))
			return claimOne(t, s, route)
		}
		failed, held := add(), add()
		finish(t, s, failed, email.Failed)
		f := store.FinishOf(held, start)
		f.Next = &store.Next{State: email.Held, DueAt: start, Unsettled: 1}
		must(t, s.FinishAttempts(t.Context(), f)...)
		lose.Store(true)
		_, err := s.Retry(t.Context(), store.Retry{Team: team, Message: failed.Message, KeepUntil: start, Event: event(t, email.EventRetried)})
		must(t, err)
		_, err = s.Release(t.Context(), team, held.Message, event(t, email.EventReleased))
		must(t, err)
		for range 2 { // the second one has nothing to do
			must(t, s.Cancel(t.Context(), team, failed.Message, event(t, email.EventCanceled)))
		}
		err = s.Keep(t.Context(), store.Keeping{Team: team, Message: held.Message}, start)
		if err == nil || strings.Contains(err.Error(), "not committed") {
			t.Errorf("a change that nothing tells of: %v", err)
		}
		lose.Store(false)
		if a, b := states(t, s, failed.Message), states(t, s, held.Message); a[0] != email.Canceled || b[0] != email.Queued {
			t.Errorf("states: %v, %v", a, b)
		}
		checkCounts(t, s)
	})
}
