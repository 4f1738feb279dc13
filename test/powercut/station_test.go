//go:build linux && powercut

package powercut

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"gatepost/internal/sandbox"
	"gatepost/test/powercut/lossyfs"

	"gatepost/test/running"
)

const sender = "sender@acme.example"

// station is a gatepost whose data lives on a disk that forgets, and the world it sends to, which
// power cuts do not reach.
type station struct {
	t     *testing.T
	disk  *lossyfs.Disk
	dir   string // where the disk is mounted: gatepost's data folder
	bin   string
	env   []string // further, for serve
	url   string
	key   string
	serve *exec.Cmd
	log   *os.File
	world *sandbox.World
}

// newStation builds gatepost with the tags given, starts it on an empty disk and connects an account.
func newStation(t *testing.T, tags string) *station {
	t.Helper()
	s := &station{t: t, disk: lossyfs.New(), dir: t.TempDir(), bin: filepath.Join(t.TempDir(), "gatepost")}
	s.build(tags)
	s.ok(s.disk.Mount(s.dir))
	t.Cleanup(func() {
		s.kill()
		s.ok(s.disk.Unmount())
	})
	var err error
	s.log, err = os.Create(filepath.Join(t.TempDir(), "serve.log"))
	s.ok(err)
	s.world, err = sandbox.Start(sandbox.Config{Dir: t.TempDir()})
	s.ok(err)
	t.Cleanup(func() { s.ok(s.world.Close()) })
	s.url = "http://" + running.Address(t)
	s.createKey()
	s.start()
	s.connect()
	return s
}

func (s *station) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *station) build(tags string) {
	s.t.Helper()
	if out, err := exec.Command("go", "build", "-tags", tags, "-o", s.bin, "gatepost/cmd/gatepost").CombinedOutput(); err != nil {
		s.t.Fatalf("build: %v: %s", err, out)
	}
}

func (s *station) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.bin, args...)
	cmd.Env = append(os.Environ(), "GATEPOST_DATABASE=", "GATEPOST_DATA="+s.dir,
		"GATEPOST_MASTER_KEY_FILE="+filepath.Join(s.dir, "master.key"), "GATEPOST_LISTEN="+s.url[len("http://"):])
	return cmd
}

func (s *station) createKey() {
	s.t.Helper()
	out, err := s.command("keys", "create", "--name", "powercut", "--json").CombinedOutput()
	if err != nil {
		s.t.Fatalf("create a key: %v: %s", err, out)
	}
	var made struct{ Key string }
	out = bytes.TrimSpace(out)
	s.ok(json.Unmarshal(out[bytes.LastIndexByte(out, '\n')+1:], &made))
	s.key = made.Key
}

// start starts serve and waits until it is ready.
func (s *station) start() {
	s.t.Helper()
	if err := s.tryStart(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *station) tryStart() error {
	cmd := s.command("serve")
	cmd.Env = append(cmd.Env, s.env...)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	if err := cmd.Start(); err != nil {
		return err
	}
	s.serve = cmd
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var status int
		if status, _, err = s.call(http.MethodGet, "/readyz", nil); err == nil && status == http.StatusOK {
			return nil
		}
	}
	text, readErr := os.ReadFile(s.log.Name())
	if readErr != nil {
		return readErr
	}
	return fmt.Errorf("serve is not ready: %v: %s", err, text[max(0, len(text)-4000):])
}

// kill ends serve as a power cut does: at once.
func (s *station) kill() {
	if s.serve == nil {
		return
	}
	_ = s.serve.Process.Kill() // it may have ended by itself, of EIO
	_ = s.serve.Wait()         // and how does not matter
	s.serve = nil
}

// stop ends serve in order.
func (s *station) stop() {
	s.t.Helper()
	s.ok(s.serve.Process.Signal(os.Interrupt))
	if err := s.serve.Wait(); err != nil {
		s.t.Fatalf("stop serve: %v", err)
	}
	s.serve = nil
}

// powerCut: the disk forgets and fails first, so nothing that serve still does is kept.
func (s *station) powerCut() {
	s.t.Helper()
	s.disk.Cut()
	s.kill()
	s.ok(s.disk.Unmount())
	s.ok(s.disk.Mount(s.dir))
}

// connect makes an account that relays to the world.
func (s *station) connect() {
	s.t.Helper()
	user, password := s.world.SMTPLogin()
	host, portText, err := net.SplitHostPort(s.world.SMTPAddr)
	s.ok(err)
	port, err := strconv.Atoi(portText)
	s.ok(err)
	credential := s.create("/v1/credentials", map[string]any{"kind": "smtp_password", "name": "relay", "password": password})
	s.create("/v1/accounts", map[string]any{
		"address": sender, "transport": "smtp", "credential": credential,
		"smtp": map[string]any{"host": host, "port": port, "tls": "starttls", "ca": s.authority(), "user": user},
	})
}

// authority is the certificate that the relay's is signed with.
func (s *station) authority() string {
	s.t.Helper()
	b, err := os.ReadFile(s.world.CAFile)
	s.ok(err)
	return string(b)
}

func (s *station) create(path string, v any) string {
	s.t.Helper()
	status, answer, err := s.call(http.MethodPost, path, v)
	s.ok(err)
	var made struct{ ID string }
	if status/100 != 2 || json.Unmarshal(answer, &made) != nil || made.ID == "" {
		s.t.Fatalf("POST %s: %d: %s", path, status, answer)
	}
	return made.ID
}

// call makes one request, without any repetition.
func (s *station) call(method, path string, v any) (int, []byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return 0, nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.GetBody = nil
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}
