// Package guides pastes what the guides tell users to paste. It is a test alone: nothing is to be
// imported from here.
package guides

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatepost/test/running"
)

// example is a block of code of a guide.
type example struct{ section, language, code string }

var block = regexp.MustCompile("(?ms)^## ([^\n]+)$|^```(\\w+)\n(.*?)^```$")

func examples(t *testing.T, file string) (list []example) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	section := ""
	for _, m := range block.FindAllStringSubmatch(string(text), -1) {
		if m[1] != "" {
			section = m[1]
			continue
		}
		list = append(list, example{section, m[2], m[3]})
	}
	return list
}

// programs run an example: the file it is written to, and the command.
var programs = map[string]struct {
	file string
	run  []string
}{
	"sh":     {"run.sh", []string{"sh", "-eu", "run.sh"}},
	"js":     {"run.mjs", []string{"node", "run.mjs"}},
	"python": {"run.py", []string{"python3", "run.py"}},
	"php":    {"run.php", []string{"php", "run.php"}},
}

// box is a running sandbox into which the examples are pasted.
type box struct{ *running.Sandbox }

// Each example of applications.md, as it stands there, sends its message.
func TestApplications(t *testing.T) {
	f := box{running.Start(t, running.Build(t))}
	var module []example
	for _, e := range examples(t, "../../docs/applications.md") {
		switch e.section {
		case "": // says how to set the environment
		case "Go":
			module = append(module, e)
		default:
			t.Run(e.section, func(t *testing.T) { f.paste(t, e) })
		}
	}
	t.Run("Go", func(t *testing.T) { f.module(t, module) })
}

// module is a reader who has a checkout of gatepost and, beside it, an empty folder
// for a program. Nothing else can be had: neither this test's module nor a proxy.
func (f box) module(t *testing.T, blocks []example) {
	checkout, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	parent := t.TempDir()
	dir := filepath.Join(parent, "shop")
	if err := errors.Join(os.Symlink(checkout, filepath.Join(parent, "gatepost")), os.Mkdir(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	var out []byte
	var subject string
	for _, e := range blocks {
		if e.language == "go" {
			subject = subjectOf(t, e)
			if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(e.code), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-eu", "-c", e.code)
		cmd.Dir, cmd.Env = dir, append(f.environment(), "GOPROXY=off", "GOFLAGS=", "GOWORK=off")
		if out, err = cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s\n%s", err, e.code, out)
		}
	}
	if !bytes.Contains(out, []byte("msg_")) {
		t.Fatalf("nothing was sent:\n%s", out)
	}
	f.arrives(t, subject)
}

// environment is what the guide exports.
func (f box) environment() []string {
	return append(os.Environ(), "GATEPOST_URL="+f.APIURL, "GATEPOST_KEY="+f.APIKey, "GATEPOST_FROM="+f.Accounts[0].Address)
}

// subjectOf is the subject of what an example sends.
func subjectOf(t *testing.T, e example) string {
	t.Helper()
	subject := regexp.MustCompile(`(?:[Ss]ubject["']?\s*(?::|=>)\s*["']?)([^"'\\]+)`).FindStringSubmatch(e.code)
	if subject == nil {
		t.Fatal("the example has no subject")
	}
	return subject[1]
}

func (f box) paste(t *testing.T, e example) {
	p := programs[e.language]
	if p.run == nil {
		t.Fatalf("no way to run %q", e.language)
	}
	if _, err := exec.LookPath(p.run[0]); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), p.run[0], p.run[1:]...)
	cmd.Dir = dir
	if err := os.WriteFile(filepath.Join(dir, p.file), []byte(e.code), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd.Env = f.environment()
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("msg_")) {
		t.Fatalf("%v\n%s", err, out)
	}
	f.arrives(t, subjectOf(t, e))
}

// arrives waits until a message with the subject is in the recipient's mailbox.
func (f box) arrives(t *testing.T, subject string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(f.ControlURL + "/api/messages?to=" + url.QueryEscape("maria@example.org"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), `"subject":"`+subject+`"`) {
			return
		}
	}
	t.Errorf("%q did not arrive", subject)
}
