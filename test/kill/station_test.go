package kill

import (
	"bytes"
	"context"
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
	"testing"
	"time"

	"gatepost/test/running"
)

// station is one gatepost, through all its lives.
type station struct {
	t      *testing.T
	bin    string
	env    []string
	url    string
	smtp   string // address
	key    string
	log    *os.File
	client *http.Client
	serve  *process
}

// process is a program that was started, and when it ended.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func newStation(t *testing.T, p program, database string, w *world) *station {
	t.Helper()
	dir := t.TempDir()
	s := &station{t: t, bin: p.path, url: "http://" + running.Address(t), smtp: running.Address(t), client: &http.Client{
		Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: clients},
	}}
	s.env = append(os.Environ(), "GATEPOST_DATA="+filepath.Join(dir, "data"), "GATEPOST_DATABASE="+database,
		"GATEPOST_MASTER_KEY=", "GATEPOST_MASTER_KEY_FILE=", "GATEPOST_LISTEN="+s.url[len("http://"):], "GATEPOST_SMTP_LISTEN="+s.smtp,
		"GATEPOST_GOOGLE_URL="+w.GoogleURL, "GATEPOST_CA_FILE="+w.CAFile, "GATEPOST_LOOKS=500ms,1s,3s", "GATEPOST_SEND_TIMEOUT=10s", "GATEPOST_LOG_LEVEL=warn",
		mutationVariable+"="+p.mutation)
	var err error
	s.log, err = os.Create(filepath.Join(dir, "serve.log"))
	s.must(err)
	t.Cleanup(s.kill)
	s.createKey()
	return s
}

func (s *station) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *station) createKey() {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), s.bin, "keys", "create", "--name", "kill", "--json")
	cmd.Env, cmd.Stderr = s.env, s.log
	out, err := cmd.Output()
	s.must(err)
	var made struct{ Key string }
	s.must(json.Unmarshal(out, &made))
	s.key = made.Key
}

// start begins another life of serve, which ends at the point of k. It returns once serve is ready, or
// has met its point before.
func (s *station) start(k kill) {
	s.t.Helper()
	cmd := exec.Command(s.bin, "serve")
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, s.log, s.log
	if k.point != "" {
		cmd.Env = append(s.env[:len(s.env):len(s.env)], fmt.Sprintf("GATEPOST_FAULT_KILL=%s:%d", k.point, k.nth))
	}
	s.must(cmd.Start())
	s.serve = &process{cmd, make(chan struct{})}
	go func(p *process) {
		_ = p.cmd.Wait() // how it ended is in its state
		close(p.ended)
	}(s.serve)
	if k.quiet {
		return // to ask whether it is ready would be a commit
	}
	s.until("serve is ready", time.Minute, 5*time.Millisecond, func() bool {
		status, _, err := s.call(http.MethodGet, "/readyz", nil)
		return s.serve.over() || err == nil && status == http.StatusOK
	})
	if s.serve.over() && k.point == "" {
		s.t.Fatalf("serve ended by itself: %v\n%s", s.serve.cmd.ProcessState, s.lastWords())
	}
}

// kill ends serve at once, if it still runs.
func (s *station) kill() {
	if s.serve == nil {
		return
	}
	_ = s.serve.cmd.Process.Kill() // it may have ended itself
	<-s.serve.ended
	s.serve = nil
}

// stop ends serve in order.
func (s *station) stop() {
	s.t.Helper()
	s.must(s.serve.cmd.Process.Signal(os.Interrupt))
	<-s.serve.ended
	if code := s.serve.cmd.ProcessState.ExitCode(); code != 0 {
		s.t.Errorf("serve did not stop in order: exit code %d\n%s", code, s.lastWords())
	}
	s.serve = nil
}

// until asks for a condition every so often, and not for ever.
func (s *station) until(what string, limit, every time.Duration, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(every) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within %s: %s\n%s", limit, what, s.lastWords())
		}
	}
}

func (s *station) lastWords() []byte {
	text, err := os.ReadFile(s.log.Name())
	if err != nil {
		return []byte(err.Error())
	}
	return text[max(0, len(text)-3000):]
}

// call makes one request, without any repetition.
func (s *station) call(method, path string, v any, header ...string) (status int, answer []byte, err error) {
	var body io.Reader
	if v != nil {
		b, err := json.Marshal(v)
		if err != nil {
			return 0, nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, s.url+path, body)
	if err != nil {
		return 0, nil, err
	}
	req.GetBody = nil // or net/http sends a request with an Idempotency-Key again by itself
	req.Header.Set("Authorization", "Bearer "+s.key)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// create makes something and returns its id.
func (s *station) create(path string, v any) string {
	s.t.Helper()
	status, answer, err := s.call(http.MethodPost, path, v)
	var made struct{ ID string }
	if err = errors.Join(err, json.Unmarshal(answer, &made)); err != nil || status != http.StatusCreated {
		s.t.Fatalf("POST %s: %d: %v: %s", path, status, err, answer)
	}
	return made.ID
}

// metrics reads the numbers of recipients.
func (s *station) metrics() (map[string]float64, error) {
	status, answer, err := s.call(http.MethodGet, "/metrics", nil)
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("GET /metrics: %d: %w", status, err)
	}
	all := map[string]float64{}
	for line := range strings.Lines(string(answer)) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !strings.HasPrefix(name, "gatepost_recipients") {
			continue
		}
		if all[name], err = strconv.ParseFloat(text, 64); err != nil {
			return nil, fmt.Errorf("GET /metrics: %s: %w", line, err)
		}
	}
	return all, nil
}
