package nodes

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// site is several gatepost on one database.
type site struct {
	t      *testing.T
	bin    string
	env    []string
	key    string
	nodes  []*node
	client *http.Client
	timers sync.WaitGroup
	sent   int // messages of rounds
}

// node is one of them, with a data folder of its own, through all its lives.
type node struct {
	s    *site
	name string
	dir  string
	url  string
	log  *os.File
	cmd  *exec.Cmd
	done chan struct{}
	ill  atomic.Bool // dead or frozen
}

// place is where the database is, past a pooler too if there is one, and when to look in Sent.
type place struct{ database, direct, looks string }

func newSite(t *testing.T, w *world, at place) *site {
	t.Helper()
	s := &site{t: t, bin: w.bin, client: &http.Client{
		Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: clients},
	}}
	master := make([]byte, 32)
	_, err := rand.Read(master)
	s.must(err)
	s.env = append(os.Environ(), "GATEPOST_DATABASE="+at.database, "GATEPOST_DATABASE_DIRECT="+at.direct,
		"GATEPOST_MASTER_KEY="+base64.StdEncoding.EncodeToString(master), "GATEPOST_LISTEN=127.0.0.1:0",
		"GATEPOST_GOOGLE_URL="+w.GoogleURL, "GATEPOST_CA_FILE="+w.CAFile, "GATEPOST_LOOKS="+at.looks, "GATEPOST_SEND_TIMEOUT=60s")
	return s
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// add makes a node, and the API key with the first one. It does not run yet.
func (s *site) add() *node {
	s.t.Helper()
	n := &node{s: s, name: fmt.Sprintf("node %d", len(s.nodes)+1), dir: s.t.TempDir()}
	var err error
	n.log, err = os.Create(filepath.Join(n.dir, "serve.log"))
	s.must(err)
	if s.nodes = append(s.nodes, n); len(s.nodes) == 1 {
		cmd := exec.CommandContext(s.t.Context(), s.bin, "keys", "create", "--name", "nodes", "--json")
		cmd.Env, cmd.Stderr = n.env(), n.log
		out, err := cmd.Output()
		if err != nil {
			s.t.Fatalf("keys create: %v\n%s", err, n.said())
		}
		var made struct{ Key string }
		s.must(json.Unmarshal(out, &made))
		s.key = made.Key
	}
	s.t.Cleanup(func() {
		s.timers.Wait()
		n.kill()
		_ = n.log.Close()
	})
	return n
}

func (n *node) env() []string {
	return append(n.s.env[:len(n.s.env):len(n.s.env)], "GATEPOST_DATA="+filepath.Join(n.dir, "data"))
}

// start begins another life and returns once it is ready.
func (n *node) start() {
	n.s.t.Helper()
	from := len(n.said())
	n.cmd, n.done = exec.Command(n.s.bin, "serve"), make(chan struct{})
	n.cmd.Env, n.cmd.Stdout, n.cmd.Stderr = n.env(), n.log, n.log
	if err := n.cmd.Start(); err != nil {
		n.s.t.Error(err)
		return
	}
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait() // how it ended is in its state
		close(done)
	}(n.cmd, n.done)
	ready := eventually(time.Minute, func() bool {
		_, rest, ok := strings.Cut(string(n.said()[from:]), " api=")
		if ok {
			n.url, _, _ = strings.Cut(rest, " ")
		}
		return ok || n.over()
	})
	if !ready || n.over() {
		n.s.t.Errorf("%s did not get ready\n%s", n.name, n.lastWords())
		return
	}
	n.ill.Store(false)
}

func (n *node) over() bool {
	select {
	case <-n.done:
		return true
	default:
		return false
	}
}

func (n *node) said() []byte {
	text, err := os.ReadFile(n.log.Name())
	if err != nil {
		n.s.t.Error(err)
	}
	return text
}

func (n *node) lastWords() []byte {
	text := n.said()
	return text[max(0, len(text)-3000):]
}

func (n *node) well() bool { return !n.ill.Load() }

