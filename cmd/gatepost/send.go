package main

import (
	"context"
	"crypto/rand"
	"fmt"
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
		Args: noWords,
	}
	s.flags(cmd.Flags())
	s.completion(cmd, env)
	return overAPI(env, cmd, func(ctx context.Context, r *remote, _ []string) error { return s.run(ctx, r) })
}

// noWords refuses what stands beside the flags: most often a time after --wait,
// which means something without one and so takes it after an equals sign.
func noWords(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.Flags().Changed("wait") && !strings.ContainsAny(args[0], " @"):
		return usagef("--wait %s: write it with an equals sign: --wait=%s", args[0], args[0])
	}
	return usagef("%q stands alone: it belongs to no flag; quote texts with blanks", args[0])
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
	f.DurationVar(&s.wait, "wait", 0, "wait until it has left, or this `time`, with an equals sign: --wait=30s")
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
		err = s.watched(ctx, r, submitted)
	} else {
		err = r.show(submitted, func() { r.submitted(submitted) })
	}
	if lost := r.failed(); lost != nil { // who cannot see the answer must not send again
		return fmt.Errorf("%s is kept, and need not be sent again; %w", submitted.ID, lost)
	}
	return err
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
	return submitted, s.doubtful(err, m, key)
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
