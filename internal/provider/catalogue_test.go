package provider

import (
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 21, 12, 0, 20, 0, time.UTC)

// TestClassify has a line for each known answer: the words as the provider says
// them, and what gatepost makes of them.
func TestClassify(t *testing.T) {
	for _, c := range []struct {
		stage  Stage
		code   int
		reason string
		text   string
		class  Class
		scope  Scope
		cause  string
		until  time.Duration // from noon; 0: none
	}{
		// Google's token endpoint.
		{StageToken, 400, "invalid_grant", "Token has been expired or revoked.", Hold, ScopeAccount, "token_revoked", 0},
		{StageToken, 400, "invalid_grant", "Bad Request", Hold, ScopeAccount, "grant_refused", 0},
		{StageToken, 400, "invalid_grant", "Malformed auth code.", Hold, ScopeAccount, "grant_refused", 0},
		{StageToken, 400, "invalid_grant", "Invalid email or User ID", Hold, ScopeAccount, "unknown_user", 0},
		{StageToken, 400, "invalid_grant", "Not a valid email", Hold, ScopeAccount, "unknown_user", 0},
		{StageToken, 400, "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.", Hold, ScopeAccount, "clock_off", 0},
		{StageToken, 400, "invalid_grant", "Invalid JWT Signature.", Hold, ScopeAccount, "key_refused", 0},
		{StageToken, 400, "invalid_grant", "Invalid JWT: No valid verifier found for issuer.", Hold, ScopeAccount, "unknown_service_account", 0},
		{StageToken, 400, "invalid_grant", "Invalid grant: account not found", Hold, ScopeAccount, "unknown_service_account", 0},
		{StageToken, 400, "invalid_grant", "Invalid JWT: Failed audience check.", Hold, ScopeAccount, "wrong_audience", 0},
		{StageToken, 400, "invalid_grant", "reauth related error (invalid_rapt) (invalid_rapt)", Hold, ScopeAccount, "session_control", 0},
		{StageToken, 400, "invalid_grant", "The account has been deleted", Hold, ScopeAccount, "user_gone", 0},
		{StageToken, 400, "invalid_account", "Forbidden", Hold, ScopeAccount, "user_gone", 0},
		{StageToken, 401, "unauthorized_client", "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.", Hold, ScopeAccount, "delegation_missing", 0},
		{StageToken, 400, "unauthorized_client", "Unauthorized client or scope in request.", Hold, ScopeAccount, "delegation_missing", 0},
		{StageToken, 400, "invalid_scope", "Invalid OAuth scope or ID token audience provided.", Hold, ScopeAccount, "delegation_missing", 0},
		{StageToken, 401, "invalid_client", "The OAuth client was not found.", Hold, ScopeAccount, "client_unknown", 0},
		{StageToken, 401, "invalid_client", "Unauthorized", Hold, ScopeAccount, "client_secret_refused", 0},
		{StageToken, 401, "deleted_client", "The OAuth client was deleted.", Hold, ScopeAccount, "client_unknown", 0},
		{StageToken, 400, "invalid_request", "Invalid impersonation prn email address.", Hold, ScopeAccount, "unknown_user", 0},
		{StageToken, 400, "invalid_request", "Invalid principal", Hold, ScopeAccount, "unknown_user", 0},
		{StageToken, 403, "access_denied", "Requested client not authorized.", Hold, ScopeAccount, "blocked_by_admin", 0},
		{StageToken, 403, "access_denied", "Account restricted", Hold, ScopeAccount, "blocked_by_admin", 0},
		{StageToken, 400, "invalid_rapt", "", Hold, ScopeAccount, "session_control", 0},
		{StageToken, 400, "rapt_required", "", Hold, ScopeAccount, "session_control", 0},
		{StageToken, 400, "invalid_grant", "Invalid code verifier.", Hold, ScopeAccount, "grant_refused", 0},
		{StageToken, 401, "disabled_client", "The OAuth client was disabled.", Hold, ScopeAccount, "client_unknown", 0},
		{StageToken, 400, "unsupported_grant_type", "Invalid grant_type: x", Hold, ScopeAccount, "client_not_allowed", 0},
		{StageToken, 401, "unauthorized_client", "Unauthorized", Hold, ScopeAccount, "client_not_allowed", 0},
		{StageToken, 400, "invalid_scope", "Some requested scopes were invalid. {invalid=[x]}", Hold, ScopeAccount, "scope_missing", 0},
		{StageToken, 400, "redirect_uri_mismatch", "Bad Request", Hold, ScopeAccount, "redirect_refused", 0},
		{StageToken, 400, "admin_policy_enforced", "", Hold, ScopeAccount, "blocked_by_admin", 0},
		{StageToken, 403, "org_internal", "", Hold, ScopeAccount, "client_internal", 0},
		{StageToken, 400, "invalid_token", "Token expired or revoked", Hold, ScopeAccount, "token_revoked", 0},
		{StageToken, 400, "interaction_required", "", Hold, ScopeAccount, "consent_needed", 0},
		{StageToken, 403, "rate_limit_exceeded", "Rate Limit Exceeded", Park, ScopeAccount, "token_rate_limited", 40 * time.Second},
		{StageToken, 400, "internal_failure", "Backend Error", Retry, ScopeAccount, "token_endpoint_down", 0},
		{StageToken, 400, "something_new", "Never seen", Hold, ScopeAccount, "credential_refused", 0},
		{StageToken, 429, "", "Too many requests", Park, ScopeAccount, "token_rate_limited", 40 * time.Second},
		{StageToken, 503, "", "Service unavailable", Retry, ScopeAccount, "token_endpoint_down", 0},
		{StageToken, 0, "", "403 Forbidden <html>proxy</html>", Retry, ScopeAccount, "token_answer_unreadable", 0},

		// The Gmail API.
		{StageSend, 400, "failedPrecondition", "Precondition check failed.", Hold, ScopeAccount, CausePrecondition, 0},
		{StageSend, 400, "failedPrecondition", "Mail service not enabled", Hold, ScopeAccount, "gmail_off", 0},
		{StageSend, 403, "forbidden", "Delegation denied for eve@acme.example", Hold, ScopeAccount, "delegation_denied", 0},
		{StageCall, 403, "insufficientPermissions", "Request had insufficient authentication scopes.", Hold, ScopeAccount, "scope_missing", 0},
		{StageSend, 403, "accessNotConfigured", "Gmail API has not been used in project 7 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/gmail.googleapis.com/overview?project=7 then retry.", Hold, ScopeAccount, "api_disabled", 0},
		{StageSend, 403, "domainPolicy", "The domain administrators have disabled Gmail apps.", Hold, ScopeAccount, "blocked_by_admin", 0},
		{StageSend, 401, "authError", "Invalid Credentials", Hold, ScopeAccount, CauseTokenRefused, 0},
		{StageSend, 403, "rateLimitExceeded", "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service 'gmail.googleapis.com' for consumer 'project_number:7'.", Park, ScopeAccount, "rate_limited", 40 * time.Second},
		{StageSend, 403, "userRateLimitExceeded", "User Rate Limit Exceeded", Park, ScopeAccount, "user_quota", 40 * time.Second},
		{StageSend, 403, "userRateLimitExceeded", "User-rate limit exceeded.  Retry after 2026-11-21T12:30:20.000Z", Park, ScopeAccount, "user_quota", 30 * time.Minute},
		{StageSend, 403, "dailyLimitExceeded", "Daily Limit Exceeded", Park, ScopeAccount, "daily_quota", time.Hour},
		{StageSend, 429, "rateLimitExceeded", "User-rate limit exceeded.  Retry after 2026-11-21T14:00:20.000Z (Mail sending)", Park, ScopeAccount, "sending_limit", 2 * time.Hour},
		{StageSend, 429, "rateLimitExceeded", "User-rate limit exceeded.  Retry after 2026-11-21T11:00:20.000Z", Park, ScopeAccount, "sending_limit", 15 * time.Minute}, // in the past
		{StageSend, 429, "rateLimitExceeded", "User-rate limit exceeded.  Retry after 2026-11-21T12:01:20Z", Park, ScopeAccount, "sending_limit", 15 * time.Minute},     // too soon
		{StageSend, 429, "rateLimitExceeded", "User-rate limit exceeded.  Retry after 2026-11-23T12:00:20Z", Hold, ScopeAccount, "sending_limit", 48 * time.Hour},       // too long
		{StageSend, 429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).", Park, ScopeAccount, "project_quota", 40 * time.Second},
		{StageSend, 429, "rateLimitExceeded", "Too many concurrent requests for user", Retry, ScopeAccount, "concurrency", 0},
		{StageSend, 400, "invalidArgument", "Recipient address required", Fail, ScopeMessage, "invalid_header", 0},
		{StageSend, 400, "invalidArgument", "Invalid To header", Fail, ScopeMessage, "invalid_header", 0},
		{StageSend, 400, "invalidArgument", "Something about the message", Fail, ScopeMessage, "message_refused", 0},
		{StageSend, 400, "", "<html>Bad Request</html>", Retry, ScopeAccount, "unexpected_answer", 0}, // not Gmail's words: no verdict on the message
		{StageSend, 413, "", "Request payload size exceeds the limit", Fail, ScopeMessage, "message_too_large", 0},
		{StageSend, 404, "notFound", "Requested entity was not found.", Retry, ScopeAccount, "unexpected_answer", 0},
		{StageSend, 408, "", "", Unknown, ScopeMessage, "ambiguous_answer", 0},
		{StageSend, 500, "backendError", "Backend Error", Unknown, ScopeMessage, "ambiguous_answer", 0},
		{StageSend, 503, "backendError", "The service is currently unavailable.", Unknown, ScopeMessage, "ambiguous_answer", 0},
		{StageSend, 307, "", "", Unknown, ScopeMessage, "ambiguous_answer", 0},
		{StageCall, 503, "backendError", "Backend Error", Retry, ScopeAccount, "gmail_down", 0},
		{StageUpload, 503, "backendError", "Backend Error", Retry, ScopeAccount, "gmail_down", 0},
		{StageUpload, 413, "uploadTooLarge", "Request Entity Too Large", Fail, ScopeMessage, "message_too_large", 0},
		{StageUpload, 403, "userRateLimitExceeded", "User Rate Limit Exceeded", Park, ScopeAccount, "user_quota", 40 * time.Second},
		{StageUpload, 403, "insufficientPermissions", "Insufficient Permission", Hold, ScopeAccount, "scope_missing", 0},
		{StageUpload, 401, "authError", "Invalid Credentials", Hold, ScopeAccount, CauseTokenRefused, 0},
		{StageUpload, 200, "", "", Retry, ScopeAccount, "unexpected_answer", 0},
		{StageSend, 400, "invalidArgument", "Invalid thread_id value", Fail, ScopeMessage, "thread_unknown", 0},
		{StageCall, 302, "", "", Retry, ScopeAccount, "unexpected_answer", 0},

		// SMTP at Google.
		{StageAuth, 535, "5.7.8", "Username and Password not accepted. For more information, go to https://support.google.com/mail/?p=BadCredentials", Hold, ScopeAccount, "credential_refused", 0},
		{StageAuth, 534, "5.7.9", "Application-specific password required.", Hold, ScopeAccount, "app_password_required", 0},
		{StageAuth, 534, "5.7.14", "Please log in via your web browser and then try again.", Hold, ScopeAccount, "web_login_required", 0},
		{StageMail, 530, "5.7.0", "Authentication Required.", Hold, ScopeAccount, "auth_required", 0},
		{StageAuth, 454, "4.7.0", "Too many login attempts, please try again later.", Park, ScopeAccount, "too_many_logins", 10 * time.Minute},
		{StageConnect, 421, "4.7.0", "Try again later, closing connection.", Retry, ScopeAccount, "service_unavailable", 0},
		{StageMail, 550, "5.4.5", "Daily user sending limit exceeded.", Park, ScopeAccount, "daily_limit", time.Hour},
		{StageBody, 550, "5.4.5", "Daily sending quota exceeded.", Park, ScopeAccount, "daily_limit", time.Hour},
		{StageRcpt, 550, "5.7.0", "Mail relay denied [192.0.2.1].", Hold, ScopeAccount, "relay_denied", 0},
		{StageRcpt, 550, "5.7.1", "Invalid credentials for relay [192.0.2.1].", Hold, ScopeAccount, "relay_denied", 0},
		{StageMail, 450, "4.2.1", "Peak SMTP relay limit exceeded for customer.", Park, ScopeAccount, "relay_peak_limit", 10 * time.Minute},
		{StageMail, 550, "5.7.1", "Daily SMTP relay limit exceeded for customer.", Park, ScopeAccount, "daily_limit", time.Hour},
		{StageMail, 550, "5.4.5", "Daily SMTP relay limit exceeded for user.", Park, ScopeAccount, "daily_limit", time.Hour},
		{StageRcpt, 452, "4.5.3", "Your message has too many recipients.", Retry, ScopeRecipient, "too_many_recipients", 0},
		{StageBody, 550, "5.7.26", "This mail has been blocked because the sender is unauthenticated.", Fail, ScopeMessage, "sender_unauthenticated", 0},
		{StageBody, 552, "5.7.0", "This message was blocked because its content presents a potential security issue.", Fail, ScopeMessage, "attachment_refused", 0},

		{StageBearer, 535, "5.7.8", "Username and Password not accepted. For more information, go to https://support.google.com/mail/?p=BadCredentials", Hold, ScopeAccount, CauseTokenRefused, 0},
		{StageBearer, 534, "5.7.14", "Please log in via your web browser and then try again.", Hold, ScopeAccount, "web_login_required", 0},
		{StageBearer, 454, "4.7.0", "Too many login attempts, please try again later.", Park, ScopeAccount, "too_many_logins", 10 * time.Minute},
		{StageBearer, 421, "4.7.0", "Temporary System Problem. Try again later.", Retry, ScopeAccount, "auth_unavailable", 0},
		{StageBearer, 504, "5.7.4", "Unrecognized Authentication Type", Hold, ScopeAccount, "auth_not_offered", 0},
		{StageBearer, 555, "5.5.2", "Syntax error", Hold, ScopeAccount, "credential_refused", 0},
		{StageBearer, 0, "", "not an SMTP reply", Retry, ScopeAccount, "unexpected_answer", 0},
		{StageMail, 530, "5.7.0", "Must issue a STARTTLS command first.", Hold, ScopeAccount, "tls_required", 0},
		{StageConnect, 501, "5.5.4", "HELO/EHLO argument \"localhost\" invalid, closing connection.", Hold, ScopeAccount, "hello_refused", 0},
		{StageMail, 421, "4.7.28", "Gmail has detected an unusual rate of unsolicited mail.", Park, ScopeAccount, "unusual_rate", time.Hour},
		{StageRcpt, 450, "4.2.1", "The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered.", Retry, ScopeRecipient, "mailbox_busy", 0},
		{StageRcpt, 452, "4.2.2", "The recipient's inbox is out of storage space.", Retry, ScopeRecipient, "mailbox_busy", 0},
		{StageRcpt, 550, "5.7.26", "Unauthenticated email is not accepted due to domain's DMARC policy.", Fail, ScopeRecipient, "sender_unauthenticated", 0},
		{StageBody, 552, "5.2.3", "Your message exceeded Google's message size limits.", Fail, ScopeMessage, "message_too_large", 0},
		{StageBody, 554, "5.6.0", "Mail message is malformed. Not accepted.", Fail, ScopeMessage, "message_malformed", 0},
		{StageRcpt, 553, "5.1.2", "We weren't able to find the recipient domain.", Fail, ScopeRecipient, "address_refused", 0},

		// SMTP in general (RFC 5321, RFC 3463).
		{StageAuth, 535, "", "authentication failed", Hold, ScopeAccount, "credential_refused", 0},
		{StageAuth, 504, "5.5.4", "mechanism not supported", Hold, ScopeAccount, "auth_not_offered", 0},
		{StageAuth, 454, "4.7.0", "Temporary authentication failure", Retry, ScopeAccount, "auth_unavailable", 0},
		{StageConnect, 554, "", "No SMTP service here", Hold, ScopeAccount, "connection_refused_by_policy", 0},
		{StageConnect, 450, "4.3.2", "not now", Retry, ScopeAccount, "service_unavailable", 0},
		{StageMail, 451, "4.3.0", "Local error", Retry, ScopeAccount, "service_unavailable", 0},
		{StageMail, 452, "", "Requested action not taken: insufficient system storage", Retry, ScopeAccount, "service_unavailable", 0},
		{StageMail, 451, "4.7.1", "Greylisted", Retry, ScopeMessage, "refused_for_now", 0},
		{StageRcpt, 451, "4.3.0", "Temporary lookup failure", Retry, ScopeRecipient, "service_unavailable", 0},
		{StageMail, 421, "4.3.2", "Service shutting down", Retry, ScopeAccount, "service_unavailable", 0},
		{StageMail, 552, "5.3.4", "Message too big", Fail, ScopeMessage, "message_too_large", 0},
		{StageMail, 550, "5.1.8", "Bad sender", Fail, ScopeMessage, "sender_refused", 0},
		{StageMail, 501, "5.5.4", "Bad parameter", Fail, ScopeMessage, "message_refused", 0},
		{StageRcpt, 550, "5.1.1", "User unknown", Fail, ScopeRecipient, "no_such_mailbox", 0},
		{StageRcpt, 553, "5.1.3", "Bad address", Fail, ScopeRecipient, "address_refused", 0},
		{StageRcpt, 552, "5.2.2", "Mailbox full", Fail, ScopeRecipient, "mailbox_full", 0},
		{StageRcpt, 550, "5.2.1", "Mailbox disabled", Fail, ScopeRecipient, "mailbox_disabled", 0},
		{StageRcpt, 550, "5.7.1", "Policy", Fail, ScopeRecipient, "refused_by_policy", 0},
		{StageRcpt, 550, "", "No", Fail, ScopeRecipient, "recipient_refused", 0},
		{StageRcpt, 450, "4.2.0", "Greylisted, try again in 300 seconds", Retry, ScopeRecipient, "refused_for_now", 5 * time.Minute},
		{StageBody, 451, "4.3.0", "Try later", Retry, ScopeAccount, "service_unavailable", 0},
		{StageBody, 451, "", "Requested action aborted: local error in processing", Retry, ScopeAccount, "service_unavailable", 0},
		{StageBody, 451, "4.6.0", "Try later", Retry, ScopeMessage, "refused_for_now", 0},
		{StageBody, 554, "5.6.0", "Bad content", Fail, ScopeMessage, "message_refused", 0},
		{StageBody, 354, "", "Go on", Unknown, ScopeMessage, "ambiguous_answer", 0},
		{StageData, 0, "", "HTTP/1.1 400 Bad Request", Retry, ScopeAccount, "unexpected_answer", 0},
		{Stage("new"), 500, "", "", Retry, ScopeAccount, "unexpected_answer", 0},
	} {
		e := Classify(Answer{Stage: c.stage, Code: c.code, Reason: c.reason, Text: c.text}, noon)
		if e.Class != c.class || e.Cause != c.cause || e.Scope != c.scope {
			t.Errorf("%s %d %s %q: %v %s %s, want %v %s %s", c.stage, c.code, c.reason, c.text, e.Class, e.Scope, e.Cause, c.class, c.scope, c.cause)
		}
		var want time.Time
		if c.until > 0 {
			want = noon.Add(c.until)
		}
		if !e.Until.Equal(want) {
			t.Errorf("%s %d %q: until %v, want %v", c.stage, c.code, c.text, e.Until, want)
		}
	}
}

