package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gatepost/client"
)

func commands(c *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		list = append(list, commands(sub)...)
	}
	return list
}

// Every command says what it is for in a line, shows how it is used, and can
// speak JSON.
func TestHelpTeaches(t *testing.T) {
	root := rootCommand(with(nil, io.Discard, io.Discard))
	for _, c := range commands(root) {
		path := c.CommandPath()
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || len(c.Short) > 90 {
			t.Errorf("%s: short text %q", path, c.Short)
		}
		for line := range strings.SplitSeq(c.Long, "\n") {
			if len([]rune(line)) > 84 {
				t.Errorf("%s: a line too long for a terminal: %q", path, line)
			}
		}
		if !c.Runnable() {
			continue
		}
		if c.Flags().Lookup("json") == nil && path != "gatepost serve" && path != "gatepost config docs" {
			t.Errorf("%s has no --json", path)
		}
		if strings.Contains(c.Use, " ") && c.Example == "" {
			t.Errorf("%s takes arguments and shows no example", path)
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" || f.Value.Type() == "string" && f.Usage == "" {
				t.Errorf("%s --%s: no text", path, f.Name)
			}
		})
	}
}

// Examples in help are real: every flag that they use exists.
func TestExamplesUseRealFlags(t *testing.T) {
	root := rootCommand(with(nil, io.Discard, io.Discard))
	for _, c := range commands(root) {
		for line := range strings.SplitSeq(strings.ReplaceAll(c.Example, "\\\n", " "), "\n") {
			_, line, ok := strings.Cut(line, "gatepost ")
			if !ok {
				continue
			}
			words := strings.Fields(strings.NewReplacer("$(", " ", ")", " ").Replace(line))
			found, _, err := root.Find(words)
			if err != nil || found == root {
				t.Errorf("%s: %q: %v", c.CommandPath(), line, err)
				continue
			}
			for _, w := range words {
				name, _, _ := strings.Cut(strings.TrimPrefix(w, "--"), "=")
				if w == "|" || w == "&&" || w == ">" {
					break
				}
				if strings.HasPrefix(w, "--") && found.Flags().Lookup(name) == nil {
					t.Errorf("%s: %q: there is no --%s", c.CommandPath(), line, name)
				}
			}
		}
	}
}

func TestReferenceIsOfThisProgram(t *testing.T) {
	b, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != settingsReference() {
		t.Error("docs/configuration.md is older than the settings: go run ./cmd/gatepost config docs > docs/configuration.md")
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if code, out, errs := command(nil, "completion", shell); code != 0 || !strings.Contains(out, "gatepost") {
			t.Errorf("%s: %d %s", shell, code, errs)
		}
	}
}

func TestMoments(t *testing.T) {
	for given, want := range map[string]time.Time{
		"2026-12-24T18:00:00Z":      time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC),
		"2026-12-24T18:00:00+02:00": time.Date(2026, 12, 24, 16, 0, 0, 0, time.UTC),
		"2026-12-24 18:00":          time.Date(2026, 12, 24, 18, 0, 0, 0, time.Local),
		"2026-12-24":                time.Date(2026, 12, 24, 0, 0, 0, 0, time.Local),
	} {
		if got, err := moment("--send-at", given); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v %v", given, got, err)
		}
	}
	for _, given := range []string{"90m", "+90m"} {
		got, err := moment("--send-at", given)
		if err != nil || time.Until(got.Time) > 90*time.Minute || time.Until(got.Time) < 89*time.Minute {
			t.Errorf("%s: %v %v", given, got, err)
		}
	}
	for _, given := range []string{"soon", "-5m", "24.12.2026"} {
		if _, err := moment("--send-at", given); err == nil || !strings.Contains(err.Error(), "--send-at") {
			t.Errorf("%s: %v", given, err)
		}
	}
}

