package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/sandbox"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// program runs a command line as main does, until the test ends it.
type program struct {
	code           chan int
	stop           context.CancelFunc
	stdout         *bufio.Reader
	stderr         *lockedBuffer
	firstLine      string
	stopped        bool
	exit           int
	closeStdoutEnd func() error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns what was written.
func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs a command that stays, and returns when it has printed a line or
// ended.
func start(t *testing.T, vars map[string]string, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	p := &program{code: make(chan int, 1), stop: cancel, stdout: bufio.NewReader(r), stderr: &lockedBuffer{}, closeStdoutEnd: w.Close}
	go func() {
		p.code <- run(ctx, args, with(vars, w, p.stderr))
		w.Close()
	}()
	t.Cleanup(func() { p.end() })
	p.firstLine, _ = p.stdout.ReadString('\n')
	go io.Copy(io.Discard, p.stdout)
	return p
}

func (p *program) end() int {
	if !p.stopped {
		p.stop()
		p.exit, p.stopped = <-p.code, true
	}
	return p.exit
}

// with is an environment with these variables.
func with(vars map[string]string, stdout, stderr io.Writer) environment {
	var list []string
	for name, value := range vars {
		list = append(list, name+"="+value)
	}
	return environment{"gatepost", func() []string { return list }, strings.NewReader(""), stdout, stderr}
}

// command runs a command to its end.
func command(vars map[string]string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(context.Background(), args, with(vars, &out, &errs))
	return code, out.String(), errs.String()
}

func sandboxed(t *testing.T, args ...string) (*program, sandboxFacts) {
	t.Helper()
	p := start(t, nil, append([]string{"sandbox", "--json"}, args...)...)
	var f sandboxFacts
	if err := json.Unmarshal([]byte(p.firstLine), &f); err != nil {
		t.Fatalf("first line %q: %v\n%s", p.firstLine, err, p.stderr)
	}
	return p, f
}

// post submits a message and returns the status and the answer.
func post(t *testing.T, f sandboxFacts, body any) (int, map[string]any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return call(t, f, http.MethodPost, "/v1/messages", text)
}

func call(t *testing.T, f sandboxFacts, method, path string, body []byte) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.APIURL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.APIKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer := map[string]any{}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// arrived waits until the world has a message for an address and returns it raw.
func arrived(t *testing.T, f sandboxFacts, to string) []byte {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var page struct {
			Messages []sandbox.Summary `json:"messages"`
		}
		if err := json.Unmarshal(fetch(t, f.ControlURL+"/api/messages?to="+to), &page); err != nil {
			t.Fatal(err)
		}
		if len(page.Messages) > 0 {
			return fetch(t, f.ControlURL+"/message/"+page.Messages[0].ID+"/raw")
		}
	}
	t.Fatalf("nothing arrived for %s", to)
	return nil
}