// What resembles a row and is another thing: a wrong hold or refusal costs mail.
func TestNeighbours(t *testing.T) {
	for _, c := range []struct {
		stage        Stage
		code         int
		reason, text string
		class        Class
		cause        string
	}{
		{StageRcpt, 550, "5.7.60", "SMTP; Client does not have permissions to send as this sender", Fail, "send_as_denied"},
		{StageRcpt, 550, "5.7.606", "Access denied, banned sending IP", Hold, "ip_banned"},
		{StageRcpt, 550, "5.7.650", "Something", Fail, "refused_by_policy"},
		{StageBody, 550, "5.4.5", "Sorry", Park, "daily_limit"},
		{StageRcpt, 550, "5.4.1", "Recipient address rejected: Access denied", Fail, "no_such_mailbox"},
		{StageMail, 421, "4.4.5", "Server busy, try again later. - gsmtp", Retry, "service_unavailable"},
		{StageMail, 451, "4.4.5", "Server busy, try again later.", Retry, "service_unavailable"},
		{StageRcpt, 451, "4.4.5", "Congestion", Retry, "service_unavailable"},
		{StageMail, 452, "4.4.5", "Sending limit reached", Park, "daily_limit"},
		{StageBody, 421, "4.7.0", "Temporary System Problem. Try again later (10).", Retry, "service_unavailable"},
		{StageRcpt, 421, "4.7.0", "TLS required for RCPT domain, closing connection", Retry, "service_unavailable"},

		// The mailbox of the recipient, not the sender's own.
		{StageBody, 554, "5.2.2", "mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded", Hold, "own_mailbox_full"},
		{StageBody, 554, "5.2.2", "mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded", Fail, "mailbox_full"},
		{StageRcpt, 554, "5.2.2", "mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded", Fail, "mailbox_full"},
		{StageBody, 452, "4.2.2", "mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException", Retry, "mailbox_busy"},
		{StageRcpt, 552, "5.2.2", "The email account that you tried to reach is over quota", Fail, "mailbox_full"},
		{StageRcpt, 550, "5.2.122", "The recipient has exceeded their limit for the number of messages they can receive per hour", Retry, "mailbox_busy"},
		{StageBody, 550, "5.2.121", "Recipient's per hour message receive limit exceeded", Retry, "mailbox_busy"},
		{StageRcpt, 550, "5.1.90", "You've reached your daily limit for message recipients", Park, "daily_limit"},

		// Policies of the recipient's side, not a sign-in of ours.
		{StageRcpt, 550, "5.7.1", "RESOLVER.RST.AuthenticationRequired; authentication required", Fail, "refused_by_policy"},
		{StageBody, 550, "5.7.1", "RESOLVER.RST.AuthenticationRequired; authentication required", Fail, "refused_by_policy"},
		{StageBody, 550, "5.7.1", "Email authentication required: publish DMARC", Fail, "message_refused"},
		{StageBody, 550, "5.7.515", "Access denied, sending domain ACME.EXAMPLE does not meet the required authentication level.", Fail, "sender_unauthenticated"},

		// What a relay says of its client at RCPT, as Postfix does.
		{StageRcpt, 504, "5.5.2", "<localhost>: Helo command rejected: need fully-qualified hostname", Hold, "hello_refused"},
		{StageRcpt, 504, "5.5.2", "<ada>: Recipient address rejected: need fully-qualified address", Fail, "recipient_refused"},
		{StageRcpt, 554, "5.7.1", "<unknown[203.0.113.7]>: Client host rejected: Access denied", Hold, "connection_refused_by_policy"},
		{StageRcpt, 554, "5.7.1", "Service unavailable; Client host [203.0.113.7] blocked using zen.example", Hold, "connection_refused_by_policy"},
		{StageRcpt, 550, "", "relay not permitted", Hold, "relay_denied"},
		{StageRcpt, 550, "5.7.54", "SMTP; Unable to relay recipient in non-accepted domain", Hold, "relay_denied"},
		{StageMail, 503, "", "AUTH first (#5.5.1)", Hold, "auth_required"},
		{StageMail, 550, "5.7.1", "Authentication required", Hold, "auth_required"},
		{StageRcpt, 550, "", "Domain acme.example has exceeded the max emails per hour (101/100 (101%)) allowed. Message discarded.", Park, "relay_rate_limited"},
		{StageMail, 550, "5.4.6", "Unusual sending activity detected. Please try after sometime", Park, "relay_rate_limited"},

		// Numbers that begin alike.
		{StageToken, 400, "invalid_grant", "AADSTS50057: The user account is disabled.", Hold, "user_gone"},
		{StageToken, 400, "invalid_grant", "AADSTS700082: The refresh token has expired due to inactivity.", Hold, "token_idle"},
		{StageToken, 400, "invalid_grant", "AADSTS70008: The provided authorization code or refresh token has expired.", Hold, "token_expired"},
		{StageToken, 400, "invalid_request", "AADSTS90023: Public clients can't send a client secret.", Hold, "client_is_public"},
		{StageToken, 400, "invalid_request", "AADSTS90023: Invalid STS request.", Hold, "tenant_unknown"},
		{StageToken, 400, "invalid_client", "AADSTS7000229: The client application is missing service principal in the tenant", Hold, "client_unknown"},
		{StageToken, 400, "invalid_grant", "AADSTS530036: Access has been blocked by Conditional Access policies.", Hold, "conditional_access"},
		{StageCall, 404, "OrganizationFromTenantGuidNotFound", "The tenant for tenant guid 'x' does not exist.", Hold, "mailbox_not_enabled"},
		{StageSend, 401, "NoPermissionsInAccessToken", "The token contains no permissions, or permissions can not be understood.", Hold, "permission_missing"},
	} {
		e := Classify(Answer{Stage: c.stage, Code: c.code, Reason: c.reason, Text: c.text}, noon)
		if e.Class != c.class || e.Cause != c.cause {
			t.Errorf("%s %d %s %q: %v %s, want %v %s", c.stage, c.code, c.reason, c.text, e.Class, e.Cause, c.class, c.cause)
		}
	}
}

