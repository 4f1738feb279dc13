package queue

import (
	"time"

	"gatepost/internal/provider"
)

// googleTokenLines are what Google's token endpoint says.
func googleTokenLines() []line {
	const f = "google_token"
	return []line{
		{by: byGmailConsent, fault: f, arg: "revoked", no: "1", cause: "token_revoked", then: holds()},
		{by: byGmail, fault: f, arg: "user", no: "3", cause: "unknown_user", then: holds()},
		{by: byGmail, fault: f, arg: "not_an_address", no: "3", cause: "unknown_user", then: holds()},
		{by: byGmail, fault: f, arg: "principal_grant", no: "3", cause: "unknown_user", then: holds()},
		{by: byGmail, fault: f, arg: "clock", no: "4", cause: "clock_off", then: holds()},
		{by: byGmail, fault: f, arg: "signature", no: "5", cause: "key_refused", then: holds()},
		{by: byGmail, fault: "token_refused", no: "5", cause: "key_refused", then: holds()},
		{by: byGmail, fault: f, arg: "issuer", no: "6", cause: "unknown_service_account", then: holds()},
		{by: byGmail, fault: f, arg: "no_account", no: "6", cause: "unknown_service_account", then: holds()},
		{by: byGmail, fault: f, arg: "audience", cause: "wrong_audience", then: holds()},
		{by: byGmailConsent, fault: f, arg: "session", no: "7", cause: "session_control", then: holds()},
		{by: byGmailConsent, fault: "reauth", no: "7", cause: "session_control", then: holds()},
		{by: byGmailConsent, fault: f, arg: "rapt", no: "7", cause: "session_control", then: holds()},
		{by: byGmailConsent, fault: f, arg: "verifier", no: "2", cause: "grant_refused", then: holds()},
		{by: byGmailConsent, fault: f, arg: "user_deleted", no: "8", cause: "user_gone", then: holds()},
		{by: byGmail, fault: f, arg: "user_forbidden", no: "8", cause: "user_gone", then: holds()},
		{by: byGmail, fault: f, arg: "user_gone", no: "8", cause: "user_gone", then: holds()},
		{by: byGmailConsent, fault: f, arg: "malformed_code", no: "2", cause: "grant_refused", then: holds()},
		{by: byGmailConsent, fault: f, arg: "bad_request", no: "2", cause: "grant_refused", then: holds()},
		{by: byGmail, fault: f, arg: "delegation", no: "9", cause: "delegation_missing", then: holds()},
		{by: byGmail, fault: f, arg: "delegation_scope", no: "10", cause: "delegation_missing", then: holds()},
		{by: byGmail, fault: f, arg: "unauthorized", no: "9", cause: "delegation_missing", then: holds()},
		{by: byGmailConsent, fault: f, arg: "unauthorized", no: "9", cause: "client_not_allowed", then: holds()},
		{by: byGmail, fault: f, arg: "scope", no: "10", cause: "delegation_missing", then: holds()},
		{by: byGmailConsent, fault: f, arg: "scope_audience", no: "10", cause: "client_not_allowed", then: holds()},
		{by: byGmailConsent, fault: f, arg: "scope", no: "10", cause: "scope_missing", then: holds(), nameless: "a refresh asks for all that was granted, and names no scope"},
		{by: byGmailConsent, fault: f, arg: "client", no: "11", cause: "client_unknown", then: holds()},
		{by: byGmailConsent, fault: f, arg: "client_secret", no: "12", cause: "client_secret_refused", then: holds()},
		{by: byGmailConsent, fault: "client_deleted", no: "11", cause: "client_unknown", then: holds()},
		{by: byGmailConsent, fault: "client_disabled", no: "11", cause: "client_unknown", then: holds()},
		{by: byGmail, fault: f, arg: "impersonation", no: "13", cause: "unknown_user", then: holds()},
		{by: byGmail, fault: f, arg: "principal", no: "13", cause: "unknown_user", then: holds()},
		{by: byGmailConsent, fault: f, arg: "redirect", no: "15", cause: "redirect_refused", then: holds()},
		{by: byGmailConsent, fault: "admin_policy", no: "17", cause: "blocked_by_admin", then: holds()},
		{by: byGmailConsent, fault: f, arg: "internal_app", no: "18", cause: "client_internal", then: holds()},
		{by: byGmailConsent, fault: f, arg: "blocked", no: "14", cause: "blocked_by_admin", then: holds()},
		{by: byGmail, fault: f, arg: "restricted", no: "14", cause: "blocked_by_admin", then: holds()},
		{by: byGmailConsent, fault: f, arg: "denied", no: "16", cause: "consent_denied", then: holds()},
		{by: byGmailConsent, fault: f, arg: "invalid_token", no: "1", cause: "token_revoked", then: holds()},
		{by: byGmailConsent, fault: f, arg: "consent", no: "1", cause: "consent_needed", then: holds()},
		{by: byGmail, fault: f, arg: "slow_down", cause: "token_rate_limited", then: parks(nextMinute)},
		{by: byGmail, fault: "token_error", arg: "429", cause: "token_rate_limited", then: parks(nextMinute)},
		{by: byGmail, fault: f, arg: "busy", cause: "token_rate_limited", then: parks(nextMinute), unexplained: aStatus},
		{by: byGmail, fault: f, arg: "trouble", cause: "token_endpoint_down", then: retries()},
		{by: byGmail, fault: f, arg: "down", cause: "token_endpoint_down", then: retries(), unexplained: aStatus},
		{by: byGmailConsent, fault: f, arg: "grant_other", no: "1", cause: "token_revoked", then: holds(), unlisted: true},
		{by: byGmail, fault: f, arg: "other", cause: "credential_refused", then: holds(), unlisted: true},
		{by: byGmail, fault: "token_proxy", arg: "403", cause: "token_answer_unreadable", then: retries(), unlisted: true},
	}
}

