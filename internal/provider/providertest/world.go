package providertest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/sandbox"
)

// StartWorld starts a world that ends with the test.
func StartWorld(t *testing.T) *sandbox.World {
	t.Helper()
	w, err := sandbox.Start(sandbox.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("close the world: %v", err)
		}
	})
	return w
}

// taken reads from the ledger what the world took of one message.
func taken(t *testing.T, w *sandbox.World, id email.ID) []sandbox.Entry {
	t.Helper()
	file, err := os.Open(w.LedgerFile)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var found []sandbox.Entry
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var e sandbox.Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("a line of the ledger: %v", err)
		}
		if e.GatepostID == id {
			found = append(found, e)
		}
	}
	return found
}

// watch is how long the ledger is watched for what must not come.
const watch = 50 * time.Millisecond

// wantTaken fails unless the world took the message just so often. A message that
// it must not take could still be on its way, so the ledger is watched a while.
func wantTaken(t *testing.T, w *sandbox.World, id email.ID, want int) {
	t.Helper()
	for end := time.Now().Add(watch); ; time.Sleep(watch / 10) {
		got := len(taken(t, w, id))
		if got != want {
			t.Errorf("the world took the message %d times, want %d", got, want)
			return
		}
		if want > 0 || time.Now().After(end) {
			return
		}
	}
}

// fault asks the world to misbehave, and clears that when the test ends.
func fault(t *testing.T, w *sandbox.World, r sandbox.Rule) {
	t.Helper()
	body, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(w.ControlURL+"/control/faults", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		t.Fatalf("ask for the fault %s: %s", r.Fault, resp.Status)
	}
	t.Cleanup(func() { clearFaults(t, w) })
}

func clearFaults(t *testing.T, w *sandbox.World) {
	t.Helper()
	req, err := http.NewRequest(http.MethodDelete, w.ControlURL+"/control/faults", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// received tells whether a mailbox has the message.
func received(t *testing.T, w *sandbox.World, address string, id email.ID) bool {
	t.Helper()
	var answer struct {
		Messages []sandbox.Summary `json:"messages"`
	}
	if err := json.Unmarshal(get(t, w.ControlURL+"/api/messages?to="+url.QueryEscape(address)), &answer); err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(answer.Messages, func(m sandbox.Summary) bool { return m.GatepostID == id })
}

// asReceived is the message as its recipients have it.
func asReceived(t *testing.T, w *sandbox.World, providerID string) string {
	t.Helper()
	return string(get(t, w.ControlURL+"/message/"+providerID+"/raw"))
}

func get(t *testing.T, from string) []byte {
	t.Helper()
	resp, err := http.Get(from)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %v", from, resp.Status, err)
	}
	return body
}

func header(raw string) string {
	head, _, _ := strings.Cut(raw, "\r\n\r\n")
	return head
}
