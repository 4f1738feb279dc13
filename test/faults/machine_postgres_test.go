package faults

import (
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver "pgx"

	"gatepost/internal/store/storetest"
)

// way leads to a database, and can be closed: what is sent then goes nowhere, and nobody is told.
type way struct {
	listener net.Listener
	to       string
	closed   atomic.Bool
	mu       sync.Mutex
	conns    []net.Conn
}

// openWay returns a way to the database of a URL, and its URL by that way.
func openWay(t *testing.T, database string) (*way, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	w := &way{to: u.Host}
	if w.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = w.listener.Close()
		w.cut()
	})
	go w.serve()
	u.Host = w.listener.Addr().String()
	return w, u.String()
}

func (w *way) serve() {
	for {
		in, err := w.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", w.to)
		if err != nil {
			_ = in.Close()
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, in, out)
		w.mu.Unlock()
		go w.carry(in, out)
		go w.carry(out, in)
	}
}

func (w *way) carry(from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !w.closed.Load() {
			_, _ = to.Write(buf[:n])
		}
		if err != nil {
			if !w.closed.Load() {
				_ = to.Close()
			}
			return
		}
	}
}

// cut ends all connections, as the database's end does.
func (w *way) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

// The database is away, and comes back: 503 at once and not ready, nothing is sent meanwhile, and all goes
// on by itself.
func TestDatabaseGoesAway(t *testing.T) {
	t.Parallel()
	w, database := openWay(t, storetest.Postgres(t))
	s := opened(t, t.TempDir(), map[string]string{"GATEPOST_DATABASE": database})
	s.misbehave(`{"fault":"server_error","count":1}`)
	waiting := s.submit("waits@example.com")
	s.until("it was refused once", time.Minute, func() bool { return strings.Contains(s.log.String(), "message.delayed") })
	address := w.listener.Addr().String()
	_ = w.listener.Close()
	w.cut()
	began := time.Now()
	s.refused(letter("refused@example.com"), http.StatusServiceUnavailable, "busy")
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %s to say so", took)
	}
	s.until("a load balancer is told", 20*time.Second, s.notReady)
	time.Sleep(6 * time.Second) // the next try is due within that time
	if n := len(s.copies()); n != 0 {
		t.Errorf("%d messages were sent whose attempt could not be recorded", n)
	}
	var err error
	w.listener, err = net.Listen("tcp", address)
	s.must(err)
	go w.serve()
	back := time.Now()
	s.until("messages are taken again", 10*time.Second, func() bool {
		status, _, err := s.call(http.MethodPost, "/v1/messages", letter("after@example.com"))
		return err == nil && status == http.StatusAccepted
	})
	t.Logf("taken again after %s", time.Since(back))
	s.arrive(time.Minute, waiting)
}

// beside starts another node on a database of the same mail.
func (s *station) beside(database string) *station {
	s.t.Helper()
	n := newStation(s.t, s.t.TempDir(), map[string]string{
		"GATEPOST_DATABASE": database, "GATEPOST_MASTER_KEY_FILE": filepath.Join(s.vars["GATEPOST_DATA"], "master.key"),
	})
	n.vars["GATEPOST_CA_FILE"], n.vars["GATEPOST_GOOGLE_URL"] = s.vars["GATEPOST_CA_FILE"], s.vars["GATEPOST_GOOGLE_URL"]
	n.key, n.world = s.key, s.world
	n.start()
	return n
}