// TestRetryAfter: the header is honoured to the second, up to a day.
func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]struct {
		class Class
		after time.Duration
	}{
		"7":                             {Park, 7 * time.Second},
		" 86400 ":                       {Park, 24 * time.Hour},
		"86401":                         {Hold, 86401 * time.Second},
		"99999999999999999999":          {Hold, 10 * 365 * 24 * time.Hour},
		"Sat, 21 Nov 2026 13:00:20 GMT": {Park, time.Hour},
		"Sat, 21 Nov 2026 11:00:20 GMT": {Park, 40 * time.Second}, // past: the row decides
		"Tue, 24 Nov 2026 12:00:20 GMT": {Hold, 72 * time.Hour},
		"0":                             {Park, 40 * time.Second},
		"-5":                            {Park, 40 * time.Second},
		"soon":                          {Park, 40 * time.Second},
		"":                              {Park, 40 * time.Second},
	} {
		e := Classify(Answer{Stage: StageSend, Code: 429, RetryAfter: value}, noon)
		if e.Class != want.class || !e.Until.Equal(noon.Add(want.after)) {
			t.Errorf("Retry-After %q: %v until %v, want %v until %v", value, e.Class, e.Until, want.class, noon.Add(want.after))
		}
	}
	if e := Classify(Answer{Stage: StageSend, Code: 503, RetryAfter: "7"}, noon); !e.Until.IsZero() || e.Class != Unknown {
		t.Errorf("an unknown outcome has a time: %v", e)
	}
}