// keylessLines are what Google says on the way to a token without a key file.
func keylessLines() []line {
	const f, g = "sts", "sign_jwt"
	return []line{
		{by: byKeyless, fault: f, arg: "busy", cause: "token_rate_limited", then: parks(nextMinute), unexplained: aStatus},
		{by: byKeyless, fault: f, arg: "too_often", cause: "token_rate_limited", then: parks(nextMinute)},
		{by: byKeyless, fault: f, arg: "down", cause: "token_endpoint_down", then: retries(), unexplained: aStatus},
		{by: byKeyless, fault: f, arg: "trouble", cause: "token_endpoint_down", then: retries()},
		{by: byKeyless, fault: f, arg: "api_off", cause: "api_disabled", then: holds()},
		{by: byKeyless, fault: f, arg: "service_disabled", cause: "api_disabled", then: holds()},
		{by: byKeyless, fault: f, arg: "pool", cause: "pool_unknown", then: holds()},
		{by: byKeyless, fault: f, arg: "audience", cause: "wrong_audience", then: holds()},
		{by: byKeyless, fault: f, arg: "stale", cause: "subject_token_expired", then: holds()},
		{by: byKeyless, fault: f, arg: "issuer", cause: "wrong_issuer", then: holds()},
		{by: byKeyless, fault: f, arg: "condition", cause: "condition_refused", then: holds()},
		{by: byKeyless, fault: f, arg: "rejected", cause: "condition_refused", then: holds()},
		{by: byKeyless, fault: f, arg: "mapping", cause: "mapping_refused", then: holds()},
		{by: byKeyless, fault: f, arg: "refused", cause: "federation_refused", then: holds(), unlisted: true},
		{by: byKeyless, fault: f, arg: "strange", cause: "token_answer_unreadable", then: retries(), unlisted: true},
		{by: byKeyless, fault: g, arg: "busy", cause: "token_rate_limited", then: parks(nextMinute), unexplained: anyAPI},
		{by: byKeyless, fault: g, arg: "too_often", cause: "token_rate_limited", then: parks(nextMinute)},
		{by: byKeyless, fault: g, arg: "down", cause: "token_endpoint_down", then: retries(), unexplained: anyAPI},
		{by: byKeyless, fault: g, arg: "api_off", cause: "api_disabled", then: holds()},
		{by: byKeyless, fault: g, arg: "service_disabled", cause: "api_disabled", then: holds()},
		{by: byKeyless, fault: g, arg: "scopes", cause: "machine_scope_missing", then: holds()},
		{by: byKeyless, fault: g, arg: "scopes_other", cause: "machine_scope_missing", then: holds(), unexplained: anyAPI},
		{by: byKeyless, fault: g, arg: "not_allowed", cause: "signing_not_allowed", then: holds()},
		{by: byKeyless, fault: g, arg: "permission", cause: "signing_not_allowed", then: holds(), unexplained: anyAPI},
		{by: byKeyless, fault: g, arg: "no_account", cause: "unknown_service_account", then: holds(), unexplained: anyAPI},
		{by: byKeyless, fault: g, arg: "caller", cause: "caller_token_refused", then: holds(), unexplained: anyAPI},
		{by: byKeyless, fault: g, arg: "refused", cause: "signing_refused", then: holds(), unlisted: true},
		{by: byKeyless, fault: g, arg: "strange", cause: "token_answer_unreadable", then: retries(), unlisted: true},
		{by: byKeyless, fault: "google_token", arg: "signature", cause: "key_refused", then: holds()},
		{by: byKeyless, fault: "google_token", arg: "no_account", cause: "unknown_service_account", then: holds()},
	}
}

