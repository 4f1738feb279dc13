package guides

import (
	"cmp"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatepost/test/running"
)

// reader follows a guide: at a shell, and with a browser where the guide sends
// them to one.
type reader struct {
	box
	dir    string            // where the files of the guide are
	values map[string]string // the environment
	output string            // of the section so far
	user   string            // whom the reader chooses at Google; empty: the one who is expected
	refuse []string          // boxes left unticked at Google
	deny   bool              // Cancel is pressed there
	said   string            // what a command told that was refused on purpose
}

// patience is how long a reader waits for a block.
const patience = time.Minute

var (
	consentURL = regexp.MustCompile(`(https://\S+/oauth2/v2(?:/auth|\.0/authorize)\?\S+)\n`)
	deviceCode = regexp.MustCompile(`type the code, before .*\n\n  (\w+)\n`)
	linkURL    = regexp.MustCompile(`http://\S+/connect/[\w-]+`)
	subject    = regexp.MustCompile(`--subject "([^"]+)"`)
)

// paste runs a block as it stands. It has to end well, what it sends has to arrive.
func (r *reader) paste(t *testing.T, e example) {
	t.Helper()
	out, err := r.shell(t, e.code)
	if err != nil || strings.Contains(out, "✗") {
		t.Fatalf("%s: %v\n%s\n%s", e.section, err, e.code, out)
	}
	r.output += out
	r.read(t, e, out)
}

// shell runs commands where the reader sits, with a browser at hand.
func (r *reader) shell(t *testing.T, code string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-eu", "-c", code)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "GATEPOST_URL="+r.APIURL, "GATEPOST_KEY="+r.APIKey)
	for name, value := range r.values {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out := &running.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	answer := func(back string) { visit(t, running.HTTP(t, r.CAFile), back) }
	if strings.Contains(code, "--headless") {
		answer = func(back string) { _, _ = io.WriteString(in, back+"\n") } // the command's end tells whether it was read
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	err = r.attend(t, out, answer, ended)
	return out.String(), err
}

// attend agrees at Google to what a running block asks for, and takes what comes
// back to it, until it ends.
func (r *reader) attend(t *testing.T, out *running.Buffer, answer func(string), ended <-chan error) error {
	t.Helper()
	asked := false
	for deadline := time.After(patience); ; {
		select {
		case err := <-ended:
			return err
		case <-deadline:
			t.Fatalf("the block did not end:\n%s", out)
		case <-time.After(20 * time.Millisecond):
		}
		if at := consentURL.FindStringSubmatch(out.String()); at != nil && !asked {
			asked = true
			answer(r.agree(t, running.HTTP(t, r.CAFile), at[1]))
		}
		if code := deviceCode.FindStringSubmatch(out.String()); code != nil && !asked {
			asked = true
			r.typeCode(t, code[1])
		}
	}
}

// agree is the user whose mailbox is expected.
func (r *reader) agree(t *testing.T, browser *http.Client, at string) (back string) {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	if r.deny { // RFC 6749 section 4.1.2.1
		q := u.Query()
		return q.Get("redirect_uri") + "?" + url.Values{"error": {"access_denied"}, "state": {q.Get("state")}, "iss": {"https://" + u.Host}}.Encode()
	}
	user := cmp.Or(r.user, u.Query().Get("login_hint"))
	if strings.Contains(at, "/oauth2/v2.0/") {
		return r.agreeAtMicrosoft(t, at, user)
	}
	return running.Consent(t, browser, at, user, r.refuse...).String()
}

// read does what a reader does after a block: upload the certificate or open the link
// that was made, look for the mail that was sent.
func (r *reader) read(t *testing.T, e example, out string) {
	t.Helper()
	if strings.Contains(e.code, "openssl req") {
		r.uploadCertificate(t)
	}
	if link := linkURL.FindString(out); link != "" {
		r.follow(t, link)
	}
	if e.section == revoked && strings.Contains(e.code, "--subject") {
		r.held(t)
		return
	}
	for _, m := range subject.FindAllStringSubmatch(e.code, -1) {
		r.arrives(t, m[1])
	}
}

// follow is a colleague who opens a connect link.
func (r *reader) follow(t *testing.T, link string) {
	t.Helper()
	browser := running.HTTP(t, r.CAFile)
	visit(t, browser, link)
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := browser.Post(link, "application/x-www-form-urlencoded", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	google, err := resp.Location()
	if err != nil {
		t.Fatalf("the link leads nowhere (%s): %v", resp.Status, err)
	}
	back := r.agree(t, browser, google.String())
	browser.CheckRedirect = nil
	visit(t, browser, back)
}

func visit(t *testing.T, browser *http.Client, address string) {
	t.Helper()
	resp, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusInternalServerError {
		t.Fatalf("%s: %s, %v\n%s", resp.Request.URL.Path, resp.Status, err, page)
	}
}

// held waits until an account is held.
func (r *reader) held(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if out, err := r.shell(t, "gatepost accounts list --json"); err == nil && strings.Contains(out, `"status":"held"`) {
			return
		}
	}
	t.Fatal("no account is held")
}

// control tells the world something.
func (f box) control(t *testing.T, what, body string) string {
	t.Helper()
	return f.call(t, http.MethodPost, what, body)
}

// patch changes something of the world.
func (f box) patch(t *testing.T, what, body string) { f.call(t, http.MethodPatch, what, body) }

func (f box) call(t *testing.T, method, what, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.ControlURL+"/control/"+what, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		t.Fatalf("%s: %s, %v\n%s", what, resp.Status, err, b)
	}
	return string(b)
}

// free is an address that nothing listens at.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
