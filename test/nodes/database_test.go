package nodes

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"gatepost/internal/store/storetest"
)

// The primary dies under load and its synchronous standby is promoted: within 10 s messages are taken
// again, and none that was acknowledged is lost.
func TestDatabaseFailsOver(t *testing.T) {
	t.Parallel()
	old := primary(t)
	next := standby(old)
	w := startWorld(t)
	w.takes("20")
	s := newSite(t, w, place{looks: "8s,10s,12s", database: fmt.Sprintf(
		"postgres://postgres@127.0.0.1:%s,127.0.0.1:%s/postgres?sslmode=disable", old.port, next.port)})
	for range 2 {
		s.add().start()
	}
	s.connect(w)
	l := newLoad(s, 30*time.Millisecond)
	s.until("some messages are taken", time.Minute, func() bool { return l.acked() > 50 })
	old.end()
	time.Sleep(2 * time.Second) // what notices the death and promotes takes its time
	next.run("pg_ctl", "-s", "-w", "-D", "data", "promote")
	promoted := time.Now()
	for i, n := range s.nodes {
		m := &submission{n: 90000 + i, sender: relays[0], policy: "hold"}
		s.until(n.name+" takes a message", 10*time.Second, func() bool {
			status, _, err := n.call(http.MethodPost, "/v1/messages", m.body(), "Idempotency-Key", m.marker())
			return err == nil && status == http.StatusAccepted
		})
	}
	t.Logf("both nodes took messages %s after the promotion", time.Since(promoted))
	before := l.acked()
	s.until("the load goes on", time.Minute, func() bool { return l.acked() > before+50 })
	l.stop()
	s.rest(2 * time.Minute)
	t.Log(s.judge(w, l))
}

// Behind a pooler that hands out sessions by the transaction all works, and the direct way past it
// wakes the nodes.
func TestDatabaseBehindAPooler(t *testing.T) {
	t.Parallel()
	direct := storetest.Postgres(t)
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	p := pooler(t, u.Hostname(), u.Port(), u.User.Username(), u.Path[1:])
	w := startWorld(t)
	w.takes("5")
	s := newSite(t, w, place{
		database: "postgres://postgres@127.0.0.1:" + p.port + "/gate?sslmode=disable", direct: direct, looks: "1s,2s,3s",
	})
	for range 2 {
		s.add().start()
	}
	s.connect(w)
	s.mustWake(w)
	l := newLoad(s, 15*time.Millisecond)
	s.until("messages are taken, large ones too", time.Minute, func() bool { return l.acked() > 4*longEvery })
	l.stop()
	s.rest(time.Minute)
	t.Log(s.judge(w, l))
	s.mustLeaveStandby(direct)
}

// mustLeaveStandby lets the pooler lead to a server that takes no writes, under connections that stay,
// and back.
func (s *site) mustLeaveStandby(direct string) {
	s.t.Helper()
	takes := func(n *node, key string) bool {
		m := &submission{n: 95000, sender: relays[0], policy: "hold"}
		status, _, err := n.call(http.MethodPost, "/v1/messages", m.body(), "Idempotency-Key", key)
		return err == nil && status == http.StatusAccepted
	}
	setReadOnly(s, direct, "on")
	for _, n := range s.nodes {
		if takes(n, "standby") {
			s.t.Errorf("%s took a message that the database did not", n.name)
		}
	}
	setReadOnly(s, direct, "off")
	for _, n := range s.nodes {
		s.until(n.name+" takes a message again", 10*time.Second, func() bool { return takes(n, "primary") })
	}
}

// setReadOnly makes a database one that takes writes or does not, and ends its sessions, so that the
// pooler has new ones.
func setReadOnly(s *site, at, value string) {
	s.t.Helper()
	db, err := sql.Open("pgx", at)
	s.must(err)
	defer db.Close()
	var name string
	s.must(db.QueryRowContext(s.t.Context(), `SELECT current_database()`).Scan(&name))
	for _, query := range []string{
		`BEGIN READ WRITE; ALTER DATABASE ` + name + ` SET default_transaction_read_only = ` + value + `; COMMIT`,
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
	} {
		_, err := db.ExecContext(s.t.Context(), query)
		s.must(err)
	}
}
