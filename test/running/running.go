// Package running starts the real program for tests from outside: built as users build it, spoken to
// over its sockets. It is for tests alone.
package running

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Sandbox is what a running sandbox tells of itself, and what it has printed.
type Sandbox struct {
	APIURL             string `json:"api_url"`
	APIKey             string `json:"api_key"`
	ControlURL         string `json:"control_url"`
	LedgerFile         string `json:"ledger_file"`
	CAFile             string `json:"ca_file"`
	ServiceAccountFile string `json:"service_account_file"`
	FederationFile     string `json:"federation_file"`
	OAuthClientFile    string `json:"oauth_client_file"`
	Accounts           []struct{ ID, Address, Transport string }

	Output *Buffer
}

// Build makes the program.
func Build(t testing.TB) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "gatepost")
	if out, err := exec.Command("go", "build", "-o", program, "gatepost/cmd/gatepost").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// Start runs `program sandbox --json` with further arguments until the test ends.
func Start(t testing.TB, program string, args ...string) *Sandbox {
	t.Helper()
	s := &Sandbox{Output: &Buffer{}}
	line := Program(t, s.Output, program, append([]string{"sandbox", "--json"}, args...)...)
	if err := json.Unmarshal(line, s); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return s
}

// Program runs a command that stays until the test ends, and returns the first
// line that it prints. All that it prints goes to output.
func Program(t testing.TB, output *Buffer, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stderr = output
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, cmd) })
	in := bufio.NewReader(io.TeeReader(stdout, output))
	line, err := in.ReadBytes('\n')
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	go io.Copy(io.Discard, in)
	return line
}

// end stops a program as an operator does.
func end(t testing.TB, cmd *exec.Cmd) {
	_ = cmd.Process.Signal(os.Interrupt)
	late := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	if err := cmd.Wait(); err != nil {
		t.Errorf("the program ended with %v", err)
	}
}

// Buffer keeps what several writers write.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String is all that was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
