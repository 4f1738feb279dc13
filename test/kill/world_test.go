package kill

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// world is the simulated Google and relay, as a process of its own that nobody kills.
type world struct {
	t *testing.T

	GoogleURL      string `json:"google_url"`
	SMTPAddr       string `json:"smtp_addr"`
	SMTPUser       string `json:"smtp_user"`
	SMTPPassword   string `json:"smtp_password"`
	ControlURL     string `json:"control_url"`
	CAFile         string `json:"ca_file"`
	LedgerFile     string `json:"ledger_file"`
	ServiceAccount string `json:"service_account_file"`
}

func startWorld(t *testing.T, bin string) *world {
	t.Helper()
	cmd := exec.Command(bin, "sandbox", "--world", "--json", "--data", t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // nothing it holds is needed any more
		_ = cmd.Wait()
	})
	w := &world{t: t}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("the world said nothing: %v", err)
	}
	if err := json.Unmarshal(line, w); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	w.takesItsTime(usually)
	return w
}

// How long the world takes for a message: long enough to die meanwhile, and so long that a backlog grows.
const (
	usually  = 20 * time.Millisecond
	sluggish = 300 * time.Millisecond
)

// takesItsTime also lets three of four copies appear in Sent late: the latest 1.5 s after the message
// was taken. What a killed serve had handed over is taken within moments of its death, and the last
// look is 3 s after the next start.
func (w *world) takesItsTime(slow time.Duration) {
	w.t.Helper()
	w.control(http.MethodDelete, nil)
	for _, rule := range []map[string]any{
		{"fault": "late_sent", "arg": "1500", "via": "gmail", "rate": 0.25},
		{"fault": "late_sent", "arg": "700", "via": "gmail", "rate": 0.66},
		{"fault": "slow", "arg": strconv.FormatInt(slow.Milliseconds(), 10)},
	} {
		w.control(http.MethodPost, rule)
	}
}

func (w *world) control(method string, v any) {
	w.t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		w.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.ControlURL+"/control/faults", bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		w.t.Fatalf("%s /control/faults: %s", method, resp.Status)
	}
}

// draftKey is the key of a service account that may make drafts and look in Sent.
func (w *world) draftKey() json.RawMessage {
	w.t.Helper()
	const scope = "https://www.googleapis.com/auth/gmail."
	body, err := json.Marshal(map[string]any{"scopes": []string{scope + "compose", scope + "metadata"}})
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.Post(w.ControlURL+"/control/service-accounts", "application/json", bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	key, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusCreated {
		w.t.Fatalf("a service account: %s, %v", resp.Status, err)
	}
	return key
}

// drafts lists gatepost's ids of the drafts in all mailboxes.
func (w *world) drafts() (ids []string) {
	w.t.Helper()
	resp, err := http.Get(w.ControlURL + "/control/drafts")
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	var all struct {
		Drafts []struct {
			ID string `json:"gatepost_id"`
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		w.t.Fatal(err)
	}
	for _, d := range all.Drafts {
		ids = append(ids, d.ID)
	}
	return ids
}

// Senders of the accounts.
const (
	gmailSender = "ada@acme.example"
	draftSender = "dan@acme.example"
	relaySender = "billing@acme.example"
)

// connect makes an account at each.
func (w *world) connect(s *station) {
	w.t.Helper()
	key, err := os.ReadFile(w.ServiceAccount)
	s.must(err)
	authority, err := os.ReadFile(w.CAFile)
	s.must(err)
	host, port, err := net.SplitHostPort(w.SMTPAddr)
	s.must(err)
	// More than Google allows: kills are to meet many attempts, not a queue that waits.
	wide := map[string]any{"units_per_minute": 1_000_000, "per_day": 1_000_000, "recipients_per_day": 1_000_000, "external_per_day": 1_000_000, "unique_per_day": 1_000_000}
	google := s.create("/v1/credentials", map[string]any{"kind": "google_service_account", "name": "Google", "key": json.RawMessage(key)})
	s.create("/v1/accounts", map[string]any{
		"address": gmailSender, "transport": "gmail", "credential": google, "gmail": map[string]any{"max_parallel": 8, "limits": wide},
	})
	drafts := s.create("/v1/credentials", map[string]any{"kind": "google_service_account", "name": "Google, drafts", "key": w.draftKey()})
	s.create("/v1/accounts", map[string]any{
		"address": draftSender, "transport": "gmail", "credential": drafts, "gmail": map[string]any{"max_parallel": 8, "draft_fence": true, "limits": wide},
	})
	relay := s.create("/v1/credentials", map[string]any{"kind": "smtp_password", "name": "relay", "password": w.SMTPPassword})
	s.create("/v1/accounts", map[string]any{
		"address": relaySender, "transport": "smtp", "credential": relay,
		"smtp": map[string]any{"host": host, "port": json.Number(port), "user": w.SMTPUser, "ca": string(authority)},
	})
}

// taken is what the world's ledger says: copies by gatepost's id, and which ids came for each marker.
type taken struct {
	copies  map[string]int
	markers map[string][]string
}

func (w *world) ledger() taken {
	w.t.Helper()
	f, err := os.Open(w.LedgerFile)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	out := taken{map[string]int{}, map[string][]string{}}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if err := out.add(sc.Bytes()); err != nil {
			w.t.Fatalf("the world's ledger: %v: %s", err, sc.Bytes())
		}
	}
	return out
}

func (l taken) add(line []byte) error {
	var e struct {
		ID         string `json:"gatepost_id"`
		Recipients []string
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	if len(e.Recipients) != 1 {
		return fmt.Errorf("%d recipients, want 1", len(e.Recipients))
	}
	if l.copies[e.ID]++; l.copies[e.ID] == 1 {
		l.markers[e.Recipients[0]] = append(l.markers[e.Recipients[0]], e.ID)
	}
	return nil
}