// What others wrote (subjects, replies of servers) cannot steer the terminal.
func TestOutputIsClean(t *testing.T) {
	var out bytes.Buffer
	p := &printer{out: &out, err: &out, colours: true, terminal: true}
	hostile := "a\x1b]0;owned\x07\x1b[2J\u009b31mb\rc"
	p.line("%s %s", hostile, p.in(red, hostile))
	p.table([]string{"A"}, [][]string{{hostile}})
	p.progress("%s", hostile)
	if s := out.String(); strings.Contains(s, "\x07") || strings.Contains(s, "\x1b]") || strings.Contains(s, "[2J") && strings.Contains(s, "\x1b[2J") || strings.Contains(s, "\u009b") || strings.Contains(s, "b\rc") {
		t.Errorf("%q", s)
	}
	p.colours, p.terminal = false, false
	out.Reset()
	p.line("%s", p.in(red, "x"))
	p.progress("never")
	if out.String() != "x\n" {
		t.Errorf("%q", out.String())
	}
}

func TestWrap(t *testing.T) {
	for _, line := range wrap(strings.Repeat("wörd ", 50)+strings.Repeat("x", 100), 20) {
		if n := len([]rune(line)); n > 20 && n != 100 {
			t.Errorf("%q", line)
		}
	}
	if got := wrap("", 20); got != nil {
		t.Errorf("%q", got)
	}
}

// guided is a person at a terminal who types lines.
func guided(t *testing.T, f sandboxFacts, out io.Writer, typed string) *guide {
	t.Helper()
	c, err := client.New(f.APIURL, f.APIKey)
	if err != nil {
		t.Fatal(err)
	}
	env := with(nil, out, out)
	return &guide{
		remote: &remote{Client: c, printer: newPrinter(env, false), env: env, settings: &settings{}},
		lines:  bufio.NewReader(strings.NewReader(typed)), interactive: true,
	}
}

// A person who has nothing yet is led through all of it.
func TestGuideAsksForWhatIsMissing(t *testing.T) {
	_, f := sandboxed(t)
	var out bytes.Buffer
	w := &workspace{}
	if err := w.run(t.Context(), guided(t, f, &out, f.ServiceAccountFile+"\nnew@acme.example\n\n"), nil); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"Make a service account", "key file (JSON)", "the mailbox to connect", "press Enter", "✓ test message", "new@acme.example is connected"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
}

// On a machine without a browser the address where another one ended is pasted.
func TestHeadlessConsent(t *testing.T) {
	_, f := sandboxed(t)
	var printed lockedBuffer
	typed, person := io.Pipe()
	env := with(map[string]string{"GATEPOST_URL": f.APIURL, "GATEPOST_KEY": f.APIKey}, &printed, &printed)
	env.stdin = typed
	code := make(chan int, 1)
	go func() {
		code <- run(context.Background(), []string{"connect", "gmail", "grace@gmail.example", "--headless", "--oauth-client", f.OAuthClientFile}, env)
	}()
	person.Write([]byte("http://127.0.0.1:53682/\n\nhttp://127.0.0.1:53682/?state=old&code=x\n"))
	until(t, func() bool { return strings.Contains(printed.String(), "another consent") })
	person.Write([]byte(ended(t, f, waitForURL(t, &printed)) + "\n"))
	if got := <-code; got != 0 || !strings.Contains(printed.String(), "grace@gmail.example is connected") {
		t.Errorf("code %d:\n%s", got, &printed)
	}
}

func waitForURL(t *testing.T, printed *lockedBuffer) string {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		s := printed.String()
		if _, rest, ok := strings.Cut(s, "\n  https://"); ok && strings.Contains(rest, "Address: ") {
			address, _, _ := strings.Cut(rest, "\n")
			return "https://" + address
		}
	}
	t.Fatalf("no address was printed:\n%s", printed)
	return ""
}

// ended is where a browser ends in vain after consent.
func ended(t *testing.T, f sandboxFacts, address string) string {
	t.Helper()
	t.Setenv("GATEPOST_CA_FILE", f.CAFile)
	b, err := newBrowser()
	if err != nil {
		t.Fatal(err)
	}
	var refused *url.Error
	if err := b.visit(address); !errors.As(err, &refused) || !strings.HasPrefix(refused.URL, pastedAt) {
		t.Fatalf("the browser did not end at %s: %v", pastedAt, err)
	}
	return refused.URL
}