// gmailLines are what the Gmail API says.
func gmailLines() []line {
	const f, d = "gmail", "gmail_draft"
	return []line{
		{by: byGmail, fault: f, arg: "mail_off", no: "20", cause: "gmail_off", then: holds()},
		{by: byGmail, mailbox: "no-gmail@acme.example", no: "20", cause: "gmail_off", then: holdsForGood()},
		{by: byGmail, fault: f, arg: "precondition", no: "19", cause: "precondition_failed", then: holds()},
		{by: byGmail, fault: f, arg: "precondition_other", no: "19", cause: "precondition_failed", then: holds()},
		{by: byGmail, fault: f, arg: "delegation", no: "21", cause: "delegation_denied", then: holds()},
		{by: byGmail, fault: f, arg: "scopes", no: "22", cause: "scope_missing", then: holds()},
		{by: byGmail, fault: f, arg: "scopes_other", no: "22", cause: "scope_missing", then: holds()},
		{by: byGmail, fault: f, arg: "api_off", no: "23", cause: "api_disabled", then: holdsLink()},
		{by: byGmail, fault: f, arg: "service_disabled", no: "23", cause: "api_disabled", then: holdsLink()},
		{by: byGmail, fault: f, arg: "domain_policy", no: "24", cause: "blocked_by_admin", then: holds()},
		{by: byGmail, fault: f, arg: "domain_policy_other", no: "24", cause: "blocked_by_admin", then: holds()},
		{by: byGmail, fault: f, arg: "credentials", no: "25", cause: "token_refused", then: holdsRefreshed()},
		{by: byGmail, fault: f, arg: "daily", cause: "daily_quota", then: parks(time.Hour)},
		{by: byGmail, fault: f, arg: "concurrent", no: "30", cause: "concurrency", then: retries()},
		{by: byGmail, fault: f, arg: "sending", no: "28", cause: "sending_limit", then: parks(15 * time.Minute)},
		{by: byGmail, fault: "quota", arg: "7200", no: "27", cause: "user_quota", then: parks(2 * time.Hour)},
		{by: byGmail, fault: f, arg: "exhausted", no: "29", cause: "project_quota", then: parks(nextMinute)},
		{by: byGmail, fault: f, arg: "user_rate", no: "27", cause: "user_quota", then: parks(nextMinute)},
		{by: byGmail, fault: f, arg: "rate", no: "26", cause: "rate_limited", then: parks(nextMinute)},
		{by: byGmail, fault: "rate", arg: "90", no: "26", cause: "rate_limited", then: parks(90 * time.Second)},
		{by: byGmail, fault: f, arg: "slow_down", no: "29", cause: "rate_limited", then: parks(nextMinute)},
		{by: byGmail, fault: f, arg: "forbidden", cause: "forbidden", then: holds(), unlisted: true},
		{by: byGmail, fault: f, arg: "thread_gone", cause: "thread_unknown", then: fails()},
		{by: byGmail, fault: f, arg: "thread", cause: "thread_unknown", then: fails()},
		{by: byGmail, fault: f, arg: "no_recipient", no: "33", cause: "invalid_header", then: fails()},
		{by: byGmail, fault: f, arg: "to_header", no: "33", cause: "invalid_header", then: fails()},
		{by: byGmail, fault: f, arg: "too_large", no: "34", cause: "message_too_large", then: fails()},
		{by: byGmail, fault: f, arg: "too_large_400", no: "34", cause: "message_too_large", then: fails()},
		{by: byGmail, fault: f, arg: "invalid", no: "33", cause: "message_refused", then: fails()},
		{by: byGmail, fault: f, arg: "timeout", cause: "ambiguous_answer", then: doubts(false)},
		{by: byGmail, fault: f, arg: "conflict", cause: "unexpected_answer", then: retries(), unlisted: true},
		{by: byGmail, fault: f, arg: "backend", cause: "ambiguous_answer", then: doubts(false)},
		{by: byGmail, fault: "error_after", arg: "503", cause: "ambiguous_answer", then: doubts(true)},
		{by: byGmail, fault: "proxy", arg: "302", cause: "ambiguous_answer", then: doubts(false), unlisted: true},
		{by: byGmailDrafts, fault: d, arg: "backend", cause: "gmail_down", then: retries()},
		{by: byGmailDrafts, fault: "draft_proxy", arg: "302", cause: "unexpected_answer", then: retries(), unlisted: true},
	}
}

