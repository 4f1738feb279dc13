package sandbox

import (
	"errors"
	"fmt"
	"net/mail"
	"strconv"
	"strings"
)

// mail is MAIL FROM (RFC 5321 section 4.1.1.2).
func (t *talk) mail(arg string) {
	switch {
	case t.hello == "":
		t.reply(503, "5.5.1", "EHLO/HELO first.")
		return
	case !t.secure && !t.door.relay:
		t.reply(530, "5.7.0", "Must issue a STARTTLS command first.")
		return
	case t.user == "" && !t.door.relay:
		t.replyUnauthorized()
		return
	case t.begun:
		t.reply(503, "5.5.1", "Nested MAIL command.")
		return
	}
	from, params, err := path(arg, "FROM:")
	if err != nil {
		t.reply(555, "5.5.2", "Syntax error, goodbye.")
		return
	}
	if code, enhanced, text := mailParams(params, from); code != 0 {
		t.reply(code, enhanced, text)
		return
	}
	if t.door.relay && !t.customer(from) {
		return
	}
	if p := t.door.plan(atMail, []string{t.account(from), from}, nil); p.outcome.name != "" {
		t.refuse(p.outcome, false)
		return
	}
	t.reset()
	t.from, t.begun = from, true
	t.reply(250, "2.1.0", "OK")
}

// customer checks that the relay's customer is known: by the sender's domain,
// because the address of this machine is on that customer's list.
func (t *talk) customer(from string) bool {
	if from == "" || strings.HasSuffix(strings.ToLower(from), "@"+Domain) {
		return true
	}
	t.reply(550, "5.7.1",
		"Invalid credentials for relay ["+t.host()+"]. The IP address you've",
		"registered in your Workspace SMTP Relay service doesn't match the domain of",
		"the account this email is being sent from. If you are trying to relay mail",
		"from a domain that isn't registered under your Workspace account, see",
		" https://support.google.com/a/answer/6140680#invalidcred")
	return false
}

// account is whose mail it is: the user's, or at the relay the sender's.
func (t *talk) account(from string) string {
	if t.door.relay {
		return from
	}
	return t.user
}

// path takes a command's argument apart: a keyword, an address in angle brackets,
// and parameters.
func path(arg, keyword string) (address string, params []string, err error) {
	if len(arg) < len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return "", nil, errors.New("no " + keyword)
	}
	rest, ok := strings.CutPrefix(strings.TrimLeft(arg[len(keyword):], " "), "<")
	if !ok {
		return "", nil, errors.New("no <")
	}
	end := strings.LastIndexByte(rest, '>')
	if end < 0 {
		return "", nil, errors.New("no >")
	}
	return rest[:end], strings.Fields(rest[end+1:]), nil
}

// mailParams checks the parameters of MAIL and whether the sender is an address.
func mailParams(params []string, from string) (code int, enhanced, text string) {
	international := false
	for _, p := range params {
		name, value, _ := strings.Cut(p, "=")
		switch strings.ToUpper(name) {
		case "SIZE":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n < 0 {
				return 555, "5.5.2", "Syntax error, cannot decode response."
			}
			if n > maxSMTPSize {
				return 552, "5.2.3", textTooLarge
			}
		case "BODY":
			if v := strings.ToUpper(value); v != "7BIT" && v != "8BITMIME" {
				return 555, "5.5.4", "Unsupported BODY type"
			}
		case "SMTPUTF8":
			international = true
		default:
			return 555, "5.5.4", "Unsupported parameter: " + ascii(name)
		}
	}
	if from != "" && !wellFormed(from, international) {
		return 553, "5.1.7", fmt.Sprintf("The sender address <%s> is not a valid RFC 5321 address.", ascii(from))
	}
	return 0, "", ""
}

const textTooLarge = "Your message exceeded Google's message size limits. Please visit" +
	" https://support.google.com/mail/?p=MaxSizeError to view our size guidelines."

// wellFormed tells whether an address is one for the envelope; other than ASCII
// only after SMTPUTF8 (RFC 6531 section 3.4).
func wellFormed(address string, international bool) bool {
	a, err := mail.ParseAddress("<" + address + ">")
	return err == nil && a.Name == "" && (international || ascii(address) == address)
}

// ascii shows a text in a reply without SMTPUTF8.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// rcpt is RCPT TO.
func (t *talk) rcpt(arg string) {
	if !t.begun || t.chunked {
		t.reply(503, "5.5.1", "MAIL first.")
		return
	}
	to, params, err := path(arg, "TO:")
	if err != nil || len(params) > 0 {
		t.reply(555, "5.5.2", "Syntax error, goodbye.")
		return
	}
	switch {
	case !wellFormed(to, true):
		t.reply(553, "5.1.3", fmt.Sprintf("The recipient address <%s> is not a valid", ascii(to)),
			"RFC 5321 address. For more information, go to",
			" https://support.google.com/a/answer/3221692 and review RFC 5321",
			"specifications.")
		return
	case len(t.recipients) >= maxTransaction:
		t.reply(452, "4.5.3", "Your message has too many recipients. For more information regarding",
			"Google's sending limits, visit",
			" https://support.google.com/mail/?p=TooManyRecipientsError")
		return
	}
	if p := t.door.plan(atRcpt, []string{t.account(t.from), t.from}, []string{to}); p.outcome.name != "" {
		t.refuse(p.outcome, true)
		return
	}
	if !containsFold(t.recipients, to) {
		t.recipients = append(t.recipients, to)
	}
	t.reply(250, "2.1.5", "OK")
}

func (t *talk) replyUnauthorized() {
	t.reply(530, "5.7.0", "Authentication Required. For more information, go to",
		" https://support.google.com/mail/?p=WantAuthError")
}

// refuse says a fault in Google's words; of one recipient, or of the account.
func (t *talk) refuse(f fault, recipient bool) {
	switch f.name {
	case faultSMTP:
		e, _ := smtpFault(f.arg)
		t.reply(e.code, e.enhanced, e.text)
	case faultUnauthorized:
		t.replyUnauthorized()
	case faultQuota:
		t.refuseQuota()
	case faultRate:
		t.reply(450, "4.2.1", "The user you are trying to contact is receiving mail at a rate that",
			"prevents additional messages from being delivered.",
			fmt.Sprintf("Please try again in %d seconds.", f.number(rateSeconds)))
	case faultRefused:
		if !recipient {
			t.reply(550, "5.7.1", "Our system has detected that this message is likely unsolicited mail.")
			return
		}
		t.reply(550, "5.1.1", "The email account that you tried to reach does not exist. Please try",
			"double-checking the recipient's email address for typos or",
			"unnecessary spaces. For more information, go to",
			" https://support.google.com/mail/?p=NoSuchUser")
	default:
		e := temporary(f)
		t.reply(e.Code, fmt.Sprintf("%d.%d.%d", e.EnhancedCode[0], e.EnhancedCode[1], e.EnhancedCode[2]),
			"Temporary System Problem. Try again later.")
	}
}

func (t *talk) refuseQuota() {
	if t.door.relay {
		t.reply(550, "5.4.5", "Daily SMTP relay limit exceeded for user. For more information, go to",
			" https://support.google.com/a/answer/6140680")
		return
	}
	t.reply(550, "5.4.5", "Daily user sending limit exceeded. For more information on Gmail",
		"sending limits go to",
		" https://support.google.com/a/answer/166852")
}
