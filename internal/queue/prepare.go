package queue

import (
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/compose"
	"gatepost/internal/email"
	"gatepost/internal/store"
)

// draft is a submission on its way to a stored message. Checks add to problems
// and go on, so that all of them are told at once.
type draft struct {
	e          *Engine
	g          access.Grant
	sub        Submission
	raw        email.Raw
	from       email.Address
	named      string        // the account or the pool that is asked for; empty: none
	account    *account      // of a pool: what all of its members allow
	pool       *store.Pool   // nil: the message names none
	pools      []*store.Pool // those that there are, where it names what is not there
	recipients []store.Recipient
	files      []string // names of attachments, by index
	uploads    *uploads
	policy     Policy
	lane       email.Lane
	times      times
	problems   []email.Problem
}

func (d *draft) wrong(field, format string, args ...any) {
	d.problems = append(d.problems, email.Problem{Field: field, Message: fmt.Sprintf(format, args...)})
}

// prepare checks a submission and composes and seals its content.
func (e *Engine) prepare(ctx context.Context, g access.Grant, sub Submission, u *uploads) (*store.NewMessage, error) {
	d, err := e.draft(ctx, g, sub, u)
	if err != nil {
		return nil, err
	}
	return d.message(ctx)
}

// draft checks a submission.
func (e *Engine) draft(ctx context.Context, g access.Grant, sub Submission, u *uploads) (*draft, error) {
	d := &draft{e: e, g: g, sub: sub, uploads: u}
	d.checkWords()
	d.checkPolicy()
	if sub.Raw != nil {
		d.readRaw()
	}
	if err := d.chooseAccount(ctx); err != nil {
		return nil, err
	}
	d.checkAuthor()
	d.checkKeySenders()
	d.collectRecipients()
	d.checkKeyLimits()
	if sub.Raw == nil {
		if err := d.attach(ctx); err != nil {
			return nil, err
		}
		d.checkParts()
	}
	d.checkLimits()
	if len(d.problems) > 0 {
		return nil, &Invalid{d.problems}
	}
	return d, nil
}

// checkPolicy takes what the type decides, where the submission does not.
func (d *draft) checkPolicy() {
	if d.sub.Type == "" {
		d.sub.Type = "general"
	}
	p, known := PolicyOf(d.sub.Type)
	if !known {
		d.wrong("type", "not a message type: one of %s", strings.Join(Types(), ", "))
	}
	d.policy, d.lane = p, p.Lane
	switch d.sub.OnUnknown {
	case "":
		d.sub.OnUnknown = p.OnUnknown
	case email.Reconcile, email.Retry, email.Hold:
	default:
		d.wrong("on_unknown", "one of reconcile, retry, hold")
	}
	d.checkLane()
	d.checkTimes(p)
}

func (d *draft) checkLane() {
	switch d.sub.Lane {
	case "":
	case "normal":
		if d.policy.Lane != email.Normal {
			d.wrong("lane", "mail of the type %s is urgent: leave it out", d.sub.Type)
		}
	case "bulk":
		if d.lane = email.Bulk; d.sub.Type != "general" {
			d.wrong("lane", "bulk is for the type general only")
		}
	default:
		d.wrong("lane", "one of normal, bulk")
	}
}

// Limits of what is stored beside a message.
const (
	maxTags     = 20
	maxTag      = 128
	maxMetadata = 50
	maxValue    = 1000
	maxThread   = 256
)

func (d *draft) checkWords() {
	if len(d.sub.Tags) > maxTags {
		d.wrong("tags", "%d of them: at most %d", len(d.sub.Tags), maxTags)
	}
	for i, t := range d.sub.Tags {
		d.checkText(fmt.Sprintf("tags[%d]", i), t, maxTag)
	}
	if len(d.sub.Metadata) > maxMetadata {
		d.wrong("metadata", "%d entries: at most %d", len(d.sub.Metadata), maxMetadata)
	}
	for k, v := range d.sub.Metadata {
		d.checkText("metadata", k, maxTag)
		d.checkText("metadata."+k, v, maxValue)
	}
}

