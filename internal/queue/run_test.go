package queue

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// While a send comes to its end during a stop the node stays alive to the others:
// they would take the message over and send it twice.
func TestHeartBeatsUntilTheLastSendHasEnded(t *testing.T) {
	began, end := make(chan struct{}), make(chan struct{})
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, func(env email.Envelope, msg email.Content) (provider.Receipt, error) {
		close(began)
		<-end
		return accepting(env, msg)
	}, func(c *Config) {
		live(c)
		c.Lease = 100 * time.Millisecond
	})
	id := w.submit()
	stop, ended := w.run()
	<-began
	stop()
	late := w.pulse.time().elapsed + 2*w.cfg.Lease
	defer func() {
		close(end)
		if err := <-ended; err != nil || w.state(id) != email.Accepted {
			t.Errorf("the stop ended with %v, the message is %s", err, w.state(id))
		}
	}()
	w.eventually("a heartbeat two leases after the stop", func() bool {
		w.pulse.mu.Lock()
		defer w.pulse.mu.Unlock()
		return w.pulse.last.elapsed > late
	})
}

// A look into a slow account's Sent does not hold up fresh mail.
func TestMailIsSentBesideASlowLook(t *testing.T) {
	looking := make(chan struct{}, 1)
	sends := 0
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, func(c *Config) {
		live(c)
		c.Looks = []time.Duration{time.Millisecond}
	})
	w.send = func(env email.Envelope, msg email.Content) (provider.Receipt, error) {
		if sends++; sends == 1 {
			return provider.Receipt{}, &provider.Error{Class: provider.Unknown, Cause: "no_answer"}
		}
		return accepting(env, msg)
	}
	w.look = func(ctx context.Context) (map[email.ID]string, error) {
		looking <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	w.submit()
	stop, ended := w.run()
	defer func() {
		stop()
		w.must(<-ended)
	}()
	<-looking
	fresh := w.submit()
	w.eventually("fresh mail is sent", func() bool { return w.state(fresh) == email.Accepted })
}

// An account keeps its dispatcher, and with it the bound on sends at a time, as
// long as one of them is under way.
func TestDispatcherStaysWhileItsSendsAreUnderWay(t *testing.T) {
	s := &scheduler{running: map[email.ID]*dispatcher{}}
	d := newDispatcher(s, simTeam, worldAccount)
	s.running[d.route] = d
	for name, busy := range map[string]chan struct{}{"a look": d.looking, "new mail": d.woken} {
		busy <- struct{}{}
		if d.leave(false) || s.running[d.route] != d {
			t.Errorf("it left %s behind", name)
		}
		<-busy
	}
	d.desk.woken(3)
	r, calls, _ := d.desk.room()
	stays := func(what string) {
		if t.Helper(); d.leave(false) || s.running[d.route] != d {
			t.Errorf("it left %s behind", what)
		}
	}
	stays("a claim")
	d.desk.add(gained{claims: []claimed{{Entry: &store.Entry{Lane: email.Bulk}}}}, r, calls)
	stays("what lies ready")
	d.desk.begin()
	stays("a send")
	d.desk.end(email.Bulk, time.Second, false)
	if !d.leave(false) || len(s.running) > 0 {
		t.Error("it stayed without work")
	}
}

// An account that was removed has no dispatcher any more, and is no error in the
// log. Under an account that is there again mail goes on.
func TestDispatcherEndsWithItsAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		var log bytes.Buffer
		w := newWorld(t, opt, nil, func(c *Config) {
			live(c)
			c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
		})
		s := &scheduler{e: w.Engine, running: map[email.ID]*dispatcher{}, outcomes: make(chan struct{}, finishing)}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		account, err := w.cfg.Store.Account(ctx, simTeam, worldAccount)
		w.must(err, w.cfg.Store.DeleteAccount(ctx, simTeam, worldAccount))
		s.dispatch(ctx, simTeam, worldAccount)
		w.eventually("the dispatcher ends", func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.running) == 0
		})
		s.work.Wait()
		if log.Len() > 0 {
			t.Errorf("the log has %s", &log)
		}

		w.must(w.cfg.Store.AddAccount(ctx, account))
		w.accounts.forget(simTeam, worldAccount)
		id := w.submit()
		s.poll(ctx)
		w.eventually("mail is sent", func() bool { return w.state(id) == email.Accepted })
		stop()
		s.work.Wait()
	})
}

// Looking at what is due takes a twentieth of the time at most, and is done every
// five seconds at least: what is put off has no other alarm.
func TestNextPoll(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		time.Millisecond: slowPoll, 180 * time.Millisecond: 3600 * time.Millisecond, 5 * time.Second: 5 * time.Second,
	} {
		if got := nextPoll(took); got != want {
			t.Errorf("after one that took %s: %s, want %s", took, got, want)
		}
	}
}
