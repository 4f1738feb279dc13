package queue

import "time"

// entraLines are what Entra ID says when a token is asked for: of an app, or of a user's
// consent.
func entraLines() []line {
	const f = "aadsts"
	var all []line
	add := func(by way, cause, no string, t then, numbers ...string) {
		for _, n := range numbers {
			all = append(all, line{by: by, fault: f, arg: n, no: no, cause: cause, then: t})
		}
	}
	add(byGraph, "client_secret_refused", "51", holds(), "7000215")
	add(byGraph, "client_secret_expired", "52", holds(), "7000222")
	for _, n := range []string{"700027", "700024", "50027"} {
		all = append(all, line{by: byGraph, fault: f, arg: n, no: "55", cause: "certificate_refused", then: holds(), nameless: "the app has a secret, and no certificate to name"})
	}
	add(byGraph, "client_secret_missing", "54", holds(), "7000218")
	add(byGraphConsent, "client_is_public", "54", holds(), "700025")
	add(byGraph, "client_disabled", "55", holds(), "7000112")
	add(byGraph, "federation_refused", "55", holds(), "700213", "70021")
	add(byGraph, "client_unknown", "53", holds(), "700016", "70001")
	add(byGraph, "tenant_unknown", "53", holds(), "90002", "900023", "90023", "50059")
	add(byGraphConsent, "tenant_needed", "53", holds(), "50194")
	add(byGraph, "tenant_needed", "61", holds(), "9001023")
	add(byGraphConsent, "scopes_mixed", "61", holds(), "28000", "28002", "28003", "700022")
	add(byGraph, "scope_unknown", "61", holds(), "70011")
	add(byExchange, "resource_missing", "61", holds(), "500011", "50001", "650052")
	add(byGraph, "request_malformed", "61", holds(), "9002313", "900144")
	add(byGraphConsent, "redirect_refused", "57", holds(), "50011")
	add(byGraphConsent, "admin_consent_needed", "56", holdsLink(), "90094", "90095")
	add(byGraphConsent, "consent_needed", "56", holdsLink(), "65001")
	add(byGraphConsent, "consent_denied", "56", holds(), "65004")
	add(byGraph, "permission_missing", "56", holds(), "650056", "650057")
	add(byGraphConsent, "mfa_required", "58", holds(), "50076", "50079", "50072", "50074", "50078", "50158")
	add(byGraphConsent, "conditional_access", "58", holds(), "53003", "53000", "53001", "530032", "530036")
	add(byGraphConsent, "security_defaults", "58", holds(), "530035")
	add(byGraphConsent, "user_not_assigned", "58", holds(), "50105")
	add(byGraphConsent, "unknown_user", "58", holds(), "50020", "50034", "51004")
	add(byGraphConsent, "account_locked", "58", holds(), "50053")
	add(byGraphConsent, "password_expired", "58", holds(), "50055")
	add(byGraphConsent, "user_gone", "58", holds(), "50057")
	add(byGraphConsent, "credential_refused", "58", holds(), "50126")
	add(byGraphConsent, "token_idle", "59", holds(), "700082")
	add(byGraphConsent, "spa_token", "59", holds(), "700084", "9002327")
	add(byGraphConsent, "sign_in_frequency", "59", holds(), "70043")
	add(byGraphConsent, "token_revoked", "59", holds(), "50173", "50132", "50133", "70000")
	add(byGraphConsent, "token_expired", "59", holds(), "70008", "50089")
	add(byGraphConsent, "grant_refused", "60", holds(), "54005", "700005", "501481", "50147")
	add(byGraphConsent, "consent_pending", "62", retries(), "70016")
	add(byGraphConsent, "device_code_expired", "62", holds(), "70018", "70019")
	add(byGraph, "token_rate_limited", "", parks(nextMinute), "50196")
	add(byGraph, "token_rate_limited", "", parks(time.Second), "90055") // with Retry-After
	add(byGraph, "token_endpoint_down", "", retries(), "90033", "90012", "90024", "90006", "50033")
	return append(all,
		line{by: byGraph, fault: f, arg: "90025", cause: "token_endpoint_down", then: retries()},
		line{by: byGraphConsent, fault: f, arg: "50097", cause: "consent_needed", then: holds()},
		line{by: byGraphConsent, fault: f, arg: "50180", cause: "token_revoked", then: holds(), unlisted: true},
		line{by: byGraph, fault: f, arg: "70003", cause: "credential_refused", then: holds(), unlisted: true},
		line{by: byGraph, fault: "token_proxy", arg: "429", cause: "token_rate_limited", then: parks(nextMinute), unexplained: aStatus},
		line{by: byGraph, fault: "token_proxy", arg: "502", cause: "token_endpoint_down", then: retries(), unexplained: aStatus},
		line{by: byGraph, fault: "token_proxy", arg: "403", cause: "token_answer_unreadable", then: retries(), unlisted: true},
	)
}

