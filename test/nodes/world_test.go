package nodes

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
)

// world is the simulated Google and relay, as a process of its own.
type world struct {
	t   *testing.T
	bin string

	GoogleURL      string `json:"google_url"`
	SMTPAddr       string `json:"smtp_addr"`
	SMTPUser       string `json:"smtp_user"`
	SMTPPassword   string `json:"smtp_password"`
	ControlURL     string `json:"control_url"`
	CAFile         string `json:"ca_file"`
	LedgerFile     string `json:"ledger_file"`
	ServiceAccount string `json:"service_account_file"`
	OAuthClient    string `json:"oauth_client_file"`
}

func startWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, bin: build(t)}
	cmd := exec.Command(w.bin, "sandbox", "--world", "--json", "--data", t.TempDir())
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
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("the world said nothing: %v", err)
	}
	if err := json.Unmarshal(line, w); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	w.takes("150") // long enough to be met by a kill
	return w
}

// takes lets the world take so many milliseconds for a message.
func (w *world) takes(ms string) {
	w.t.Helper()
	w.control(http.MethodDelete, nil)
	w.control(http.MethodPost, map[string]any{"fault": "slow", "arg": ms})
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

// Accounts: those whose Sent can be read, and relays. Enough of them that each node has some.
var (
	users  = []string{"user1@acme.example", "user2@acme.example", "user3@acme.example", "user4@acme.example"}
	relays = []string{"relay1@acme.example", "relay2@acme.example", "relay3@acme.example", "relay4@acme.example", "relay5@acme.example"}
)

// connect makes the accounts, at one node after the other.
func (s *site) connect(w *world) {
	s.t.Helper()
	key, err := os.ReadFile(w.ServiceAccount)
	s.must(err)
	authority, err := os.ReadFile(w.CAFile)
	s.must(err)
	host, port, err := net.SplitHostPort(w.SMTPAddr)
	s.must(err)
	at := func(i int) *node { return s.nodes[i%len(s.nodes)] }
	google := at(0).create("/v1/credentials", map[string]any{"kind": "google_service_account", "name": "Google", "key": json.RawMessage(key)})
	relay := at(1).create("/v1/credentials", map[string]any{"kind": "smtp_password", "name": "relay", "password": w.SMTPPassword})
	for i, address := range users {
		at(i).create("/v1/accounts", map[string]any{"address": address, "transport": "gmail", "credential": google})
	}
	for i, address := range relays {
		at(i).create("/v1/accounts", map[string]any{
			"address": address, "transport": "smtp", "credential": relay,
			"smtp": map[string]any{"host": host, "port": json.Number(port), "user": w.SMTPUser, "ca": string(authority)},
		})
	}
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
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			ID         string `json:"gatepost_id"`
			Recipients []string
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || len(e.Recipients) != 1 {
			w.t.Fatalf("the world's ledger: %v: %s", err, lines.Bytes())
		}
		if out.copies[e.ID]++; out.copies[e.ID] == 1 {
			out.markers[e.Recipients[0]] = append(out.markers[e.Recipients[0]], e.ID)
		}
	}
	return out
}
