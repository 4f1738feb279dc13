package faults

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatepost/internal/sandbox"
	"gatepost/internal/store"
	"gatepost/test/running"
)

// sender is the account of a station.
const sender = "machine@acme.example"

// station is a gatepost as its operator runs it, through all its lives, and the world that it sends to.
type station struct {
	t       *testing.T
	program string
	url     string
	key     string
	vars    map[string]string // the environment
	through []string          // a command that runs gatepost serve, if not empty
	log     *running.Buffer
	stderr  io.Writer // log, or what takes its place
	serve   *exec.Cmd
	ended   chan struct{}
	world   *sandbox.World
	client  *http.Client
	conns   []net.Conn // of clients that do not do what clients do
}

// newStation makes a gatepost with a data folder and further variables. It does not run yet.
func newStation(t *testing.T, data string, vars map[string]string) *station {
	t.Helper()
	w, err := sandbox.Start(sandbox.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	address := running.Address(t)
	s := &station{
		t: t, program: built, url: "http://" + address, log: &running.Buffer{}, world: w,
		client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32}},
		vars: map[string]string{
			"GATEPOST_DATA": data, "GATEPOST_LISTEN": address, "GATEPOST_CA_FILE": w.CAFile, "GATEPOST_GOOGLE_URL": w.GoogleURL,
			"GATEPOST_LOOKS": "300ms,600ms,1s",
		},
	}
	maps.Copy(s.vars, vars)
	s.stderr = s.log
	t.Cleanup(s.kill)
	return s
}

// opened is a station that runs, with a relay.
func opened(t *testing.T, data string, vars map[string]string) *station {
	t.Helper()
	s := newStation(t, data, vars)
	s.makeKey()
	s.start()
	s.connect()
	return s
}

func (s *station) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%v\n%s", err, s.lastWords())
	}
}

func (s *station) lastWords() string {
	text := s.log.String()
	return text[max(0, len(text)-3000):]
}

func (s *station) env() []string {
	out := os.Environ()
	for name, value := range s.vars {
		out = append(out, name+"="+value)
	}
	return out
}

func (s *station) makeKey() {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), s.program, "keys", "create", "--name", "faults", "--json")
	cmd.Env, cmd.Stderr = s.env(), s.log
	out, err := cmd.Output()
	s.must(err)
	var made struct{ Key string }
	s.must(json.Unmarshal(out, &made))
	s.key = made.Key
}

// begin begins a life of serve.
func (s *station) begin() {
	s.t.Helper()
	line := append(slices.Clone(s.through), s.program, "serve")
	s.serve, s.ended = exec.Command(line[0], line[1:]...), make(chan struct{})
	s.serve.Env, s.serve.Stderr = s.env(), s.stderr
	s.must(s.serve.Start())
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait() // how it ended is in its state
		close(ended)
	}(s.serve, s.ended)
}

// start begins a life of serve and returns once it is ready.
func (s *station) start() {
	s.t.Helper()
	s.begin()
	s.until("serve is ready", time.Minute, func() bool {
		status, _, err := s.call(http.MethodGet, "/readyz", nil)
		return s.over() || err == nil && status == http.StatusOK
	})
	if s.over() {
		s.t.Fatalf("serve ended by itself: %v\n%s", s.serve.ProcessState, s.lastWords())
	}
}

func (s *station) until(what string, limit time.Duration, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within %s: %s\n%s", limit, what, s.lastWords())
		}
	}
}

func (s *station) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// kill ends serve at once, if it runs.
func (s *station) kill() {
	if s.serve == nil {
		return
	}
	_ = s.serve.Process.Kill() // it may have ended
	<-s.ended
	s.serve = nil
}

// stop ends serve as an operator does, and tells how long it took.
func (s *station) stop() time.Duration {
	s.t.Helper()
	began := time.Now()
	s.must(s.serve.Process.Signal(syscall.SIGTERM))
	<-s.ended
	if code := s.serve.ProcessState.ExitCode(); code != 0 {
		s.t.Errorf("serve ended with %d after SIGTERM\n%s", code, s.lastWords())
	}
	s.serve = nil
	return time.Since(began)
}

// connect makes the account.
func (s *station) connect() {
	s.t.Helper()
	s.relay(sender)
}

// relay makes accounts at a relay, whose Sent nobody can read.
func (s *station) relay(addresses ...string) {
	s.t.Helper()
	user, password := s.world.SMTPLogin()
	host, port, err := net.SplitHostPort(s.world.SMTPAddr)
	s.must(err)
	credential := s.create("/v1/credentials", map[string]any{"kind": "smtp_password", "name": "relay", "password": password})
	for _, address := range addresses {
		s.create("/v1/accounts", map[string]any{
			"address": address, "transport": "smtp", "credential": credential,
			"smtp": map[string]any{"host": host, "port": json.Number(port), "tls": "starttls", "user": user},
		})
	}
}

