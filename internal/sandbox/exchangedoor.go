package sandbox

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

// exchangeDoor is smtp.office365.com: STARTTLS and XOAUTH2. It speaks in
// Microsoft's words.
type exchangeDoor struct {
	ctx       context.Context
	microsoft *microsoft
	tls       *tls.Config
	*reception
}

// exchangeName is how the server calls itself, as one of many behind the public name.
const exchangeName = "SY5P282CA0097.outlook.office365.com"

// Limits of Exchange's SMTP server.
const (
	exchangeSize        = 157_286_400 // what EHLO says, whatever the mailbox may send
	exchangeRecipients  = 500
	exchangeConnections = 3
	exchangePerMinute   = 30
)

func newExchangeDoor(ctx context.Context, m *microsoft, config *tls.Config) *exchangeDoor {
	return &exchangeDoor{ctx: ctx, microsoft: m, tls: config, reception: newReception()}
}

func (d *exchangeDoor) serve(l net.Listener) {
	d.take(l, func(conn net.Conn) { newExchangeTalk(d, conn).run() })
}

func (d *exchangeDoor) plan(at stage, accounts, recipients []string, key string) plan {
	return d.microsoft.faults.plan(question{stage: at, via: viaMicrosoftSMTP, accounts: accounts, recipients: recipients, key: key})
}

// submissions are the times of a mailbox's last messages by SMTP.
type submissions []time.Time

// slot takes a place among the messages of a minute, and says how long the message
// must wait for it; false where the tenant refuses what is too much. It runs under
// the lock.
func (u *entraUser) slot(now time.Time) (time.Duration, bool) {
	limit, window := u.tenant.PerMinute, u.tenant.RateWindow
	if limit == 0 {
		limit = exchangePerMinute
	}
	if window <= 0 {
		window = time.Minute
	}
	kept := u.minute[:0]
	for _, at := range u.minute {
		if at.After(now.Add(-window)) {
			kept = append(kept, at)
		}
	}
	u.minute = kept
	if limit < 0 || len(kept) < limit {
		u.minute = append(kept, now)
		return 0, true
	}
	if u.tenant.RefuseOverRate {
		return 0, false
	}
	at := kept[len(kept)-limit].Add(window)
	u.minute = append(kept, at)
	return at.Sub(now), true
}
