package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/queue"
)

// conclude submits the message that has come in, or refuses it, and answers.
func (c *conn) conclude(r *refusal) {
	m := c.mail
	c.tell("client", fmt.Sprintf("[a message of %d bytes, not shown]", len(m.body.bytes)))
	c.idle = 0
	var id email.ID
	if r == nil {
		id, r = c.submit(m)
	}
	c.reset()
	if r != nil {
		c.s.Log.Info("a message over SMTP was refused", "client", c.client, "key", c.grant.Key, "reply", fmt.Sprint(r.code, " ", r.enhanced, " ", oneLine(r.lines[0])))
		c.mistake(r)
		return
	}
	c.s.Fault("smtp.answer.before")
	c.reply(250, "2.0.0", "kept as "+id)
	c.flush()
	c.s.Fault("smtp.answer.after")
}

// submitTime ends a submission whose database does not answer.
const submitTime = time.Minute

func (c *conn) submit(m *mail) (email.ID, *refusal) {
	g, account := c.grant, c.account
	if c.trusted != nil {
		if wait := c.s.trusted.use(c.client); wait > 0 {
			return "", refuse(451, "4.7.1", "more than %d messages a minute from %s: again in %s", c.s.Limits.TrustedRate, c.client, wait.Round(time.Second))
		}
		g, account = c.s.grantOf(c.trusted), c.trusted.Account
	}
	sub := queue.Submission{Account: account, Raw: m.body.bytes, RewriteFrom: g.RewriteFrom, Recognise: c.s.Recognise}
	for _, r := range m.recipients {
		sub.To = append(sub.To, r.address)
	}
	if c.s.Reports {
		sub.Report = m.report()
	}
	if r := wishes(&sub); r != nil {
		return "", r
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.s.ctx), submitTime)
	defer cancel()
	got, err := c.s.Engine.Submit(ctx, g, sub)
	if err != nil {
		return "", c.refusalOf(err)
	}
	if got.Replayed {
		c.s.Log.Info("a message came again over SMTP and is sent once", "message", got.ID, "client", c.client)
	}
	return got.ID, nil
}

// grantOf is what a trusted client may do.
func (s *Server) grantOf(t *Trusted) access.Grant {
	return access.Grant{Team: s.Team, KeyName: "smtp-trusted " + t.Client.String(), Scopes: []string{access.ScopeMessagesSend}, RewriteFrom: true}
}

// The fields by which a program that can set a header says what the API has fields
// for. They do not leave.
const (
	fieldKey    = "X-Gatepost-Idempotency-Key"
	fieldResend = "Resend-Idempotency-Key"
	fieldType   = "X-Gatepost-Type"
	fieldTags   = "X-Gatepost-Tags"
	fieldSendAt = "X-Gatepost-Send-At"
)

var wishFields = []string{fieldKey, fieldType, fieldTags, fieldSendAt}

// wishes reads them. A header that is not well formed is the engine's to refuse, with
// all that is wrong about it.
func wishes(sub *queue.Submission) *refusal {
	h, err := email.HeaderOf(sub.Raw)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	for _, f := range h {
		if r := wish(sub, f.Name, f.Value()); r != nil {
			return r
		}
	}
	return nil
}

// wish reads one field. One that is there twice has to say the same, and tags add up.
func wish(sub *queue.Submission, name, value string) *refusal {
	switch lower := strings.ToLower(name); lower {
	case strings.ToLower(fieldKey), strings.ToLower(fieldResend):
		if sub.IdempotencyKey != "" && sub.IdempotencyKey != value {
			return refuse(550, "5.6.0", "two idempotency keys: give one of %s and %s", fieldKey, fieldResend)
		}
		sub.IdempotencyKey, sub.Outlined, sub.Recognise = value, true, false
	case strings.ToLower(fieldType):
		if sub.Type != "" && sub.Type != value {
			return twice(fieldType)
		}
		sub.Type = value
	case strings.ToLower(fieldTags):
		sub.Tags = append(sub.Tags, slices.DeleteFunc(words(value), func(t string) bool { return slices.Contains(sub.Tags, t) })...)
	case strings.ToLower(fieldSendAt):
		at, err := time.Parse(time.RFC3339, value)
		switch {
		case err != nil:
			return refuse(550, "5.6.0", "%s: %q is no time such as 2026-11-21T15:00:00Z (RFC 3339)", fieldSendAt, value)
		case !sub.SendAt.IsZero() && !sub.SendAt.Equal(at):
			return twice(fieldSendAt)
		}
		sub.SendAt = at
	default:
		if strings.HasPrefix(lower, "x-gatepost-") && !strings.EqualFold(name, email.HeaderID) {
			return refuse(550, "5.6.0", "unknown field %s: one of %s", name, strings.Join(wishFields, ", "))
		}
	}
	return nil
}

