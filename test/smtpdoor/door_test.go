// Package smtpdoor lets programs that were not written here hand mail over to the SMTP door of a running
// gatepost, as they are, and compares the bytes that a provider got with those that the programs were
// given. It is a test alone: nothing is to be imported from here.
package smtpdoor

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/test/running"
)

// door is a running gatepost with an account for each program, and the simulated world that it sends by.
type door struct {
	key, keyID string
	ports      map[string]string // by mode
	ca         string            // the file with the authority of the door's certificate
	keyFile    string
	accounts   map[string]string // ids, by address
	api        string
	world
	log running.Buffer
}

// Modes of a connection: TLS begun by STARTTLS, TLS from the first byte, none on the loopback, and none on
// the port without a login.
const (
	starttls = "starttls"
	implicit = "implicit"
	plain    = "plain"
	open     = "open"
)

// host is where the door is, by the name in its certificate.
const host = "localhost"

// keyName is the name of the API key, which is a user name too.
const keyName = "door"

// world is what the simulated world tells of itself.
type world struct {
	SMTPAddr     string `json:"smtp_addr"`
	SMTPUser     string `json:"smtp_user"`
	SMTPPassword string `json:"smtp_password"`
	ControlURL   string `json:"control_url"`
	CAFile       string `json:"ca_file"`
	LedgerFile   string `json:"ledger_file"`
}

// openDoor starts both, as an operator would.
func openDoor(t *testing.T, addresses []string) *door {
	t.Helper()
	d := &door{ports: map[string]string{}, accounts: map[string]string{}}
	program := running.Build(t)
	must(t, json.Unmarshal(running.Program(t, &running.Buffer{}, program, "sandbox", "--world", "--json", "--data", t.TempDir()), &d.world))
	dir := t.TempDir()
	d.makeKey(t, program, dir)
	d.serve(t, program, dir)
	d.connect(t, addresses)
	return d
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (d *door) makeKey(t *testing.T, program, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "keys", "create", "--name", keyName, "--json", "--data", filepath.Join(dir, "data"))
	out, err := cmd.Output()
	must(t, err)
	var made struct{ ID, Key string }
	must(t, json.Unmarshal(out, &made))
	d.keyID, d.key, d.keyFile = made.ID, made.Key, filepath.Join(dir, "key")
	must(t, os.WriteFile(d.keyFile, []byte(d.key), 0o600))
}

// serve runs gatepost until the test ends, and returns once it is ready.
func (d *door) serve(t *testing.T, program, dir string) {
	t.Helper()
	cert := certificate(t, dir)
	d.ca = cert.authority
	at := map[string]string{starttls: running.Address(t), implicit: running.Address(t), open: running.Address(t), "api": running.Address(t)}
	for mode, address := range at {
		_, d.ports[mode], _ = net.SplitHostPort(address)
	}
	d.ports[plain] = d.ports[starttls]
	d.api = "https://" + at["api"]
	cmd := exec.Command(program, "serve", "--data", filepath.Join(dir, "data"), "--listen", at["api"], "--ca-file", d.CAFile,
		"--smtp-listen", at[starttls], "--smtps-listen", at[implicit], "--tls-cert", cert.chain, "--tls-key", cert.key,
		"--smtp-open-listen", at[open], "--smtp-trusted", trusted())
	cmd.Stdout, cmd.Stderr = &d.log, &d.log
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		late := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("gatepost ended with %v", err)
		}
		if t.Failed() {
			t.Logf("gatepost said:\n%s", lastOf(d.log.String()))
		}
	})
	until(t, "gatepost is ready", func() bool { return strings.Contains(d.log.String(), "gatepost is ready") })
}

func lastOf(s string) string { return s[max(0, len(s)-5000):] }

// until fails the test when a condition does not come to hold.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// connect makes an account at the world's relay for each address.
func (d *door) connect(t *testing.T, addresses []string) {
	t.Helper()
	authority, err := os.ReadFile(d.CAFile)
	must(t, err)
	at, port, err := net.SplitHostPort(d.SMTPAddr)
	must(t, err)
	credential := d.create(t, "credentials", map[string]any{"kind": "smtp_password", "name": "relay", "password": d.SMTPPassword})
	for _, a := range addresses {
		d.accounts[a] = d.create(t, "accounts", map[string]any{
			"address": a, "transport": "smtp", "credential": credential,
			"smtp": map[string]any{"host": at, "port": json.Number(port), "user": d.SMTPUser, "ca": string(authority)},
		})
	}
}

// create makes something over the API and returns its id.
func (d *door) create(t *testing.T, what string, v any) string {
	t.Helper()
	body, err := json.Marshal(v)
	must(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.api+"/v1/"+what, bytes.NewReader(body))
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+d.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := running.HTTP(t, d.ca).Do(req)
	must(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	must(t, err)
	var made struct{ ID string }
	if resp.StatusCode/100 != 2 || json.Unmarshal(answer, &made) != nil {
		t.Fatalf("POST /v1/%s: %s: %s", what, resp.Status, answer)
	}
	return made.ID
}

// entry is a line of the world's ledger.
type entry struct {
	ID         string `json:"provider_id"`
	MailFrom   string `json:"mail_from"`
	Recipients []string
	SHA256     string
}

// ledger is what the provider has taken from an address, by its first recipient.
func (w world) ledger(t *testing.T, from string) map[string][]entry {
	t.Helper()
	f, err := os.Open(w.LedgerFile)
	must(t, err)
	defer f.Close()
	taken := map[string][]entry{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var e entry
		if json.Unmarshal(lines.Bytes(), &e) != nil { // a line that is being written
			continue
		}
		if e.MailFrom == from {
			taken[e.Recipients[0]] = append(taken[e.Recipients[0]], e)
		}
	}
	return taken
}

// raw is a message as the provider has it.
func (w world) raw(t *testing.T, id string) []byte {
	t.Helper()
	resp, err := http.Get(w.ControlURL + "/message/" + id + "/raw")
	must(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("message %s: %s", id, resp.Status)
	}
	return b
}
