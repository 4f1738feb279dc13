package sandbox

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Labels of Gmail that the world uses.
const (
	labelSent   = "SENT"
	labelInbox  = "INBOX"
	labelUnread = "UNREAD"
)

// message is one mail that the world took. It does not change after it is kept.
type message struct {
	Entry
	subject string // as in the header, not decoded
	link    link
	raw     []byte // as its recipients have it
	copies  []*boxed
}

// boxed is a message in one mailbox.
type boxed struct {
	id      string // 16 hexadecimal digits, as Gmail's
	seq     uint64 // order of arrival
	labels  []string
	raw     []byte
	visible time.Time // a Sent copy may appear late
	of      *message
	owner   string
	link    link
	thread  string // the id of its conversation's first message
	wanted  string // the conversation that it shall continue, if it can
}

// has tells whether the copy carries all of these labels.
func (b *boxed) has(labels []string) bool {
	for _, l := range labels {
		if !slices.Contains(b.labels, l) {
			return false
		}
	}
	return true
}

// store keeps mail by mailbox, in order of arrival, and within a budget.
type store struct {
	keep int64

	mu     sync.RWMutex
	seq    uint64
	first  uint64 // the first id, random so that worlds differ
	size   int64
	all    []*message
	byID   map[string]*message
	boxes  map[string][]*boxed // by address in lower case
	copies map[string]*boxed

	byMessageID map[string][]*boxed
}

func newStore(keep int64) *store {
	return &store{
		keep:   keep,
		first:  0x1900_0000_0000_0000 + rand.Uint64N(1<<56),
		byID:   map[string]*message{},
		boxes:  map[string][]*boxed{},
		copies: map[string]*boxed{},

		byMessageID: map[string][]*boxed{},
	}
}

// nextID gives a new id of 16 hexadecimal digits, larger than all before.
func (s *store) nextID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newID()
}

func (s *store) newID() string {
	s.seq++
	return fmt.Sprintf("%016x", s.first+s.seq)
}

// add keeps a message: a copy in each recipient's mailbox and, where the sender
// has one, the Sent copy, which carries the message's own id.
func (s *store) add(m *message, sent *boxed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, m)
	s.byID[m.ProviderID] = m
	s.size += m.cost(sent)
	if sent != nil {
		s.file(m, sent, m.ProviderID)
	}
	for _, to := range m.Recipients {
		if sent != nil && strings.EqualFold(to, sent.owner) {
			sent.labels = append(sent.labels, labelInbox, labelUnread)
			continue
		}
		inbox := &boxed{labels: []string{labelInbox, labelUnread}, raw: m.raw, owner: to, visible: m.At}
		s.file(m, inbox, s.newID())
	}
	for s.size > s.keep && len(s.all) > 1 {
		s.forgetOldest()
	}
}

func (s *store) file(m *message, b *boxed, id string) {
	b.of, b.id, b.seq, b.link, b.thread = m, id, s.seq, m.link, id
	if thread, ok := s.threadOf(b.owner, b.link, b.wanted); ok {
		b.thread = thread
	}
	if b.link.id != "" {
		s.byMessageID[b.link.id] = append(s.byMessageID[b.link.id], b)
	}
	m.copies = append(m.copies, b)
	s.copies[id] = b
	key := strings.ToLower(b.owner)
	s.boxes[key] = append(s.boxes[key], b)
}

// cost counts the bytes once, although mailboxes share them, and something for
// each copy.
func (m *message) cost(sent *boxed) int64 {
	n := int64(len(m.raw)) + 512*int64(1+len(m.Recipients))
	if sent != nil && len(sent.raw) != len(m.raw) {
		n += int64(len(sent.raw))
	}
	return n
}

func (s *store) forgetOldest() {
	m := s.all[0]
	s.all[0] = nil
	s.all = s.all[1:]
	delete(s.byID, m.ProviderID)
	for _, b := range m.copies {
		delete(s.copies, b.id)
		s.unlink(b)
		s.dropFirst(strings.ToLower(b.owner), b)
	}
	s.size -= m.cost(sentCopy(m))
}

func (s *store) unlink(b *boxed) {
	id := b.link.id
	rest := slices.DeleteFunc(s.byMessageID[id], func(x *boxed) bool { return x == b })
	if s.byMessageID[id] = rest; len(rest) == 0 {
		delete(s.byMessageID, id)
	}
}

// dropFirst takes the oldest copy out of a mailbox. It cuts the slice and moves
// nothing, because list reads it without the lock.
func (s *store) dropFirst(key string, b *boxed) {
	box := s.boxes[key]
	if len(box) == 0 || box[0] != b {
		return
	}
	if s.boxes[key] = box[1:]; len(box) == 1 {
		delete(s.boxes, key)
	}
}

func sentCopy(m *message) *boxed {
	for _, b := range m.copies {
		if b.has([]string{labelSent}) {
			return b
		}
	}
	return nil
}
