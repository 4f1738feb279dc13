// Package guides pastes what the guides tell users to paste. It is a test alone: nothing is to be
// imported from here.
package guides

import (
	"bytes"
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
	"go":     {"main.go", []string{"go", "run", "main.go"}},
}

// box is a running sandbox into which the examples are pasted.
type box struct{ *running.Sandbox }

// Each example of applications.md, as it stands there, sends its message.
func TestApplications(t *testing.T) {
	f := box{running.Start(t, running.Build(t))}
	for _, e := range examples(t, "../../docs/applications.md") {
		if e.section == "" {
			continue // says how to set the environment
		}
		t.Run(e.section, func(t *testing.T) { f.paste(t, e) })
	}
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
	if e.language == "go" { // within the module, or it could not import the client
		dir, cmd.Dir = filepath.Join(dir, p.file), "."
		cmd.Args[2] = dir
	} else {
		dir = filepath.Join(dir, p.file)
	}
	if err := os.WriteFile(dir, []byte(e.code), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "GATEPOST_URL="+f.APIURL, "GATEPOST_KEY="+f.APIKey, "GATEPOST_FROM="+f.Accounts[0].Address)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("msg_")) {
		t.Fatalf("%v\n%s", err, out)
	}
	subject := regexp.MustCompile(`(?:[Ss]ubject["']?\s*(?::|=>)\s*["']?)([^"'\\]+)`).FindStringSubmatch(e.code)
	if subject == nil {
		t.Fatal("the example has no subject")
	}
	f.arrives(t, subject[1])
}

// arrives waits until a message with the subject is in the recipient's mailbox.
func (f box) arrives(t *testing.T, subject string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
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
