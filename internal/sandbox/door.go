package sandbox

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// door is one of Google's own SMTP servers: smtp.gmail.com, where users sign in
// with their token (RFC 5321, RFC 4954), or smtp-relay.gmail.com, which knows its
// customers by their address. It speaks in Google's words, so it is not made of a
// library's server.
type door struct {
	ctx    context.Context // ends with the world
	google *google
	tls    *tls.Config
	name   string
	relay  bool

	mu     sync.Mutex
	talks  map[net.Conn]bool
	ended  bool
	talked sync.WaitGroup
}

// Names of Google's SMTP servers.
const (
	nameSubmission = "smtp.gmail.com"
	nameRelay      = "smtp-relay.gmail.com"
)

func newDoor(ctx context.Context, g *google, config *tls.Config, name string) *door {
	return &door{
		ctx: ctx, google: g, tls: config, name: name, relay: name == nameRelay,
		talks: map[net.Conn]bool{},
	}
}

// serve takes connections until the listener is closed.
func (d *door) serve(l net.Listener, implicit bool) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		if !d.open(conn) {
			_ = conn.Close()
			return
		}
		go func() {
			defer d.talked.Done()
			defer d.shut(conn)
			newTalk(d, conn, implicit).run()
		}()
	}
}

func (d *door) open(c net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return false
	}
	d.talked.Add(1)
	d.talks[c] = true
	return true
}

func (d *door) shut(c net.Conn) {
	_ = c.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.talks, c)
}

// Close cuts all connections and waits for those who served them.
func (d *door) Close() error {
	d.mu.Lock()
	d.ended = true
	for c := range d.talks {
		_ = c.Close()
	}
	d.mu.Unlock()
	d.talked.Wait()
	return nil
}

// Limits of Google's SMTP servers.
const (
	maxSMTPSize     = 35_882_577
	maxTransaction  = 100      // recipients
	maxCommand      = 64 << 10 // a token in AUTH is long
	commandPatience = 10 * time.Minute
)

// via is the way by which mail comes through this door.
func (d *door) via() string {
	if d.relay {
		return viaSMTP
	}
	return viaGmailSMTP
}

func (d *door) plan(at stage, accounts, recipients []string) plan {
	return d.google.faults.plan(question{stage: at, via: d.via(), accounts: accounts, recipients: recipients})
}

// newReader reads command lines and content.
func newReader(c net.Conn) *bufio.Reader { return bufio.NewReaderSize(c, maxCommand) }
