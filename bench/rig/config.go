package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// config is what one run of the load is asked to do.
type config struct {
	label            string
	n, c, size       int
	from, rcpt       string
	sinkURL          string
	wait, stall      time.Duration
	cgroup, pids     string
	besidePids       string
	out              string
	killAt           float64
	killCmd          string
	reconnect        time.Duration
	urgentN, urgentC int
	urgentEvery      time.Duration
	urgentHdr        stringsFlag
	noReset          bool
	allowed          float64

	smtp smtpConfig
	http httpConfig
}

// smtpConfig is how load smtp submits.
type smtpConfig struct {
	addr, user, pass string
	mechanism        string
	starttls, tls    bool
	pipelining       bool
	perConn          int
}

// httpConfig is how load http submits.
type httpConfig struct {
	url, body, urgentURL, urgentBody string
	headers, urgentHeaders           stringsFlag
}

// stringsFlag is a flag that may be given more than once.
type stringsFlag []string

func (s *stringsFlag) String() string     { return strings.Join(*s, ", ") }
func (s *stringsFlag) Set(v string) error { *s = append(*s, v); return nil }

// parseConfig reads the flags of load smtp or load http.
func parseConfig(kind string, args []string) (*config, error) {
	c := &config{}
	fs := flag.NewFlagSet("load "+kind, flag.ExitOnError)
	c.commonFlags(fs)
	c.mixedFlags(fs)
	switch kind {
	case "smtp":
		c.smtp.flags(fs)
	case "http":
		c.http.flags(fs)
	default:
		return nil, fmt.Errorf("load %q: smtp or http", kind)
	}
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	return c, c.http.readBodies()
}

func (c *config) commonFlags(fs *flag.FlagSet) {
	fs.StringVar(&c.label, "label", "", "name of the server in the results")
	fs.IntVar(&c.n, "n", 1000, "messages (in mixed mode: the bulk backlog)")
	fs.IntVar(&c.c, "c", 16, "clients at once, each with a persistent connection")
	fs.IntVar(&c.size, "size", 2048, "bytes of body per message")
	fs.StringVar(&c.from, "from", "sender@bench.test", "envelope and header sender")
	fs.StringVar(&c.rcpt, "rcpt", "user%d@example.test", "recipient; %d is the message number")
	fs.StringVar(&c.sinkURL, "sink", "http://127.0.0.1:2580", "the sink's HTTP address")
	fs.DurationVar(&c.wait, "wait", 3*time.Minute, "longest wait for the sink to have everything")
	fs.DurationVar(&c.stall, "stall", 30*time.Second, "give up when nothing arrives for this long")
	fs.StringVar(&c.cgroup, "cgroup", "", "control group of the server (CPU and memory)")
	fs.StringVar(&c.pids, "pids", "", "or its root process ids, comma-separated")
	fs.StringVar(&c.besidePids, "beside-pids", "", "root process ids of a database that serves it, shown beside")
	fs.StringVar(&c.out, "out", "", "append the result to this JSON-lines file")
	fs.Float64Var(&c.allowed, "allowed", 0, "messages per second that the provider allows: the result is shown against it")
	fs.BoolVar(&c.noReset, "no-reset", false, "do not reset the sink first")
}

// mixedFlags are those of the mixed mode and of the kill mode.
func (c *config) mixedFlags(fs *flag.FlagSet) {
	fs.Float64Var(&c.killAt, "kill-at", 0, "run -kill-cmd once this share of -n is accepted")
	fs.StringVar(&c.killCmd, "kill-cmd", "", "shell command that kills (and restarts) the server")
	fs.DurationVar(&c.reconnect, "reconnect", 30*time.Second, "with -kill-at: keep trying to reconnect for this long")
	fs.IntVar(&c.urgentN, "urgent-n", 0, "mixed mode: after the backlog is accepted, this many urgent messages")
	fs.IntVar(&c.urgentC, "urgent-c", 4, "connections for urgent messages")
	fs.DurationVar(&c.urgentEvery, "urgent-every", 100*time.Millisecond, "one urgent message every so often")
	fs.Var(&c.urgentHdr, "urgent-hdr", "message header for urgent messages only (repeatable)")
}

func (c *smtpConfig) flags(fs *flag.FlagSet) {
	fs.StringVar(&c.addr, "addr", "127.0.0.1:2525", "submission address")
	fs.StringVar(&c.user, "user", "", "user for AUTH")
	fs.StringVar(&c.pass, "pass", "", "password, or token for XOAUTH2")
	fs.StringVar(&c.mechanism, "auth", "PLAIN", "PLAIN or XOAUTH2, when -user is given")
	fs.BoolVar(&c.starttls, "starttls", false, "use STARTTLS (no verification)")
	fs.BoolVar(&c.tls, "tls", false, "implicit TLS (no verification)")
	fs.BoolVar(&c.pipelining, "pipelining", false, "send MAIL, RCPT and DATA in one write")
	fs.IntVar(&c.perConn, "per-conn", 0, "messages per connection, 0 for no limit")
}

func (c *httpConfig) flags(fs *flag.FlagSet) {
	fs.StringVar(&c.url, "url", "", "URL to POST to")
	fs.StringVar(&c.body, "body", "", "body template (@FILE for a file): {{id}} {{sent_ns}} {{n}} {{rcpt}} {{from}} {{text}} {{raw_b64}} {{raw_b64url}}")
	fs.Var(&c.headers, "H", "request header 'Name: value' (repeatable; templates apply)")
	fs.StringVar(&c.urgentURL, "urgent-url", "", "URL for urgent messages, when another")
	fs.StringVar(&c.urgentBody, "urgent-body", "", "body template for urgent messages, when another")
	fs.Var(&c.urgentHeaders, "urgent-H", "further request header for urgent messages (repeatable)")
}

// readBodies replaces a template given as @FILE by the file's text.
func (c *httpConfig) readBodies() error {
	for _, p := range []*string{&c.body, &c.urgentBody} {
		name, ok := strings.CutPrefix(*p, "@")
		if !ok {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("read body template: %w", err)
		}
		*p = string(b)
	}
	return nil
}