// smtpLines are what SMTP servers say: Google's, and any.
func smtpLines() []line {
	const f = "smtp"
	return []line{
		{by: byGmailSMTP, fault: f, arg: "web_login", no: "37", cause: "web_login_required", then: holds()},
		{by: byGmailSMTP, fault: "unauthorized", no: "35", cause: "token_refused", then: holdsRefreshed()},
		{by: byGmailSMTP, fault: f, arg: "mechanism", cause: "auth_not_offered", then: holds()},
		{by: byGmailSMTP, fault: f, arg: "auth_other", cause: "credential_refused", then: holds(), unlisted: true},
		{by: byGmailSMTP, fault: "too_many_logins", no: "39", cause: "too_many_logins", then: parks(10 * time.Minute)},
		{by: byGmailSMTP, fault: f, arg: "auth_down", cause: "auth_unavailable", then: retries(), unlisted: true},
		{by: byRelay, fault: f, arg: "app_password", auth: true, no: "36", cause: "app_password_required", then: holds()},
		{by: byRelay, fault: f, arg: "web_login", auth: true, no: "37", cause: "web_login_required", then: holds()},
		{by: byRelay, fault: f, arg: "many_logins", auth: true, no: "39", cause: "too_many_logins", then: parks(10 * time.Minute)},
		{by: byRelay, fault: f, arg: "bad_login", auth: true, no: "35", cause: "credential_refused", then: holds()},
		{by: byRelay, fault: f, arg: "mechanism", auth: true, no: "66", cause: "auth_not_offered", then: holds()},
		{by: byRelay, fault: f, arg: "auth_other", auth: true, cause: "credential_refused", then: holds(), unlisted: true},
		{by: byRelay, fault: f, arg: "auth_down", auth: true, cause: "auth_unavailable", then: retries(), unlisted: true},

		{by: byOpenRelay, fault: f, arg: "relay_peak", no: "43", cause: "relay_peak_limit", then: parks(10 * time.Minute)},
		{by: byOpenRelay, fault: f, arg: "relay_day", no: "43", cause: "daily_limit", then: parks(time.Hour)},
		{by: byOpenRelay, fault: f, arg: "relay_user", no: "43", cause: "daily_limit", then: parks(time.Hour)},
		{by: byGmailSMTP, fault: f, arg: "day", no: "41", cause: "daily_limit", then: parks(time.Hour)},
		{by: byRelay, fault: f, arg: "limit", no: "41", cause: "daily_limit", then: parks(time.Hour)},
		{by: byRelay, fault: f, arg: "day_alone", no: "41", cause: "daily_limit", then: parks(time.Hour)},
		{by: byRelay, fault: f, arg: "hour", cause: "relay_rate_limited", then: parks(time.Hour)},
		{by: byRelay, fault: f, arg: "congested", cause: "service_unavailable", then: retries()},
		{by: byRelay, fault: f, arg: "rate", cause: "relay_rate_limited", then: parks(time.Minute)},
		{by: byRelay, fault: "rate", arg: "90", cause: "relay_rate_limited", then: parks(90 * time.Second)},

		{by: byRelay, fault: f, arg: "starttls", cause: "tls_required", then: holds()},
		{by: byRelay, fault: f, arg: "auth_required", no: "38", cause: "auth_required", then: holds()},
		{by: byGmailSMTP, fault: f, arg: "auth_required", no: "38", cause: "auth_required", then: holds()},
		{by: byOpenRelay, fault: f, arg: "relay_denied", no: "42", cause: "relay_denied", then: holds()},
		{by: byOpenRelay, fault: f, arg: "relay_credentials", no: "42", cause: "relay_denied", then: holds()},
		{by: byRelay, fault: f, arg: "hello", no: "40", cause: "hello_refused", then: holds()},
		{by: byRelay, fault: f, arg: "rcpt_hello", no: "40", cause: "hello_refused", then: holds()},
		{by: byRelay, fault: f, arg: "rcpt_client", cause: "connection_refused_by_policy", then: holds()},
		{by: byRelay, fault: f, arg: "rcpt_relay", no: "42", cause: "relay_denied", then: holds()},
		{by: byRelay, fault: f, arg: "auth_first", no: "38", cause: "auth_required", then: holds()},
		{by: byRelay, fault: f, arg: "unusual", cause: "unusual_rate", then: parks(time.Hour)},
		{by: byRelay, fault: f, arg: "unauthenticated_commands", cause: "service_unavailable", then: retries()},

		{by: byRelay, fault: f, arg: "too_many", no: "44", cause: "too_many_recipients", then: splits()},
		{by: byRelay, fault: f, arg: "too_many_other", no: "44", cause: "too_many_recipients", then: splits()},
		{by: byRelay, fault: f, arg: "no_mailbox", cause: "no_such_mailbox", then: failsOne()},
		{by: byRelay, fault: f, arg: "mailbox_busy", cause: "mailbox_busy", then: retriesOne(0)},
		{by: byRelay, fault: f, arg: "rcpt_unauthenticated", no: "45", cause: "sender_unauthenticated", then: failsOne()},
		{by: byRelay, fault: f, arg: "bad_address", cause: "address_refused", then: failsOne()},
		{by: byRelay, fault: f, arg: "mailbox_full", cause: "mailbox_full", then: failsOne()},
		{by: byRelay, fault: f, arg: "mailbox_off", cause: "mailbox_disabled", then: failsOne()},
		{by: byRelay, fault: f, arg: "rcpt_policy", cause: "refused_by_policy", then: failsOne()},

		{by: byGmailSMTP, fault: f, arg: "unauthenticated", no: "45", cause: "sender_unauthenticated", then: fails()},
		{by: byGmailSMTP, fault: f, arg: "attachment", no: "46", cause: "attachment_refused", then: fails()},
		{by: byRelay, fault: f, arg: "size", cause: "message_too_large", then: fails()},
		{by: byRelay, fault: f, arg: "malformed", cause: "message_malformed", then: fails()},
		{by: byRelay, fault: f, arg: "sender", cause: "sender_refused", then: fails()},

		{by: byOpenRelay, fault: f, arg: "later", no: "40", cause: "service_unavailable", then: retries()},
		{by: byRelay, fault: f, arg: "closing", cause: "service_unavailable", then: retries()},
		{by: byRelay, fault: f, arg: "shutting_down", cause: "service_unavailable", then: retries()},
		{by: byRelay, fault: f, arg: "rcpt_trouble", cause: "service_unavailable", then: retriesOne(0)},
		{by: byRelay, fault: f, arg: "trouble", cause: "service_unavailable", then: retries()},
		{by: byRelay, fault: f, arg: "data_trouble", cause: "service_unavailable", then: retries()},
		{by: byRelay, fault: f, arg: "local_error", cause: "service_unavailable", then: retries()},
		{by: byRelay, fault: f, arg: "greylisted", cause: "refused_for_now", then: retriesOne(300 * time.Second), unlisted: true},
		{by: byRelay, fault: f, arg: "data_later", cause: "refused_for_now", then: retriesMessage(), unlisted: true},
		{by: byRelay, fault: f, arg: "connect_busy", cause: "service_unavailable", then: retries(), unlisted: true},
		{by: byRelay, fault: f, arg: "blocked", cause: "connection_refused_by_policy", then: holds(), unlisted: true},
		{by: byRelay, fault: f, arg: "rcpt_other", cause: "recipient_refused", then: failsOne(), unlisted: true},
		{by: byRelay, fault: f, arg: "data_other", cause: "message_refused", then: fails(), unlisted: true},
	}
}

// anyAPI is why words cannot tell.
const anyAPI = "all APIs of Google say this"

// aStatus is why an answer cannot be explained by its words.
const aStatus = "a status without a word that is known"

// holdsLink is what holds until a person has opened a link.
func holdsLink() then {
	t := holds()
	t.action = provider.ActionLink
	return t
}

// holdsForGood is what no release mends.
func holdsForGood() then {
	t := holds()
	t.forGood = true
	return t
}