func fetch(t *testing.T, url string) []byte {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What was asked for is what arrives, by either transport, read back with a
// parser that had no part in writing it.
func TestMessageArrivesAsAsked(t *testing.T) {
	_, f := sandboxed(t)
	file := []byte("%PDF-1.7 \x00\x01 not really")
	for _, account := range f.Accounts {
		to := account.Transport + "@example.com"
		status, answer := post(t, f, map[string]any{
			"from": "Ada Lövelace 👩‍💻 <" + account.Address + ">", "to": []any{map[string]string{"address": to, "name": "Grâce, Höpper"}},
			"cc": "Cc Person <cc@example.com>", "bcc": []string{"hidden@example.com"}, "reply_to": "antwort@acme.example",
			"subject": "Ihre Rechnung №7 – 1 000 € 🎉", "text": "Grüße,\nAda 👋\n.\nEnde", "html": "<p>Grüße, <b>Ada</b> 👋</p>",
			"headers":     map[string]string{"X-Order": "n° 7"},
			"attachments": []any{map[string]string{"filename": "Übersicht 📄.pdf", "content_type": "application/pdf", "content": base64.StdEncoding.EncodeToString(file)}},
		})
		if status != http.StatusAccepted {
			t.Fatalf("%d %v", status, answer)
		}
		raw := arrived(t, f, to)
		m, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		checkHeader(t, m.Header, account.Address, to)
		text, html, name, content := bodies(t, m)
		if strings.ReplaceAll(text, "\r\n", "\n") != "Grüße,\nAda 👋\n.\nEnde" || !strings.Contains(html, "<p>Grüße, <b>Ada</b> 👋</p>") {
			t.Errorf("%s: text %q, html %q", account.Transport, text, html)
		}
		if name != "Übersicht 📄.pdf" || !bytes.Equal(content, file) {
			t.Errorf("%s: attachment %q %q", account.Transport, name, content)
		}
		if bytes.Contains(raw, []byte("hidden@example.com")) {
			t.Errorf("%s: a recipient can see who was sent a blind copy", account.Transport)
		}
		arrived(t, f, "hidden@example.com")
		arrived(t, f, "cc@example.com")
	}
}

func checkHeader(t *testing.T, h mail.Header, from, to string) {
	t.Helper()
	sender, err := h.AddressList("From")
	if err != nil || len(sender) != 1 || sender[0].Name != "Ada Lövelace 👩‍💻" || sender[0].Address != from {
		t.Errorf("From: %v %v", sender, err)
	}
	list, err := h.AddressList("To")
	if err != nil || len(list) != 1 || list[0].Name != "Grâce, Höpper" || list[0].Address != to {
		t.Errorf("To: %v %v", list, err)
	}
	words := &mime.WordDecoder{}
	for field, want := range map[string]string{"Subject": "Ihre Rechnung №7 – 1 000 € 🎉", "X-Order": "n° 7"} {
		if got, err := words.DecodeHeader(h.Get(field)); err != nil || got != want {
			t.Errorf("%s: %q %v", field, got, err)
		}
	}
	if h.Get("Bcc") != "" || h.Get("Message-Id") == "" || h.Get("X-Gatepost-Id") == "" || !strings.Contains(h.Get("Reply-To"), "antwort@acme.example") {
		t.Errorf("header: %v", h)
	}
}

// bodies takes a message of text, HTML and one attachment apart.
func bodies(t *testing.T, m *mail.Message) (text, html, name string, content []byte) {
	t.Helper()
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	mixed := multipart.NewReader(m.Body, params["boundary"])
	first, err := mixed.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	_, params, err = mime.ParseMediaType(first.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	alternative := multipart.NewReader(first, params["boundary"])
	text, html = part(t, alternative), part(t, alternative)
	file, err := mixed.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	name = file.FileName()
	if decoded, err := (&mime.WordDecoder{}).DecodeHeader(name); err == nil {
		name = decoded
	}
	content, err = io.ReadAll(base64.NewDecoder(base64.StdEncoding, file))
	if err != nil {
		t.Fatal(err)
	}
	return text, html, name, content
}

func part(t *testing.T, r *multipart.Reader) string {
	t.Helper()
	p, err := r.NextRawPart()
	if err != nil {
		t.Fatal(err)
	}
	var body io.Reader = p
	switch strings.ToLower(p.Header.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		body = quotedprintable.NewReader(p)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, p)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A message that waits when the server stops is sent by the next one.
func TestMailOutlivesAStop(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := startWorld(t)
		dir := filepath.Join(t.TempDir(), "data")
		vars := map[string]string{
			"GATEPOST_DATA": dir, "GATEPOST_DATABASE": opt.Database, "GATEPOST_LISTEN": "127.0.0.1:0",
			"GATEPOST_GOOGLE_URL": w.GoogleURL, "GATEPOST_CA_FILE": w.CAFile,
		}
		code, key, errs := command(vars, "keys", "create", "--name", "test")
		if code != 0 {
			t.Fatal(errs)
		}
		srv := startServe(t, vars)
		f := sandboxFacts{APIURL: srv.url, APIKey: strings.TrimSpace(key), ControlURL: w.ControlURL}
		connectRelay(t, f, w)
		setFault(t, w, `{"fault":"server_error"}`)
		status, answer := post(t, f, map[string]any{"to": "late@example.com", "subject": "s", "text": "t"})
		if status != http.StatusAccepted {
			t.Fatalf("%d %v", status, answer)
		}
		waitFor(t, f, answer["id"].(string), func(m map[string]any) bool { return len(m["events"].([]any)) > 1 })
		if code := srv.end(); code != 0 {
			t.Fatalf("exit code %d at a stop: %s", code, srv.stderr)
		}
		setFault(t, w, "")
		startServe(t, vars)
		arrived(t, f, "late@example.com")
	})
}

func startWorld(t *testing.T) *sandbox.World {
	t.Helper()
	w, err := sandbox.Start(sandbox.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// serving is a server under test.
type serving struct {
	*program
	url string
}

// startServe starts a server and reads from its log where it listens.
func startServe(t *testing.T, vars map[string]string, args ...string) *serving {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &program{code: make(chan int, 1), stop: cancel, stderr: &lockedBuffer{}}
	go func() {
		p.code <- run(ctx, append([]string{"serve"}, args...), with(vars, io.Discard, p.stderr))
	}()
	t.Cleanup(func() { p.end() })
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, rest, ok := strings.Cut(p.stderr.String(), " api=http"); ok {
			address, _, _ := strings.Cut(rest, " ")
			return &serving{p, "http" + address}
		}
		select {
		case p.exit = <-p.code:
			p.stopped = true
			t.Fatalf("serve ended with %d: %s", p.exit, p.stderr)
		default:
		}
	}
	t.Fatalf("serve did not get ready: %s", p.stderr)
	return nil
}

func connectRelay(t *testing.T, f sandboxFacts, w *sandbox.World) string {
	t.Helper()
	user, password := w.SMTPLogin()
	status, cred := call(t, f, http.MethodPost, "/v1/credentials", fmt.Appendf(nil, `{"kind":"smtp_password","name":"relay","password":%q}`, password))
	if status != http.StatusCreated {
		t.Fatalf("credential: %d %v", status, cred)
	}
	host, port, _ := strings.Cut(w.SMTPAddr, ":")
	ca, err := os.ReadFile(w.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	status, account := call(t, f, http.MethodPost, "/v1/accounts", fmt.Appendf(nil,
		`{"address":"app@acme.example","transport":"smtp","credential":%q,"smtp":{"host":%q,"port":%s,"tls":"starttls","ca":%q,"user":%q}}`,
		cred["id"], host, port, ca, user))
	if status != http.StatusCreated {
		t.Fatalf("account: %d %v", status, account)
	}
	return account["id"].(string)
}

// setFault makes the world misbehave; an empty rule makes it behave again.
func setFault(t *testing.T, w *sandbox.World, rule string) {
	t.Helper()
	method := http.MethodPost
	if rule == "" {
		method = http.MethodDelete
	}
	req, err := http.NewRequestWithContext(t.Context(), method, w.ControlURL+"/control/faults", strings.NewReader(rule))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		t.Fatalf("fault %s: %s", rule, resp.Status)
	}
}

func waitFor(t *testing.T, f sandboxFacts, id string, is func(map[string]any) bool) map[string]any {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, m := call(t, f, http.MethodGet, "/v1/messages/"+id, nil)
		if is(m) {
			return m
		}
		if time.Now().After(deadline) {
			t.Fatalf("message %s did not get there: %v", id, m)
		}
	}
}

// A wrong master key is told in one line, and the database stays byte for byte.
func TestWrongMasterKeyChangesNothing(t *testing.T) {
	dir := t.TempDir()
	vars := map[string]string{"GATEPOST_DATA": dir, "GATEPOST_LISTEN": "127.0.0.1:0"}
	startServe(t, vars).end()
	info, err := os.Stat(filepath.Join(dir, "master.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("master key file: %v %v", info, err)
	}
	before := databaseFiles(t, dir)
	vars["GATEPOST_MASTER_KEY"] = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	code, _, errs := command(vars, "serve")
	if code == 0 || !strings.Contains(errs, "master key") || strings.Count(errs, "\n") > 2 {
		t.Errorf("code %d, said: %s", code, errs)
	}
	if after := databaseFiles(t, dir); after != before {
		t.Errorf("the database changed")
	}
}

func databaseFiles(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "gatepost.db*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("database files: %v %v", names, err)
	}
	var all string
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all += name + string(b)
	}
	return all
}