// checkText refuses control characters in what is shown and logged later.
func (d *draft) checkText(field, s string, most int) {
	if s == "" && field != "metadata" && strings.HasPrefix(field, "metadata.") {
		return
	}
	switch err := email.CheckHeaderValue(s); {
	case err != nil:
		d.wrong(field, "%v", err)
	case s == "":
		d.wrong(field, "is empty")
	case len(s) > most:
		d.wrong(field, "longer than %d bytes", most)
	}
}

// readRaw reads a whole message; beside it only what is not in it may be given.
func (d *draft) readRaw() {
	for field, given := range map[string]bool{
		"from": d.sub.From != nil, "reply_to": len(d.sub.ReplyTo) > 0, "subject": d.sub.Subject != "", "text": d.sub.Text != "",
		"html": d.sub.HTML != "", "headers": len(d.sub.Headers) > 0, "attachments": len(d.sub.Attachments) > 0,
		"in_reply_to": d.sub.InReplyTo != "", "references": len(d.sub.References) > 0, "no_text": d.sub.NoText,
	} {
		if given {
			d.wrong(field, "cannot be given beside raw, which says it itself")
		}
	}
	var problems []email.Problem
	check := email.CheckRaw
	if d.sub.RewriteFrom {
		check = email.CheckRawByAnyone
	}
	d.raw, problems = check(d.sub.Raw)
	d.problems = append(d.problems, problems...)
	if !d.raw.From.IsZero() {
		d.sub.From = &d.raw.From
	}
	d.files, d.sub.Subject = d.raw.Attachments, d.raw.Subject
	if len(d.sub.To)+len(d.sub.Cc)+len(d.sub.Bcc) == 0 {
		d.sub.To, d.sub.Cc, d.sub.Bcc = d.raw.To, d.raw.Cc, d.raw.Bcc
	}
	d.raw.AddressTo(slices.Concat(d.sub.To, d.sub.Cc, d.sub.Bcc))
}

// chooseAccount finds the account that is named, or the one that may send as
// From; several may, then the one whose own address it is does, or the oldest.
func (d *draft) chooseAccount(ctx context.Context) error {
	if d.sub.From != nil {
		d.from = *d.sub.From
	}
	if refused, err := d.nameAccount(ctx); refused || err != nil {
		return err
	}
	t, err := d.e.accounts.team(ctx, d.g.Team)
	if err != nil {
		return err
	}
	if d.account = d.pick(&t); d.account == nil {
		if in, err := d.choosePool(ctx, t.list); in || err != nil {
			return err
		}
		if t, err = d.e.accounts.again(ctx, d.g.Team, d.named, t); err != nil {
			return err
		}
		if d.account = d.pick(&t); d.account == nil {
			if in, err := d.choosePool(ctx, t.list); in || err != nil {
				return err
			}
		}
	}
	d.rewriteFrom()
	d.checkAccount(t.list)
	return nil
}

func (d *draft) pick(t *teamAccounts) *account {
	switch {
	case d.named != "":
		return t.named(d.named)
	case d.sub.From != nil && !(d.sub.RewriteFrom && len(t.list) == 1):
		return t.sending(*d.sub.From)
	case len(t.list) == 1:
		return t.list[0]
	}
	return nil
}

func (d *draft) checkAccount(all []*account) {
	switch {
	case d.account == nil && d.g.Account != "":
		d.wrong("account", "%s is not there any more, and this API key may send by that alone: make another key", d.g.Account)
	case d.account == nil && len(all) == 0:
		d.wrong("account", "there is no account yet: connect one by POST /v1/accounts")
	case d.account == nil && d.sub.Account != "":
		d.wrong("account", "unknown account; there is %s%s", addresses(all), andPools(d.pools))
	case d.account == nil && d.sub.From != nil:
		d.wrong("from", "no account may send as %s; there is %s", d.sub.From.Addr(), addresses(all))
	case d.account == nil && d.sub.Raw == nil:
		d.wrong("from", "is needed where there is more than one account; there is %s", addresses(all))
	case d.account == nil: // what is wrong with raw has been said
	case d.sub.From == nil && d.sub.Raw == nil:
		d.from = d.account.address
	case d.sub.From != nil && !d.account.maySendAs(d.from):
		d.wrong("from", "the account %s may not send as %s; allowed: %s", d.account.row.Address, d.from.Addr(), d.account.allowed())
	case !d.raw.Sender.IsZero() && !d.account.maySendAs(d.raw.Sender):
		d.wrong("raw", "the field Sender: the account %s may not send as %s; allowed: %s", d.account.row.Address, d.raw.Sender.Addr(), d.account.allowed())
	}
}

