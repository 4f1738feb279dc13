package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gatepost/client"
)

// sending is a message as the command line gives it.
type sending struct {
	from, subject, text, html              string
	to, cc, bcc, replyTo                   []string
	headers, attach, inline, tags, meta    []string
	account, kind, lane, onUnknown         string
	sendAt, expiresAt                      string
	raw, thread, inReplyTo, idempotencyKey string
	test                                   bool
	wait                                   time.Duration
}

func sendCommand(env environment) *cobra.Command {
	s := &sending{}
	cmd := &cobra.Command{
		Use:   "send",
		Short: "Send a message, or a test message",
		Long: `Send a message. It is kept by gatepost when the command ends with success; what
becomes of it shows with --wait, or later by: gatepost messages show ID

A body beginning with @ is read from a file, "-" from the standard input. Without
--from the account's own address is the author. With --html alone the text is
made from it.

--test sends a message that gatepost writes, from --account to itself (or to
--to), and waits until it has left.`,
		Example: `  gatepost send --to maria@example.org --subject "Your order" --text "It is on its way."
  gatepost send --to maria@example.org --subject Invoice --type invoice \
      --html @invoice.html --inline logo.png --attach invoice.pdf
  gatepost send --to maria@example.org --subject Later --text - --send-at 2h
  gatepost send --raw message.eml --wait
  gatepost send --test --account app@example.com`,
		Args: cobra.NoArgs,
	}
	s.flags(cmd.Flags())
	return overAPI(env, cmd, func(ctx context.Context, r *remote, _ []string) error { return s.run(ctx, r) })
}

// defaultWait is how long --wait waits.
const defaultWait = 2 * time.Minute

func (s *sending) flags(f *pflag.FlagSet) {
	f.SortFlags = false
	f.StringVar(&s.from, "from", "", "author, \"Name <address>\" or `address`")
	f.StringArrayVar(&s.to, "to", nil, "recipient `address`; give it again for more")
	f.StringArrayVar(&s.cc, "cc", nil, "`address` that gets a copy")
	f.StringArrayVar(&s.bcc, "bcc", nil, "`address` that the others do not see")
	f.StringArrayVar(&s.replyTo, "reply-to", nil, "`address` where answers go")
	f.StringVar(&s.subject, "subject", "", "`text` of the subject")
	f.StringVar(&s.text, "text", "", "body as plain `text`, @file or -")
	f.StringVar(&s.html, "html", "", "body as `HTML`, @file or -")
	f.StringArrayVar(&s.attach, "attach", nil, "`file` to attach")
	f.StringArrayVar(&s.inline, "inline", nil, "image within the HTML, where it is cid:NAME: `file` or NAME=file")
	f.StringArrayVar(&s.headers, "header", nil, "further header `field`, \"Name: value\"")
	f.StringVar(&s.kind, "type", "", "`kind` of mail: general, otp, invoice, notification … (see gatepost messages types)")
	f.StringVar(&s.lane, "lane", "", "`lane`: normal or bulk")
	f.StringVar(&s.sendAt, "send-at", "", "not before this `time`: 2h, 2026-12-24 18:00, or RFC 3339")
	f.StringVar(&s.expiresAt, "expires-at", "", "not after this `time`")
	f.StringVar(&s.onUnknown, "on-unknown", "", "what to `do` when an attempt ends without an answer: reconcile, retry or hold")
	f.StringArrayVar(&s.tags, "tag", nil, "`word` to find the message by")
	f.StringArrayVar(&s.meta, "metadata", nil, "value to keep with it, `name=value`")
	f.StringVar(&s.thread, "thread", "", "provider's `id` of the conversation (Gmail)")
	f.StringVar(&s.inReplyTo, "in-reply-to", "", "`Message-ID` of the message that it answers")
	f.StringVar(&s.raw, "raw", "", "a whole message, .eml `file` or -, in place of author, subject and bodies")
	f.StringVar(&s.account, "account", "", "`account` to send through, address or id (default: whichever may send as --from)")
	f.StringVar(&s.idempotencyKey, "idempotency-key", "", "`key` that makes the same message have one effect however often it is sent")
	f.BoolVar(&s.test, "test", false, "send a test message through --account")
	f.DurationVar(&s.wait, "wait", 0, "wait until it has left, or this long")
	f.Lookup("wait").NoOptDefVal = defaultWait.String()
}

func (s *sending) run(ctx context.Context, r *remote) error {
	submitted, err := s.submit(ctx, r)
	if err != nil {
		return err
	}
	if s.test && s.wait == 0 {
		s.wait = defaultWait
	}
	if s.wait > 0 {
		m, err := r.settled(ctx, submitted.ID, s.wait)
		if err != nil {
			return err
		}
		return r.outcome(m)
	}
	return r.show(submitted, func() { r.submitted(submitted) })
}

func (r *remote) submitted(s client.Submitted) {
	switch {
	case s.Replayed:
		r.line("%s was submitted before, under the same idempotency key.", s.ID)
	case s.Status == "scheduled":
		r.line("%s is kept, and leaves at %s.", s.ID, whenAt(s.SendAt))
	default:
		r.line("%s is kept, and will be sent.", s.ID)
	}
	r.line("%s", r.in(dim, "See what becomes of it:  gatepost messages show "+s.ID))
}

// outcome tells what became of a message; what did not leave is a failure.
func (r *remote) outcome(m client.Message) error {
	if err := r.show(m, func() { r.recipients(m.MessageSummary) }); err != nil {
		return err
	}
	if overall(m.Recipients) == "accepted" {
		return nil
	}
	r.errLine("Not every recipient's server has it. Why:  gatepost messages explain %s", m.ID)
	return toldError{exitFailed}
}

func (s *sending) submit(ctx context.Context, r *remote) (client.Submitted, error) {
	if s.test {
		return s.submitTest(ctx, r)
	}
	m, err := s.message(r.env)
	if err != nil {
		return client.Submitted{}, err
	}
	size := len(m.Raw)
	for _, a := range m.Attachments {
		size += len(a.Content)
	}
	if size > 1<<20 {
		r.progress("handing over %.1f MB …", float64(size)/1e6)
		defer r.progressEnd()
	}
	key := s.idempotencyKey
	if key == "" {
		key = "cli-" + rand.Text() // a broken connection may then be tried again
	}
	submitted, err := r.Send(ctx, m, key)
	return submitted, inFlags(err)
}

// inFlags names the fields of a refused message as the command line does.
func inFlags(err error) error {
	var refused *client.Error
	if !errors.As(err, &refused) {
		return err
	}
	names := map[string]string{"headers": "--header", "attachments": "--attach", "tags": "--tag", "thread_id": "--thread", "Idempotency-Key": "--idempotency-key"}
	for i, f := range refused.Errors {
		name, _, _ := strings.Cut(f.Field, "[")
		if flag := names[name]; flag != "" {
			refused.Errors[i].Field = flag
		} else if name != "" {
			refused.Errors[i].Field = "--" + strings.ReplaceAll(name, "_", "-")
		}
	}
	return err
}

func (s *sending) submitTest(ctx context.Context, r *remote) (client.Submitted, error) {
	if s.account == "" {
		return client.Submitted{}, usagef("--test: say which account to try by --account; gatepost accounts list shows them")
	}
	if len(s.to) > 1 {
		return client.Submitted{}, usagef("--test: one --to at most")
	}
	a, err := r.account(ctx, s.account)
	if err != nil {
		return client.Submitted{}, err
	}
	return r.TestAccount(ctx, a.ID, client.Test{To: strings.Join(s.to, "")})
}

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