func TestMistakesAreTold(t *testing.T) {
	taken := startWorld(t)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown flag":     {[]string{"serve", "--prot", "1"}, "unknown flag"},
		"bad address":      {[]string{"serve", "--data", t.TempDir(), "--listen", "7025"}, "--listen"},
		"bad database":     {[]string{"serve", "--data", t.TempDir(), "--database", "mysql://x"}, "postgres://"},
		"port taken":       {[]string{"serve", "--data", t.TempDir(), "--listen", taken.SMTPAddr}, "choose another"},
		"no CA file":       {[]string{"serve", "--data", t.TempDir(), "--ca-file", "/nowhere.pem"}, "--ca-file"},
		"looks fall":       {[]string{"serve", "--data", t.TempDir(), "--looks", "3s,1s"}, "--looks"},
		"key without name": {[]string{"keys", "create", "--data", t.TempDir()}, "--name"},
		"unknown command":  {[]string{"nope"}, "unknown command"},
		"unknown scope":    {[]string{"keys", "create", "--data", t.TempDir(), "--name", "x", "--scopes", "foo"}, "not a scope"},
		"no sandbox":       {[]string{"mailbox", "--url", "http://127.0.0.1:1"}, "gatepost sandbox"},
		"data is a file":   {[]string{"serve", "--data", taken.CAFile}, "--data"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errs := command(nil, c.args...)
			want := exitUsage
			if name == "no sandbox" {
				want = exitFailed
			}
			if code != want || !strings.Contains(errs, c.want) {
				t.Errorf("code %d, said: %s", code, errs)
			}
		})
	}
}