// addresses lists accounts for an error, at most a few of them.
func addresses(all []*account) string {
	var list []string
	for i, a := range all {
		if i == 5 {
			list = append(list, fmt.Sprintf("and %d more", len(all)-i))
			break
		}
		list = append(list, a.row.Address)
	}
	return strings.Join(list, ", ")
}

// andPools lists pools after accounts, for an error.
func andPools(all []*store.Pool) string {
	var list []string
	for i, p := range all {
		if i == 5 {
			list = append(list, fmt.Sprintf("and %d more", len(all)-i))
			break
		}
		list = append(list, p.Name)
	}
	if len(list) == 0 {
		return ""
	}
	return "; pools: " + strings.Join(list, ", ")
}

// collectRecipients makes the envelope: each address once, in the order given.
func (d *draft) collectRecipients() {
	seen := map[string]bool{}
	for _, l := range []struct {
		role string
		list []email.Address
	}{{"to", d.sub.To}, {"cc", d.sub.Cc}, {"bcc", d.sub.Bcc}} {
		for _, a := range l.list {
			if !seen[a.Key()] {
				seen[a.Key()] = true
				d.recipients = append(d.recipients, store.Recipient{Address: a.Addr(), Role: l.role})
			}
		}
	}
	if len(d.recipients) == 0 {
		d.wrong("to", "there is no recipient")
	}
}

func (d *draft) parts(id email.ID) compose.Parts {
	p := compose.Parts{
		ID: id, Now: d.e.cfg.Now(), From: d.from, To: d.sub.To, Cc: d.sub.Cc, ReplyTo: d.sub.ReplyTo, Subject: d.sub.Subject,
		InReplyTo: d.sub.InReplyTo, References: d.sub.References, NoText: d.sub.NoText,
		Text: d.sub.Text, HTML: d.sub.HTML, Headers: d.sub.Headers, Random: d.e.cfg.Random,
	}
	if d.account != nil {
		p.EightBit = d.account.limits.EightBit
	}
	if len(p.References) == 0 && p.InReplyTo != "" {
		p.References = []string{p.InReplyTo}
	}
	for _, a := range d.sub.Attachments {
		p.Attachments = append(p.Attachments, compose.Attachment{
			Filename: a.Filename, ContentType: a.ContentType, Content: a.Content, ContentID: a.ContentID,
		})
	}
	return p
}

// checkParts leaves From out where there is none: that has been said already.
func (d *draft) checkParts() {
	for _, p := range compose.Check(d.parts("")) {
		if p.Field != "from" || !d.from.IsZero() {
			d.problems = append(d.problems, p)
		}
	}
	for _, a := range d.sub.Attachments {
		d.files = append(d.files, a.Filename)
	}
}

// checkLimits holds the message against what the account's provider allows.
func (d *draft) checkLimits() {
	if d.account == nil {
		return
	}
	l := d.account.limits
	if l.MaxRecipients > 0 && len(d.recipients) > l.MaxRecipients {
		d.wrong("to", "%d recipients in to, cc and bcc: the account %s allows %d per message", len(d.recipients), d.account.row.Address, l.MaxRecipients)
	}
	for i, name := range d.files {
		ending := strings.ToLower(path.Ext(strings.TrimRight(name, ". "))) // Windows drops those
		if slices.Contains(l.BlockedExtensions, ending) {
			d.wrong(d.fileField(i), "files ending in %s are refused by the provider of %s", ending, d.account.row.Address)
		}
	}
	if l.HeaderDecides {
		d.checkNobodyLeftOut()
	}
	if d.sub.ThreadID != "" {
		d.checkText("thread_id", d.sub.ThreadID, maxThread)
		if !l.Threads {
			d.wrong("thread_id", "the account %s keeps no conversations by id: give in_reply_to", d.account.row.Address)
		}
	}
}

