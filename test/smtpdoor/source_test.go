package smtpdoor

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// devices are the trusted clients of the port without a login, each of which may send 60 messages a minute.
var devices = []string{"127.0.7.1", "127.0.7.2", "127.0.7.3", "127.0.7.4"}

// sourceAddress is the account of smtp-source.
const sourceAddress = "source@acme.example"

// trusted is the setting that says so.
func trusted() string {
	var list []string
	for _, d := range devices {
		list = append(list, d+"="+sourceAddress)
	}
	return strings.Join(list, ",")
}

// source is smtp-source, which cannot log in, and sends one message many times, by several connections. It
// runs at each of the devices.
func source(t *testing.T, d *door, p program, _ []letter) (given []letter) {
	t.Helper()
	const times = 25
	dir := t.TempDir()
	n := 0
	for _, device := range devices {
		at := forward(t, device, net.JoinHostPort("127.0.0.1", d.ports[open]))
		for range many / times / len(devices) {
			l := anonymous(p, &n)
			file := filepath.Join(dir, strconv.Itoa(l.n))
			must(t, os.WriteFile(file, l.unix(), 0o600))
			cmd := exec.CommandContext(t.Context(), "smtp-source", "-m", strconv.Itoa(times), "-s", "5", "-f", l.from, "-t", l.to[0], "-F", file, "inet:"+at)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %v: %s", cmd.Args, err, out)
			}
			for range times {
				given = append(given, l)
			}
		}
	}
	return given
}

// anonymous is the next message to one recipient, without a Message-ID: with one, the second would be known as
// the first.
func anonymous(p program, n *int) letter {
	for contents(*n).crowd {
		*n++
	}
	l := newLetter(p.address(), *n, "example.org")
	*n++
	head, id, ok := strings.Cut(l.header, "Message-ID:")
	if ok {
		_, rest, _ := strings.Cut(id, "\r\n")
		l.header = head + rest
	}
	return l
}

// forward passes connections on from an address of the loopback, byte for byte: smtp-source does not choose
// the one that it comes from.
func forward(t *testing.T, from, to string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var conns sync.WaitGroup
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conns.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				if err := pass(in, &dialer, to); err != nil {
					t.Errorf("forward from %s: %v", from, err)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		conns.Wait()
	})
	return l.Addr().String()
}

// pass copies both ways until both have ended.
func pass(in net.Conn, dialer *net.Dialer, to string) error {
	defer in.Close()
	out, err := dialer.Dial("tcp", to)
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	defer out.Close()
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(in, out) // an end that was not in order shows in what arrives
		_ = in.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(out, in)
	_ = out.(*net.TCPConn).CloseWrite()
	<-back
	return nil
}
