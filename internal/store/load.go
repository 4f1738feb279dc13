package store

import (
	"context"
	"fmt"

	"gatepost/internal/email"
)

// Stored is what a send needs of a message.
type Stored struct {
	MailFrom   string
	Thread     string
	Size       int64
	Blob       string // in the bucket, or
	Content    []byte // inline; sealed either way
	WrappedKey []byte
	Open       []OpenRecipient
}

// OpenRecipient is a recipient without a verdict.
type OpenRecipient struct {
	N       int
	Address string
}

// loadAtOnce is how many messages are read by one statement. It bounds the memory
// for contents that lie inline.
const loadAtOnce = 16

// Load reads what a send needs; ErrShredded when the content is gone.
func (s *Store) Load(ctx context.Context, team, id email.ID) (*Stored, error) {
	all, err := s.loadSome(ctx, team, []email.ID{id})
	switch {
	case err != nil:
		return nil, fmt.Errorf("load message %s: %w", id, err)
	case all[id] == nil:
		return nil, fmt.Errorf("load message %s: %w", id, ErrNotFound)
	case all[id].WrappedKey == nil:
		return nil, fmt.Errorf("load message %s: %w", id, ErrShredded)
	}
	return all[id], nil
}

// LoadAll reads what sends need of many messages of a team, a few statements for
// all of them, and hands each to take until that returns false. Messages that Load
// would have an error for are left out.
func (s *Store) LoadAll(ctx context.Context, team email.ID, ids []email.ID, take func(id email.ID, m *Stored) (more bool)) error {
	for len(ids) > 0 {
		some := ids[:min(len(ids), loadAtOnce)]
		ids = ids[len(some):]
		all, err := s.loadSome(ctx, team, some)
		if err != nil {
			return fmt.Errorf("load messages: %w", err)
		}
		for _, id := range some {
			if m := all[id]; m != nil && m.WrappedKey != nil && !take(id, m) {
				return nil
			}
		}
	}
	return nil
}

// loadSome reads messages; those whose content is gone have no WrappedKey.
func (s *Store) loadSome(ctx context.Context, team email.ID, ids []email.ID) (map[email.ID]*Stored, error) {
	in, list := s.idIn(ids)
	rows, err := s.read.QueryContext(ctx, `SELECT m.id, m.mail_from, m.thread_id, m.size, m.blob, m.content, m.shredded_at, k.wrapped FROM messages m
		LEFT JOIN content_keys k ON k.team_id = m.team_id AND k.message_id = m.id
		WHERE m.team_id = $1 AND m.id `+in, team, list)
	if err != nil {
		return nil, err
	}
	all := make(map[email.ID]*Stored, len(ids))
	_, err = scanAll(rows, func(row interface{ Scan(...any) error }) (struct{}, error) {
		var id email.ID
		var shredded int64
		var m Stored
		err := row.Scan(&id, &m.MailFrom, &m.Thread, &m.Size, &m.Blob, &m.Content, &shredded, &m.WrappedKey)
		if shredded > 0 {
			m.WrappedKey = nil
		}
		all[id] = &m
		return struct{}{}, err
	})
	if err != nil {
		return nil, err
	}
	return all, s.loadRecipients(ctx, team, ids, all)
}

// idIn is the condition that an id is one of some, and its argument $2. For a single
// one the database has less to do.
func (s *Store) idIn(ids []email.ID) (condition, argument string) {
	if len(ids) == 1 {
		return "= $2", ids[0]
	}
	return fmt.Sprintf(s.dialect.oneOf, "$2"), jsonText(ids)
}

func (s *Store) loadRecipients(ctx context.Context, team email.ID, ids []email.ID, all map[email.ID]*Stored) error {
	in, list := s.idIn(ids)
	rows, err := s.read.QueryContext(ctx, `SELECT message_id, n, address FROM recipients
		WHERE team_id = $1 AND message_id `+in+` AND state = '' ORDER BY message_id, n`, team, list)
	if err != nil {
		return err
	}
	_, err = scanAll(rows, func(row interface{ Scan(...any) error }) (struct{}, error) {
		var id email.ID
		var r OpenRecipient
		err := row.Scan(&id, &r.N, &r.Address)
		if m := all[id]; m != nil {
			m.Open = append(m.Open, r)
		}
		return struct{}{}, err
	})
	return err
}

// OpenRecipients are the recipients of a message without a verdict.
func (s *Store) OpenRecipients(ctx context.Context, team, id email.ID) ([]OpenRecipient, error) {
	m := map[email.ID]*Stored{id: {}}
	if err := s.loadRecipients(ctx, team, []email.ID{id}, m); err != nil {
		return nil, fmt.Errorf("open recipients of %s: %w", id, err)
	}
	return m[id].Open, nil
}
