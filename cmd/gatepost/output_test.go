package main

import (
	"bytes"
	"context"
	"strings"
	"syscall"
	"testing"
)

// fullDisk takes nothing.
type fullDisk struct{}

// Write implements io.Writer.
func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// onFullDisk runs a command whose output goes there.
func onFullDisk(vars map[string]string, args ...string) (code int, stderr string) {
	var errs bytes.Buffer
	code = run(context.Background(), args, with(vars, fullDisk{}, &errs))
	return code, errs.String()
}

// What a command could not print has failed, and is said.
func TestLostOutputIsAFailure(t *testing.T) {
	_, f := sandboxed(t)
	vars := map[string]string{"GATEPOST_URL": f.APIURL, "GATEPOST_KEY": f.APIKey}
	send := "send --from " + f.Accounts[0].Address + " --to a@example.com --subject s --text t"
	_, id := post(t, f, map[string]any{"from": f.Accounts[0].Address, "to": "a@example.com", "subject": "s", "text": "t"})
	for _, line := range []string{
		send, send + " --wait", "accounts list", "accounts list --json",
		"messages explain " + id["id"].(string), "messages list", "messages list --all", "messages list --all --json", "messages tail", "config show",
		"config docs", "version", "version --json", "--help", "completion bash",
	} {
		code, errs := onFullDisk(vars, strings.Fields(line)...)
		if code != exitFailed || strings.Count(errs, "no space left on device") != 1 {
			t.Errorf("%s: exit code %d: %s", line, code, errs)
		}
		if strings.HasPrefix(line, "send") && !strings.Contains(errs, "is kept") {
			t.Errorf("%s: %s", line, errs)
		}
	}
}

// A secret that is shown once and was not is taken back.
func TestUnseenSecretsAreTakenBack(t *testing.T) {
	_, f := sandboxed(t)
	vars := map[string]string{"GATEPOST_URL": f.APIURL, "GATEPOST_KEY": f.APIKey}
	for _, line := range []string{"keys create --name unseen", "keys create --name unseen --json", "connect link unseen@gmail.example --oauth-client " + f.OAuthWebClientFile} {
		code, errs := onFullDisk(vars, strings.Fields(line)...)
		if code != exitFailed || !strings.Contains(errs, "no space left on device") || !strings.Contains(errs, "It was taken back") {
			t.Errorf("%s: exit code %d: %s", line, code, errs)
		}
	}
	if _, said := asUser(t, f, "", "keys", "list"); strings.Contains(said, "unseen") {
		t.Error(said)
	}
	if _, said := asUser(t, f, "", "links", "list"); strings.Contains(said, "open") {
		t.Error(said)
	}
	data := t.TempDir()
	if code, errs := onFullDisk(nil, "keys", "create", "--name", "unseen", "--data", data); code != exitFailed || !strings.Contains(errs, "It was taken back") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