// kill ends it at once, if it runs.
func (n *node) kill() {
	if n.cmd == nil {
		return
	}
	n.ill.Store(true)
	_ = n.cmd.Process.Kill() // it may have ended
	<-n.done
	n.cmd = nil
}

// stop ends it in order and tells how long that took.
func (n *node) stop() time.Duration {
	n.s.t.Helper()
	began := time.Now()
	n.ill.Store(true)
	n.s.must(n.cmd.Process.Signal(os.Interrupt))
	<-n.done
	if code := n.cmd.ProcessState.ExitCode(); code != 0 {
		n.s.t.Errorf("%s did not stop in order: exit code %d\n%s", n.name, code, n.lastWords())
	}
	n.cmd = nil
	return time.Since(began)
}

func (n *node) freeze() {
	n.ill.Store(true)
	n.s.must(n.cmd.Process.Signal(syscall.SIGSTOP))
}

func (n *node) thaw() {
	if err := n.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		n.s.t.Errorf("%s: %v", n.name, err)
	}
	n.ill.Store(false)
}

// later does something beside the test, which waits for it in the end.
func (s *site) later(after time.Duration, do func()) {
	s.timers.Go(func() {
		time.Sleep(after)
		do()
	})
}

// calm waits until all nodes are well.
func (s *site) calm() { s.timers.Wait() }

// eventually asks for a condition until it holds, and not for ever.
func eventually(limit time.Duration, ok func() bool) bool {
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// until fails the test when a condition does not come to hold.
func (s *site) until(what string, limit time.Duration, ok func() bool) {
	s.t.Helper()
	if eventually(limit, ok) {
		return
	}
	for _, n := range s.nodes {
		s.t.Logf("%s:\n%s", n.name, n.lastWords())
	}
	s.t.Fatalf("not within %s: %s", limit, what)
}

// call makes one request of a node, without any repetition.
func (n *node) call(method, path string, v any, header ...string) (status int, answer []byte, err error) {
	var body io.Reader
	if raw, ok := v.([]byte); ok {
		body = bytes.NewReader(raw)
	} else if v != nil {
		b, err := json.Marshal(v)
		if err != nil {
			return 0, nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, n.url+path, body)
	if err != nil {
		return 0, nil, err
	}
	req.GetBody = nil // or net/http sends a request with an Idempotency-Key again by itself
	req.Header.Set("Authorization", "Bearer "+n.s.key)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := n.s.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// create makes something and returns its id.
func (n *node) create(path string, v any, header ...string) string {
	n.s.t.Helper()
	status, answer, err := n.call(http.MethodPost, path, v, header...)
	var made struct{ ID string }
	if err = errors.Join(err, json.Unmarshal(answer, &made)); err != nil || status/100 != 2 {
		n.s.t.Fatalf("POST %s: %d: %v: %s", path, status, err, answer)
	}
	return made.ID
}

// metrics reads the numbers of recipients.
func (n *node) metrics() (map[string]float64, error) {
	status, answer, err := n.call(http.MethodGet, "/metrics", nil)
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("GET /metrics: %d: %w", status, err)
	}
	all := map[string]float64{}
	for line := range strings.Lines(string(answer)) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(name, "gatepost_recipients") {
			if all[name], err = strconv.ParseFloat(text, 64); err != nil {
				return nil, fmt.Errorf("GET /metrics: %s: %w", line, err)
			}
		}
	}
	return all, nil
}

// rest waits until there is nothing left to do, and asks whether anything was lost in the counting.
func (s *site) rest(limit time.Duration) {
	s.t.Helper()
	var all map[string]float64
	s.until("everything is at rest", limit, func() bool {
		time.Sleep(100 * time.Millisecond) // metrics count
		var err error
		all, err = s.nodes[0].metrics()
		busy := 0.0
		for _, state := range []string{"scheduled", "queued", "sending", "unknown"} {
			busy += all[`gatepost_recipients{state="`+state+`"}`]
		}
		return err == nil && busy == 0
	})
	if n := all["gatepost_recipients_unaccounted"]; n != 0 {
		s.t.Errorf("%v recipients are unaccounted for", n)
	}
}
