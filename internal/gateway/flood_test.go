package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gatepost/internal/control"
)

// files raises the limit of open files as far as it goes, and tells for how many
// connections it is enough.
func files(t *testing.T, want int) int {
	t.Helper()
	var l syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l))
	l.Cur = l.Max
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l))
	const spare = 5000 // for the server's ends, and all else
	if l.Cur < uint64(want)+spare {
		want = int(l.Cur) - spare
		t.Logf("%d open files are allowed: %d connections", l.Cur, want)
	}
	return want
}

// held is what the process holds, of memory and goroutines.
func held() (memory int64, goroutines int) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse), runtime.NumGoroutine()
}

// idler opens a connection from an address, and does nothing with it.
func (w *world) idler(mode Mode, from string) net.Conn {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
	c, err := d.DialContext(w.t.Context(), "tcp", w.at[mode])
	if err != nil {
		w.t.Error(err)
		return nil
	}
	w.t.Cleanup(func() { c.Close() })
	return c
}

func (w *world) present() (n int) {
	w.crowd.mu.Lock()
	defer w.crowd.mu.Unlock()
	return len(w.crowd.conns)
}

// 10,000 connections that do nothing, of a hundred addresses: the server keeps as many as
// it may, good clients come in at once, before, meanwhile and afterwards.
func TestIdleConnections(t *testing.T) {
	many := files(t, 10_000)
	w := newWorld(t, folder(t), nil)
	loyal := w.login()
	memory, goroutines := held()
	idle := make(chan net.Conn, many)
	go func() {
		defer close(idle)
		for i := range many {
			idle <- w.idler([]Mode{StartTLS, Implicit}[i%2], fmt.Sprintf("127.0.%d.%d", 1+i%100/10, 1+i%10))
		}
	}()
	served, slowest := 0, time.Duration(0)
	for ; len(idle) < many; served++ {
		began := time.Now()
		w.well()
		slowest = max(slowest, time.Since(began))
		if n := w.present(); n > w.Limits.Connections {
			t.Fatalf("%d connections are served", n)
		}
	}
	if served == 0 || slowest > 15*time.Second { // at once, but for what the flood itself costs this machine
		t.Errorf("meanwhile %d good clients were served, the slowest in %s", served, slowest)
	}
	loyal.cmd("NOOP", "250")
	until(t, "the connections that have no place are closed", func() bool {
		_, n := held()
		return n-goroutines <= w.Limits.Connections+maxLingering
	})
	now, _ := held()
	if used := now - memory; used > 64<<20 {
		t.Errorf("%d connections use %d bytes", many, used)
	}
	w.well()
	t.Logf("%d good clients meanwhile, the slowest in %s; %d bytes for %d idle ones", served, slowest, now-memory, many)
	loyal.cmd("QUIT", "221")
	loyal.conn.Close()
}

// One address has as many places as it may; who waits there for long without a login
// makes room for the next, and others are not touched.
func TestPlacesOfAnAddress(t *testing.T) {
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	w := newWorld(t, folder(t), func(c *Config) { c.Now, c.Limits.PerNetwork = now, 3 })
	other := w.hello(StartTLS)
	var held []*talk
	for range 3 {
		c := w.dial(StartTLS, "127.0.0.2")
		c.want("220")
		held = append(held, c)
	}
	c := w.dial(StartTLS, "127.0.0.2")
	c.want("421 4.7.0 127.0.0.2 has 3 connections already")
	c.gone()
	ahead.Store(int64(patient + time.Second))
	c = w.dial(StartTLS, "127.0.0.2")
	c.want("220")
	held[0].want("421 4.3.2 too many connections")
	held[0].gone()
	held[1].cmd("NOOP", "250")
	other.cmd("NOOP", "250")
}

// Where all places are taken, he who has taken most of them loses one, and nobody who
// has logged in.
func TestPlacesOfAll(t *testing.T) {
	w := newWorld(t, folder(t), func(c *Config) { c.Limits.Connections = 5 })
	in := w.login()
	early := w.hello(StartTLS)
	greedy := []*talk{}
	for range 3 {
		c := w.dial(StartTLS, "127.0.0.2")
		c.want("220")
		greedy = append(greedy, c)
	}
	for i := range 2 {
		c := w.dial(StartTLS, fmt.Sprintf("127.0.0.%d", 3+i))
		c.want("220")
		greedy[i].want("421 4.3.2 too many connections")
		greedy[i].gone()
	}
	early.cmd("NOOP", "250")
	in.cmd("NOOP", "250")
}