// One of two nodes does not reach the database any more, and is not told so: the other one sends all mail,
// each message once, and the lost one says that it is not ready.
func TestNodeWithoutItsDatabase(t *testing.T) {
	t.Parallel()
	database := storetest.Postgres(t)
	w, by := openWay(t, database)
	lost := opened(t, t.TempDir(), map[string]string{"GATEPOST_DATABASE": by})
	other := lost.beside(database)
	var senders, ids []string
	for i := range 6 {
		senders = append(senders, fmt.Sprintf("node%d@acme.example", i))
	}
	lost.relay(senders...)
	send := func() {
		for i, from := range senders {
			m := plain(i)
			m["from"] = from
			ids = append(ids, other.create("/v1/messages", m))
		}
	}
	send()
	other.arrive(30*time.Second, ids...)
	// A relay's mail whose verdict is lost is sent again: that is not what this test is about.
	other.until("all verdicts are recorded", 30*time.Second, func() bool {
		return !slices.ContainsFunc(ids, func(id string) bool { return other.status(id) != "accepted" })
	})
	w.closed.Store(true)
	send()
	lost.until("the lost node says so", 20*time.Second, lost.notReady)
	other.arrive(30*time.Second, ids...)
	w.cut() // what a network does in the end
	w.closed.Store(false)
	lost.until("the lost node is back", time.Minute, func() bool {
		status, _, err := lost.call(http.MethodPost, "/v1/messages", letter("back@example.com"))
		return err == nil && status == http.StatusAccepted
	})
	send()
	other.arrive(30*time.Second, ids...)
}

// The database gives out fewer sessions than gatepost would use, and another program locks its tables:
// requests wait or are told to come back, and nothing is lost.
func TestBusyDatabase(t *testing.T) {
	t.Parallel()
	database := storetest.Postgres(t)
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	name := fmt.Sprintf("few_%d", time.Now().UnixNano())
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		"CREATE ROLE " + name + " LOGIN CONNECTION LIMIT 5", "GRANT ALL ON SCHEMA public TO " + name,
		"GRANT CREATE ON DATABASE " + u.Path[1:] + " TO " + name,
	} {
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { dropRole(t, database, name) })
	u.User = url.User(name)
	s := opened(t, t.TempDir(), map[string]string{"GATEPOST_DATABASE": u.String()})
	l := s.hand(24, plain)
	s.until("messages are taken", time.Minute, func() bool { return l.count() > 200 })
	tx, err := db.BeginTx(t.Context(), nil)
	s.must(err)
	_, err = tx.ExecContext(t.Context(), "LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
	s.must(err)
	time.Sleep(3 * time.Second) // requests wait
	s.must(tx.Rollback())
	before := l.count()
	s.until("messages are taken again", time.Minute, func() bool { return l.count() > before+100 })
	close(l.stopping)
	l.clients.Wait()
	t.Logf("answers: %v", l.statuses)
	for status := range l.statuses {
		if status != http.StatusAccepted && status != http.StatusServiceUnavailable {
			t.Errorf("answers: %v\n%s", l.statuses, s.lastWords())
		}
	}
	s.arrive(60*time.Second, l.ids...)
	s.stop()
}

// dropRole removes a role with what it owns.
func dropRole(t *testing.T, database, name string) {
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, query := range []string{"DROP OWNED BY " + name + " CASCADE", "DROP ROLE " + name} {
		if _, err := db.Exec(query); err != nil {
			t.Error(err)
		}
	}
}

// A node dies before the time of scheduled mail that was its to send: the other one sends it, each message
// once and not early.
func TestScheduledMailOfADeadNode(t *testing.T) {
	t.Parallel()
	dead := opened(t, t.TempDir(), map[string]string{"GATEPOST_DATABASE": storetest.Postgres(t)})
	other := dead.beside(dead.vars["GATEPOST_DATABASE"])
	var senders, ids []string
	for i := range 6 {
		senders = append(senders, fmt.Sprintf("node%d@acme.example", i))
	}
	dead.relay(senders...)
	due := time.Now().Add(4 * time.Second).Truncate(time.Second)
	for i, from := range senders {
		m := plain(i)
		m["from"], m["send_at"] = from, due.Format(time.RFC3339)
		ids = append(ids, dead.create("/v1/messages", m))
	}
	dead.kill()
	for time.Now().Before(due) {
		if n := len(other.copies()); n != 0 && time.Now().Before(due) {
			t.Fatalf("%d messages were sent early", n)
		}
		time.Sleep(20 * time.Millisecond) // until their time
	}
	other.arrive(30*time.Second, ids...)
}
