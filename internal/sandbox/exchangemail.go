package sandbox

import (
	"fmt"
	"strconv"
	"strings"
)

// mail is MAIL FROM.
func (t *exchangeTalk) mail(arg string) {
	switch {
	case t.hello == "":
		t.reply(503, "5.5.2", "Send hello first "+t.name())
		return
	case !t.secure:
		t.reply(451, "5.7.3", "STARTTLS is required to send mail "+t.name())
		return
	case t.pass == nil:
		t.sayFault("not_authenticated")
		return
	case t.begun:
		t.reply(503, "5.5.2", "Sender already specified "+t.name())
		return
	case !t.sit():
		t.sayFault("connections")
		return
	}
	from, params, err := path(arg, "FROM:")
	if err != nil || from != "" && !wellFormed(from, true) {
		t.reply(501, "5.1.7", "Invalid address "+t.name())
		return
	}
	if !t.params(params) {
		return
	}
	t.from = from
	p := t.door.plan(atMail, t.accounts(), nil, "")
	t.from = ""
	if p.outcome.name != "" {
		t.refuse(p.outcome, false)
		return
	}
	t.reset()
	t.from, t.begun = from, true
	t.reply(250, "2.1.0", "Sender OK")
}

// params checks the parameters of MAIL.
func (t *exchangeTalk) params(list []string) bool {
	for _, p := range list {
		name, value, _ := strings.Cut(p, "=")
		switch strings.ToUpper(name) {
		case "SIZE":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n < 0 {
				t.reply(501, "5.5.4", "Invalid arguments "+t.name())
				return false
			}
			if n > exchangeSize {
				t.sayFault("size")
				return false
			}
		case "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH":
		default:
			t.reply(501, "5.5.4", "Unrecognized parameter "+ascii(name)+" "+t.name())
			return false
		}
	}
	return true
}

// rcpt is RCPT TO.
func (t *exchangeTalk) rcpt(arg string) {
	if !t.begun || t.chunked {
		t.reply(503, "5.5.2", "Need mail command "+t.name())
		return
	}
	to, _, err := path(arg, "TO:") // NOTIFY and ORCPT are taken and not used
	if err != nil || !wellFormed(to, true) {
		t.sayFault("bad_address")
		return
	}
	if len(t.recipients) >= exchangeRecipients {
		t.sayFault("too_many_recipients")
		return
	}
	if p := t.door.plan(atRcpt, t.accounts(), []string{to}, ""); p.outcome.name != "" {
		t.refuse(p.outcome, true)
		return
	}
	if !containsFold(t.recipients, to) {
		t.recipients = append(t.recipients, to)
	}
	t.reply(250, "2.1.5", "Recipient OK")
}

// sayFault says a reply of the table by its name.
func (t *exchangeTalk) sayFault(name string) {
	e, _ := exchangeFault(name)
	t.reply(e.code, e.enhanced, e.text+" "+t.name())
}

// refuse says a fault in Microsoft's words; of one recipient, or of the account.
func (t *exchangeTalk) refuse(f fault, recipient bool) {
	switch f.name {
	case faultExchange:
		t.sayFault(f.arg)
	case faultUnauthorized:
		t.sayFault("not_authenticated")
	case faultQuota:
		t.sayFault("quota")
	case faultRate:
		t.sayFault("submission_rate")
	case faultRefused:
		if recipient {
			t.sayFault("not_found")
			return
		}
		t.sayFault("bad_sender")
	default:
		e := temporary(f)
		t.reply(e.Code, fmt.Sprintf("%d.%d.%d", e.EnhancedCode[0], e.EnhancedCode[1], e.EnhancedCode[2]),
			"Temporary server error. Please try again later. PRX5 "+t.name())
	}
}