// create makes what a test begins with. A 503 says that nothing was kept, and to come
// again: a machine short of something is busy while it starts.
func (s *station) create(path string, v any) string {
	s.t.Helper()
	var status int
	var answer []byte
	s.until("POST "+path+" is taken", 30*time.Second, func() bool {
		var err error
		status, answer, err = s.call(http.MethodPost, path, v)
		s.must(err)
		return status != http.StatusServiceUnavailable
	})
	var made struct{ ID string }
	if status/100 != 2 || json.Unmarshal(answer, &made) != nil || made.ID == "" {
		s.t.Fatalf("POST %s: %d: %s\n%s", path, status, answer, s.lastWords())
	}
	return made.ID
}

// call makes one request, without any repetition.
func (s *station) call(method, path string, v any, header ...string) (int, []byte, error) {
	r, answer, err := s.ask(method, path, v, header...)
	if err != nil {
		return 0, nil, err
	}
	return r.StatusCode, answer, nil
}

func (s *station) ask(method, path string, v any, header ...string) (*http.Response, []byte, error) {
	var body io.Reader
	if v != nil {
		b, err := json.Marshal(v)
		if err != nil {
			return nil, nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, s.url+path, body)
	if err != nil {
		return nil, nil, err
	}
	req.GetBody = nil // or net/http sends a request with an Idempotency-Key again by itself
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.key)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp, answer, err
}

func letter(to string) map[string]any {
	return map[string]any{"from": sender, "to": to, "subject": "s", "text": "t", "on_unknown": "retry"}
}

// submit hands over a message that has to be taken, and returns its id.
func (s *station) submit(to string) string {
	s.t.Helper()
	return s.create("/v1/messages", letter(to))
}

// refused hands over a message that must not be taken, and checks how that is told.
func (s *station) refused(v any, status int, kind string) {
	s.t.Helper()
	r, answer, err := s.ask(http.MethodPost, "/v1/messages", v)
	s.must(err)
	var p struct{ Type string }
	_ = json.Unmarshal(answer, &p)
	if r.StatusCode != status || p.Type != "urn:gatepost:problem:"+kind {
		s.t.Errorf("%d %s, want %d %s\n%s", r.StatusCode, answer, status, kind, s.lastWords())
	}
	if r.Header.Get("Retry-After") == "" && kind != "internal" {
		s.t.Errorf("%d does not tell when to come back", r.StatusCode)
	}
}

// notReady tells whether a load balancer is told to send nothing here.
func (s *station) notReady() bool {
	status, _, err := s.call(http.MethodGet, "/readyz", nil)
	return err == nil && status == http.StatusServiceUnavailable
}

// copies are what the world took, by gatepost's id.
func (s *station) copies() map[string]int {
	s.t.Helper()
	f, err := os.Open(s.world.LedgerFile)
	s.must(err)
	defer f.Close()
	out := map[string]int{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var line struct {
			ID string `json:"gatepost_id"`
		}
		s.must(json.Unmarshal(lines.Bytes(), &line))
		out[line.ID]++
	}
	return out
}

// arrive waits until messages have arrived, and asks that each did once.
func (s *station) arrive(limit time.Duration, ids ...string) {
	s.t.Helper()
	var all map[string]int
	s.until(fmt.Sprintf("%d messages arrive", len(ids)), limit, func() bool {
		all = s.copies()
		return !slices.ContainsFunc(ids, func(id string) bool { return all[id] == 0 })
	})
	for _, id := range ids {
		if all[id] != 1 {
			s.t.Errorf("%s arrived %d times", id, all[id])
		}
	}
}

// status is the state of a message's one recipient.
func (s *station) status(id string) string {
	s.t.Helper()
	_, answer, err := s.call(http.MethodGet, "/v1/messages/"+id, nil)
	s.must(err)
	var m struct{ Recipients []struct{ Status string } }
	if json.Unmarshal(answer, &m) != nil || len(m.Recipients) != 1 {
		return string(answer)
	}
	return m.Recipients[0].Status
}

// misbehave gives the world a fault; an empty one ends all.
func (s *station) misbehave(rule string) {
	s.t.Helper()
	method := http.MethodPost
	if rule == "" {
		method = http.MethodDelete
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.world.ControlURL+"/control/faults", strings.NewReader(rule))
	s.must(err)
	resp, err := http.DefaultClient.Do(req)
	s.must(err)
	resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		s.t.Fatalf("%s: %s", rule, resp.Status)
	}
}

// database is SQLite's file.
func (s *station) database() string {
	return filepath.Join(s.vars["GATEPOST_DATA"], store.DatabaseFile)
}

// privileged skips a test that has to be root, where it is not: scripts/test names what that is.
func privileged(t *testing.T, what string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("not run: " + what + ": it needs root")
	}
}

// tmpfs mounts a small disk.
func tmpfs(t *testing.T, dir, options string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); errors.Is(err, syscall.EPERM) {
		t.Skip("not run: a disk of the test's own: mounting is not allowed here")
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// idle opens connections, says how each begins, and nothing more.
func (s *station) idle(t *testing.T, n int, begin string) {
	t.Helper()
	for range n {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		s.must(err)
		s.conns = append(s.conns, c)
		_, err = io.WriteString(c, begin)
		s.must(err)
	}
	t.Cleanup(s.hangUp)
}

// cut counts the connections that gatepost has ended.
func (s *station) cut() (n int) {
	for _, c := range s.conns {
		_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			n++
		}
	}
	return n
}

func (s *station) hangUp() {
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.conns = nil
}
