package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// The provider takes any password; it only has to be sent.
const (
	relayUser     = "bench"
	relayPassword = "secret"
)

// sink is the provider that takes all mail, a process of its own.
type sink struct {
	cmd        *exec.Cmd
	smtp, http string
	caFile     string
}

func startSink(ctx context.Context, b *bench) (*sink, error) {
	s := &sink{caFile: filepath.Join(b.dir, "sink.pem")}
	for _, addr := range []*string{&s.smtp, &s.http} {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		*addr = fmt.Sprintf("127.0.0.1:%d", port)
	}
	s.cmd = exec.Command(b.rig, "sink", "-smtp", s.smtp, "-http", s.http, "-cert-out", s.caFile, "-require-auth", "-plain-auth=false")
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if err := awaitAnswer(ctx, "http://"+s.http+"/count"); err != nil {
		s.stop()
		return nil, fmt.Errorf("start the provider: %w", err)
	}
	return s, nil
}

func (s *sink) stop() { stopProcess(s.cmd) }

// port is the one of an address that we made.
func port(addr string) string {
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	return p
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// awaitAnswer waits until the address answers 200.
func awaitAnswer(ctx context.Context, url string) error {
	return await(ctx, func() error {
		resp, err := http.Get(url)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", url, resp.Status)
		}
		return nil
	})
}

// await polls until ready answers no error, for half a minute at most.
func await(ctx context.Context, ready func() error) error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := ready()
		if err == nil || time.Now().After(deadline) || ctx.Err() != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}