// graphLines are what Microsoft Graph says.
func graphLines() []line {
	const f, d = "graph", "graph_draft"
	return []line{
		{by: byGraph, fault: f, arg: "send_as", no: "74a", cause: "send_as_denied", then: fails()},
		{by: byGraph, fault: f, arg: "policy", no: "74b", cause: "access_policy", then: holds()},
		{by: byGraph, fault: f, arg: "denied", no: "74c", cause: "permission_missing", then: holds()},
		{by: byGraph, fault: f, arg: "directory", no: "74c", cause: "permission_missing", then: holds()},
		{by: byGraph, fault: f, arg: "no_permissions", no: "74c", cause: "permission_missing", then: holds()},
		{by: byGraph, fault: f, arg: "no_identity", no: "74c", cause: "client_unknown", then: holds()},
		{by: byGraph, fault: f, arg: "no_organization", no: "74d", cause: "mailbox_not_enabled", then: holds()},
		{by: byGraph, fault: f, arg: "no_rest", no: "74d", cause: "mailbox_not_enabled", then: holds()},
		{by: byGraph, fault: f, arg: "no_rest_yet", no: "74d", cause: "mailbox_not_enabled", then: holds()},
		{by: byGraph, fault: f, arg: "user", no: "74d", cause: "unknown_user", then: holds()},
		{by: byGraph, fault: f, arg: "quota", no: "74i", cause: "own_mailbox_full", then: holds()},
		{by: byGraph, fault: f, arg: "concurrency", no: "74e", cause: "concurrency", then: retries()},
		{by: byGraph, fault: f, arg: "submission_quota", no: "70", cause: "daily_limit", then: parks(time.Hour)},
		{by: byGraph, fault: f, arg: "message_limit", no: "74h", cause: "account_unverified", then: holds()},
		{by: byGraph, fault: f, arg: "recipient_limit", no: "74h", cause: "account_unverified", then: holds()},
		{by: byGraph, fault: f, arg: "day_limit", no: "74h", cause: "daily_limit", then: parks(time.Hour)},
		{by: byGraph, fault: f, arg: "blocked", no: "72", cause: "sender_restricted", then: holds()},
		{by: byGraph, fault: f, arg: "throttled", cause: "rate_limited", then: parks(10 * time.Second)},
		{by: byGraph, fault: f, arg: "activity", cause: "rate_limited", then: parks(10 * time.Second)},
		{by: byGraph, fault: f, arg: "audience", no: "74f", cause: "wrong_audience", then: holds()},
		{by: byGraph, fault: f, arg: "expired", cause: "token_refused", then: holdsRefreshed()},
		{by: byGraphConsent, fault: f, arg: "claims", cause: "token_refused", then: holdsRefreshed()},
		{by: byGraph, fault: f, arg: "size", no: "74i", cause: "message_too_large", then: fails()},
		{by: byGraph, fault: f, arg: "recipients", no: "74i", cause: "invalid_recipients", then: fails()},
		{by: byGraph, fault: f, arg: "mime", cause: "message_refused", then: fails()},
		{by: byGraphDrafts, fault: "graph_parts", arg: "attachment_size", no: "74i", cause: "attachment_size", then: fails(), size: 5 << 20},
		{by: byGraphDrafts, fault: f, arg: "item", no: "74i", cause: "draft_gone", then: doubts(false)},
		{by: byGraphDrafts, fault: d, arg: "item", no: "74i", cause: "item_not_found", then: retries()},
		{by: byGraph, fault: f, arg: "stale", no: "74i", cause: "ambiguous_answer", then: doubts(false)},
		{by: byGraphDrafts, fault: d, arg: "stale", no: "74i", cause: "graph_down", then: retries()},
		{by: byGraph, fault: "proxy", arg: "401", cause: "token_refused", then: holdsRefreshed(), unexplained: aStatus},
		{by: byGraph, fault: "proxy", arg: "403", cause: "forbidden", then: holds(), unlisted: true},
		{by: byGraph, fault: "proxy", arg: "429", cause: "rate_limited", then: parks(nextMinute), unexplained: aStatus},
		{by: byGraph, fault: "proxy", arg: "413", cause: "message_too_large", then: fails(), unexplained: aStatus},
		{by: byGraph, fault: "proxy", arg: "408", cause: "ambiguous_answer", then: doubts(false), unexplained: aStatus},
		{by: byGraph, fault: "proxy", arg: "418", cause: "unexpected_answer", then: retries(), unlisted: true},
		{by: byGraph, fault: f, arg: "internal", cause: "ambiguous_answer", then: doubts(false)},
		{by: byGraph, fault: "error_after", arg: "504", cause: "ambiguous_answer", then: doubts(true)},
		{by: byGraph, fault: "proxy", arg: "302", cause: "ambiguous_answer", then: doubts(false), unlisted: true},
		{by: byGraphDrafts, fault: d, arg: "internal", cause: "graph_down", then: retries()},
		{by: byGraphDrafts, fault: "draft_proxy", arg: "302", cause: "unexpected_answer", then: retries(), unlisted: true},
	}
}