// lines tells that something was logged.
type lines chan struct{}

func (l lines) Write(b []byte) (int, error) {
	select {
	case l <- struct{}{}:
	default:
	}
	return len(b), nil
}

// A place that was lost is left at once, also in the midst of a handshake or of the pause
// after a failed login; and the last words have no end of places either.
func TestPlacesAreLeft(t *testing.T) {
	refused := make(lines, 1)
	w := newWorld(t, folder(t), func(c *Config) {
		c.Limits.Connections, c.Log = 1, slog.New(slog.NewTextHandler(refused, nil))
	})
	_, before := held()
	for range 20 { // so many failures that the next have to wait for long
		w.Keys.Attempts.Failed(netip.MustParseAddr("127.0.0.1"))
	}
	began := time.Now()
	c := w.hello(Implicit)
	c.send("AUTH PLAIN " + plainOf("shop", "wrong") + "\r\n")
	<-refused // and waits now
	for i := range 300 {
		w.idler([]Mode{Implicit, StartTLS}[i%2], fmt.Sprintf("127.0.1.%d", 1+i%200))
	}
	c.want("421 4.3.2 too many connections")
	c.gone()
	until(t, "goroutines end", func() bool { _, n := held(); return n <= before+5 })
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("places were left after %s", took)
	}
}

// Connections that are refused hold no goroutine for longer than a few words.
func TestRefusedConnectionsAreBounded(t *testing.T) {
	w := newWorld(t, folder(t), func(c *Config) { c.Limits.PerNetwork = 1 })
	w.hello(StartTLS)
	_, before := held()
	for range 600 {
		w.idler(Implicit, "127.0.0.1")
	}
	began := time.Now()
	until(t, "the refused are gone", func() bool { return runtime.NumGoroutine() <= before+5 })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("they were gone after %s", took)
	}
	for range maxLingering {
		until(t, "nobody else says last words", w.crowd.linger)
	}
	began = time.Now()
	for i := range 50 {
		w.idler([]Mode{Implicit, StartTLS}[i%2], "127.0.0.1")
	}
	until(t, "those without last words are gone", func() bool { return runtime.NumGoroutine() <= before+5 })
	if took := time.Since(began); took > lastWords*3/4 {
		t.Errorf("they were gone after %s", took)
	}
}

// Wrong passwords without end: three close a connection, their network waits, and a good
// key from the same address comes in undelayed, however many there are.
func TestFloodOfLogins(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	memory, _ := held()
	stop := make(chan struct{})
	var flood sync.WaitGroup
	var tried atomic.Int64
	for range 20 {
		flood.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					w.guess(&tried)
				}
			}
		})
	}
	until(t, "guesses wait", func() bool { return tried.Load() >= 5 })
	for range 20 {
		began := time.Now()
		w.well()
		if took := time.Since(began); took > 900*time.Millisecond {
			t.Errorf("a good key has waited %s", took)
		}
	}
	if n := tried.Load(); n > 30 {
		t.Errorf("%d passwords were tried in that time", n)
	}
	w.cancel() // guesses end without their pause
	close(stop)
	flood.Wait()
	if now, _ := held(); now-memory > 32<<20 {
		t.Errorf("that has used %d bytes", now-memory)
	}
}

// guess tries passwords until the connection ends, and counts those that were judged.
func (w *world) guess(tried *atomic.Int64) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, Timeout: 5 * time.Second}
	raw, err := d.DialContext(context.Background(), "tcp", w.at[Implicit])
	if err != nil {
		return
	}
	defer raw.Close()
	conn := tls.Client(raw, w.client)
	c := &talk{w.t, conn, bufio.NewReader(conn)}
	_, _ = io.WriteString(conn, "EHLO x\r\n")
	if code, _ := c.answer(); code != 220 {
		return
	}
	c.answer()
	for {
		_, _ = io.WriteString(conn, "AUTH PLAIN "+plainOf("shop", "wrong")+"\r\n")
		if code, _ := c.answer(); code != 535 {
			return
		}
		tried.Add(1)
	}
}

