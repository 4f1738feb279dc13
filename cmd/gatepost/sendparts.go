package main

import (
	"bytes"
	"fmt"
	"io"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gatepost/client"
)

func (s *sending) message(env environment) (m client.NewMessage, err error) {
	m = client.NewMessage{
		Account: s.account, Subject: s.subject, Type: s.kind, Lane: s.lane, OnUnknown: s.onUnknown, Tags: s.tags,
		ThreadID: s.thread, InReplyTo: s.inReplyTo,
	}
	if m.SendAt, err = moment("--send-at", s.sendAt); err != nil {
		return m, err
	}
	if m.ExpiresAt, err = moment("--expires-at", s.expiresAt); err != nil {
		return m, err
	}
	if err := s.addresses(&m); err != nil {
		return m, err
	}
	if err := s.pairs(&m); err != nil {
		return m, err
	}
	if s.raw != "" {
		return m, s.whole(env, &m)
	}
	return m, s.parts(env, &m)
}

func (s *sending) addresses(m *client.NewMessage) error {
	if s.from != "" {
		from, err := addresses("--from", []string{s.from})
		if err != nil {
			return err
		}
		m.From = &from[0]
	}
	for _, l := range []struct {
		flag string
		list []string
		to   *client.Addresses
	}{{"--to", s.to, &m.To}, {"--cc", s.cc, &m.Cc}, {"--bcc", s.bcc, &m.Bcc}, {"--reply-to", s.replyTo, &m.ReplyTo}} {
		list, err := addresses(l.flag, l.list)
		if err != nil {
			return err
		}
		*l.to = list
	}
	if len(m.To)+len(m.Cc)+len(m.Bcc) == 0 && s.raw == "" {
		return usagef("--to: say whom it is for, for instance --to maria@example.org")
	}
	return nil
}

func addresses(flag string, list []string) (out client.Addresses, err error) {
	for _, text := range list {
		parsed, err := mail.ParseAddressList(text)
		if err != nil {
			// The server knows more kinds of addresses than net/mail: it judges.
			if strings.ContainsAny(text, "<>,") {
				return nil, usagef(`%s %q: write address or "Name <address>"`, flag, text)
			}
			parsed = []*mail.Address{{Address: text}}
		}
		for _, a := range parsed {
			out = append(out, client.Address{Address: a.Address, Name: a.Name})
		}
	}
	return out, nil
}

func (s *sending) pairs(m *client.NewMessage) error {
	for _, h := range s.headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return usagef(`--header %q: write it as "Name: value"`, h)
		}
		m.Headers = append(m.Headers, client.Header{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)})
	}
	for _, p := range s.meta {
		name, value, ok := strings.Cut(p, "=")
		if !ok {
			return usagef("--metadata %q: write it as NAME=VALUE", p)
		}
		if m.Metadata == nil {
			m.Metadata = map[string]string{}
		}
		m.Metadata[name] = value
	}
	return nil
}

func (s *sending) parts(env environment, m *client.NewMessage) (err error) {
	if s.text == "-" && s.html == "-" {
		return usagef("--text and --html cannot both be read from the standard input")
	}
	if m.Text, err = body(env, "--text", s.text); err != nil {
		return err
	}
	if m.HTML, err = body(env, "--html", s.html); err != nil {
		return err
	}
	for _, path := range s.attach {
		a, err := attachment("--attach", path)
		if err != nil {
			return err
		}
		m.Attachments = append(m.Attachments, a)
	}
	for _, given := range s.inline {
		id, path, named := strings.Cut(given, "=")
		if !named {
			id, path = filepath.Base(given), given
		}
		a, err := attachment("--inline", path)
		if err != nil {
			return err
		}
		a.ContentID = id
		m.Attachments = append(m.Attachments, a)
	}
	return nil
}

func body(env environment, flag, given string) (string, error) {
	switch {
	case given == "-":
		b, err := io.ReadAll(env.stdin)
		return string(b), err
	case strings.HasPrefix(given, "@"):
		b, err := os.ReadFile(given[1:])
		if err != nil {
			return "", usagef("%s: %w", flag, err)
		}
		return string(b), nil
	}
	return given, nil
}

func attachment(flag, path string) (client.Attachment, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return client.Attachment{}, usagef("%s: %w", flag, err)
	}
	return client.Attachment{Filename: filepath.Base(path), Content: b}, nil
}

// whole takes a message from a file.
func (s *sending) whole(env environment, m *client.NewMessage) error {
	for flag, given := range map[string]bool{
		"--from": s.from != "", "--subject": s.subject != "", "--text": s.text != "", "--html": s.html != "", "--header": len(s.headers) > 0,
		"--attach": len(s.attach) > 0, "--inline": len(s.inline) > 0, "--reply-to": len(s.replyTo) > 0, "--in-reply-to": s.inReplyTo != "",
	} {
		if given {
			return usagef("%s cannot stand beside --raw: the message has it", flag)
		}
	}
	var err error
	if s.raw == "-" {
		m.Raw, err = io.ReadAll(env.stdin)
	} else {
		m.Raw, err = os.ReadFile(s.raw)
	}
	if err != nil {
		return usagef("--raw: %w", err)
	}
	if len(bytes.TrimSpace(m.Raw)) == 0 {
		return usagef("--raw %s: it is empty", s.raw)
	}
	return nil
}

// moment reads a time as people write it, or a duration from now.
func moment(flag, given string) (*client.Time, error) {
	if given == "" {
		return nil, nil
	}
	if d, err := time.ParseDuration(strings.TrimPrefix(given, "+")); err == nil {
		if d < 0 {
			return nil, usagef("%s %s: it lies in the past", flag, given)
		}
		return client.At(time.Now().Add(d)), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, given, time.Local); err == nil {
			return client.At(t), nil
		}
	}
	return nil, usageError{fmt.Errorf("%s %q: write a duration (90m), a time here (2026-12-24 18:00), or RFC 3339 (2026-12-24T18:00:00Z)", flag, given)}
}
