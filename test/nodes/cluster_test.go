package nodes

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"gatepost/test/running"
)

// server is a PostgreSQL of the test's own, or a pooler, run by a user who is not root.
type server struct {
	t    *testing.T
	dir  string
	port string
}

// missing skips the test where a program is not there; with CI=true it has to be.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not there: install it (Debian: apt-get install postgresql pgbouncer)", what)
	}
	t.Skipf("not run: %s is not there", what)
}

// pgProgram finds one of the newest PostgreSQL's programs.
func pgProgram(t *testing.T, name string) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	slices.Sort(found)
	if len(found) > 0 {
		return found[len(found)-1]
	}
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name)
	}
	return path
}

// unprivileged is the user that servers run as: they refuse to be root's.
func unprivileged(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ := strconv.Atoi(u.Uid)
			gid, _ := strconv.Atoi(u.Gid)
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	t.Fatal("no user is there to run servers as")
	return nil
}

func newServer(t *testing.T) *server {
	t.Helper()
	dir, err := os.MkdirTemp("", "gatepost-nodes.") // of t.TempDir's parents others may not enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	_, port, err := net.SplitHostPort(running.Address(t))
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, dir: dir, port: port}
	if c := unprivileged(t); c != nil {
		if err := os.Chown(dir, int(c.Uid), int(c.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// command is one that the servers' user gives.
func (s *server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.SysProcAttr = s.dir, &syscall.SysProcAttr{Credential: unprivileged(s.t)}
	return cmd
}

func (s *server) run(name string, args ...string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	log, err := os.CreateTemp("", "gatepost-nodes.log.") // not a pipe: what pg_ctl starts would hold it
	if err != nil {
		s.t.Fatal(err)
	}
	defer os.Remove(log.Name())
	cmd := s.command(ctx, pgProgram(s.t, name), args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(log.Name())
		s.t.Fatalf("%s %v: %v\n%s", name, args, err, text)
	}
}

func (s *server) start() {
	s.t.Helper()
	s.run("pg_ctl", "-s", "-w", "-t", "50", "-D", "data", "-l", "server.log", "-o", "-p "+s.port, "start")
	s.t.Cleanup(s.end)
}

// end stops it as a crash does; it may have ended.
func (s *server) end() {
	_ = s.command(context.Background(), pgProgram(s.t, "pg_ctl"), "-s", "-D", "data", "-m", "immediate", "stop").Run()
}

func (s *server) psql(query string) {
	s.t.Helper()
	s.run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", s.port, "-U", "postgres", "-c", query)
}

// primary makes a server that others may copy. What is committed is judged by its standby, not by its disk.
func primary(t *testing.T) *server {
	t.Helper()
	s := newServer(t)
	s.run("initdb", "-N", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
	s.configure("listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\nmax_connections = 100\n")
	s.start()
	return s
}

func (s *server) configure(text string) {
	s.t.Helper()
	f, err := os.OpenFile(filepath.Join(s.dir, "data", "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("\n" + text); err != nil {
		s.t.Fatal(err)
	}
}

// standby copies a primary, whose commits wait for it from then on.
func standby(of *server) *server {
	s := newServer(of.t)
	s.run("pg_basebackup", "-D", "data", "-h", "127.0.0.1", "-p", of.port, "-U", "postgres", "-R", "-c", "fast", "-N")
	s.start()
	of.psql("ALTER SYSTEM SET synchronous_standby_names = '*'")
	of.psql("SELECT pg_reload_conf()")
	return s
}

// pooler starts PgBouncer before a database, with few sessions that go from one transaction to the next.
func pooler(t *testing.T, host, port, user, name string) *server {
	t.Helper()
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		if path = "/usr/sbin/pgbouncer"; exec.Command(path, "--version").Run() != nil {
			missing(t, "pgbouncer")
		}
	}
	s := newServer(t)
	config := fmt.Sprintf(`[databases]
gate = host=%s port=%s user=%s dbname=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 200
logfile = %s
`, host, port, user, name, s.port, filepath.Join(s.dir, "pooler.log"))
	if err := os.WriteFile(filepath.Join(s.dir, "pooler.ini"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := s.command(context.Background(), path, "-q", "pooler.ini")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // nothing it holds is needed any more
		_ = cmd.Wait()
	})
	if !eventually(time.Minute, func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+s.port)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}) {
		log, _ := os.ReadFile(filepath.Join(s.dir, "pooler.log"))
		t.Fatalf("pgbouncer does not answer\n%s", log)
	}
	return s
}
