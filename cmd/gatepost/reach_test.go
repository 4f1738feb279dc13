package main

import (
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What goes wrong on the way to gatepost is told with what to do about it, to
// every command.
func TestRemedies(t *testing.T) {
	secure, plain := unknownAuthority(t), httptest.NewServer(nil)
	t.Cleanup(plain.Close)
	for address, want := range map[string]string{
		secure.URL: "--ca-file",
		strings.Replace(plain.URL, "http:", "https:", 1): "write http:// in GATEPOST_URL",
	} {
		vars := map[string]string{"GATEPOST_URL": address, "GATEPOST_KEY": "gp_live_x"}
		for _, args := range [][]string{{"accounts", "list"}, {"keys", "create", "--name", "x"}, {"send", "--to", "a@example.com", "--text", "t"}} {
			code, _, errs := command(vars, args...)
			if code != exitFailed || !strings.Contains(errs, want) || strings.Contains(errs, "may have been kept") {
				t.Errorf("%s %v: code %d: %s", address, args, code, errs)
			}
		}
	}
}

// Where nothing listens: commands are told about gatepost, the server about its
// database, and a start that came to nothing leaves no master key behind.
func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	const gatepost, postgres = "Is gatepost running there?", "Is PostgreSQL running there? It is named by GATEPOST_DATABASE"
	dir := t.TempDir()
	database := map[string]string{"GATEPOST_DATABASE": "postgres://u:tr0ub4dor@" + l.Addr().String() + "/d", "GATEPOST_DATA": dir}
	for _, c := range []struct {
		vars           map[string]string
		line, want, no string
	}{
		{map[string]string{"GATEPOST_URL": "http://" + l.Addr().String(), "GATEPOST_KEY": "gp_live_x"}, "accounts list", gatepost, postgres},
		{database, "serve --listen 127.0.0.1:0", postgres, gatepost},
		{database, "keys create --name x", postgres, gatepost},
	} {
		code, _, errs := command(c.vars, strings.Fields(c.line)...)
		if code != exitFailed || !strings.Contains(errs, c.want) || strings.Contains(errs, c.no) || strings.Contains(errs, "tr0ub4dor") {
			t.Errorf("%s: code %d: %s", c.line, code, errs)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "master.key")); !os.IsNotExist(err) {
		t.Errorf("a master key was made: %v", err)
	}
}

// unknownAuthority is a server whose certificate nobody has heard of.
func unknownAuthority(t *testing.T) *httptest.Server {
	s := httptest.NewUnstartedServer(nil)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// A certificate for another name is not explained by the authority.
func TestRemedyOfAnotherName(t *testing.T) {
	s := unknownAuthority(t)
	hc := s.Client()
	hc.Transport = reached{hc.Transport, &settings{url: "https://localhost"}}
	_, err := hc.Get(strings.Replace(s.URL, "127.0.0.1", "localhost", 1))
	if err == nil || !strings.Contains(err.Error(), "Name gatepost by a name") || strings.Contains(err.Error(), "ca-file") {
		t.Errorf("%v", err)
	}
}

// A gatepost that accepts connections and is silent is given up at --timeout.
func TestTimeout(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) // connections wait in its backlog
	vars := map[string]string{"GATEPOST_URL": "http://" + l.Addr().String(), "GATEPOST_KEY": "gp_live_x"}
	began := time.Now()
	code, _, errs := command(vars, "accounts", "list", "--timeout", "200ms")
	if code != exitFailed || !strings.Contains(errs, "no answer within 200ms") {
		t.Errorf("code %d: %s", code, errs)
	}
	code, _, errs = command(vars, "send", "--to", "a@example.com", "--text", "t", "--timeout", "200ms")
	if code != exitFailed || !strings.Contains(errs, "no answer within 200ms") || !strings.Contains(errs, "may have been kept") || !strings.Contains(errs, "--idempotency-key cli-") {
		t.Errorf("code %d: %s", code, errs)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	if code, _, errs := command(vars, "accounts", "list", "--timeout", "-1s"); code != exitUsage || !strings.Contains(errs, "--timeout") {
		t.Errorf("code %d: %s", code, errs)
	}
}
