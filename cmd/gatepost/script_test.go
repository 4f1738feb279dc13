package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"gatepost/internal/sandbox"
)

// The scripts run the program as a user does, from nothing to a sent message.
// gatepost is the program itself, browser a user at Google's pages, chrome the
// same with a real browser.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"gatepost": func() { os.Exit(mainCode()) },
		"browser":  func() { os.Exit(browserCode()) },
		"chrome":   func() { os.Exit(chromiumCode()) },
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:       "testdata/script",
		Setup:     furnishScript,
		Condition: scriptCondition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"arrived": scriptArrived,
			"ready":   scriptReady,
			"secret":  scriptSecret,
			"status":  scriptStatus,
			"unpack":  scriptUnpack,
		},
	})
}

// scriptCondition knows [browser]: there is a Chromium, or has to be.
func scriptCondition(name string) (bool, error) {
	if name != "browser" {
		return false, fmt.Errorf("unknown condition %s", name)
	}
	_, err := exec.LookPath("chromium")
	return err == nil || os.Getenv("CI") == "true", nil
}

// furnishScript gives each script a world of its own, and an address for the
// server.
func furnishScript(e *testscript.Env) error {
	dir := filepath.Join(e.WorkDir, "world")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	w, err := sandbox.Start(sandbox.Config{Dir: dir})
	if err != nil {
		return err
	}
	e.Defer(func() { w.Close() })
	listen, err := freeAddress()
	if err != nil {
		return err
	}
	door, err := freeAddress()
	if err != nil {
		return err
	}
	files, err := writeWorldFiles(w, "http://"+listen+"/connect/callback")
	if err != nil {
		return err
	}
	withCert, err := certApp(w, dir)
	if err != nil {
		return err
	}
	user, password := w.SMTPLogin()
	for name, value := range map[string]string{
		"GATEPOST_LISTEN": listen, "GATEPOST_URL": "http://" + listen, "GATEPOST_GOOGLE_URL": w.GoogleURL, "GATEPOST_CA_FILE": w.CAFile,
		"GATEPOST_GOOGLE_METADATA_URL": w.MetadataURL, "FEDERATION": files.federation, "OUTSIDE_TOKENS": outsideTokens(w),
		"SIGNER": files.keyless.Address, "SIGNER_ID": files.keyless.ClientID, "SIGNED_BY": files.keyless.Principal,
		"GATEPOST_MICROSOFT_URL": w.MicrosoftURL, "GATEPOST_MICROSOFT_SMTP": w.ExchangeSMTPAddr,
		"MS_TENANT": files.microsoft.TenantID, "MS_CLIENT": files.microsoft.ClientID, "MS_SECRET": files.microsoftSecret,
		"MS_SECRET_ID": files.microsoft.SecretID, "BY_NAME": "http://localhost:" + port(listen), "MS_PRINCIPAL": files.microsoft.PrincipalID,
		"MS_CERT_CLIENT": withCert.ClientID, "MS_CERT_PRINCIPAL": withCert.PrincipalID, "MS_CERT_OBJECT": withCert.ObjectID,
		"MS_CERT": filepath.Join(dir, "cert.pem"), "MS_KEY": filepath.Join(dir, "key.pem"), "MS_ENDED": filepath.Join(dir, "ended.pem"),
		"GATEPOST_GOOGLE_SMTP": w.GmailSMTPAddr, "GATEPOST_LOG_LEVEL": "error", "WORLD": w.ControlURL, "SMTP_DOOR": door,
		"SERVICE_ACCOUNT": files.serviceAccount, "OAUTH_CLIENT": files.oauthClient, "WEB_CLIENT": files.webClient,
		"RELAY_PORT": port(w.SMTPAddr), "OPEN_RELAY_PORT": port(w.RelayOpenAddr), "RELAY_USER": user, "RELAY_PASSWORD": password,
	} {
		e.Setenv(name, value)
	}
	return nil
}

func port(address string) string {
	_, p, _ := net.SplitHostPort(address)
	return p
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// scriptTime is how long a script waits for something.
const scriptTime = 20 * time.Second

func await(ts *testscript.TestScript, what string, is func() bool) {
	for deadline := time.Now().Add(scriptTime); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("%s: not within %s", what, scriptTime)
		}
	}
}

// scriptReady waits until the server takes mail.
func scriptReady(ts *testscript.TestScript, _ bool, _ []string) {
	await(ts, "ready", func() bool {
		resp, err := http.Get(ts.Getenv("GATEPOST_URL") + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// scriptArrived waits for a message in the world: arrived ADDRESS PATTERN, where
// the pattern is looked for in the JSON that the world tells of it.
func scriptArrived(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: arrived ADDRESS PATTERN")
	}
	pattern := regexp.MustCompile(args[1])
	find := func() bool {
		var page struct {
			Messages []sandbox.Summary `json:"messages"`
		}
		ts.Check(json.Unmarshal(scriptGet(ts, "/api/messages?to="+args[0]), &page))
		for _, m := range page.Messages {
			if pattern.Match(scriptGet(ts, "/api/messages/"+m.ID)) {
				return true
			}
		}
		return false
	}
	if neg {
		if find() {
			ts.Fatalf("a message for %s with %s arrived", args[0], args[1])
		}
		return
	}
	await(ts, "a message for "+args[0]+" with "+args[1], find)
}

func scriptGet(ts *testscript.TestScript, path string) []byte {
	resp, err := http.Get(ts.Getenv("WORLD") + path)
	ts.Check(err)
	defer resp.Body.Close()
	var raw json.RawMessage
	ts.Check(json.NewDecoder(resp.Body).Decode(&raw))
	return raw
}

// scriptSecret puts a file's first line into a variable: secret NAME FILE.
func scriptSecret(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: secret NAME FILE")
	}
	line, _, _ := strings.Cut(ts.ReadFile(args[1]), "\n")
	ts.Setenv(args[0], line)
}

// scriptStatus runs a command and compares its exit code: status CODE COMMAND….
func scriptStatus(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: status CODE COMMAND…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if err != nil {
		code = strings.TrimPrefix(fmt.Sprint(err), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}
