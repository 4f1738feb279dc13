package sandbox

import (
	"net/http"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/email"
)

// outgoing is a message to send, and the conversation it shall continue.
type outgoing struct {
	raw    []byte
	thread string
	// last, where there is one, is asked right before the message is taken, and says
	// whether it still may be.
	last func() bool
}

// send takes a message for the account, unless a fault is asked for. What shall
// go wrong afterwards is for answerSend.
func (g *google) send(r *http.Request, who caller, out outgoing) (messageRef, plan, *apiError) {
	head := readHeader(out.raw)
	recipients, bad := recipientsOf(head)
	if bad == nil {
		bad = g.checkThread(who.user, out.thread)
	}
	if bad != nil {
		return messageRef{}, plan{}, bad
	}
	p := g.faults.plan(question{
		stage: atSend, via: viaGmail, accounts: []string{who.user},
		recipients: recipients, key: attemptKey(head),
	})
	if slow, ok := p.modifier(faultSlow); ok {
		wait(g.ctx, r.Context(), slow.millis(slowMillis))
	}
	if bad := g.misbehaveBefore(r, who, p); bad != nil {
		return messageRef{}, plan{}, bad
	}
	if out.last != nil && !out.last() {
		return messageRef{}, plan{}, notFound()
	}
	m, err := g.post.take(g.compose(parcel{
		via: viaGmail, account: who.user, mailFrom: who.user, recipients: recipients, raw: out.raw, header: head,
		thread: out.thread,
	}, p))
	if err != nil {
		return messageRef{}, plan{}, backendError(http.StatusInternalServerError)
	}
	return messageRef{ID: m.id, ThreadID: m.thread, LabelIDs: []string{labelSent}}, p, nil
}

// answerSend answers for a message that was taken, unless a fault is asked for.
func (g *google) answerSend(w http.ResponseWriter, r *http.Request, ref messageRef, p plan) *apiError {
	if bad := g.misbehaveAfter(r, p); bad != nil {
		return bad
	}
	writeJSON(w, http.StatusOK, ref)
	return nil
}

// sendNow takes a message and answers.
func (g *google) sendNow(w http.ResponseWriter, r *http.Request, who caller, out outgoing) *apiError {
	ref, p, bad := g.send(r, who, out)
	if bad != nil {
		return bad
	}
	return g.answerSend(w, r, ref, p)
}

// checkThread says what is wrong with the threadId of a message to send.
func (g *google) checkThread(user, thread string) *apiError {
	if thread == "" {
		return nil
	}
	if _, err := strconv.ParseUint(thread, 16, 64); err != nil {
		return invalidArgument("Invalid thread_id value")
	}
	if !g.post.store.hasThread(user, thread) {
		return notFound()
	}
	return nil
}

// misbehaveBefore does what goes wrong before a message is taken.
func (g *google) misbehaveBefore(r *http.Request, who caller, p plan) *apiError {
	switch p.outcome.name {
	case faultTokenRefused:
		g.forget(who.token)
		g.faults.add(Rule{Fault: faultTokenRefused, Account: who.user, Count: 1})
		return invalidCredentials()
	case faultUnauthorized:
		return invalidCredentials()
	case faultQuota:
		return g.overQuota(p.outcome)
	case faultGmail:
		return gmailFault(p.outcome.arg)
	case faultProxy:
		return &apiError{Code: p.outcome.proxyStatus(), proxy: true}
	case faultRate:
		e := newError(http.StatusTooManyRequests, "rateLimitExceeded", "Rate Limit Exceeded")
		e.retryAfter = strconv.Itoa(p.outcome.number(rateSeconds))
		return e
	case faultServerError:
		return backendError(p.outcome.number(serverErrorAs))
	case faultRefused:
		return invalidArgument("Invalid To header")
	case faultTimeoutBefore:
		hangRequest(g.ctx, r)
	case faultCutBefore:
		cutRequest(r)
	}
	return nil
}

// misbehaveAfter does what goes wrong although a message was taken.
func (g *google) misbehaveAfter(r *http.Request, p plan) *apiError {
	switch p.outcome.name {
	case faultErrorAfter:
		return backendError(p.outcome.number(serverErrorAs))
	case faultTimeoutAfter:
		hangRequest(g.ctx, r)
	case faultCutAfter:
		cutRequest(r)
	}
	return nil
}

// overQuota names a time when it was asked to.
func (g *google) overQuota(f fault) *apiError {
	text := "User-rate limit exceeded."
	if f.arg != "" {
		until := g.now().Add(time.Duration(f.number(0)) * time.Second)
		text += "  Retry after " + until.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	}
	return newError(http.StatusForbidden, "userRateLimitExceeded", text)
}

// compose makes what Gmail makes of a message: the author is the account, a
// Message-ID and a date are there, and a copy is in Sent. Through the API, whose
// recipients stand in the header, only that copy shows Bcc.
func (g *google) compose(in parcel, p plan) parcel {
	head := in.header
	changes := g.authorChange(head, in.account)
	if id := head.first("Message-Id"); id == "" {
		changes = append(changes, change{"Message-ID", newMessageID()})
	} else if _, ok := p.modifier(faultNewMessageID); ok {
		changes = append(changes, renamed(id)...)
	}
	if head.first("Date") == "" {
		changes = append(changes, change{"Date", g.now().Format(time.RFC1123Z)})
	}
	in.sent, in.sentDelay = head.with(changes...), g.sentDelay
	if late, ok := p.modifier(faultLateSent); ok {
		in.sentDelay = late.millis(lateSentMillis)
	}
	in.inbox = in.sent
	if in.via == viaGmail && head.has("Bcc") {
		in.inbox = head.with(append(changes, change{name: "Bcc"})...)
	}
	return in
}

// renamed is how Gmail replaces a Message-ID.
func renamed(id string) []change {
	return []change{{"Message-ID", newMessageID()}, {"X-Google-Original-Message-ID", id}}
}

// authorChange rewrites From when it is neither the account nor an alias of it.
func (g *google) authorChange(head header, user string) []change {
	from := head.first("From")
	if author, err := mail.ParseAddress(from); err == nil {
		if g.author(user, author.Address) {
			return nil
		}
		return []change{{"From", (&mail.Address{Name: author.Name, Address: user}).String()}}
	}
	return []change{{"From", user}}
}

// recipientsOf reads To, Cc and Bcc: the Gmail API knows no other envelope.
func recipientsOf(head header) ([]string, *apiError) {
	var all []string
	seen := map[string]bool{}
	for _, name := range []string{"To", "Cc", "Bcc"} {
		for _, value := range head.all(name) {
			list, err := addresses(value)
			if err != nil {
				return nil, invalidArgument("Invalid " + name + " header")
			}
			for _, a := range list {
				if key := strings.ToLower(a.Address); !seen[key] {
					seen[key] = true
					all = append(all, a.Address)
				}
			}
		}
	}
	if len(all) == 0 {
		return nil, invalidArgument("Recipient address required")
	}
	return all, nil
}

// addresses reads an address list; a group without members is none.
func addresses(value string) ([]*mail.Address, error) {
	if value = strings.TrimSpace(value); value == "" || strings.HasSuffix(value, ":;") {
		return nil, nil
	}
	return mail.ParseAddressList(value)
}

// attemptKey names a message over its attempts.
func attemptKey(head header) string {
	if id := head.first(email.HeaderID); id != "" {
		return id
	}
	return head.first("Message-Id")
}
