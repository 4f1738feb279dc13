package sandbox

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
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
	*reception
}

// Names of Google's SMTP servers.
const (
	nameSubmission = "smtp.gmail.com"
	nameRelay      = "smtp-relay.gmail.com"
)

func newDoor(ctx context.Context, g *google, config *tls.Config, name string) *door {
	return &door{
		ctx: ctx, google: g, tls: config, name: name, relay: name == nameRelay,
		reception: newReception(),
	}
}

// serve takes connections until the listener is closed.
func (d *door) serve(l net.Listener, implicit bool) {
	d.take(l, func(conn net.Conn) { newTalk(d, conn, implicit).run() })
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
