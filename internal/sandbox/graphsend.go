package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/mail"
	"strings"
	"time"
)

// maxGraphBody is what one request to Graph may carry.
const maxGraphBody = 4 << 20

// readGraphBody reads a request's body: more than 4 MB are refused.
func (m *microsoft) readGraphBody(w http.ResponseWriter, r *http.Request) ([]byte, *graphError) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxGraphBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, m.newGraphError(http.StatusRequestEntityTooLarge, "ErrorMessageSizeExceeded", "Request Entity Too Large")
	case err != nil:
		return nil, m.badBody("The request body could not be read.")
	}
	return body, nil
}

// sendMail is user: sendMail (learn.microsoft.com/graph/api/user-sendmail): JSON, or
// MIME in base64 as text/plain. It answers 202 and nothing else.
func (m *microsoft) sendMail(w http.ResponseWriter, r *http.Request, who actor) *graphError {
	body, bad := m.readGraphBody(w, r)
	if bad != nil {
		return bad
	}
	out, bad := m.outgoingOf(r, body, who)
	if bad != nil {
		return bad
	}
	return m.sendNow(w, r, who, out)
}

// graphOutgoing is a message to send.
type graphOutgoing struct {
	raw    []byte
	id     string // of the draft that it was; "" for none
	unsaid bool   // no copy in Sent Items
	// last, where there is one, is asked right before the message is taken, and says
	// whether it still may be. It runs under the lock.
	last func() bool
}

