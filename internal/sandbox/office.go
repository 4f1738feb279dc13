package sandbox

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"

	"gatepost/internal/email"
)

// office takes mail in, whichever way it came: a line in the ledger first, then
// the mailboxes.
type office struct {
	ledger *ledger
	store  *store
	now    func() time.Time
	log    *slog.Logger
}

// parcel is a message on its way in.
type parcel struct {
	via, account, mailFrom string
	recipients             []string
	raw                    []byte // as taken
	header                 header // of raw
	inbox                  []byte // as recipients get it; nil: as taken
	sent                   []byte // the Sent copy; nil where the sender has none
	sentDelay              time.Duration
	thread                 string // that the Sent copy shall continue; "" for any
	id                     string // that nextID gave before; "" for a new one
}

// taken names a message that was taken: its id, and the sender's conversation.
type taken struct{ id, thread string }

// take keeps a message. An error means that nothing was taken.
func (o *office) take(in parcel) (taken, error) {
	at := o.now()
	sum := sha256.Sum256(in.raw)
	id := o.store.nextID() // the order of arrival is of now in any case
	if in.id != "" {
		id = in.id
	}
	m := &message{
		Entry: Entry{
			At: at, Via: in.via, Account: in.account,
			ProviderID: id,
			GatepostID: in.header.first(email.HeaderID),
			MessageID:  in.header.first("Message-Id"),
			MailFrom:   in.mailFrom, Recipients: in.recipients,
			Size: len(in.raw), SHA256: hex.EncodeToString(sum[:]),
		},
		subject: in.header.first("Subject"),
		raw:     in.inbox,
	}
	if m.raw == nil {
		m.raw = in.raw
	}
	if err := o.ledger.add(m.Entry); err != nil {
		o.log.Error("message refused", "via", in.via, "error", err)
		return taken{}, err
	}
	m.link = linkOf(in.header)
	if in.inbox != nil {
		m.link = linkOf(readHeader(in.inbox))
	}
	sent := in.sentCopy(at)
	o.store.add(m, sent)
	o.log.Info("message taken", "via", in.via, "id", m.ProviderID, "gatepost_id", m.GatepostID, "size", m.Size)
	if sent == nil {
		return taken{id: m.ProviderID}, nil
	}
	return taken{m.ProviderID, sent.thread}, nil
}

func (in parcel) sentCopy(at time.Time) *boxed {
	if in.sent == nil {
		return nil
	}
	return &boxed{
		labels: []string{labelSent}, raw: in.sent, owner: in.account, visible: at.Add(in.sentDelay),
		wanted: in.thread,
	}
}

// newMessageID makes a Message-ID of the form that Gmail makes.
func newMessageID() string { return fmt.Sprintf("<CA%s@mail.gmail.com>", rand.Text()) }
