package provider

// googleRows are the answers of Google's token endpoint and of the Gmail API.
// Sources: developers.google.com/identity/protocols/oauth2/service-account,
// developers.google.com/workspace/gmail/api/guides/handle-errors and the issue
// trackers of Google's clients, read November 2026.
var googleRows = []row{
	// The token endpoint. Nothing of a message has left.
	{
		stages: "token", reason: "invalid_grant", text: "expired or revoked",
		class: Hold, cause: "token_revoked",
		says: "Google says that the grant has expired or was revoked.",
		fix:  "Connect the account again. If this happens every 7 days, publish the OAuth app (\"In production\") or make it Internal first.",
	},
	{
		stages: "token", reason: "invalid_grant", text: "invalid email or user id|not a valid email|invalid principal",
		class: Hold, cause: "unknown_user",
		says: "Google knows no user {subject} to act for.",
		fix:  "Use the primary address of a licensed user of the Workspace domain: not an alias, not a group.",
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
		stages: "token", reason: "invalid_grant|invalid_rapt|rapt_required", text: "invalid_rapt|rapt_required|reauth",
		class: Hold, cause: "session_control",
		says: "The organisation's session length control asks for a new sign-in.",
		fix:  "Use a service account, or exempt the app as trusted in Admin > Security > Google Cloud session control.",
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
		stages: "token", reason: "invalid_grant", text: "bad request|malformed auth code",
		class: Hold, cause: "grant_refused",
		says: "Google does not accept the stored grant: it was used twice, is expired, or belongs to another client.",
		fix:  "Connect the account again, with the same client id as the stored grant.",
	},
	{
		stages: "token", reason: "unauthorized_client",
		class: Hold, cause: "delegation_missing",
		says: "The service account may not act for {subject} with all of these scopes: {scopes}.",
		fix:  "In https://admin.google.com/ac/owl/domainwidedelegation add client id {client_id} with exactly these scopes: {scopes}. A change can take up to 24 hours to spread.",
	},
	{
		stages: "token", reason: "invalid_scope",
		class: Hold, cause: "delegation_missing",
		says: "Google does not know one of these scopes: {scopes}.",
		fix:  "In https://admin.google.com/ac/owl/domainwidedelegation add client id {client_id} with exactly these scopes: {scopes}.",
	},
	{
		stages: "token", reason: "invalid_client", text: "not found",
		class: Hold, cause: "client_unknown",
		says: "Google does not know the OAuth client {client_id}.",
		fix:  "Correct the client id; a deleted client can be restored within 30 days.",
	},
	{
		stages: "token", reason: "invalid_client",
		class: Hold, cause: "client_secret_refused",
		says: "Google does not accept the secret of OAuth client {client_id}.",
		fix:  "Make a new client secret and store it in place of this one.",
	},
	{
		stages: "token", reason: "deleted_client|disabled_client",
		class: Hold, cause: "client_unknown",
		says: "The OAuth client {client_id} was deleted or disabled.",
		fix:  "Restore or enable the client in the Google Cloud console.",
	},
	{
		stages: "token", reason: "invalid_request", text: "impersonation|principal|prn",
		class: Hold, cause: "unknown_user",
		says: "Google cannot read {subject} as the address of a user to act for.",
		fix:  "Use the primary address of a licensed user of the Workspace domain.",
	},
	{
		stages: "token", reason: "access_denied|admin_policy_enforced",
		class: Hold, cause: "blocked_by_admin",
		says: "The organisation's administrator blocks this app.",
		fix:  "Mark client id {client_id} as trusted in Admin > Security > API controls.",
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
		fix:  "Read the reply; check key, user and delegation, then release the account.",
	},
	{
		stages: "token",
		class:  Retry, cause: "token_answer_unreadable",
		says: "The token endpoint gave an answer that is none of Google's.",
		fix:  "Check the token URL, and whether a proxy answers in Google's place.",
	},

	// The Gmail API. A 4xx is a verdict: the message was not taken.
	{
		stages: "send|call", code: "400", text: "mail service not enabled",
		class: Hold, cause: "gmail_off",
		says: "Gmail is not switched on for {subject}.",
		fix:  "Give the user a licence with Gmail, or turn Gmail on for the organisational unit.",
	},
	{
		stages: "send|call", code: "400", text: "precondition check failed",
		class: Hold, cause: CausePrecondition,
		says: "Gmail refuses to act for {subject}, twice.",
		fix:  "Check that the account's address is a user with a Gmail mailbox and not the service account itself.",
	},
	{
		stages: "send|call", code: "400", reason: "failedPrecondition|FAILED_PRECONDITION",
		class: Hold, cause: CausePrecondition,
		says: "Gmail refuses to act for {subject}, twice.",
		fix:  "Read the reply; check the user's licence and Gmail settings.",
	},
	{
		stages: "send|call", code: "403", text: "delegation denied",
		class: Hold, cause: "delegation_denied",
		says: "The token is not for the mailbox {subject}.",
		fix:  "Delegation in Gmail's own settings does not count: let the service account act for this very user.",
	},
	{
		stages: "send|call", code: "403", text: "insufficient authentication scopes|insufficient permission|access_token_scope_insufficient",
		class: Hold, cause: "scope_missing",
		says: "The token lacks a scope; needed: {scopes}.",
		fix:  "In https://admin.google.com/ac/owl/domainwidedelegation give client id {client_id} exactly these scopes: {scopes}.",
	},
	{
		stages: "send|call", code: "403", reason: "insufficientPermissions|ACCESS_TOKEN_SCOPE_INSUFFICIENT",
		class: Hold, cause: "scope_missing",
		says: "The token lacks a scope; needed: {scopes}.",
		fix:  "In https://admin.google.com/ac/owl/domainwidedelegation give client id {client_id} exactly these scopes: {scopes}.",
	},
	{
		stages: "send|call", code: "403", text: "has not been used in project|it is disabled|api has not been enabled",
		class: Hold, cause: "api_disabled",
		says: "The Gmail API is not enabled in the project of this key.",
		fix:  "Enable it at {link}, wait some minutes, then release the account.",
	},
	{
		stages: "send|call", code: "403", reason: "accessNotConfigured|SERVICE_DISABLED",
		class: Hold, cause: "api_disabled",
		says: "The Gmail API is not enabled in the project of this key.",
		fix:  "Enable it at {link}, wait some minutes, then release the account.",
	},
	{
		stages: "send|call", code: "403", reason: "domainPolicy",
		class: Hold, cause: "blocked_by_admin",
		says: "The organisation's administrator has disabled Gmail apps.",
		fix:  "Ask the administrator to allow this app in Admin > Security > API controls.",
	},
	{
		stages: "send|call", code: "401",
		class: Hold, cause: CauseTokenRefused,
		says: "Gmail refuses a token that Google has just given.",
		fix:  "Check that the user {subject} is active and the key still in use, then release the account.",
	},
	{
		stages: "send|call", code: "403|429", reason: "dailyLimitExceeded|quotaExceeded|dailyLimitExceededUnreg",
		class: Park, cause: "daily_quota", wait: waitHour,
		says: "The quota of the day is used up.",
		fix:  "See the project's quota page in the Google Cloud console; another account may take over.",
	},
	{
		stages: "send|call", code: "429|403", text: "too many concurrent requests",
		class: Retry, cause: "concurrency",
		says: "Too many calls to this mailbox at the same time.",
		fix:  "Lower max_parallel of the account.",
	},
	{
		stages: "send|call", code: "429", text: "user-rate limit exceeded|mail sending",
		class: Park, cause: "sending_limit", wait: waitQuarter,
		says: "The mailbox has reached a sending or bandwidth limit, which it shares with Gmail's web pages and SMTP.",
		fix:  "Wait: trying earlier moves the time on. Google's limits: https://support.google.com/a/answer/166852",
	},
	{
		stages: "send|call", code: "429|403", text: "resource has been exhausted",
		class: Park, cause: "project_quota", wait: waitMinute,
		says: "A quota of the Google Cloud project is used up.",
		fix:  "See the project's quota page in the Google Cloud console.",
	},
	{
		stages: "send|call", code: "403|429", reason: "userRateLimitExceeded",
		class: Park, cause: "user_quota", wait: waitMinute,
		says: "The mailbox has used up its API quota of this minute.",
	},
	{
		stages: "send|call", code: "403|429", reason: "rateLimitExceeded|RESOURCE_EXHAUSTED|RATE_LIMIT_EXCEEDED",
		class: Park, cause: "rate_limited", wait: waitMinute,
		says: "An API quota of this minute is used up.",
	},
	{
		stages: "send|call", code: "429",
		class: Park, cause: "rate_limited", wait: waitMinute,
		says: "Gmail asks to slow down.",
	},
	{
		stages: "send|call", code: "403",
		class: Hold, cause: "forbidden",
		says: "Gmail refuses this call.",
		fix:  "Read the reply; check the API, the scopes and the administrator's policies, then release the account.",
	},
	{
		stages: "send", code: "400", text: "recipient address required|invalid to header|invalid cc header|invalid bcc header",
		class: Fail, scope: ScopeMessage, cause: "invalid_header",
		says: "Gmail cannot read the recipients in the message's header.",
		fix:  "Correct the address that the reply names.",
	},
	{
		stages: "send", code: "413",
		class: Fail, scope: ScopeMessage, cause: "message_too_large",
		says: "The message is larger than Gmail takes (35 MiB with attachments encoded).",
		fix:  "Send a link in place of the attachment.",
	},
	{
		stages: "send", code: "400", reason: "uploadTooLarge",
		class: Fail, scope: ScopeMessage, cause: "message_too_large",
		says: "The message is larger than Gmail takes (35 MiB with attachments encoded).",
		fix:  "Send a link in place of the attachment.",
	},
	{
		stages: "send", code: "400", reason: "invalidArgument|INVALID_ARGUMENT|badRequest|invalid|parseError",
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
		stages: "send", code: "4yz",
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
		stages: "call", code: "5yz",
		class: Retry, cause: "gmail_down",
		says: "The Gmail API has trouble.",
	},
	{
		stages: "call",
		class:  Retry, cause: "unexpected_answer",
		says: "The Gmail API gave an answer that gatepost does not know.",
		fix:  "Read the reply; check the API's address and whether a proxy answers in Gmail's place.",
	},
}
