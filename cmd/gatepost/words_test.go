package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatepost/client"
)

// asUser runs a command against a sandbox, with its key unless another is given.
func asUser(t *testing.T, f sandboxFacts, key string, args ...string) (code int, said string) {
	t.Helper()
	if key == "" {
		key = f.APIKey
	}
	code, out, errs := command(map[string]string{"GATEPOST_URL": f.APIURL, "GATEPOST_KEY": key}, args...)
	return code, out + errs
}

// says runs a command and compares its exit code and what it says.
func says(t *testing.T, f sandboxFacts, code int, want []string, args ...string) {
	t.Helper()
	got, said := asUser(t, f, "", args...)
	if got != code {
		t.Errorf("%v: exit code %d, want %d:\n%s", args, got, code, said)
	}
	for _, w := range want {
		if !strings.Contains(said, w) {
			t.Errorf("%v: no %q in:\n%s", args, w, said)
		}
	}
}

// A slip of the pen in any group of commands is a mistake, not a wish for help.
func TestUnknownCommandOfGroup(t *testing.T) {
	for _, c := range rootCommand(with(nil, nil, nil)).Commands() {
		if !c.HasSubCommands() {
			continue
		}
		name := c.Commands()[0].Name()
		code, out, errs := command(nil, c.Name(), name+"x")
		if code != exitUsage || out != "" || !strings.Contains(errs, "did you mean "+name+"?") {
			t.Errorf("gatepost %s %sx: exit code %d\n%s%s", c.Name(), name, code, out, errs)
		}
		if code, _, _ := command(nil, c.Name()); code != exitOK && !c.Runnable() {
			t.Errorf("gatepost %s shows no help: exit code %d", c.Name(), code)
		}
	}
	if code, _, errs := command(nil, "connect", "nothing-like-it"); code != exitUsage || !strings.Contains(errs, "it has gmail, link, microsoft, relay, workspace") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// What is wrong is named as the command line names it.
func TestFieldsAreFlags(t *testing.T) {
	root := rootCommand(with(nil, nil, nil))
	for _, c := range []struct{ command, field, want string }{
		{"connect relay", "smtp.tls", "--tls"},
		{"connect relay", "smtp.ca", "--relay-ca"},
		{"connect relay", "address", "ADDRESS"},
		{"connect link", "hours", "--hours"},
		{"connect gmail", "purposes[0]", "--purposes"},
		{"connect gmail", "key.client_id", "--oauth-client: client_id"},
		{"connect gmail", "redirect_uri", ""},
		{"connect workspace", "key.private_key", "--service-account: private_key"},
		{"credentials replace", "password", "--smtp-password-file"},
		{"accounts change", "senders[2]", "--senders"},
		{"accounts change", "gmail.limits.units_per_minute", "--limit units_per_minute"},
		{"connect relay", "smtp.limits.per_day", "--limit per_day"},
		{"send", "to[0].address", "--to"},
		{"send", "headers[1].name", "--header"},
		{"send", "send_at", "--send-at"},
		{"keys create", "expires_at", "--expires"},
		{"keys create", "networks[1]", "--networks"},
		{"keys create", "rewrite_from", "--rewrite-from"},
	} {
		cmd, _, err := root.Find(strings.Fields(c.command))
		if err != nil {
			t.Fatal(err)
		}
		if got := flagOf(c.field, cmd); got != c.want {
			t.Errorf("%s: %s is %q, want %q", c.command, c.field, got, c.want)
		}
	}
}

// printing is a command's output in a test.
func printing(out *bytes.Buffer) *remote {
	return &remote{printer: newPrinter(with(nil, out, out), false)}
}

// One cause is told once, and what sending works without in one line.
func TestStepsTellACauseOnce(t *testing.T) {
	var out bytes.Buffer
	bad := func(name string, optional bool) client.Step {
		return client.Step{Name: name, Optional: optional, Cause: "delegation_missing", Text: "It may not act.", Fix: "Add it.", Reply: "401"}
	}
	printing(&out).steps(client.Proof{Steps: []client.Step{
		{Name: "signature", OK: true}, bad("token", false), bad("scope:send", false), bad("mailbox", false), bad("aliases", true),
	}})
	if strings.Count(out.String(), "It may not act.") != 1 || strings.Count(out.String(), "not tried: no token") != 3 {
		t.Error(out.String())
	}
	out.Reset()
	printing(&out).steps(client.Proof{Steps: []client.Step{{Name: "token", OK: true}, bad("aliases", true), {Name: "senders", Optional: true, Cause: "scope_missing", Text: "Not checked."}, {Name: "redirect", Optional: true, Text: "No links.", Fix: "Register it."}}})
	want := "  ✓ token                   \n  – send-as addresses       not allowed; sending works without\n  – senders                 Not checked.\n  – redirect                No links.\n      Register it.\n"
	if out.String() != want {
		t.Errorf("%q", out.String())
	}
}

// Advice is about commands, and given once.
func TestExplanationSpeaksOfCommands(t *testing.T) {
	var out bytes.Buffer
	fix := "if it did not leave, POST /v1/messages/msg_1/release"
	printing(&out).explanation(client.Explanation{
		ID: "msg_1", Status: "held", Fix: fix, Attempts: []client.Attempt{{Number: 1, Outcome: "unknown"}, {Number: 1, Outcome: "held", Fix: fix}},
	})
	printing(&out).event(client.Event{Data: client.EventData{Fix: fix}})
	said := out.String()
	if strings.Contains(said, "POST") || strings.Count(said, "gatepost messages release msg_1") != 2 || !strings.Contains(said, "gatepost messages cancel msg_1") {
		t.Error(said)
	}
}

func TestCommandsSayWhy(t *testing.T) {
	_, f := sandboxed(t)
	ada, billing := f.Accounts[0].Address, f.Accounts[1].Address
	list, err := guided(t, f, &bytes.Buffer{}, "").Credentials(t.Context())
	if err != nil || len(list.Data) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	says(t, f, 1, []string{"gmail.readonly", "domainwidedelegation"}, "accounts", "aliases", ada)
	says(t, f, 0, []string{"– send-as addresses       not allowed; sending works without\n"}, "accounts", "check", ada)
	says(t, f, 0, []string{"may look     yes"}, "accounts", "show", ada)
	says(t, f, 0, []string{"server       " + f.RelayAddr + " starttls", "user         " + f.RelayUser}, "accounts", "show", billing)
	says(t, f, 2, []string{"is in use by " + ada}, "credentials", "remove", credentialOfKind(list, "google_service_account"))
	says(t, f, 0, []string{"There is no message yet."}, "messages", "list")
	says(t, f, 0, []string{"No message is held."}, "messages", "list", "--status", "held")
	says(t, f, 0, []string{"No message is held."}, "messages", "list", "--status", "held", "--all")
	says(t, f, 0, []string{"No message fits all of that."}, "messages", "list", "--status", "held", "--tag", "x")
	says(t, f, 2, []string{"there is no credential cred_nope"}, "connect", "workspace", "bob@acme.example", "--credential", "cred_nope")
	says(t, f, 2, []string{"is of the kind smtp_password"}, "connect", "workspace", "bob@acme.example", "--credential", credentialOfKind(list, "smtp_password"))
	says(t, f, 2, []string{"--tls: must be"}, "connect", "relay", "app@acme.example", "--host", "127.0.0.1", "--tls", "bogus")

	code, out, errs := command(map[string]string{"GATEPOST_URL": f.APIURL, "GATEPOST_KEY": f.APIKey},
		"connect", "workspace", "not an address", "--service-account", f.ServiceAccountFile)
	if code != exitUsage || out != "" || !strings.Contains(errs, `ADDRESS "not an address"`) {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

func credentialOfKind(list client.CredentialList, kind string) string {
	for _, c := range list.Data {
		if c.Kind == kind {
			return c.ID
		}
	}
	return ""
}

// A mailbox is connected also by who may not send from it.
func TestConnectWithoutTheRightToSend(t *testing.T) {
	_, f := sandboxed(t)
	for scopes, want := range map[string]string{
		"accounts:read,accounts:write":               "it lacks the scope messages:send",
		"accounts:read,accounts:write,messages:send": "it lacks the scope messages:read",
	} {
		_, key, _ := command(map[string]string{"GATEPOST_URL": f.APIURL, "GATEPOST_KEY": f.APIKey}, "keys", "create", "--name", "x", "--scopes", scopes)
		code, said := asUser(t, f, strings.TrimSpace(key), "connect", "workspace", "app@acme.example", "--service-account", f.ServiceAccountFile)
		if code != exitOK || !strings.Contains(said, want) || !strings.Contains(said, "app@acme.example is connected") {
			t.Errorf("%s: exit code %d\n%s", scopes, code, said)
		}
	}
}

// A key file is checked whole also when its key is stored: what a fresh file would
// be refused for is refused.
func TestChangedKeyFileIsRefused(t *testing.T) {
	_, f := sandboxed(t)
	whole, err := os.ReadFile(f.ServiceAccountFile)
	if err != nil {
		t.Fatal(err)
	}
	connect := func(code int, want string, file []byte) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "key.json")
		write(t, path, file)
		says(t, f, code, []string{want}, "connect", "workspace", "more@acme.example", "--service-account", path, "--no-test")
	}
	says(t, f, 0, []string{"must be on the list"}, "connect", "workspace", "app@acme.example", "--service-account", f.ServiceAccountFile, "--no-test")
	stored := kept(t, f)
	connect(2, "--service-account: token_uri", append(bytes.TrimRight(whole, "} \n"), `,"token_uri": "https://evil.example/token"}`...))
	for _, c := range []struct{ field, value, want string }{
		{"private_key", "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n", "--service-account: private_key"},
		{"token_uri", "https://evil.example/token", "--service-account: token_uri"},
		{"token_uri", "https://oauth2.googleapis.com.evil.example/token", "--service-account: token_uri"},
		{"client_email", "other@p.iam.gserviceaccount.com", "does not know the service account"},
		{"universe_domain", "apis-s3ns.fr", "--service-account: universe_domain"},
	} {
		connect(2, c.want, changed(t, whole, c.field, c.value))
	}
	connect(0, "is stored already", whole)
	connect(0, "is stored already", append([]byte("\xef\xbb\xbf"), whole...))
	if now := kept(t, f); now != stored {
		t.Errorf("%d credentials, were %d", now, stored)
	}
}

// changed is a key file with another value in a field.
func changed(t *testing.T, whole []byte, field, value string) []byte {
	t.Helper()
	var file map[string]any
	if err := json.Unmarshal(whole, &file); err != nil {
		t.Fatal(err)
	}
	file[field] = value
	b, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// kept counts the credentials.
func kept(t *testing.T, f sandboxFacts) int {
	t.Helper()
	list, err := guided(t, f, &bytes.Buffer{}, "").Credentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return len(list.Data)
}

// A word that belongs to no flag is a slip, of which the likely one is named.
func TestWordsBesideFlagsOfSend(t *testing.T) {
	send := []string{"send", "--to", "a@example.com", "--subject", "Your", "order"}
	for want, args := range map[string][]string{
		"--wait 5s: write it with an equals sign: --wait=5s": {"send", "--to", "a@example.com", "--text", "t", "--wait", "5s"},
		`"order" stands alone`:                               send,
	} {
		if code, _, errs := command(nil, args...); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%v: exit code %d: %s", args, code, errs)
		}
	}
}

// A value that a flag does not take is refused in words, a zero too.
func TestValuesOfFlags(t *testing.T) {
	for line, want := range map[string]string{
		"connect link a@b.example --hours 0":               `--hours "0": write a whole number from 1 to 168, such as 24`,
		"connect link a@b.example --hours 1e9":             `--hours "1e9": write a whole number from 1 to 168`,
		"connect link a@b.example --hours 169":             "from 1 to 168",
		"connect relay a@b.example --port 0":               `--port "0": write a whole number from 1 to 65535, such as 587`,
		"messages list --limit 0":                          `--limit "0": write a whole number from 1 to 100, such as 20`,
		"messages list --limit 99999999999999999999":       "from 1 to 100",
		"messages tail --limit 0":                          "from 1 to 100",
		"messages list --all=maybe":                        `--all "maybe": write true or false`,
		"messages list --timeout abc":                      `--timeout "abc": write a time with its unit, such as 30s`,
		"send --to a@example.com --wait=abc":               `--wait "abc": write a time with its unit, such as 30s`,
		"connect workspace a@b.example --wait 5":           `--wait "5": write a time with its unit`,
		"connect workspace a@b.example --wait 9999999999h": `write a time with its unit`,
		"queue cancel --older-than -2h --dry-run":          `--older-than "-2h": write how long ago, with its unit, such as 90s`,
		"queue --older-than 0s":                            `--older-than "0s": write how long ago`,
		"queue hold --older-than 2":                        `--older-than "2": write how long ago`,
	} {
		code, _, errs := command(nil, strings.Fields(line)...)
		if code != exitUsage || !strings.Contains(errs, want) || strings.Contains(errs, "strconv") || strings.Contains(errs, "time: ") {
			t.Errorf("%s: exit code %d: %s", line, code, errs)
		}
	}
	for line, want := range map[string]string{"connect link": "(default 72)", "messages list": "(default 20)", "messages tail": "(default 10)"} {
		if _, out, _ := command(nil, append(strings.Fields(line), "--help")...); !strings.Contains(out, want) {
			t.Errorf("%s: no %s in\n%s", line, want, out)
		}
	}
}

// Of several headers the wrong one is named.
func TestWrongHeaderIsNamed(t *testing.T) {
	_, f := sandboxed(t)
	send := []string{"send", "--from", f.Accounts[0].Address, "--to", "a@example.com", "--text", "t", "--header", "X-A: a", "--header", "X-B: b"}
	says(t, f, 2, []string{`--header "x-b": given twice`}, append(send, "--header", "x-b: c")...)
}

// --wait waits at a terminal, too.
func TestWaitAtATerminal(t *testing.T) {
	_, f := sandboxed(t)
	var out lockedBuffer
	w := &workspace{file: f.ServiceAccountFile, wait: 3600e9}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	g := guided(t, f, &out, "\n")
	go func() { ended <- w.run(ctx, g, []string{"nobody@acme.example"}) }()
	until(t, func() bool { return strings.Contains(out.String(), "Trying again in 20 seconds") })
	stop()
	<-ended
	if said := out.String(); strings.Contains(said, "Ctrl-C") || strings.Contains(said, ", then press") || !strings.Contains(said, "When that is done, press Enter.") {
		t.Error(said)
	}
}

// What cannot work is refused before anything is stored or a browser is opened.
func TestConnectGmailIsRefusedEarly(t *testing.T) {
	_, f := sandboxed(t)
	ada, billing := f.Accounts[0].Address, f.Accounts[1].Address
	says(t, f, 2, []string{"the file is of a Web application", "Desktop app"}, "connect", "gmail", "grace@gmail.example", "--oauth-client", f.OAuthWebClientFile)
	says(t, f, 2, []string{"accounts remove " + ada + "\n", "connect gmail " + ada + " --smtp"}, "connect", "gmail", ada, "--smtp", "--oauth-client", f.OAuthClientFile)
	says(t, f, 2, []string{"connect workspace " + ada + " --smtp"}, "connect", "workspace", ada, "--smtp", "--service-account", f.ServiceAccountFile)
	says(t, f, 2, []string{"by smtp", "connect link " + billing + "\n"}, "connect", "link", billing, "--oauth-client", f.OAuthWebClientFile)
	says(t, f, 2, []string{"is of the kind google_service_account"}, "connect", "gmail", "grace@gmail.example", "--credential", firstCredential(t, f))
	says(t, f, 2, []string{"ADDRESS"}, "connect", "gmail", "no address")
	if _, said := asUser(t, f, "", "credentials", "list"); strings.Contains(said, "google_oauth_client") {
		t.Errorf("a client was stored:\n%s", said)
	}
}

func firstCredential(t *testing.T, f sandboxFacts) string {
	t.Helper()
	list, err := guided(t, f, &bytes.Buffer{}, "").Credentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return credentialOfKind(list, "google_service_account")
}

// At a terminal a relay's values are asked for, and nothing is told of Google's.
func TestRelayAtATerminal(t *testing.T) {
	_, f := sandboxed(t)
	host, port, _ := net.SplitHostPort(f.GmailRelayAddr)
	var out bytes.Buffer
	w := &relay{ca: f.CAFile, noTest: true}
	w.Hello = "acme.example"
	if err := w.run(t.Context(), guided(t, f, &out, host+"\n\n"+port+"\n\n"), "app@acme.example"); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	for _, want := range []string{"name of the relay", "starttls or implicit [starttls]", "port [587]", "sign in with", "app@acme.example is connected"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "SMTP relay service") {
		t.Errorf("Google's relay is told of:\n%s", &out)
	}

	out.Reset()
	w = &relay{ca: f.CAFile}
	err := w.run(t.Context(), guided(t, f, &out, host+"\nimplicit\nsmtps\n"), "other@acme.example")
	if err == nil || !strings.Contains(err.Error(), "--port: smtps is no number") || !strings.Contains(out.String(), "port [465]") {
		t.Errorf("%v\n%s", err, &out)
	}
	out.Reset()
	w = &relay{ca: f.CAFile}
	w.Preset, w.Host = "gmail_relay", "127.0.0.1"
	w.port = 1
	_ = w.run(t.Context(), guided(t, f, &out, ""), "other@acme.example")
	if !strings.Contains(out.String(), "SMTP relay service") || strings.Contains(out.String(), "Another relay") {
		t.Errorf("the preset's steps:\n%s", &out)
	}
}

// What a sandbox tells of its relay is enough to connect it, with TLS from the
// first byte, too.
func TestRelayOfASandbox(t *testing.T) {
	_, f := sandboxed(t)
	for address, kind := range map[string]string{f.RelayAddr: "starttls", f.RelayTLSAddr: "implicit"} {
		host, port, _ := net.SplitHostPort(address)
		code, out, errs := command(map[string]string{"GATEPOST_URL": f.APIURL, "GATEPOST_KEY": f.APIKey, "GATEPOST_SMTP_PASSWORD": f.RelayPassword},
			"connect", "relay", kind+"@acme.example", "--host", host, "--port", port, "--tls", kind, "--user", f.RelayUser, "--relay-ca", f.CAFile)
		if code != exitOK {
			t.Errorf("%s: exit code %d\n%s%s", kind, code, out, errs)
		}
	}
}
