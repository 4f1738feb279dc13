package guides

import (
	"encoding/json"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gatepost/client"
	"gatepost/test/running"
)

// journey is a guide that is pasted from its first block to its last, by somebody
// who has a sandbox where a reader has Google or a relay.
type journey struct {
	file   string
	values map[string]string                       // in place of those in the guide's first block
	files  func(*testing.T, box) map[string]string // under the names of the guide
	before map[string]func(*testing.T, *reader)    // what happens in the world when a section begins
	after  map[string]func(*testing.T, *reader)    // what a section has led to
}

// Each guide to connect a mailbox leads, as it stands there, from nothing to mail
// that arrives.
func TestConnect(t *testing.T) {
	program := running.Build(t)
	for _, j := range []journey{overview, workspace, keyless, gmail, relay, microsoft} {
		t.Run(j.file, func(t *testing.T) { j.follow(t, program) })
	}
}

// follow pastes every block of a guide into a shell, in order.
func (j journey) follow(t *testing.T, program string) {
	r := j.begin(t, program)
	section := ""
	for _, e := range examples(t, "../../docs/"+j.file) {
		if e.section != section {
			j.turn(t, r, section, e.section)
			section = e.section
		}
		switch {
		case e.language == "console", e.language == "yaml": // cannot be run here
		case e.language == "text" && j.file == microsoft.file:
			r.printedLines(t, e.code)
		case e.language == "text":
			r.printed(t, e.code)
		case e.language != "sh":
			t.Errorf("%s: no way to run %q", e.section, e.language)
		case e.section == "":
			r.knows(t, e.code)
		default:
			r.paste(t, e)
		}
		if t.Failed() {
			return
		}
	}
	j.turn(t, r, section, "")
}

// begin is a reader in front of a guide's first block.
func (j journey) begin(t *testing.T, program string) *reader {
	t.Helper()
	implicit := free(t)
	f := box{running.Start(t, program, "--smtps", implicit)}
	r := &reader{box: f, dir: t.TempDir(), values: maps.Clone(j.values)}
	switch j.file {
	case relay.file:
		r.relay(t, implicit)
	case microsoft.file:
		r.microsoft(t)
	}
	r.values["PATH"] = filepath.Dir(program) + string(filepath.ListSeparator) + os.Getenv("PATH")
	if j.files != nil {
		for name, content := range j.files(t, f) {
			r.file(t, name, content)
		}
	}
	return r
}

func (r *reader) file(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// relay gives the reader what an operator of a relay would.
func (r *reader) relay(t *testing.T, implicit string) {
	t.Helper()
	var facts struct {
		Relay    string `json:"relay_addr"`
		User     string `json:"relay_user"`
		Password string `json:"relay_password"`
		Google   string `json:"gmail_relay_addr"`
	}
	_, line, _ := strings.Cut(r.Output.String(), "{") // a warning can stand before it
	if err := json.NewDecoder(strings.NewReader("{" + line)).Decode(&facts); err != nil {
		t.Fatal(err)
	}
	r.values["RELAY_USER"], r.values["RELAY_CA"] = facts.User, r.CAFile
	for name, address := range map[string]string{"RELAY_PORT": facts.Relay, "RELAY_TLS_PORT": implicit, "GOOGLE_RELAY_PORT": facts.Google} {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		r.values[name] = port
	}
	r.file(t, "relay-password", facts.Password)
}

// turn ends a section and begins the next.
func (j journey) turn(t *testing.T, r *reader, from, to string) {
	if check := j.after[from]; check != nil {
		check(t, r)
	}
	r.output = ""
	if happen := j.before[to]; happen != nil {
		happen(t, r)
	}
}

// printed compares what a guide tells to paste at Google with what gatepost tells.
func (r *reader) printed(t *testing.T, text string) {
	t.Helper()
	c, err := client.New(r.APIURL, r.APIKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, transport := range []string{"gmail", "gmail_smtp"} {
		setup, err := c.Setup(t.Context(), client.SetupQuery{Kind: "gmail", Transport: transport})
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range setup.Steps {
			if slices.ContainsFunc(step.Values, func(v client.SetupValue) bool { return v.Value == strings.TrimSpace(text) }) {
				return
			}
		}
	}
	t.Errorf("gatepost does not tell to paste %s", text)
}

// knows tells of values of a guide's first block for which there is nothing in the
// sandbox: the rest would be pasted with other variables than readers have.
func (r *reader) knows(t *testing.T, code string) {
	t.Helper()
	var names []string
	for _, word := range strings.Fields(code) {
		if name, _, is := strings.Cut(word, "="); is && name == strings.ToUpper(name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if r.values[name] == "" {
			t.Errorf("the sandbox has nothing for $%s", name)
		}
	}
	for name := range r.values {
		if name != "PATH" && !slices.Contains(names, name) {
			t.Errorf("the guide's first block does not set $%s", name)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
