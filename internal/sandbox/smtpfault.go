package sandbox

import (
	"strconv"
	"strings"

	"github.com/emersion/go-smtp"
)

// smtpFault finds the reply that the fault smtp.NAME asks for, at the relay and at
// Google's SMTP servers.
func smtpFault(name string) (exchangeError, bool) {
	for _, e := range smtpFaults() {
		if e.name == name {
			return e, true
		}
	}
	return exchangeError{}, false
}

// smtpFaults are replies of SMTP servers and the stage at which they come: Google's
// words (support.google.com/a/answer/3726730), and what the standards' codes say alone
// (RFC 5321 section 4.2, RFC 3463).
func smtpFaults() []exchangeError {
	return []exchangeError{
		{"hello", atHello, 501, "5.5.4", "HELO/EHLO argument invalid, closing connection."},
		{"later", atHello, 421, "4.7.0", "Try again later, closing connection. (EHLO)"},
		{"closing", atHello, 421, "4.3.2", "Service not available, closing transmission channel"},
		{"connect_busy", atHello, 450, "4.3.2", "System is not accepting network messages"},
		{"blocked", atHello, 554, "5.7.1", "No SMTP service here for you"},

		{"app_password", atAuth, 534, "5.7.9", "Application-specific password required. https://support.google.com/mail/?p=InvalidSecondFactor"},
		{"web_login", atAuth, 534, "5.7.14", "Please log in via your web browser and then try again. https://support.google.com/mail/answer/78754"},
		{"bad_login", atAuth, 535, "5.7.8", "Username and Password not accepted. https://support.google.com/mail/?p=BadCredentials"},
		{"many_logins", atAuth, 454, "4.7.0", "Too many login attempts, please try again later."},
		{"mechanism", atAuth, 504, "5.5.4", "Unrecognized authentication type"},
		{"auth_other", atAuth, 554, "5.7.0", "Sign-in refused"},
		{"auth_down", atAuth, 454, "4.7.0", "Temporary authentication failure"},

		{"auth_required", atMail, 530, "5.7.0", "Authentication Required."},
		{"auth_first", atMail, 503, "5.5.1", "AUTH first"},
		{"starttls", atMail, 530, "5.7.0", "Must issue a STARTTLS command first."},
		{"relay_denied", atMail, 550, "5.7.0", "Mail relay denied."},
		{"relay_credentials", atMail, 550, "5.7.1", "Invalid credentials for relay."},
		{"relay_peak", atMail, 450, "4.2.1", "Peak SMTP relay limit exceeded for customer."},
		{"relay_day", atMail, 550, "5.7.1", "Daily SMTP relay limit exceeded for customer."},
		{"relay_user", atMail, 550, "5.4.5", "Daily SMTP relay limit exceeded for user."},
		{"day", atMail, 550, "5.4.5", "Daily user sending limit exceeded."},
		{"limit", atMail, 452, "4.4.5", "Sending limit reached"},
		{"day_alone", atMail, 550, "5.4.5", "Not today"},
		{"hour", atMail, 550, "", "Domain acme.example has exceeded the max emails per hour (101/100 (101%)) allowed. Message discarded."},
		{"congested", atMail, 451, "4.4.5", "Server busy, try again later."},
		{"rate", atMail, 451, "4.7.1", "Sending rate is too high, slow down"},
		{"unusual", atMail, 421, "4.7.28", "Our system has detected an unusual rate of unsolicited mail originating from your IP address."},
		{"unauthenticated_commands", atMail, 554, "5.7.0", "Too many unauthenticated commands."},
		{"sender", atMail, 553, "5.1.8", "Sender address rejected"},
		{"shutting_down", atMail, 421, "4.3.2", "System going down"},
		{"trouble", atMail, 451, "4.3.0", "Queue file cannot be written"},

		{"too_many", atRcpt, 452, "4.5.3", "Your message has too many recipients."},
		{"too_many_other", atRcpt, 552, "5.5.3", "Too many recipients"},
		{"no_mailbox", atRcpt, 550, "5.1.1", "No such recipient here"},
		{"mailbox_busy", atRcpt, 450, "4.2.1", "The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered."},
		{"rcpt_unauthenticated", atRcpt, 550, "5.7.26", "This mail is unauthenticated."},
		{"bad_address", atRcpt, 553, "5.1.3", "Bad recipient address syntax"},
		{"mailbox_full", atRcpt, 552, "5.2.2", "Mailbox is over its quota"},
		{"mailbox_off", atRcpt, 550, "5.2.1", "Mailbox disabled"},
		{"rcpt_hello", atRcpt, 504, "5.5.2", "Helo command rejected: need fully-qualified hostname"},
		{"rcpt_client", atRcpt, 554, "5.7.1", "Client host rejected: Access denied"},
		{"rcpt_relay", atRcpt, 550, "", "relay not permitted"},
		{"rcpt_policy", atRcpt, 550, "5.7.1", "Blocked by policy"},
		{"rcpt_trouble", atRcpt, 451, "4.3.0", "Temporary lookup failure"},
		{"greylisted", atRcpt, 451, "4.7.1", "Greylisted, try again in 300 seconds"},
		{"rcpt_other", atRcpt, 550, "5.5.0", "Not this one"},

		{"unauthenticated", atData, 550, "5.7.26", "This mail has been blocked because the sender is unauthenticated."},
		{"attachment", atData, 552, "5.7.0", "This message was blocked because its content presents a potential security issue."},
		{"size", atData, 552, "5.3.4", "Message size exceeds fixed limit"},
		{"malformed", atData, 554, "5.6.0", "Message is malformed"},
		{"local_error", atData, 451, "", "Requested action aborted: local error in processing"},
		{"data_trouble", atData, 451, "4.3.0", "Error: queue file write error"},
		{"data_later", atData, 450, "4.7.1", "Come back later"},
		{"data_other", atData, 554, "5.7.1", "Message rejected"},
	}
}

// asReply is the reply in the words of the library that the relay is made of.
func (e exchangeError) asReply() *smtp.SMTPError {
	parts := strings.Split(e.enhanced, ".")
	if len(parts) != 3 {
		return reply(e.code, smtp.NoEnhancedCode, e.text)
	}
	var enhanced smtp.EnhancedCode
	for i, p := range parts {
		enhanced[i], _ = strconv.Atoi(p)
	}
	return reply(e.code, enhanced, e.text)
}