// checkNobodyLeftOut refuses an envelope that a provider without envelopes would
// not keep to: it sends to everybody in To and Cc.
func (d *draft) checkNobodyLeftOut() {
	gets := map[string]bool{}
	for _, l := range [][]email.Address{d.sub.To, d.sub.Cc, d.sub.Bcc} {
		for _, a := range l {
			gets[a.Key()] = true
		}
	}
	for _, a := range slices.Concat(d.raw.To, d.raw.Cc) {
		if !gets[a.Key()] {
			d.wrong("to", "leaves out %s, who is in the header: the account %s sends to everybody in To and Cc", a.Addr(), d.account.row.Address)
		}
	}
}

func (d *draft) fileField(i int) string {
	if d.sub.Raw != nil {
		return "raw"
	}
	return fmt.Sprintf("attachments[%d].filename", i)
}

// message composes and seals what has been found right.
func (d *draft) message(ctx context.Context) (*store.NewMessage, error) {
	now := d.e.cfg.Now()
	id, err := email.NewID(email.PrefixMessage, now, d.e.cfg.Random)
	if err != nil {
		return nil, err
	}
	event, err := d.e.event(email.EventSubmitted, store.EventData{})
	if err != nil {
		return nil, err
	}
	m := &store.NewMessage{
		Team: d.g.Team, ID: id, Account: d.account.row.ID, Type: d.sub.Type, Lane: d.lane, OnUnknown: d.sub.OnUnknown,
		MailFrom: d.account.row.Address, Sender: d.from.Addr(), Subject: d.sub.Subject, Tags: d.sub.Tags, Metadata: d.sub.Metadata,
		Recipients: d.recipients, EventID: event.ID, CreatedAt: now, IdempotencyKey: d.sub.IdempotencyKey,
		Thread: d.sub.ThreadID, Why: d.why(), SendAt: d.times.send, ExpiresAt: d.times.expires, Shred: d.policy.Keep == 0,
		ShredAt: latest(now, d.times.send).Add(d.policy.Keep + retainLater),
	}
	if d.policy.Security {
		m.Subject = ""
	}
	m.Report, m.ReportSuccess = d.reportOf()
	if d.pool != nil {
		m.MailFrom = "" // the address of the account that will claim it
	}
	if err := d.e.seal(ctx, m, func(w io.Writer) (string, error) { return d.write(w, id) }); err != nil {
		return nil, err
	}
	if most := d.account.limits.MaxSize; most > 0 && m.Size > most {
		if m.Blob != "" {
			_ = d.e.cfg.Store.Bucket.Remove(m.Blob)
		}
		return nil, &Invalid{[]email.Problem{{Field: d.sizeField(), Message: fmt.Sprintf(
			"the message is %d bytes: the account %s allows %d", m.Size, d.account.row.Address, most)}}}
	}
	if d.pool != nil {
		m.Pooled, err = d.poolRoute(m)
	}
	return m, err
}

// why tells why this account sends.
func (d *draft) why() string {
	switch {
	case d.pool != nil && d.sub.Account == "":
		return "a member of the pool " + d.pool.Name + ", the one that its API key may send by"
	case d.pool != nil:
		return "a member of the pool " + d.pool.Name + ", named in the request"
	case d.sub.Account != "":
		return "named in the request"
	case d.g.Account != "":
		return "the one that its API key may send by"
	case d.sub.From != nil && d.from.Equal(d.account.address):
		return d.from.Addr() + " is its own address"
	case d.sub.From != nil:
		return "the oldest account that may send as " + d.from.Addr()
	}
	return "the only account"
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (d *draft) sizeField() string {
	if d.sub.Raw != nil {
		return "raw"
	}
	return "attachments"
}

func (d *draft) write(w io.Writer, id email.ID) (messageID string, err error) {
	if d.sub.Raw != nil {
		return d.raw.Rewrite(w, email.Marks{ID: id, Now: d.e.cfg.Now()})
	}
	built, err := compose.Build(w, d.parts(id))
	return built.MessageID, err
}
