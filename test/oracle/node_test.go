package oracle

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/oauth2"
	"google.golang.org/api/gmail/v1"
)

// Google's libraries for Node, at the versions of the lock file, log in, send, list, get and read errors.
func TestNode(t *testing.T) {
	nodeModules(t)
	w := newWorld(t)
	dir := t.TempDir()
	keyFile, clientFile := filepath.Join(dir, "key.json"), filepath.Join(dir, "client.json")
	file := w.OAuthClient("web", redirect)
	write(t, keyFile, w.ServiceAccountKey(gmail.GmailModifyScope, gmail.GmailSendScope))
	write(t, clientFile, file)
	cfg := w.client3LO(file, gmail.GmailSendScope, "openid", "email")
	verifier := oauth2.GenerateVerifier()
	code := w.consent(cfg.AuthCodeURL("s", oauth2.AccessTypeOffline, oauth2.S256ChallengeOption(verifier)), ada).Get("code")
	out := in(t, "node", "--test", "--test-reporter=spec", "oracle.test.js",
		"GOOGLE_URL="+w.GoogleURL, "NODE_EXTRA_CA_CERTS="+w.CAFile, "KEY_FILE="+keyFile, "CLIENT_FILE="+clientFile,
		"REDIRECT_URI="+redirect, "CODE="+code, "CODE_VERIFIER="+verifier)
	t.Log(out)
}

// nodeModules has the packages of the lock file installed; without Node there is no test,
// unless there must be one.
func nodeModules(t *testing.T) {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	wanted, err := os.Stat("node/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	if there, err := os.Stat("node/node_modules/.package-lock.json"); err != nil || there.ModTime().Before(wanted.ModTime()) {
		in(t, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	}
}

// in runs a command in the folder node; arguments with = are its environment.
func in(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Dir, cmd.Env = "node", os.Environ()
	for _, a := range args {
		if a[0] >= 'A' && a[0] <= 'Z' {
			cmd.Env = append(cmd.Env, a)
		} else {
			cmd.Args = append(cmd.Args, a)
		}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	return string(out)
}

func write(t *testing.T, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