// Three failures close the connection though the guesses come all at once; nothing behind
// them is done, and the right key after two is taken.
func TestThreeFailuresClose(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	wrong, right := "AUTH PLAIN "+plainOf("shop", "wrong")+"\r\n", "AUTH PLAIN "+plainOf("shop", w.key)+"\r\n"
	c := w.hello(Implicit)
	c.send(strings.Repeat(wrong, 3) + right + "MAIL FROM:<ada@acme.example>\r\n")
	for range 3 {
		c.want("535 5.7.8")
	}
	c.want("421 4.7.0 too many failed logins")
	c.gone()
	c = w.hello(Implicit)
	c.send(strings.Repeat(wrong, 2) + right)
	c.want("535 5.7.8")
	c.want("535 5.7.8")
	c.want("235 2.7.0")
}

// Commands that do nothing come to an end.
func TestFloodsOfCommands(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	for _, commands := range []string{"NOOP\r\n", "RSET\r\n", "HELP\r\n", "VRFY x\r\n", "EHLO x\r\n", "HELO x\r\n", "NOOP\r\nRSET\r\n", "MAIL FROM:<>\r\nRSET\r\n", "MAIL FROM:<>\r\nRCPT TO:<bob@example.com>\r\nBDAT 0\r\nRSET\r\n"} {
		c := w.login()
		used := allocated(func() {
			go c.pour([]byte(strings.Repeat(commands, 5000)), 1<<30)
			answers := 0
			for code := -1; code != 0; {
				if code, _ = c.answer(); code != 0 {
					answers++
				}
			}
			if answers > w.Limits.IdleCommands+w.Limits.Recipients+10 {
				t.Errorf("%q: %d answers", commands, answers)
			}
		})
		if used > 8<<20 {
			t.Errorf("%q: %d bytes were used", commands, used)
		}
		c.conn.Close()
	}
	w.empty()
	w.well()
}

// What trusted clients have sent is counted by network, for a minute, of a bounded number.
func TestRatesAreBounded(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	r := newRates(2, func() time.Time { return now })
	client := func(i int) netip.Addr {
		return netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 5: byte(i >> 16), 6: byte(i >> 8), 7: byte(i), 15: byte(i)})
	}
	for i := range maxRates {
		if wait := r.use(client(i)); wait != 0 {
			t.Fatalf("client %d has to wait %s", i, wait)
		}
	}
	if wait := r.use(client(maxRates)); wait != time.Minute || len(r.used) > maxRates {
		t.Errorf("one more waits %s, %d are kept", wait, len(r.used))
	}
	beside := client(0).Next()
	if first, second := r.use(beside), r.use(client(0)); first != 0 || second != time.Minute {
		t.Errorf("an address of the same network: %s, %s", first, second)
	}
	now = now.Add(time.Minute)
	if wait := r.use(client(maxRates)); wait != 0 || len(r.used) != 1 {
		t.Errorf("after a minute: %s, %d are kept", wait, len(r.used))
	}
}

// A connection that comes while the server stops ends with it, and so does a listener.
func TestConnectionsWhileStopping(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	stopped := make(chan error, 1)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for {
				c, err := net.Dial("tcp", w.at[[]Mode{StartTLS, Implicit}[i%2]])
				if err != nil {
					return
				}
				go func() { _, _ = io.Copy(io.Discard, c); c.Close() }()
			}
		})
	}
	until(t, "clients come", func() bool { return w.present() > 20 })
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		stopped <- w.Shutdown(ctx)
	}()
	must(t, <-stopped)
	wg.Wait()
	if n := w.present(); n != 0 {
		t.Errorf("%d connections go on", n)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, w.Serve(l, StartTLS))
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("a listener that comes too late is served")
	}
}

// Keys have bounds of their own (what one that was stolen can do): over its rate nothing is
// kept, and other keys go on.
func TestFloodOfMessagesWithOneKey(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	key := w.newKey(control.NewKey{Name: "low", Scopes: []string{"messages:send"}, KeyBounds: control.KeyBounds{Rate: 3}})
	c := w.hello(Implicit)
	c.cmd("AUTH PLAIN "+plainOf("low", key), "235")
	var answers []string
	for i := range 10 {
		answers = append(answers, c.mail("ada@acme.example", []string{"bob@example.com"}, simple("ada@acme.example", "bob@example.com", fmt.Sprintf("Message-ID: <%d@x>\r\n", i)))[:9])
	}
	slices.Sort(answers)
	if taken := len(slices.DeleteFunc(answers, func(s string) bool { return s != "250 2.0.0" })); taken != 3 {
		t.Errorf("%d messages were taken", taken)
	}
	w.well()
}
