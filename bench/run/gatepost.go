package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// sender is the address that the load sends from.
const sender = "sender@bench.test"

// body is what a client posts for one message: the rig fills it.
const body = `{"from":"{{from}}","to":["{{rcpt}}"],"subject":"bench {{id}}","text":"{{text}}",` +
	`"headers":{"X-Bench-Id":"{{id}}","X-Bench-Sent-Ns":"{{sent_ns}}"}}`

// relay is how gatepost's account may use the provider.
type relay struct {
	connections int
	perSecond   int // 0: no limit
}

// usualRelay is what Postfix is compared with.
func (b *bench) usualRelay() relay { return relay{connections: b.plan.relayConnections} }

// startGatepost starts gatepost on SQLite, or on the database given, with one account that relays to
// the provider.
func (b *bench) startGatepost(ctx context.Context, database string, r relay) (*server, error) {
	dir, err := os.MkdirTemp(b.dir, "gatepost-")
	if err != nil {
		return nil, err
	}
	listen, err := freePort()
	if err != nil {
		return nil, err
	}
	door, err := freePort()
	if err != nil {
		return nil, err
	}
	g := &gatepost{
		bin: b.gatepost, url: fmt.Sprintf("http://127.0.0.1:%d", listen), smtp: fmt.Sprintf("127.0.0.1:%d", door),
		env: append(os.Environ(),
			"GATEPOST_DATA="+dir, "GATEPOST_DATABASE="+database, "GATEPOST_MASTER_KEY_FILE="+filepath.Join(dir, "master.key"),
			"GATEPOST_LISTEN=127.0.0.1:"+strconv.Itoa(listen), "GATEPOST_SMTP_LISTEN=127.0.0.1:"+strconv.Itoa(door)),
	}
	s := &server{label: "gatepost on SQLite", group: newGroup("gatepost"), gatepost: g}
	if database != "" {
		s.label = "gatepost on PostgreSQL"
	}
	s.stop = func() {
		g.stop()
		s.group.end()
		_ = os.RemoveAll(dir) // else with the run's folder
	}
	if err := g.start(ctx, s.group, filepath.Join(dir, "serve.log")); err != nil {
		s.stop()
		return nil, err
	}
	credential, err := g.credential(ctx)
	if err == nil {
		_, err = g.connect(ctx, b, credential, sender, r)
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	s.load = []string{"http", "-url", g.url + "/v1/messages", "-H", "Authorization: Bearer " + g.key, "-from", sender, "-body", body}
	return s, nil
}

// gatepost is a running server and the key to it.
type gatepost struct {
	bin, url, key string
	smtp          string // where its SMTP door is
	env           []string
	serve         *exec.Cmd
}

// start makes a key, then starts the server: the first command opens the data folder by itself.
// Started again it keeps its key.
func (g *gatepost) start(ctx context.Context, in *group, logFile string) error {
	if g.key == "" {
		if err := g.makeKey(ctx); err != nil {
			return err
		}
	}
	log, err := os.Create(logFile)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := in.command(g.bin, "serve")
	cmd.Env, cmd.Stdout, cmd.Stderr = g.env, log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	g.serve, in.root = cmd, cmd.Process.Pid
	if err := awaitAnswer(ctx, g.url+"/readyz"); err != nil {
		text, _ := os.ReadFile(logFile) // empty where it cannot be read
		return fmt.Errorf("start: %w: %s", err, text)
	}
	return nil
}

func (g *gatepost) makeKey(ctx context.Context) error {
	create := exec.CommandContext(ctx, g.bin, "keys", "create", "--name", "bench", "--json")
	create.Env = g.env
	out, err := create.Output()
	if err != nil {
		return fmt.Errorf("create a key: %w: %s", err, stderr(err))
	}
	var made struct{ Key string }
	if err := json.Unmarshal(lastLine(out), &made); err != nil || made.Key == "" {
		return fmt.Errorf("create a key: no key in %q", out)
	}
	g.key = made.Key
	return nil
}

func (g *gatepost) stop() {
	if g.serve != nil {
		stopProcess(g.serve)
	}
}

// credential makes the password that accounts give to the provider.
func (g *gatepost) credential(ctx context.Context) (id string, err error) {
	return g.post(ctx, "/v1/credentials", map[string]any{"kind": "smtp_password", "name": "bench relay", "password": relayPassword})
}

// connect makes an account that relays to the provider.
func (g *gatepost) connect(ctx context.Context, b *bench, credential, address string, r relay) (id string, err error) {
	port, err := strconv.Atoi(port(b.sink.smtp))
	if err != nil {
		return "", err
	}
	authority, err := os.ReadFile(b.sink.caFile)
	if err != nil {
		return "", err
	}
	smtp := map[string]any{
		"host": "127.0.0.1", "port": port, "tls": "starttls", "ca": string(authority),
		"user": relayUser, "max_connections": r.connections,
	}
	if r.perSecond > 0 {
		smtp["limits"] = map[string]any{"per_second": r.perSecond}
	}
	return g.post(ctx, "/v1/accounts", map[string]any{"address": address, "transport": "smtp", "credential": credential, "smtp": smtp})
}

// post sends JSON and returns the id of what was made.
func (g *gatepost) post(ctx context.Context, path string, v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url+path, bytes.NewReader(text))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+g.key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	var made struct{ ID string }
	if resp.StatusCode/100 != 2 || json.Unmarshal(answer, &made) != nil {
		return "", fmt.Errorf("POST %s: %s: %s", path, resp.Status, answer)
	}
	return made.ID, nil
}

func lastLine(out []byte) []byte {
	out = bytes.TrimSpace(out)
	return out[bytes.LastIndexByte(out, '\n')+1:]
}

func stderr(err error) []byte {
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.Stderr
	}
	return nil
}
