package sandbox

// exchangeError is a reply of Exchange's SMTP server and the stage at which it
// comes (learn.microsoft.com/exchange: non-delivery reports, SMTP AUTH).
type exchangeError struct {
	name     string
	stage    stage
	code     int
	enhanced string
	text     string
}

// exchangeFault finds the reply that the fault exchange.NAME asks for.
func exchangeFault(name string) (exchangeError, bool) {
	for _, e := range exchangeErrors() {
		if e.name == name {
			return e, true
		}
	}
	return exchangeError{}, false
}

const textUnsuccessful = "Authentication unsuccessful"

func exchangeErrors() []exchangeError {
	return []exchangeError{
		{"auth", atAuth, 535, "5.7.3", textUnsuccessful},
		{"smtp_auth_mailbox", atAuth, 535, "5.7.139", textUnsuccessful + ", SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information."},
		{"smtp_auth_tenant", atAuth, 535, "5.7.139", textUnsuccessful + ", SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information."},
		{"basic_auth", atAuth, 535, "5.7.139", textUnsuccessful + ", basic authentication is disabled."},
		{"security_defaults", atAuth, 535, "5.7.139", textUnsuccessful + ", user is locked by your organization's security defaults policy. Contact your administrator."},
		{"conditional_access", atAuth, 535, "5.7.139", textUnsuccessful + ", the request did not meet the criteria to be authenticated successfully. Contact your administrator."},
		{"basic_retired", atAuth, 550, "5.7.30", "Basic authentication is not supported for Client Submission."},
		{"mechanism", atAuth, 504, "5.7.4", "Unrecognized authentication type"},
		{"auth_expired", atAuth, 535, "5.7.8", "Error: authentication failed: token expired"},
		{"auth_sequence", atAuth, 503, "5.5.2", "Bad sequence of commands"},
		{"auth_other", atAuth, 554, "5.7.0", "Sign-in refused"},
		{"auth_busy", atAuth, 454, "4.7.0", "Temporary authentication failure"},
		{"not_authenticated", atMail, 530, "5.7.57", "Client not authenticated to send mail."},
		{"anonymous", atMail, 550, "5.7.1", "Client was not authenticated to send anonymous mail during MAIL FROM"},
		{"connections", atMail, 432, "4.3.2", "Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information."},
		{"not_available", atMail, 421, "4.3.2", "Service not available"},
		{"dropped", atMail, 421, "4.4.2", "Connection dropped due to SocketError"},
		{"temporary", atMail, 451, "4.7.0", "Temporary server error. Please try again later. PRX5"},
		{"busy", atMail, 451, "4.7.500", "Server busy. Please try again later. (AS761)"},
		{"too_many_recipients", atRcpt, 452, "4.5.3", "Too many recipients"},
		{"rcpt_limit", atRcpt, 550, "5.5.3", "RESOLVER.ADR.RecipLimit; too many recipients"},
		{"rcpt_threads", atRcpt, 432, "4.3.2", "STOREDRV.Deliver; recipient thread limit exceeded"},
		{"rcpt_full", atRcpt, 554, "5.2.2", "mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded; Failed to process message due to a permanent exception with message"},
		{"rcpt_hour", atRcpt, 550, "5.2.122", "The recipient has exceeded their limit for the number of messages they can receive per hour."},
		{"rcpt_group", atRcpt, 550, "5.7.1", "RESOLVER.RST.AuthenticationRequired; authentication required"},
		{"rcpt_unknown", atRcpt, 550, "5.4.1", "Recipient address rejected: Access denied. AS(201806281)"},
		{"bad_address", atRcpt, 501, "5.1.3", "Invalid address"},
		{"not_found", atRcpt, 550, "5.1.10", "RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"},
		{"recipient_limit", atData, 550, "5.5.3", "RESOLVER.ADR.RecipLimit; too many recipients"},
		{"submit_threads", atData, 432, "4.3.2", "STOREDRV.ClientSubmit; sender thread limit exceeded"},
		{"deliver_threads", atData, 432, "4.3.2", "STOREDRV.Deliver; recipient thread limit exceeded"},
		{"deliver_full", atData, 554, "5.2.2", "mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded; Failed to process message due to a permanent exception with message"},
		{"deliver_hour", atData, 550, "5.2.121", "The recipient's per hour message receive limit from this sender exceeded."},
		{"deliver_group", atData, 550, "5.7.1", "RESOLVER.RST.AuthenticationRequired; authentication required"},
		{"submission_rate", atData, 432, "4.3.2", "STOREDRV; message submission rate for this client has exceeded the configured limit"},
		{"send_as", atData, 554, "5.2.252", "SendAsDenied; the account is not allowed to send as the author; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with message"},
		{"send_as_old", atData, 550, "5.7.60", "SMTP; Client does not have permissions to send as this sender"},
		{"send_as_words", atData, 550, "5.7.1", "Client does not have permissions to send as this sender"},
		{"dmarc", atData, 550, "5.7.509", "Access denied, sending domain does not pass DMARC verification and has a DMARC policy of reject."},
		{"dmarc_level", atData, 550, "5.7.515", "Access denied, sending domain does not meet the required authentication level."},
		{"recipients_day", atData, 550, "5.1.90", "Your message can't be sent because you've reached your daily limit for message recipients"},
		{"quota", atData, 554, "5.2.0", "STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message due to a permanent exception with message Cannot submit message."},
		{"quota_report", atData, 550, "5.2.2", "Submission quota exceeded"},
		{"mailbox_full", atData, 554, "5.2.2", "mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded; Failed to process message due to a permanent exception with message"},
		{"outbound_spam", atData, 554, "5.2.0", "STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message due to a permanent exception with message"},
		{"bad_sender", atData, 550, "5.1.8", "Access denied, bad outbound sender"},
		{"banned_sender", atData, 550, "5.7.501", "Access denied, spam abuse detected"},
		{"tenant_threshold", atData, 550, "5.7.705", "Access denied, tenant has exceeded threshold"},
		{"traffic", atData, 550, "5.7.708", "Access denied, traffic not accepted from this IP"},
		{"banned_address", atData, 550, "5.7.606", "Access denied, banned sending IP"},
		{"unregistered", atData, 550, "5.7.750", "Service unavailable. Client blocked from sending from unregistered domain"},
		{"tenant_recipients", atData, 550, "5.7.233", "Your message can't be sent because your tenant exceeded its tenant external recipient rate limit"},
		{"trial_recipients", atData, 550, "5.7.232", "Your message can't be sent because your trial tenant has exceeded its daily limit for sending email to external recipients (tenant external recipient rate limit)"},
		{"size", atData, 552, "5.3.4", "Message size exceeds fixed maximum message size"},
		{"characters", atData, 550, "5.6.11", "SMTPSEND.BareLinefeedsAreIllegal; message contains bare linefeeds, which cannot be sent via DATA"},
	}
}
