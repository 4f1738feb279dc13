package queue

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/compose"
	"gatepost/internal/email"
	"gatepost/internal/store"
)

// A program that hands mail over by SMTP hears what became of it as it always has: by a
// report to its MAIL FROM (RFC 3464). Reports go only to addresses that the account may
// send as, so that nobody can have others told of mail that they never sent; and none is
// sent about a report.

// Report says whom to tell what became of a message (RFC 3461).
type Report struct {
	To         string              `json:"to"`                   // MAIL FROM
	EnvelopeID string              `json:"envid,omitempty"`      // ENVID
	Whole      bool                `json:"whole,omitempty"`      // RET=FULL
	Recipients map[string]ReportOn `json:"recipients,omitempty"` // by email.Address.Key; others as usual
}

// ReportOn is what is wished for one recipient.
type ReportOn struct {
	Never    bool   `json:"never,omitempty"`   // NOTIFY without FAILURE
	Success  bool   `json:"success,omitempty"` // NOTIFY with SUCCESS
	Original string `json:"orcpt,omitempty"`   // ORCPT
}

// wantsSuccess tells whether anybody is to be told of mail that was taken.
func (r *Report) wantsSuccess() bool {
	for _, on := range r.Recipients {
		if on.Success {
			return true
		}
	}
	return false
}

// reportOf is a submission's wish as it is kept; empty where there is none, or where it
// may not be fulfilled.
func (d *draft) reportOf() (text string, success bool) {
	if d.sub.Report == nil || d.account == nil {
		return "", false
	}
	to, err := email.NewAddress("", d.sub.Report.To)
	if err != nil || !d.account.maySendAs(to) || !MaySendAs(d.g, to) {
		return "", false
	}
	b, err := json.Marshal(d.sub.Report)
	if err != nil {
		return "", false
	}
	return string(b), d.sub.Report.wantsSuccess()
}

const (
	reportsAtOnce = 100
	reportEvery   = 5 * time.Second
	reportAgain   = 30 * time.Second // where success is to be told, or it could not be
	reportWhole   = 1 << 20          // bytes of a message that come back whole
)

// tellSenders sends the reports that are due.
func (e *Engine) tellSenders(ctx context.Context) error {
	now := e.cfg.Now()
	due, err := e.cfg.Store.Reports(ctx, now, reportsAtOnce)
	if err != nil {
		return err
	}
	var failed error
	for _, r := range due {
		if err := e.tellSender(ctx, r, now); err != nil {
			failed = errors.Join(failed, fmt.Errorf("tell what became of message %s: %w", r.Message, err))
			_ = e.cfg.Store.Told(ctx, r, now.Add(reportAgain)) // one that cannot be told does not hold up the others
		}
	}
	return failed
}

func (e *Engine) tellSender(ctx context.Context, r store.DueReport, now time.Time) error {
	m, err := e.cfg.Store.Message(ctx, r.Team, r.Message)
	if errors.Is(err, store.ErrNotFound) {
		return e.cfg.Store.Told(ctx, r, time.Time{})
	}
	if err != nil {
		return err
	}
	var wish Report
	if err := json.Unmarshal([]byte(m.Report), &wish); err != nil {
		return err
	}
	var told []compose.ReportedRecipient
	for _, to := range m.Recipients {
		if p, is := wish.on(to); is && !slices.Contains(r.Told, to.N) {
			told, r.Told = append(told, p), append(r.Told, to.N)
		}
	}
	if err := e.sendReport(ctx, m, wish, told, r.Told); err != nil {
		return err
	}
	switch {
	case m.Entry == nil:
		return e.cfg.Store.Told(ctx, r, time.Time{})
	case wish.wantsSuccess():
		return e.cfg.Store.Told(ctx, r, now.Add(reportAgain))
	}
	return e.cfg.Store.Told(ctx, r, store.Untold)
}