func TestSecondServerOnOneFolderIsRefused(t *testing.T) {
	vars := map[string]string{"GATEPOST_DATA": t.TempDir(), "GATEPOST_LISTEN": "127.0.0.1:0"}
	startServe(t, vars)
	code, _, errs := command(vars, "serve")
	if code == 0 || !strings.Contains(errs, "in use") {
		t.Errorf("code %d, said: %s", code, errs)
	}
	if code, key, errs := command(vars, "keys", "create", "--name", "beside"); code != 0 || !strings.HasPrefix(key, "gp_live_") {
		t.Errorf("a key beside the running server: code %d %s", code, errs)
	}
}

func TestMailboxShowsWhatArrived(t *testing.T) {
	_, f := sandboxed(t)
	post(t, f, map[string]any{"from": f.Accounts[0].Address, "to": "grace@example.com", "subject": "Hi 👋", "text": "It works."})
	arrived(t, f, "grace@example.com")
	code, list, errs := command(nil, "mailbox", "--url", f.ControlURL)
	if code != 0 || !strings.Contains(list, "Hi 👋") {
		t.Fatalf("code %d: %s%s", code, list, errs)
	}
	id := strings.Fields(strings.Split(list, "\n")[1])[0]
	if code, one, errs := command(nil, "mailbox", "--url", f.ControlURL, id); code != 0 || !strings.Contains(one, "It works.") {
		t.Errorf("code %d: %s%s", code, one, errs)
	}
}

// A sandbox never touches a database that the environment names for a server.
func TestSandboxDoesNotReadTheEnvironment(t *testing.T) {
	vars := map[string]string{"GATEPOST_DATABASE": "postgres://nobody@127.0.0.1:1/none", "GATEPOST_DATA": "/nowhere"}
	p := start(t, vars, "sandbox", "--json")
	if !strings.HasPrefix(p.firstLine, `{"api_url"`) {
		t.Errorf("%s%s", p.firstLine, p.stderr)
	}
}

// What gatepost writes is for its own user alone, also in a folder that is open to
// others.
func TestFilesAreForTheirOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	startServe(t, map[string]string{"GATEPOST_DATA": dir, "GATEPOST_LISTEN": "127.0.0.1:0"})
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %s", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Two servers, each with a data folder of its own, share a database and its master key.
func TestSecondServerOnOneDatabaseNeedsItsMasterKey(t *testing.T) {
	url := storetest.Postgres(t)
	first, second := t.TempDir(), t.TempDir()
	startServe(t, map[string]string{"GATEPOST_DATA": first, "GATEPOST_DATABASE": url, "GATEPOST_LISTEN": "127.0.0.1:0"})
	vars := map[string]string{"GATEPOST_DATA": second, "GATEPOST_DATABASE": url, "GATEPOST_LISTEN": "127.0.0.1:0"}
	code, _, errs := command(vars, "serve")
	if code == 0 || !strings.Contains(errs, "does not open this database") {
		t.Errorf("without the key: code %d, said: %s", code, errs)
	}
	vars["GATEPOST_DATA"], vars["GATEPOST_MASTER_KEY_FILE"] = t.TempDir(), filepath.Join(first, "master.key")
	startServe(t, vars)
}
