package smtpdoor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// session is a connection of a program that sends many messages by one.
type session struct {
	Mode      string   `json:"mode"`
	Mechanism string   `json:"mechanism"`
	Port      string   `json:"port"`
	User      string   `json:"user"`
	Letters   []handed `json:"letters"`
}

// handed is a message as a script is given it.
type handed struct {
	From string   `json:"from"`
	To   []string `json:"to"`
	File string   `json:"file"`
}

// plan is all that a script is given, on its standard input.
type plan struct {
	Host     string     `json:"host"`
	CA       string     `json:"ca"`
	Key      string     `json:"key"`
	Sessions []*session `json:"sessions"`
}

// bySessions runs a script that uses a library.
func bySessions(interpreter, script string) func(*testing.T, *door, program, []letter) []letter {
	return func(t *testing.T, d *door, p program, list []letter) []letter {
		t.Helper()
		in, err := json.Marshal(d.plan(t, p, list))
		must(t, err)
		cmd := exec.CommandContext(t.Context(), interpreter, script)
		cmd.Stdin = bytes.NewReader(in)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", script, err, lastOf(string(out)))
		}
		return list
	}
}

// plan makes a session of all messages that have a way and a user in common.
func (d *door) plan(t *testing.T, p program, list []letter) plan {
	t.Helper()
	dir := t.TempDir()
	out := plan{Host: host, CA: d.ca, Key: d.key}
	by := map[string]*session{}
	for _, l := range list {
		w, user := d.wayOf(p, l.n)
		name := fmt.Sprint(w, user)
		if by[name] == nil {
			by[name] = &session{Mode: w.mode, Mechanism: w.mechanism, Port: d.ports[w.mode], User: user}
			out.Sessions = append(out.Sessions, by[name])
		}
		file := filepath.Join(dir, strconv.Itoa(l.n))
		must(t, os.WriteFile(file, l.text(), 0o600))
		by[name].Letters = append(by[name].Letters, handed{l.from, l.to, file})
	}
	return out
}

// nodemailer is installed at the version of the lock file.
func nodemailer(t *testing.T, d *door, p program, list []letter) []letter {
	t.Helper()
	if _, err := os.Stat("node/node_modules/.package-lock.json"); err != nil {
		npm := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
		npm.Dir = "node"
		if out, err := npm.CombinedOutput(); err != nil {
			t.Fatalf("npm: %v\n%s", err, out)
		}
	}
	return bySessions("node", "node/send.js")(t, d, p, list)
}