// on is what there is to tell of a recipient, if anything.
func (r *Report) on(to store.RecipientStatus) (p compose.ReportedRecipient, is bool) {
	var wish ReportOn
	if a, err := email.NewAddress("", to.Address); err == nil {
		wish = r.Recipients[a.Key()]
	}
	p = compose.ReportedRecipient{Address: to.Address, Original: wish.Original, Diagnostic: to.Reply}
	_, text, _ := strings.Cut(to.Reply, " ") // behind the code
	enhanced, _, ok := email.ParseEnhanced(text)
	switch to.State {
	case email.Failed, email.Expired:
		p.Action, p.Status = "failed", "5.0.0"
		if to.State == email.Expired || to.Cause == "gave_up" {
			p.Status = "5.4.7"
		} else if ok && enhanced.Class == 5 {
			p.Status = enhanced.String()
		}
		return p, !wish.Never
	case email.Accepted:
		p.Action, p.Status = "relayed", "2.0.0"
		return p, wish.Success
	}
	return p, false
}

// sendReport hands a report over as mail of the account itself. It is told once: the key
// says of whom.
func (e *Engine) sendReport(ctx context.Context, m *store.Message, wish Report, told []compose.ReportedRecipient, all []int) error {
	if len(told) == 0 {
		return nil
	}
	a, err := e.accounts.get(ctx, m.Team, m.Account)
	if errors.Is(err, store.ErrNotFound) {
		e.cfg.Log.Warn("a sender cannot be told what became of a message: its account is gone", "message", m.ID)
		return nil
	}
	to, wrong := email.NewAddress("", wish.To)
	if err != nil || wrong != nil {
		return cmp.Or(err, wrong)
	}
	r := compose.Report{
		From: a.address, To: to, Host: a.address.Domain, EnvelopeID: wish.EnvelopeID, Recipients: told, InReplyTo: m.MessageID,
		Subject: "Undelivered mail returned to sender", Boundary: "report-" + string(m.ID), Whole: wish.Whole && m.Size <= reportWhole,
	}
	if told[0].Action == "relayed" {
		r.Subject = "Mail was handed over"
	}
	r.Text = reportText(m, told)
	if r.Message, err = e.reported(ctx, m, r.Whole); err != nil {
		return err
	}
	var raw bytes.Buffer
	if err := r.Write(&raw); err != nil {
		return err
	}
	g := access.Grant{Team: m.Team, KeyName: "reports", Scopes: []string{access.ScopeMessagesSend}}
	_, err = e.Submit(ctx, g, Submission{
		Account: string(m.Account), Raw: raw.Bytes(), To: []email.Address{to}, Type: "notification", IdempotencyKey: fmt.Sprintf("report:%s:%d", m.ID, len(all)),
	})
	if invalid, ok := errors.AsType[*Invalid](err); ok {
		e.cfg.Log.Warn("a sender cannot be told what became of a message", "message", m.ID, "err", invalid)
		return nil
	}
	return err
}

// reportText is for people.
func reportText(m *store.Message, told []compose.ReportedRecipient) []string {
	out := []string{"This is gatepost, which took a message of yours at " + m.CreatedAt.UTC().Format(time.RFC1123Z) + ".", ""}
	for _, p := range told {
		what := "could not be delivered to"
		if p.Action == "relayed" {
			what = "was handed over for"
		}
		out = append(out, fmt.Sprintf("It %s <%s>:", what, p.Address), "    "+cmp.Or(p.Diagnostic, "no more is known; the message's events tell all that was tried"), "")
	}
	return append(out, "Its id is "+string(m.ID)+".")
}

// reported is what comes back of the message: its header, or all of it. What is shredded,
// or cannot be read, does not.
func (e *Engine) reported(ctx context.Context, m *store.Message, whole bool) ([]byte, error) {
	c, err := e.Content(ctx, access.Grant{Team: m.Team, Scopes: []string{access.ScopeMessagesRead}}, m.ID)
	if err != nil {
		return nil, nil //nolint:nilerr // the report is of use without
	}
	in, err := c.Open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if whole {
		return io.ReadAll(in)
	}
	h, err := email.ReadHeader(in)
	if err != nil {
		return nil, nil //nolint:nilerr // as above
	}
	var b bytes.Buffer
	for _, f := range h {
		b.Write(f.Raw)
	}
	return b.Bytes(), nil
}