func TestConsentOfSomebodyElseIsIgnored(t *testing.T) {
	_, f := sandboxed(t)
	var out lockedBuffer
	g := guided(t, f, &out, "something else\n")
	credential, err := (&consenting{file: f.OAuthClientFile}).client(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	_, err = g.pasted(t.Context(), client.NewConsent{Credential: credential, RedirectURI: pastedAt})
	if err == nil || !strings.Contains(out.String(), "whole address") || exitCode(err) != exitUsage {
		t.Errorf("%v\n%s", err, &out)
	}
}

// A tail begins with the latest messages and goes on with what changes.
func TestTail(t *testing.T) {
	_, f := sandboxed(t)
	for _, to := range []string{"first@example.com", "second@example.com", "third@example.com"} {
		post(t, f, map[string]any{"from": f.Accounts[0].Address, "to": to, "subject": "s", "text": "t"})
		arrived(t, f, to)
	}
	ctx, stop := context.WithCancel(t.Context())
	var out lockedBuffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"messages", "tail", "--limit", "1", "--json"}, with(map[string]string{"GATEPOST_URL": f.APIURL, "GATEPOST_KEY": f.APIKey}, &out, &out))
	}()
	until(t, func() bool { return strings.Contains(out.String(), "third@example.com") })
	post(t, f, map[string]any{"from": f.Accounts[0].Address, "to": "fourth@example.com", "subject": "s", "text": "t"})
	until(t, func() bool {
		_, rest, ok := strings.Cut(out.String(), "fourth@example.com")
		return ok && strings.Contains(rest, "accepted") || strings.Contains(out.String(), `fourth@example.com","role":"to","status":"accepted"`)
	})
	stop()
	if got := <-code; got != 0 || strings.Contains(out.String(), "first@example.com") || strings.Contains(out.String(), "second@example.com") {
		t.Errorf("code %d: %s", got, &out)
	}
	for line := range strings.Lines(out.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

func until(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not in time")
		}
	}
}

// The sandbox gives what connecting needs, and says how.
func TestSandboxSaysWhatToPaste(t *testing.T) {
	var out lockedBuffer
	ctx, stop := context.WithCancel(t.Context())
	code := make(chan int, 1)
	args := []string{"sandbox"}
	for _, name := range []string{"listen", "google", "smtp", "smtps", "gmail-smtp", "gmail-smtps", "gmail-relay", "mailbox"} {
		args = append(args, "--"+name, "127.0.0.1:0")
	}
	go func() { code <- run(ctx, args, with(nil, &out, io.Discard)) }()
	until(t, func() bool { return strings.Contains(out.String(), "Ctrl-C") })
	for _, want := range []string{"export GATEPOST_URL=http://127.0.0.1:", "GATEPOST_KEY=gp_live_", "gatepost send ", "gatepost connect workspace", "gatepost connect gmail", "gatepost connect relay", "(STARTTLS), 127.0.0.1:", "user relay@acme.example, password "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	pasted(t, out.String())
	stop()
	if got := <-code; got != 0 {
		t.Errorf("code %d", got)
	}
}

// pastedAt is where a consent without a browser ends.
var pastedAt = (&consenting{}).redirectAt(pastedPort)

// pasted runs the lines that the sandbox prints, but for those that need a browser.
func pasted(t *testing.T, text string) {
	t.Helper()
	vars := map[string]string{}
	for line := range strings.Lines(text) {
		words := split(line)
		switch {
		case len(words) > 1 && words[0] == "export":
			for _, w := range words[1:] {
				name, value, _ := strings.Cut(w, "=")
				vars[name] = value
			}
		case len(words) > 2 && words[0] == "gatepost" && !strings.HasPrefix(line, "gatepost") && words[2] != "gmail":
			if code, out, errs := command(vars, words[1:]...); code != 0 {
				t.Errorf("%s: code %d\n%s%s", line, code, out, errs)
			}
		}
	}
}

// split takes a line apart as a shell does, as far as the sandbox's lines need.
func split(line string) []string {
	var words []string
	for i, part := range strings.Split(strings.TrimSpace(line), `"`) {
		if i%2 == 1 {
			words = append(words, part)
			continue
		}
		words = append(words, strings.Fields(part)...)
	}
	return words
}