// TestAdviceNamesTheCase: an advice names the very client, scopes, user and link.
func TestAdviceNamesTheCase(t *testing.T) {
	about := About{ClientID: "117", KeyID: "abc", Scopes: []string{"s1", "s2"}, Subject: "ada@acme.example", ClockOffset: -190 * time.Second}
	for _, c := range []struct {
		a    Answer
		want []string
	}{
		{Answer{Stage: StageToken, Code: 401, Reason: "unauthorized_client"}, []string{"117", "s1,s2", "ada@acme.example", "admin.google.com/ac/owl/domainwidedelegation"}},
		{Answer{Stage: StageToken, Code: 400, Reason: "invalid_grant", Text: "Invalid JWT Signature."}, []string{"abc"}},
		{Answer{Stage: StageToken, Code: 400, Reason: "invalid_grant", Text: "Check your iat and exp values"}, []string{"3m10s behind"}},
		{Answer{Stage: StageSend, Code: 403, Reason: "accessNotConfigured", Text: "Enable it by visiting https://console.example/x?project=7 then retry"}, []string{"https://console.example/x?project=7,"}},
	} {
		c.a.About = about
		e := Classify(c.a, noon)
		for _, want := range c.want {
			if !strings.Contains(e.Text+" "+e.Fix, want) {
				t.Errorf("%s: %q %q does not name %q", e.Cause, e.Text, e.Fix, want)
			}
		}
		if bare := Classify(Answer{Stage: c.a.Stage, Code: c.a.Code, Reason: c.a.Reason, Text: "iat and exp, signature"}, noon); strings.ContainsAny(bare.Text+bare.Fix, "{}") {
			t.Errorf("%s: a blank is left: %q %q", bare.Cause, bare.Text, bare.Fix)
		}
	}
}

// TestSameAnswerOtherCredential: the same refusal of a service account's key and
// of a user's consent has its own cause and advice.
func TestSameAnswerOtherCredential(t *testing.T) {
	for reason, want := range map[string][2]string{ // for a key, for a consent
		"unauthorized_client": {"delegation_missing", "client_not_allowed"},
		"invalid_scope":       {"delegation_missing", "scope_missing"},
	} {
		key := Classify(Answer{Stage: StageToken, Code: 400, Reason: reason, About: About{KeyID: "k", ClientID: "117"}}, noon)
		consent := Classify(Answer{Stage: StageToken, Code: 400, Reason: reason, About: About{ClientID: "117.apps"}}, noon)
		if key.Cause != want[0] || consent.Cause != want[1] {
			t.Errorf("%s: %s for a key and %s for a consent, want %v", reason, key.Cause, consent.Cause, want)
		}
		if !strings.Contains(key.Fix, "domainwidedelegation") || strings.Contains(consent.Fix, "domainwidedelegation") {
			t.Errorf("%s: the advice is for the other: %q %q", reason, key.Fix, consent.Fix)
		}
	}
}
