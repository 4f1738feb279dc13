package faults

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatepost/client"
	"gatepost/test/running"
)

// patience is the time limit of an attempt.
const patience = 5 * time.Second

// office is a running gatepost, whose Google and relays are this test's own.
type office struct {
	t          *testing.T
	authority  *authority
	google     *google
	credential string // for every mailbox at Google
	api        *client.Client
	url        string
	log        *running.Buffer
	process    *os.Process
}

func openOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, authority: newAuthority(t), log: &running.Buffer{}, url: "http://" + freeAddress(t)}
	o.google = startGoogle(t, o.authority)
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, o.authority.pem, 0o600); err != nil {
		t.Fatal(err)
	}
	o.start(built, append(os.Environ(), "GATEPOST_DATA="+filepath.Join(dir, "data"), "GATEPOST_LISTEN="+strings.TrimPrefix(o.url, "http://"),
		"GATEPOST_GOOGLE_URL="+o.google.url, "GATEPOST_CA_FILE="+ca, "GATEPOST_LOOKS=200ms,500ms,1s", "GATEPOST_SEND_TIMEOUT="+patience.String(), "GATEPOST_STOP_TIMEOUT=1s"))
	made, err := o.api.CreateCredential(t.Context(), client.NewCredential{Kind: "google_service_account", Name: "Google", Key: o.google.key(t)})
	if err != nil {
		t.Fatal(err)
	}
	o.credential = made.ID
	return o
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start makes a key and runs serve until the test ends.
func (o *office) start(program string, env []string) {
	o.t.Helper()
	create := exec.CommandContext(o.t.Context(), program, "keys", "create", "--name", "faults", "--json")
	create.Env, create.Stderr = env, o.log
	out, err := create.Output()
	var made struct{ Key string }
	if err = errors.Join(err, json.Unmarshal(out, &made)); err != nil {
		o.t.Fatalf("%v\n%s", err, o.log)
	}
	serve := exec.Command(program, "serve")
	serve.Env, serve.Stdout, serve.Stderr = env, o.log, o.log
	if err := serve.Start(); err != nil {
		o.t.Fatal(err)
	}
	o.process = serve.Process
	o.t.Cleanup(func() {
		_ = serve.Process.Signal(os.Interrupt)
		late := time.AfterFunc(20*time.Second, func() { _ = serve.Process.Kill() })
		defer late.Stop()
		if err := serve.Wait(); err != nil {
			o.t.Errorf("gatepost ended with %v\n%s", err, o.log)
		}
	})
	if o.api, err = client.New(o.url, made.Key); err != nil {
		o.t.Fatal(err)
	}
	until(o.t, "gatepost is ready", 30*time.Second, func() bool { return o.api.Ready(o.t.Context()) == nil })
}

// until asks for a condition often, and not for ever.
func until(t *testing.T, what string, limit time.Duration, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// wide are limits above Google's, so that tests do not wait for them.
func wide() *client.SendLimits {
	day, minute := 1_000_000, 1_000_000
	return &client.SendLimits{PerDay: &day, RecipientsPerDay: &day, UnitsPerMinute: &minute}
}

// mailbox connects one at Google.
func (o *office) mailbox(t *testing.T, address string) string {
	t.Helper()
	made, err := o.api.CreateAccount(t.Context(), client.NewAccount{
		Address: address, Transport: "gmail", Credential: o.credential, Gmail: &client.GmailSettings{Limits: wide()},
	})
	if err != nil {
		t.Fatal(err)
	}
	return made.ID
}

// through connects an account at a relay, with TLS if that has it.
func (o *office) through(t *testing.T, address string, r *relay, mode string) string {
	t.Helper()
	port := r.port()
	made, err := o.api.CreateAccount(t.Context(), client.NewAccount{
		Address: address, Transport: "smtp", SMTP: &client.SMTPSettings{Host: "127.0.0.1", Port: &port, TLS: mode, Hello: "gatepost.example"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return made.ID
}

func (o *office) send(t *testing.T, account string, to ...string) string {
	t.Helper()
	made, err := o.api.Send(t.Context(), client.NewMessage{Account: account, To: client.To(to...), Subject: "s", Text: "Hello.\r\n.a line that begins with a dot\r\n"}, "")
	if err != nil {
		t.Fatal(err)
	}
	return made.ID
}

func (o *office) explain(t *testing.T, id string) client.Explanation {
	t.Helper()
	x, err := o.api.Explain(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func (o *office) account(t *testing.T, id string) client.Account {
	t.Helper()
	a, err := o.api.Account(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// stream sends through two accounts that are well until stop is called, which
// tells how long the slowest message took, and how much memory was in use at most.
func (o *office) stream(t *testing.T) (stop func() (slowest time.Duration, memory int64)) {
	t.Helper()
	steady := startRelay(t, &relay{})
	accounts := []string{o.mailbox(t, "steady@acme.example"), o.through(t, "steady@relay.example", steady, "none")}
	ctx, cancel := context.WithCancel(t.Context())
	began, done := map[string]time.Time{}, make(chan struct{})
	var memory int64
	go func() {
		defer close(done)
		for n := 0; ctx.Err() == nil; n++ {
			now := time.Now()
			made, err := o.api.Send(ctx, client.NewMessage{Account: accounts[n%2], To: client.To("steady@example.org"), Subject: "s", Text: "t"}, "")
			if err == nil {
				began[made.ID] = now
			}
			memory = max(memory, o.memory(ctx))
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return func() (slowest time.Duration, most int64) {
		cancel()
		<-done
		all := func() []copied { return append(o.google.copies("steady@acme.example"), steady.copies()...) }
		until(t, "the steady mail has left", time.Minute, func() bool { return len(all()) >= len(began) })
		for _, c := range all() {
			if at, mine := began[c.id]; mine {
				slowest = max(slowest, c.at.Sub(at))
			}
		}
		if len(began) < 10 {
			t.Errorf("only %d steady messages", len(began))
		}
		return slowest, memory
	}
}

// memory is what the process has in use; 0 where it cannot be asked.
func (o *office) memory(ctx context.Context) int64 {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.url+"/metrics", nil)
	if err != nil {
		return 0
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	var text strings.Builder
	if err := resp.Write(&text); err != nil {
		return 0
	}
	for line := range strings.Lines(text.String()) {
		if value, ok := strings.CutPrefix(line, "process_resident_memory_bytes "); ok {
			f, _ := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return int64(f)
		}
	}
	return 0
}

// othersFlow ends the stream and judges it: whatever one account met, mail of others left at
// once, and memory did not grow with what providers sent.
func othersFlow(t *testing.T, stop func() (time.Duration, int64)) {
	t.Helper()
	slowest, memory := stop()
	t.Logf("the slowest message of another account took %s; memory %d MiB at most", slowest.Round(time.Millisecond), memory>>20)
	if slowest > 4*time.Second {
		t.Errorf("mail of another account took %s", slowest)
	}
	if memory > 192<<20 {
		t.Errorf("gatepost used %d MiB", memory>>20)
	}
}