// outgoingOf reads the body of sendMail.
func (m *microsoft) outgoingOf(r *http.Request, body []byte, who actor) (graphOutgoing, *graphError) {
	if isMIME(r) {
		raw, bad := m.rawOf(body)
		return graphOutgoing{raw: raw}, bad
	}
	var in struct {
		Message *graphMessage `json:"message"`
		Save    *bool         `json:"saveToSentItems"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return graphOutgoing{}, m.newGraphError(http.StatusBadRequest, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
	}
	if in.Message == nil {
		return graphOutgoing{}, m.newGraphError(http.StatusBadRequest, "ErrorInvalidRequest", "The parameter 'Message' is missing.")
	}
	raw, problem := in.Message.mime(who.box.Address, m.now())
	if problem != "" {
		return graphOutgoing{}, m.newGraphError(http.StatusBadRequest, "ErrorInvalidRequest", problem)
	}
	return graphOutgoing{raw: raw, unsaid: in.Save != nil && !*in.Save}, nil
}

func isMIME(r *http.Request) bool {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return kind == "text/plain"
}

// rawOf reads a message in standard base64.
func (m *microsoft) rawOf(body []byte) ([]byte, *graphError) {
	text := strings.NewReplacer("\r", "", "\n", "").Replace(string(body))
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, m.newGraphError(http.StatusBadRequest, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.")
	}
	if len(raw) == 0 || !strings.Contains(string(raw[:min(len(raw), 64<<10)]), ":") {
		return nil, m.newGraphError(http.StatusBadRequest, "ErrorMimeContentInvalid", "Invalid MIME content.")
	}
	return raw, nil
}

// sendNow takes a message and answers, unless a fault says otherwise.
func (m *microsoft) sendNow(w http.ResponseWriter, r *http.Request, who actor, out graphOutgoing) *graphError {
	head := readHeader(out.raw)
	recipients, wrong := recipientsOf(head)
	if wrong != nil {
		return m.newGraphError(http.StatusBadRequest, "ErrorInvalidRecipients", textRecipients)
	}
	raw, bad := m.author(out.raw, head, who)
	if bad != nil {
		return bad
	}
	p := m.faults.plan(question{
		stage: atSend, via: viaMicrosoft, accounts: []string{who.box.Address, who.app.ClientID},
		recipients: recipients, key: attemptKey(head),
	})
	if slow, ok := p.modifier(faultSlow); ok {
		wait(m.ctx, r.Context(), slow.millis(slowMillis))
	}
	if bad := m.misbehaveBefore(r, who, p); bad != nil {
		return bad
	}
	if bad := m.charge(who, out, len(recipients)); bad != nil {
		return bad
	}
	in := m.compose(parcel{
		via: viaMicrosoft, account: who.box.Address, mailFrom: who.box.Address, recipients: recipients,
		raw: raw, header: readHeader(raw), id: out.id,
	}, p)
	if out.unsaid {
		in.sent = nil
	}
	if _, err := m.post.take(in); err != nil {
		return m.newGraphError(http.StatusInternalServerError, "ErrorInternalServerError", "An internal server error occurred. The operation failed.")
	}
	if bad := m.misbehaveAfter(r, p); bad != nil {
		return bad
	}
	w.Header().Set("Request-Id", newGUID())
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// author checks as whom a message is sent; with RewriteFrom it replaces the author.
func (m *microsoft) author(raw []byte, head header, who actor) ([]byte, *graphError) {
	own := (&mail.Address{Address: who.box.Address}).String()
	from, err := mail.ParseAddress(head.first("From"))
	if err != nil {
		return head.with(change{"From", own}), nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case who.box.owns(from.Address) && (who.box == who.user || who.user == nil):
		return raw, nil
	case who.user != nil && m.maySendAs(who.pass, who.user, from.Address) && who.has("Mail.Send.Shared"):
		return raw, nil
	case who.user == nil && m.maySendAs(who.pass, who.box, from.Address):
		return raw, nil
	case who.tenant.RewriteFrom && who.box == who.user:
		return head.with(change{"From", (&mail.Address{Name: from.Name, Address: who.box.Address}).String()}), nil
	}
	return nil, m.newGraphError(http.StatusForbidden, "ErrorSendAsDenied", textSendAs)
}

// charge checks room and quota, and takes the draft that is sent.
func (m *microsoft) charge(who actor, out graphOutgoing, recipients int) *graphError {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case who.box.Full && !out.unsaid:
		return m.newGraphError(http.StatusInsufficientStorage, "ErrorQuotaExceeded", "The mailbox has exceeded its maximum mailbox size.")
	case int64(len(out.raw)) > who.box.sizeLimit():
		return m.newGraphError(http.StatusRequestEntityTooLarge, "ErrorMessageSizeExceeded", "The message exceeds the maximum supported size.")
	case out.last != nil && !out.last():
		return m.noItem()
	case !who.box.spendDay(recipients, m.now()):
		return m.newGraphError(http.StatusTooManyRequests, "ErrorSubmissionQuotaExceeded", "The message submission quota of the account was exceeded.")
	}
	return nil
}

// misbehaveBefore does what goes wrong before a message is taken.
func (m *microsoft) misbehaveBefore(r *http.Request, who actor, p plan) *graphError {
	switch p.outcome.name {
	case faultTokenRefused:
		m.mu.Lock()
		delete(m.tokens, who.token)
		m.mu.Unlock()
		m.faults.add(Rule{Fault: faultTokenRefused, Account: who.box.Address, Count: 1})
		return m.badToken("Lifetime validation failed, the token is expired.")
	case faultUnauthorized:
		return m.badToken("Lifetime validation failed, the token is expired.")
	case faultQuota:
		return m.asked("submission_quota", p.outcome.number(0))
	case faultRate:
		return m.asked("throttled", p.outcome.number(rateSeconds))
	case faultServerError:
		return m.newGraphError(p.outcome.number(serverErrorAs), "UnknownError", "")
	case faultRefused:
		return m.asked("recipients", 0)
	case faultGraph:
		return m.asked(p.outcome.arg, 0)
	case faultProxy:
		return &graphError{status: p.outcome.proxyStatus(), proxy: true}
	case faultTimeoutBefore:
		hangRequest(m.ctx, r)
	case faultCutBefore:
		cutRequest(r)
	}
	return nil
}

// asked is an error of the table; seconds above zero replace its Retry-After.
func (m *microsoft) asked(name string, seconds int) *graphError {
	n, _ := graphFault(name)
	e := m.newGraphError(n.status, n.code, n.text)
	e.retryAfter, e.authenticate = n.retryAfter, n.authenticate
	if seconds > 0 {
		e.retryAfter = seconds
	}
	return e
}

// misbehaveAfter does what goes wrong although a message was taken.
func (m *microsoft) misbehaveAfter(r *http.Request, p plan) *graphError {
	switch p.outcome.name {
	case faultErrorAfter:
		return m.newGraphError(p.outcome.number(http.StatusGatewayTimeout), "UnknownError", "")
	case faultTimeoutAfter:
		hangRequest(m.ctx, r)
	case faultCutAfter:
		cutRequest(r)
	}
	return nil
}

// odataTime is a time as Graph writes it.
func odataTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
