// Package gateway is the door for programs that speak SMTP: submission with an API
// key as the password (RFC 6409, RFC 4954), over STARTTLS, over TLS from the first
// byte, and without a login for devices at fixed addresses.
//
// It speaks the protocol and bounds what clients may take; what a message may be is
// the engine's to say. A 250 after the message means what a 202 means at the API:
// the message is on disk. It knows no SQL and no provider.
package gateway

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/email"
	"gatepost/internal/queue"
)

// Config is what the door is given.
type Config struct {
	Engine   *queue.Engine
	Keys     *access.Keys
	Traces   *control.Traces // nil: nobody can watch
	Log      *slog.Logger    // nil: none
	Hostname string          // in the greeting
	// TLS is for STARTTLS and for listeners that begin with TLS; nil: there is none.
	TLS *tls.Config
	// Plain are the networks whose clients may log in without TLS.
	Plain []netip.Prefix
	// Trusted are the clients of a listener without a login.
	Trusted []Trusted
	// Team is whose accounts the trusted use.
	Team email.ID
	// Repair are the networks of devices whose bare CR and LF are taken as line ends;
	// of all others they are refused (RFC 5321 section 2.3.8).
	Repair []netip.Prefix
	// Recognise makes a message that comes again within an hour, with the same
	// Message-ID, content and envelope, have one effect.
	Recognise bool
	// Reports tells MAIL FROM by mail what failed, unless a message's NOTIFY says otherwise.
	Reports bool
	// Memory is how much the process may have; 0: no limit. Messages on their way in
	// keep to a part of it.
	Memory int64
	Limits Limits
	Now    func() time.Time // nil: the system's clock
	// Fault, when set, is called at named points: "smtp.body.half" while a message is
	// half read, "smtp.answer.before" and "smtp.answer.after" around writing its 250.
	// Tests crash there.
	Fault func(point string)
}

// Trusted is a client that needs no login, by its address, and the account by which
// it sends. A From that the account may not send becomes the account's own.
type Trusted struct {
	Client  netip.Prefix
	Account string // id or address, or id or name of a pool
}

// Limits bound what clients may take. Zero fields have the defaults of the comments.
type Limits struct {
	Connections   int           // at once: 1,000
	PerNetwork    int           // of them from one IPv4 address or IPv6 /64: 100
	Recipients    int           // of one message: 1,000
	Size          int64         // of one message, in bytes: 35 MiB
	Bodies        int64         // bytes of messages on their way in, all together: 256 MiB; one key or trusted client has half of it
	TrustedRate   int           // messages a minute of one trusted client: 60
	Login         time.Duration // until a client has logged in: 1 min
	Idle          time.Duration // between two commands: 5 min (RFC 5321 section 4.5.3.2.7)
	Pace          time.Duration // for each 64 KiB of a message: 2 min
	Whole         time.Duration // from MAIL to the end of the message: 1 h
	Answer        time.Duration // for a client to take an answer: 1 min
	Errors        int           // mistakes of one connection: 20
	IdleCommands  int           // commands between two messages: 200, and what its recipients need
	LoginFailures int           // 3
}

func (l Limits) withDefaults(memory int64) Limits {
	number := func(n *int, usual int) {
		if *n == 0 {
			*n = usual
		}
	}
	patience := func(d *time.Duration, usual time.Duration) {
		if *d == 0 {
			*d = usual
		}
	}
	number(&l.Connections, 1000)
	number(&l.PerNetwork, 100)
	number(&l.Recipients, 1000)
	number(&l.TrustedRate, 60)
	number(&l.Errors, 20)
	number(&l.IdleCommands, 200)
	number(&l.LoginFailures, 3)
	patience(&l.Login, time.Minute)
	patience(&l.Idle, 5*time.Minute)
	patience(&l.Pace, 2*time.Minute)
	patience(&l.Whole, time.Hour)
	patience(&l.Answer, time.Minute)
	if l.Size == 0 {
		l.Size = 35 << 20
	}
	if l.Bodies == 0 {
		l.Bodies = 256 << 20
	}
	if memory > 0 {
		l.Bodies = min(l.Bodies, memory/perBody)
	}
	l.Bodies = max(l.Bodies, l.Size)
	return l
}

// perBody is how many bytes of memory a byte of a message may cost while it is read,
// checked and sealed.
const perBody = 4

// Server is the door. Its listeners may come and go.
type Server struct {
	Config
	bodies  *budget
	crowd   *crowd
	trusted *rates

	ctx    context.Context // ends when the server is to stop
	cancel context.CancelFunc
	mu     sync.Mutex
	listen map[*listening]bool
	served sync.WaitGroup
}

// New makes a door that listens nowhere yet.
func New(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Fault == nil {
		cfg.Fault = func(string) {}
	}
	cfg.Limits = cfg.Limits.withDefaults(cfg.Memory)
	ctx, cancel := context.WithCancel(context.Background())
	return &Server{
		Config: cfg, ctx: ctx, cancel: cancel, listen: map[*listening]bool{}, bodies: newBudget(cfg.Limits),
		crowd: newCrowd(cfg.Limits.Connections, cfg.Limits.PerNetwork), trusted: newRates(cfg.Limits.TrustedRate, cfg.Now),
	}
}

// trustedAs is what a client may do without a login, or nil.
func (s *Server) trustedAs(from netip.Addr) *Trusted {
	for i, t := range s.Trusted {
		if t.Client.Contains(from) {
			return &s.Trusted[i]
		}
	}
	return nil
}

func among(networks []netip.Prefix, a netip.Addr) bool {
	for _, n := range networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}
