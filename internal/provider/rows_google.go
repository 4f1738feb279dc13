package provider

// The advice that several rows give.
const (
	delegationAdvice = "In https://admin.google.com/ac/owl/domainwidedelegation add {scopes} to the list of scopes of client id {client_id}; what is on the list stays. A client id that is not there yet: Add new."
	scopeAdvice      = "Service account: in https://admin.google.com/ac/owl/domainwidedelegation add {scopes} to the list of scopes of client id {client_id}; what is on the list stays. Mailbox connected by consent: connect it again and leave every box ticked (gatepost connect gmail)."
	sessionAdvice    = "Connect again (gatepost connect gmail). So that it lasts: exempt the app as trusted in Admin > Security > Google Cloud session control, or use a service account."
)

// googleRows are the answers of Google's token endpoint and of the Gmail API.
// Sources: developers.google.com/identity/protocols/oauth2/service-account,
// developers.google.com/workspace/gmail/api/guides/handle-errors and the issue
// trackers of Google's clients, read November 2026.
var googleRows = []row{
	// The token endpoint. Nothing of a message has left.
	{
		stages: "token", reason: "invalid_grant", text: "expired or revoked",
		class: Hold, cause: "token_revoked",
		says: "Google says that the access to {subject} has expired or was revoked.",
		fix:  "Connect it again: gatepost connect gmail. If this happens every 7 days, publish the OAuth app (\"In production\") or make it Internal first. Other causes: the user removed the access or changed the password, six months without use, or more than 100 grants of this client for one user.",
	},
	{
		stages: "token", reason: "invalid_grant", text: "invalid email or user id|not a valid email|invalid principal",
		class: Hold, cause: "unknown_user",
		says: "Google knows no user {subject} to act for.",
		fix:  "Use the primary address of a licensed user of the service account's own Workspace: not an alias, not a group, and never @gmail.com (connect those by consent: gatepost connect gmail).",
	},
	{
		stages: "token", reason: "invalid_grant", text: "short-lived token|iat and exp",
		class: Hold, cause: "clock_off",
		says: "Google refused the time in the signed request: {offset}.",
		fix:  "Set this machine's clock (NTP), then release the account.",
	},
	{
		stages: "token", reason: "invalid_grant", text: "invalid jwt signature",
		class: Hold, cause: "key_refused",
		says: "Google does not accept the signature of key {key_id}.",
		fix:  "The key was deleted, disabled or belongs to another service account. Make a new key and store it in place of this one.",
	},
	{
		stages: "token", reason: "invalid_grant", text: "no valid verifier|account not found|issuer",
		class: Hold, cause: "unknown_service_account",
		says: "Google does not know the service account of this key.",
		fix:  "Check client_email in the key file, and that the service account still exists in its project.",
	},
	{
		stages: "token", reason: "invalid_grant", text: "failed audience check",
		class: Hold, cause: "wrong_audience",
		says: "The signed request names another token endpoint than the one that it was sent to.",
		fix:  "Check the token URL in the configuration; Google's is https://oauth2.googleapis.com/token.",
	},
	{
		stages: "token", reason: "invalid_grant", text: "invalid_rapt|rapt_required|reauth related",
		class: Hold, cause: "session_control",
		says: "The organisation's session length control asks {subject} for a new sign-in.",
		fix:  sessionAdvice,
	},
	{
		stages: "token", reason: "invalid_rapt|rapt_required",
		class: Hold, cause: "session_control",
		says: "The organisation's session length control asks {subject} for a new sign-in.",
		fix:  sessionAdvice,
	},
	{
		stages: "token", reason: "invalid_grant", text: "code verifier|code_verifier|code challenge",
		class: Hold, cause: "grant_refused",
		says: "Google does not accept the proof (PKCE) that the consent was started here.",
		fix:  "Start the consent again and finish it in one go.",
	},
	{
		stages: "token", reason: "invalid_grant|invalid_account", text: "deleted|forbidden|suspended|disabled",
		class: Hold, cause: "user_gone",
		says: "The user {subject} is deleted or suspended.",
		fix:  "Restore the user in the Admin console, or retire this account.",
	},
	{
		stages: "token", reason: "invalid_account",
		class: Hold, cause: "user_gone",
		says: "The user {subject} is deleted or suspended.",
		fix:  "Restore the user in the Admin console, or retire this account.",
	},
	{
		stages: "token", reason: "invalid_grant", text: "malformed auth code|code was already redeemed|authorization code",
		class: Hold, cause: "grant_refused",
		says: "Google does not accept the code of this consent: it was used already, is too old, or belongs to another client.",
		fix:  "Start the consent again; a code works once and only for some minutes.",
	},
	{
		stages: "token", reason: "invalid_grant", text: "bad request", by: byConsent,
		class: Hold, cause: "grant_refused",
		says: "Google does not accept the grant: it was used twice, has expired, or belongs to another client than {client_id}.",
		fix:  "Connect again with the same client id: gatepost connect gmail.",
	},
	{
		stages: "token", reason: "unauthorized_client", text: "using this method|any of the scopes requested|client or scope in request",
		class: Hold, cause: "delegation_missing",
		says: "The service account may not act for {subject} with all of these scopes: {scopes}.",
		fix:  delegationAdvice + " A change can take up to 24 hours to spread.",
	},
	{
		stages: "token", reason: "unauthorized_client", by: byKey,
		class: Hold, cause: "delegation_missing",
		says: "The service account may not act for {subject} with all of these scopes: {scopes}.",
		fix:  delegationAdvice + " A change can take up to 24 hours to spread.",
	},
	{
		stages: "token", reason: "unauthorized_client|unsupported_grant_type", by: byConsent,
		class: Hold, cause: "client_not_allowed",
		says: "Google does not let OAuth client {client_id} get tokens in this way.",
		fix:  "Use a client of type \"Web application\" or \"Desktop app\" (https://console.cloud.google.com/auth/clients) and connect again.",
	},
	{
		stages: "token", reason: "invalid_scope", by: byKey,
		class: Hold, cause: "delegation_missing",
		says: "Google does not know one of these scopes: {scopes}.",
		fix:  delegationAdvice,
	},
	{
		stages: "token", reason: "invalid_scope", text: "id token audience",
		class: Hold, cause: "delegation_missing",
		says: "Google does not know one of these scopes: {scopes}.",
		fix:  delegationAdvice,
	},
	{
		stages: "token", reason: "invalid_scope",
		class: Hold, cause: "scope_missing",
		says: "Google does not give one of these scopes to OAuth client {client_id}: {scopes}.",
		fix:  "Add the scopes under Data Access of the consent screen (https://console.cloud.google.com/auth/scopes), then connect again.",
	},
	{
		stages: "token", reason: "invalid_client", text: "not found",
		class: Hold, cause: "client_unknown",
		says: "Google does not know the OAuth client {client_id}.",
		fix:  "Correct the client id (https://console.cloud.google.com/auth/clients); a deleted client can be restored there within 30 days, and Google deletes clients that nobody uses.",
	},
	{
		stages: "token", reason: "invalid_client",
		class: Hold, cause: "client_secret_refused",
		says: "Google does not accept the secret of OAuth client {client_id}.",
		fix:  "Make a new client secret at https://console.cloud.google.com/auth/clients and store it in place of this one; connected mailboxes stay connected.",
	},
	{
		stages: "token", reason: "deleted_client|disabled_client",
		class: Hold, cause: "client_unknown",
		says: "The OAuth client {client_id} was deleted or disabled.",
		fix:  "Restore or enable the client at https://console.cloud.google.com/auth/clients (a deleted one within 30 days). With a new client every mailbox must be connected again.",
	},
	{
		stages: "token", reason: "invalid_request", text: "impersonation|principal|prn",
		class: Hold, cause: "unknown_user",
		says: "Google cannot read {subject} as the address of a user to act for.",
		fix:  "Use the primary address of a licensed user of the Workspace domain.",
	},
	{
		stages: "token", reason: "redirect_uri_mismatch",
		class: Hold, cause: "redirect_refused",
		says: "The address that Google sent the browser back to is not registered with OAuth client {client_id}.",
		fix:  "Register it to the letter at https://console.cloud.google.com/auth/clients: scheme, host, port, path and a slash at the end all count.",
	},
	{
		stages: "token", reason: "admin_policy_enforced",
		class: Hold, cause: "blocked_by_admin",
		says: "The organisation's administrator restricts these scopes or Gmail itself.",
		fix:  "Ask the administrator to mark client id {client_id} as trusted in Admin > Security > Access and data control > API controls.",
	},
	{
		stages: "token", reason: "org_internal",
		class: Hold, cause: "client_internal",
		says: "The OAuth app is internal to an organisation, and {subject} belongs to another.",
		fix:  "Connect a mailbox of that organisation, or make the app External (https://console.cloud.google.com/auth/audience).",
	},
	{
		stages: "token", reason: "access_denied",
		class: Hold, cause: "blocked_by_admin",
		says: "Access was denied: the user said no, or the organisation's administrator blocks this app.",
		fix:  "Mark client id {client_id} as trusted in Admin > Security > Access and data control > API controls, then try again.",
	},
	{
		stages: "token", reason: "invalid_token",
		class: Hold, cause: "token_revoked",
		says: "Google says that the token has expired or was revoked.",
		fix:  "Connect the mailbox again: gatepost connect gmail.",
	},
	{
		stages: "token", reason: "interaction_required|consent_required|login_required|account_selection_required",
		class: Hold, cause: "consent_needed",
		says: "Google wants {subject} to sign in or consent again.",
		fix:  "Connect it again: gatepost connect gmail.",
	},
	{
		stages: "token", code: "429|403", reason: "rate_limit_exceeded|ratelimitexceeded|slow_down|quota_exceeded",
		class: Park, cause: "token_rate_limited", wait: waitMinute,
		says: "Google's token endpoint asks to slow down.",
	},
	{
		stages: "token", reason: "internal_failure|server_error|temporarily_unavailable|backend_error",
		class: Retry, cause: "token_endpoint_down",
		says: "Google's token endpoint has trouble.",
	},
	{
		stages: "token", code: "429",
		class: Park, cause: "token_rate_limited", wait: waitMinute,
		says: "Google's token endpoint asks to slow down.",
	},
	{
		stages: "token", code: "5yz",
		class: Retry, cause: "token_endpoint_down",
		says: "Google's token endpoint has trouble.",
	},
	{
		stages: "token", code: "4yz",
		class: Hold, cause: "credential_refused",
		says: "Google refused the credential.",
		fix:  "Read the reply; check the credential (key, user and delegation; or client and consent), then release the account.",
	},
	{
		stages: "token",
		class:  Retry, cause: "token_answer_unreadable",
		says: "The token endpoint gave an answer that is none of Google's.",
		fix:  "Check the token URL, and whether a proxy answers in Google's place.",
	},

	// The Gmail API. A 4xx is a verdict: the message was not taken.
	{
		stages: "send|upload|call", code: "400", text: "mail service not enabled",
		class: Hold, cause: "gmail_off",
		says: "Gmail is not switched on for {subject}.",
		fix:  "Give the user a licence with Gmail, or turn Gmail on for the organisational unit.",
	},
	{
		stages: "send|upload|call", code: "400", text: "precondition check failed",
		class: Hold, cause: CausePrecondition,
		says: "Gmail refuses to act for {subject}, twice.",
		fix:  "Check that the account's address is a user with a Gmail mailbox and not the service account itself.",
	},
	{
		stages: "send|upload|call", code: "400", reason: "failedPrecondition|FAILED_PRECONDITION",
		class: Hold, cause: CausePrecondition,
		says: "Gmail refuses to act for {subject}, twice.",
		fix:  "Read the reply; check the user's licence and Gmail settings.",
	},
	{
		stages: "send|upload|call", code: "403", text: "delegation denied",
		class: Hold, cause: "delegation_denied",
		says: "The token is not for the mailbox {subject}.",
		fix:  "Delegation in Gmail's own settings does not count: let the service account act for this very user.",
	},
	{
		stages: "send|upload|call", code: "403", text: "insufficient authentication scopes|insufficient permission|access_token_scope_insufficient",
		class: Hold, cause: "scope_missing",
		says: "The token lacks a scope; needed: {scopes}.",
		fix:  scopeAdvice,
	},
	{
		stages: "send|upload|call", code: "403", reason: "insufficientPermissions|ACCESS_TOKEN_SCOPE_INSUFFICIENT",
		class: Hold, cause: "scope_missing",
		says: "The token lacks a scope; needed: {scopes}.",
		fix:  scopeAdvice,
	},
	{
		stages: "send|upload|call", code: "403", text: "has not been used in project|it is disabled|api has not been enabled",
		class: Hold, cause: "api_disabled",
		says: "The Gmail API is not enabled in the project of this key.",
		fix:  "Enable it at {link}, wait some minutes, then release the account.",
	},
	{
		stages: "send|upload|call", code: "403", reason: "accessNotConfigured|SERVICE_DISABLED",
		class: Hold, cause: "api_disabled",
		says: "The Gmail API is not enabled in the project of this key.",
		fix:  "Enable it at {link}, wait some minutes, then release the account.",
	},
	{
		stages: "send|upload|call", code: "403", reason: "domainPolicy",
		class: Hold, cause: "blocked_by_admin",
		says: "The organisation's administrator has disabled Gmail apps.",
		fix:  "Ask the administrator to allow this app in Admin > Security > API controls.",
	},
	{
		stages: "send|upload|call", code: "401",
		class: Hold, cause: CauseTokenRefused,
		says: "Gmail refuses a token that Google has just given.",
		fix:  "Check that the user {subject} is active and the key still in use, then release the account.",
	},
	{
		stages: "send|upload|call", code: "403|429", reason: "dailyLimitExceeded|quotaExceeded|dailyLimitExceededUnreg",
		class: Park, cause: "daily_quota", wait: waitHour, quota: QuotaDay,
		says: "The quota of the day is used up.",
		fix:  "See the project's quota page in the Google Cloud console; another account may take over.",
	},
	{
		stages: "send|upload|call", code: "429|403", text: "too many concurrent requests",
		class: Retry, cause: "concurrency",
		says: "Too many calls to this mailbox at the same time.",
		fix:  "Lower max_parallel of the account.",
	},
	{
		stages: "send|upload|call", code: "429", text: "user-rate limit exceeded|mail sending",
		class: Park, cause: "sending_limit", wait: waitQuarter, quota: quotaByTime,
		says: "The mailbox has reached a sending or bandwidth limit, which it shares with Gmail's web pages and SMTP.",
		fix:  "Wait: trying earlier moves the time on. Google's limits: https://support.google.com/a/answer/166852",
	},
	{
		stages: "send|upload|call", code: "429|403", text: "resource has been exhausted",
		class: Park, cause: "project_quota", wait: waitMinute, quota: QuotaProject,
		says: "A quota of the Google Cloud project is used up.",
		fix:  "See the project's quota page in the Google Cloud console.",
	},
	{
		stages: "send|upload|call", code: "403|429", reason: "userRateLimitExceeded",
		class: Park, cause: "user_quota", wait: waitMinute, quota: QuotaRate,
		says: "The mailbox has used up its API quota of this minute.",
	},
	{
		stages: "send|upload|call", code: "403|429", reason: "rateLimitExceeded|RESOURCE_EXHAUSTED|RATE_LIMIT_EXCEEDED",
		class: Park, cause: "rate_limited", wait: waitMinute, quota: QuotaRate,
		says: "An API quota of this minute is used up.",
	},
	{
		stages: "send|upload|call", code: "429",
		class: Park, cause: "rate_limited", wait: waitMinute, quota: QuotaRate,
		says: "Gmail asks to slow down.",
	},
	{
		stages: "send|upload|call", code: "403",
		class: Hold, cause: "forbidden",
		says: "Gmail refuses this call.",
		fix:  "Read the reply; check the API, the scopes and the administrator's policies, then release the account.",
	},
	{
		stages: "send|upload", reason: "threadNotFound",
		class: Fail, scope: ScopeMessage, cause: "thread_unknown",
		says: "The mailbox has no such conversation as thread_id names.",
		fix:  "Leave thread_id out, or name a conversation of this very mailbox.",
	},
	{
		stages: "send|upload", code: "400", text: "thread_id|threadid|thread id",
		class: Fail, scope: ScopeMessage, cause: "thread_unknown",
		says: "Gmail does not accept the conversation that thread_id names.",
		fix:  "Leave thread_id out, or name a conversation of this very mailbox.",
	},
	{
		stages: "send|upload", code: "400", text: "recipient address required|invalid to header|invalid cc header|invalid bcc header",
		class: Fail, scope: ScopeMessage, cause: "invalid_header",
		says: "Gmail cannot read the recipients in the message's header.",
		fix:  "Correct the address that the reply names.",
	},
	{
		stages: "send|upload", code: "413",
		class: Fail, scope: ScopeMessage, cause: "message_too_large",
		says: "The message is larger than Gmail takes (35 MiB with attachments encoded).",
		fix:  "Send a link in place of the attachment.",
	},
	{
		stages: "send|upload", code: "400", reason: "uploadTooLarge",
		class: Fail, scope: ScopeMessage, cause: "message_too_large",
		says: "The message is larger than Gmail takes (35 MiB with attachments encoded).",
		fix:  "Send a link in place of the attachment.",
	},
	{
		stages: "send|upload", code: "400", reason: "invalidArgument|INVALID_ARGUMENT|badRequest|invalid|parseError",
		class: Fail, scope: ScopeMessage, cause: "message_refused",
		says: "Gmail does not accept this message.",
		fix:  "Read the reply; the message must change.",
	},
	{
		stages: "send", code: "408",
		class: Unknown, scope: ScopeMessage, cause: "ambiguous_answer",
		says: "Gmail gave up waiting while the message was handed over: it may have been taken.",
	},
	{
		stages: "send|upload", code: "4yz",
		class: Retry, cause: "unexpected_answer",
		says: "Gmail did not take the message and gave a reason that gatepost does not know.",
		fix:  "Read the reply; check the API's address and whether a proxy answers in Gmail's place.",
	},
	{
		stages: "send",
		class:  Unknown, scope: ScopeMessage, cause: "ambiguous_answer",
		says: "Gmail answered with an error after the message was handed over: it may have been taken.",
	},
	{
		stages: "call|upload", code: "5yz",
		class: Retry, cause: "gmail_down",
		says: "The Gmail API has trouble.",
	},
	{
		stages: "call|upload",
		class:  Retry, cause: "unexpected_answer",
		says: "The Gmail API gave an answer that gatepost does not know.",
		fix:  "Read the reply; check the API's address and whether a proxy answers in Gmail's place.",
	},
}