// exchangeLines are what Exchange Online's SMTP server says.
func exchangeLines() []line {
	const f = "exchange"
	return []line{
		{by: byExchange, fault: f, arg: "smtp_auth_tenant", no: "64", cause: "smtp_auth_disabled", then: holds()},
		{by: byExchange, fault: f, arg: "smtp_auth_mailbox", no: "64", cause: "smtp_auth_disabled", then: holds()},
		{by: byPassword, fault: f, arg: "basic_auth", no: "65", cause: "basic_auth_off", then: holdsForGood()},
		{by: byPassword, fault: f, arg: "basic_retired", no: "65", cause: "basic_auth_off", then: holdsForGood()},
		{by: byPassword, fault: f, arg: "security_defaults", no: "65", cause: "security_defaults", then: holdsForGood()},
		{by: byExchange, fault: f, arg: "conditional_access", no: "65", cause: "conditional_access", then: holds()},
		{by: byExchange, fault: f, arg: "auth", no: "63", cause: "token_refused", then: holdsRefreshed()},
		{by: byPassword, fault: f, arg: "auth", no: "63", cause: "credential_refused", then: holdsForGood()},
		{by: byExchange, fault: f, arg: "mechanism", no: "66", cause: "auth_not_offered", then: holds()},
		{by: byExchange, fault: f, arg: "auth_expired", no: "63", cause: "token_refused", then: holdsRefreshed()},
		{by: byExchange, fault: f, arg: "auth_sequence", no: "66", cause: "auth_not_offered", then: holds(), unexplained: "at other stages it is about the message"},
		{by: byExchange, fault: f, arg: "auth_other", cause: "credential_refused", then: holds(), unlisted: true},
		{by: byExchange, fault: f, arg: "not_authenticated", no: "67", cause: "auth_required", then: holds()},
		{by: byExchange, fault: f, arg: "anonymous", no: "67", cause: "auth_required", then: holds()},
		{by: byExchange, fault: f, arg: "send_as", no: "68", cause: "send_as_denied", then: fails()},
		{by: byExchange, fault: f, arg: "send_as_old", no: "68", cause: "send_as_denied", then: fails()},
		{by: byExchange, fault: f, arg: "send_as_words", no: "68", cause: "send_as_denied", then: fails()},
		{by: byExchange, fault: f, arg: "banned_address", no: "68", cause: "ip_banned", then: holds()},
		{by: byExchange, fault: f, arg: "connections", no: "69", cause: "too_many_connections", then: parks(nextMinute)},
		{by: byExchange, fault: f, arg: "submit_threads", no: "69", cause: "too_many_connections", then: parks(nextMinute)},
		{by: byExchange, fault: f, arg: "submission_rate", no: "69", cause: "relay_rate_limited", then: parks(nextMinute)},
		{by: byExchange, fault: f, arg: "rcpt_threads", no: "69", cause: "mailbox_busy", then: retriesOne(0)},
		{by: byExchange, fault: f, arg: "deliver_threads", no: "69", cause: "mailbox_busy", then: retriesMessage()},
		{by: byExchange, fault: f, arg: "rcpt_full", cause: "mailbox_full", then: failsOne()},
		{by: byExchange, fault: f, arg: "deliver_full", cause: "mailbox_full", then: fails()},
		{by: byExchange, fault: f, arg: "rcpt_hour", cause: "mailbox_busy", then: retriesOne(0)},
		{by: byExchange, fault: f, arg: "deliver_hour", cause: "mailbox_busy", then: retriesMessage()},
		{by: byExchange, fault: f, arg: "rcpt_group", cause: "refused_by_policy", then: failsOne()},
		{by: byExchange, fault: f, arg: "deliver_group", cause: "refused_by_policy", then: fails()},
		{by: byExchange, fault: f, arg: "rcpt_unknown", cause: "no_such_mailbox", then: failsOne()},
		{by: byExchange, fault: f, arg: "dmarc_level", no: "45", cause: "sender_unauthenticated", then: fails()},
		{by: byExchange, fault: f, arg: "recipients_day", no: "70", cause: "daily_limit", then: parks(time.Hour)},
		{by: byExchange, fault: f, arg: "quota", no: "70", cause: "daily_limit", then: parks(time.Hour)},
		{by: byExchange, fault: f, arg: "quota_report", no: "70", cause: "daily_limit", then: parks(time.Hour)},
		{by: byExchange, fault: f, arg: "mailbox_full", no: "71", cause: "own_mailbox_full", then: holds()},
		{by: byExchange, fault: f, arg: "tenant_recipients", no: "72", cause: "tenant_limit", then: parks(time.Hour)},
		{by: byExchange, fault: f, arg: "trial_recipients", no: "72", cause: "tenant_limit", then: parks(time.Hour)},
		{by: byExchange, fault: f, arg: "rcpt_limit", no: "44", cause: "too_many_recipients", then: splits()},
		{by: byExchange, fault: f, arg: "too_many_recipients", no: "44", cause: "too_many_recipients", then: splits()},
		{by: byExchange, fault: f, arg: "recipient_limit", no: "44", cause: "too_many_recipients", then: fails()},
		{by: byExchange, fault: f, arg: "busy", cause: "relay_rate_limited", then: parks(10 * time.Minute)},
		{by: byExchange, fault: f, arg: "bad_sender", no: "72", cause: "sender_restricted", then: holds()},
		{by: byExchange, fault: f, arg: "outbound_spam", no: "72", cause: "sender_restricted", then: holds()},
		{by: byExchange, fault: f, arg: "banned_sender", no: "72", cause: "sender_restricted", then: holds()},
		{by: byExchange, fault: f, arg: "tenant_threshold", no: "72", cause: "tenant_restricted", then: holds()},
		{by: byExchange, fault: f, arg: "traffic", no: "72", cause: "tenant_restricted", then: holds()},
		{by: byExchange, fault: f, arg: "unregistered", no: "72", cause: "domain_unregistered", then: holds()},
		{by: byExchange, fault: f, arg: "characters", cause: "message_malformed", then: fails()},
		{by: byExchange, fault: f, arg: "dmarc", no: "45", cause: "sender_unauthenticated", then: fails()},
		{by: byExchange, fault: f, arg: "temporary", cause: "service_unavailable", then: retries()},
		{by: byExchange, fault: f, arg: "not_found", cause: "no_such_mailbox", then: failsOne()},
		{by: byExchange, fault: f, arg: "size", cause: "message_too_large", then: fails()},
	}
}
