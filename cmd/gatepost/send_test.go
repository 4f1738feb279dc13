package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A key that may send and not read sends once, and its user learns the id.
func TestWaitWithoutTheRightToRead(t *testing.T) {
	_, f := sandboxed(t)
	vars := map[string]string{"GATEPOST_URL": f.APIURL, "GATEPOST_KEY": f.APIKey}
	_, key, _ := command(vars, "keys", "create", "--name", "shop", "--scopes", "messages:send")
	vars["GATEPOST_KEY"] = strings.TrimSpace(key)
	args := []string{"send", "--account", f.Accounts[0].Address, "--to", "a@example.com", "--subject", "s", "--text", "t", "--wait"}
	code, out, errs := command(vars, args...)
	if code != exitOK || !strings.Contains(out, "msg_") || !strings.Contains(out, "is kept; this key may not watch it (messages:read is missing)") {
		t.Errorf("code %d: %s%s", code, out, errs)
	}
	code, out, errs = command(vars, append(args, "--json")...)
	var answer struct{ ID, Status string }
	if err := json.Unmarshal([]byte(out), &answer); err != nil || code != exitOK || !strings.HasPrefix(answer.ID, "msg_") || answer.Status != "queued" {
		t.Errorf("code %d, %v: %s", code, err, out)
	}
	if !strings.Contains(errs, "messages:read is missing") {
		t.Error(errs)
	}
}

// forgetful is a gatepost whose answers get lost: those to sends, or those to who
// asks what became of a message.
type forgetful struct {
	*httptest.Server
	watching bool

	mu   sync.Mutex
	keys []string
	body []string
}

func forgets(t *testing.T, watching bool) *forgetful {
	f := &forgetful{watching: watching}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// ServeHTTP implements http.Handler.
func (f *forgetful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !f.watching {
		f.note(r)
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"id": "msg_1", "status": "queued"}`)
}

func (f *forgetful) note(r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys, f.body = append(f.keys, r.Header.Get("Idempotency-Key")), append(f.body, string(b))
}

func (f *forgetful) heard() (keys, bodies []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Compact(slices.Clone(f.keys)), slices.Compact(slices.Clone(f.body))
}

// After a lost answer the command says how to repeat it with one effect: what it
// says makes the same request, byte for byte.
func TestSendWithoutVerdict(t *testing.T) {
	f := forgets(t, false)
	vars := map[string]string{"GATEPOST_URL": f.URL, "GATEPOST_KEY": "gp_live_x"}
	args := []string{"send", "--to", "a@example.com", "--subject", "s", "--text", "t", "--send-at", "2h"}
	code, _, errs := command(vars, args...)
	if code != exitFailed || !strings.Contains(errs, "may have been kept") {
		t.Fatalf("code %d: %s", code, errs)
	}
	how := regexp.MustCompile(`--idempotency-key (\S+) --send-at \S+`).FindString(errs)
	if _, _, errs = command(vars, append(args, strings.Fields(how)...)...); !strings.Contains(errs, "may have been kept") || how == "" {
		t.Errorf("after %q: %s", how, errs)
	}
	if keys, bodies := f.heard(); len(keys) != 1 || len(bodies) != 1 || !strings.Contains(how, keys[0]) {
		t.Errorf("keys %q, bodies %q", keys, bodies)
	}
	_, _, errs = command(vars, append(args, "--idempotency-key", "k1", "--json")...)
	if !strings.Contains(errs, "with the same") || !strings.Contains(errs, "--idempotency-key k1") {
		t.Error(errs)
	}
}

// A message is kept, and what becomes of it cannot be asked any more: the user
// learns its id.
func TestWatchingBreaks(t *testing.T) {
	f := forgets(t, true)
	code, _, errs := command(map[string]string{"GATEPOST_URL": f.URL, "GATEPOST_KEY": "gp_live_x"}, "send", "--to", "a@example.com", "--text", "t", "--wait")
	if code != exitFailed || !strings.Contains(errs, "msg_1 is kept") {
		t.Errorf("code %d: %s", code, errs)
	}
}

// Tab offers what a flag of send takes, and nothing where gatepost cannot be
// asked.
func TestCompletionOfSend(t *testing.T) {
	_, f := sandboxed(t)
	vars := map[string]string{"GATEPOST_URL": f.APIURL, "GATEPOST_KEY": f.APIKey}
	for flag, want := range map[string]string{"type": "password_reset", "lane": "bulk", "on-unknown": "reconcile", "account": f.Accounts[0].Address, "from": f.Accounts[0].Address} {
		code, out, errs := command(vars, "__complete", "send", "--"+flag, "")
		if lines := strings.Split(out, "\n"); code != exitOK || !slices.Contains(lines, want) || !slices.Contains(lines, ":4") {
			t.Errorf("--%s: code %d: %s%s", flag, code, out, errs)
		}
	}
	for name, vars := range map[string]map[string]string{"no key": nil, "nobody there": {"GATEPOST_URL": "http://127.0.0.1:1", "GATEPOST_KEY": "gp_live_x"}} {
		code, out, errs := command(vars, "__complete", "send", "--account", "")
		if code != exitOK || strings.TrimSpace(out) != ":4" || strings.Contains(errs, "GATEPOST") || strings.Contains(errs, "refused") {
			t.Errorf("%s: code %d: %q %s", name, code, out, errs)
		}
	}
}