func twice(field string) *refusal {
	return refuse(550, "5.6.0", "%s is there twice, with two values: give one", field)
}

// words are the parts between commas.
func words(s string) (out []string) {
	for w := range strings.SplitSeq(s, ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// refusalOf translates the engine's errors: what the same message would meet again is
// a 5yz, all else a 4yz, so that a program that can wait tries again.
func (c *conn) refusalOf(err error) *refusal {
	var wrong *queue.Invalid
	var over *queue.OverKey
	switch {
	case errors.As(err, &wrong):
		return wrongMessage(wrong)
	case errors.As(err, &over):
		return refuse(452, "4.7.1", "%s", over.Error())
	case errors.Is(err, queue.ErrKeyReused):
		return refuse(550, "5.6.0", "%v", err)
	case errors.Is(err, queue.ErrForbidden):
		return refuse(550, "5.7.1", "%v", err)
	case queue.StorageFull(err):
		c.s.Log.Error("a message over SMTP could not be kept", "client", c.client, "err", err)
		return refuse(452, "4.3.1", "the disk of gatepost is full: nothing was kept; try again when there is room")
	case errors.Is(err, queue.ErrOverloaded), errors.Is(err, queue.ErrBusy), queue.Unavailable(err), errors.Is(err, context.DeadlineExceeded):
		return refuse(451, "4.3.0", "gatepost cannot take this at the moment and has kept nothing: try again a little later")
	}
	c.s.Log.Error("a message over SMTP failed", "client", c.client, "err", err)
	return refuse(451, "4.3.0", "something went wrong inside gatepost, whose log tells more: nothing was kept; try again later")
}

// wrongMessage tells all that is wrong with a message, a line each; the code is that
// of the first.
func wrongMessage(wrong *queue.Invalid) *refusal {
	r := &refusal{code: 550, enhanced: enhancedOf(wrong.Problems)}
	for i, p := range wrong.Problems {
		if i == maxWrong {
			r.lines = append(r.lines, fmt.Sprintf("and %d more problems", len(wrong.Problems)-i))
			break
		}
		r.lines = append(r.lines, p.Field+": "+p.Message)
	}
	return r
}

const maxWrong = 8

// enhancedOf is the code of what may not be sent (RFC 3463 section 3.8), of who may
// not get it, or of a content that cannot be sent.
func enhancedOf(ps []email.Problem) string {
	has := func(fields ...string) bool {
		return slices.ContainsFunc(ps, func(p email.Problem) bool {
			return slices.ContainsFunc(fields, func(f string) bool { return strings.HasPrefix(p.Field, f) })
		})
	}
	switch {
	case has("from", "account"):
		return "5.7.1"
	case has("to", "cc", "bcc"):
		return "5.1.3"
	}
	return "5.6.0"
}

// report is whom to tell what became of the message, and what of it (RFC 3461). Nobody is
// told of what has no sender: such mail is a report itself.
func (m *mail) report() *queue.Report {
	if m.from == "" {
		return nil
	}
	r := &queue.Report{To: m.from, EnvelopeID: m.dsn.envid, Whole: m.dsn.ret == "FULL"}
	for _, to := range m.recipients {
		on := queue.ReportOn{
			Never: to.notify != nil && !slices.Contains(to.notify, "FAILURE"), Success: slices.Contains(to.notify, "SUCCESS"), Original: to.orcpt,
		}
		if on == (queue.ReportOn{}) {
			continue
		}
		if r.Recipients == nil {
			r.Recipients = map[string]queue.ReportOn{}
		}
		r.Recipients[to.address.Key()] = on
	}
	return r
}
