package provider

// The advice that several rows give.
const (
	delegationAdvice = "In https://admin.google.com/ac/owl/domainwidedelegation add {scopes} to the list of scopes of client id {client_id}; what is on the list stays. A client id that is not there yet: Add new."
	scopeAdvice      = "Service account: in https://admin.google.com/ac/owl/domainwidedelegation add {scopes} to the list of scopes of client id {client_id}; what is on the list stays. Mailbox connected by consent: connect it again and leave every box ticked (gatepost connect gmail {mailbox})."
	sessionAdvice    = "Connect again (gatepost connect gmail {mailbox}). So that it lasts: exempt the app as trusted in Admin > Security > Google Cloud session control, or use a service account."
)

// Google's pages about them.
const (
	googleOAuthPage      = "https://developers.google.com/identity/protocols/oauth2#expiration"
	googleConsentPage    = "https://developers.google.com/identity/protocols/oauth2/web-server#authorization-errors"
	googleDelegationPage = "https://developers.google.com/identity/protocols/oauth2/service-account#error-codes"
)

// googleRows are the answers of Google's token endpoint, and what its consent screen
// says. Sources: those pages, and the issue trackers of Google's clients, read November
// 2026. Nothing of a message has left.
var googleRows = []row{
	{
		no: "1", vendor: notMicrosofts, stages: "token", reason: "invalid_grant", text: "expired or revoked",
		class: Hold, cause: "token_revoked",
		says: "Google says that the access to {subject} has expired or was revoked.",
		fix:  "Connect it again: gatepost connect gmail {mailbox}. If this happens every 7 days, publish the OAuth app (\"In production\") or make it Internal first. Other causes: the user removed the access or changed the password, six months without use, or more than 100 grants of this client for one user.",
		link: googleOAuthPage,
	},
	{
		no: "3", vendor: notMicrosofts, stages: "token", reason: "invalid_grant", text: "invalid email or user id|not a valid email|invalid principal",
		class: Hold, cause: "unknown_user",
		says: "Google knows no user {subject} to act for.",
		fix:  "Use the primary address of a licensed user of the service account's own Workspace: not an alias, not a group, and never @gmail.com (connect those by consent: gatepost connect gmail).",
		link: googleDelegationPage,
	},
	{
		no: "4", vendor: notMicrosofts, stages: "token", reason: "invalid_grant", text: "short-lived token|iat and exp",
		class: Hold, cause: "clock_off",
		says: "Google refused the time in the signed request: {offset}.",
		fix:  "Set this machine's clock (NTP), then release the account.",
		link: googleDelegationPage,
	},
	{
		no: "5", vendor: notMicrosofts, stages: "token", reason: "invalid_grant", text: "invalid jwt signature",
		class: Hold, cause: "key_refused",
		says: "Google does not accept the signature of key {key_id}.",
		fix:  "The key was deleted, disabled or belongs to another service account. Make a new key and store it in place of this one.",
		link: googleDelegationPage,
	},
	{
		no: "6", vendor: notMicrosofts, stages: "token", reason: "invalid_grant", text: "no valid verifier|account not found|issuer",
		class: Hold, cause: "unknown_service_account",
		says: "Google does not know the service account of this key.",
		fix:  "Check client_email in the key file, and that the service account still exists in its project.",
		link: googleDelegationPage,
	},
	{
		vendor: notMicrosofts, stages: "token", reason: "invalid_grant", text: "failed audience check",
		class: Hold, cause: "wrong_audience",
		says: "The signed request names another token endpoint than the one that it was sent to.",
		fix:  "Check the token URL in the configuration; Google's is https://oauth2.googleapis.com/token.",
		link: googleDelegationPage,
	},
	{
		no: "7", vendor: notMicrosofts, stages: "token", reason: "invalid_grant", text: "invalid_rapt|rapt_required|reauth related",
		class: Hold, cause: "session_control",
		says: "The organisation's session length control asks {subject} for a new sign-in.",
		fix:  sessionAdvice,
		link: googleOAuthPage,
	},
	{
		no: "7", vendor: notMicrosofts, stages: "token", reason: "invalid_rapt|rapt_required",
		class: Hold, cause: "session_control",
		says: "The organisation's session length control asks {subject} for a new sign-in.",
		fix:  sessionAdvice,
		link: googleOAuthPage,
	},
	{
		no: "2", vendor: notMicrosofts, stages: "token", reason: "invalid_grant", text: "code verifier|code_verifier|code challenge",
		class: Hold, cause: "grant_refused",
		says: "Google does not accept the proof (PKCE) that the consent was started here.",
		fix:  "Start the consent again and finish it in one go.",
		link: googleConsentPage,
	},
	{
		no: "8", vendor: notMicrosofts, stages: "token", reason: "invalid_grant|invalid_account", text: "deleted|forbidden|suspended|disabled",
		class: Hold, cause: "user_gone",
		says: "The user {subject} is deleted or suspended.",
		fix:  "Restore the user in the Admin console, or retire this account.",
		link: googleOAuthPage,
	},
	{
		no: "8", vendor: notMicrosofts, stages: "token", reason: "invalid_account",
		class: Hold, cause: "user_gone",
		says: "The user {subject} is deleted or suspended.",
		fix:  "Restore the user in the Admin console, or retire this account.",
		link: googleOAuthPage,
	},
	{
		no: "2", vendor: notMicrosofts, stages: "token", reason: "invalid_grant", text: "malformed auth code|code was already redeemed|authorization code",
		class: Hold, cause: "grant_refused",
		says: "Google does not accept the code of this consent: it was used already, is too old, or belongs to another client.",
		fix:  "Start the consent again; a code works once and only for some minutes.",
		link: googleConsentPage,
	},
	{
		no: "2", vendor: notMicrosofts, stages: "token", reason: "invalid_grant", text: "bad request", by: byConsent,
		class: Hold, cause: "grant_refused",
		says: "Google does not accept the grant: it was used twice, has expired, or belongs to another client than {client_id}.",
		fix:  "Connect again with the same client id: gatepost connect gmail {mailbox}.",
		link: googleOAuthPage,
	},
	{
		no: "9|10", vendor: notMicrosofts, stages: "token", reason: "unauthorized_client", text: "using this method|any of the scopes requested|client or scope in request",
		class: Hold, cause: "delegation_missing",
		says: "The service account may not act for {subject} with all of these scopes: {scopes}.",
		fix:  delegationAdvice + " A change can take up to 24 hours to spread.",
		link: googleDelegationPage,
	},
	{
		no: "9|10", vendor: notMicrosofts, stages: "token", reason: "unauthorized_client", by: byKey,
		class: Hold, cause: "delegation_missing",
		says: "The service account may not act for {subject} with all of these scopes: {scopes}.",
		fix:  delegationAdvice + " A change can take up to 24 hours to spread.",
		link: googleDelegationPage,
	},
	{
		no: "9", vendor: notMicrosofts, stages: "token", reason: "unauthorized_client|unsupported_grant_type", by: byConsent,
		class: Hold, cause: "client_not_allowed",
		says: "Google does not let OAuth client {client_id} get tokens in this way.",
		fix:  "Use a client of type \"Web application\" or \"Desktop app\" (https://console.cloud.google.com/auth/clients) and connect again.",
		link: googleConsentPage,
	},
	{
		no: "10", vendor: notMicrosofts, stages: "token", reason: "invalid_scope", by: byKey,
		class: Hold, cause: "delegation_missing",
		says: "Google does not know one of these scopes: {scopes}.",
		fix:  delegationAdvice,
		link: googleDelegationPage,
	},
	{
		no: "10", vendor: notMicrosofts, stages: "token", reason: "invalid_scope", text: "id token audience",
		class: Hold, cause: "delegation_missing",
		says: "Google does not know one of these scopes: {scopes}.",
		fix:  delegationAdvice,
		link: googleDelegationPage,
	},
	{
		no: "10", vendor: notMicrosofts, stages: "token", reason: "invalid_scope",
		class: Hold, cause: "scope_missing",
		says: "Google does not give one of these scopes to OAuth client {client_id}: {scopes}.",
		fix:  "Add the scopes under Data Access of the consent screen (https://console.cloud.google.com/auth/scopes), then connect again.",
		link: googleConsentPage,
	},
	{
		no: "11", vendor: notMicrosofts, stages: "token", reason: "invalid_client", text: "not found",
		class: Hold, cause: "client_unknown",
		says: "Google does not know the OAuth client {client_id}.",
		fix:  "Correct the client id (https://console.cloud.google.com/auth/clients); a deleted client can be restored there within 30 days, and Google deletes clients that nobody uses.",
		link: googleConsentPage,
	},
	{
		no: "12", vendor: notMicrosofts, stages: "token", reason: "invalid_client",
		class: Hold, cause: "client_secret_refused",
		says: "Google does not accept the secret of OAuth client {client_id}.",
		fix:  "Make a new client secret at https://console.cloud.google.com/auth/clients and store it in place of this one; connected mailboxes stay connected.",
		link: googleConsentPage,
	},
	{
		no: "11", vendor: notMicrosofts, stages: "token", reason: "deleted_client|disabled_client",
		class: Hold, cause: "client_unknown",
		says: "The OAuth client {client_id} was deleted or disabled.",
		fix:  "Restore or enable the client at https://console.cloud.google.com/auth/clients (a deleted one within 30 days). With a new client every mailbox must be connected again.",
		link: googleConsentPage,
	},
	{
		no: "13", vendor: notMicrosofts, stages: "token", reason: "invalid_request", text: "impersonation|principal|prn",
		class: Hold, cause: "unknown_user",
		says: "Google cannot read {subject} as the address of a user to act for.",
		fix:  "Use the primary address of a licensed user of the Workspace domain.",
		link: googleDelegationPage,
	},
	{
		no: "15", vendor: notMicrosofts, stages: "token", reason: "redirect_uri_mismatch",
		class: Hold, cause: "redirect_refused",
		says: "The address that Google was to send the browser back to is not registered with OAuth client {client_id}.",
		fix:  "Register {redirect_uri} to the letter at https://console.cloud.google.com/auth/clients: scheme, host, port, path and a slash at the end all count.",
		link: googleConsentPage,
	},
	{
		no: "17", vendor: notMicrosofts, stages: "token", reason: "admin_policy_enforced",
		class: Hold, cause: "blocked_by_admin",
		says: "The organisation's administrator restricts these scopes or Gmail itself.",
		fix:  "Ask the administrator to mark client id {client_id} as trusted in Admin > Security > Access and data control > API controls.",
		link: googleConsentPage,
	},
	{
		no: "18", vendor: notMicrosofts, stages: "token", reason: "org_internal",
		class: Hold, cause: "client_internal",
		says: "The OAuth app is internal to an organisation, and {subject} belongs to another.",
		fix:  "Connect a mailbox of that organisation, or make the app External (https://console.cloud.google.com/auth/audience).",
		link: googleConsentPage,
	},
	{
		no: "14", vendor: notMicrosofts, stages: "token", reason: "access_denied", text: "not authorized|restricted|blocked|administrator",
		class: Hold, cause: "blocked_by_admin",
		says: "The organisation's administrator blocks this app, or the account is restricted.",
		fix:  "Mark client id {client_id} as trusted in Admin > Security > Access and data control > API controls, then try again.",
		link: googleConsentPage,
	},
	{
		no: "16", vendor: notMicrosofts, stages: "token", reason: "access_denied",
		class: Hold, cause: "consent_denied",
		says: "Access was denied: the user said no, or the app is in testing and {subject} is not one of its test users.",
		fix:  "Ask the user. An app in testing: add the user at https://console.cloud.google.com/auth/audience, or publish the app (an app that Google has not verified takes 100 users at the most). If the organisation's administrator blocks it: mark client id {client_id} as trusted in Admin > Security > Access and data control > API controls.",
		link: googleConsentPage,
	},
	{
		no: "1", vendor: notMicrosofts, stages: "token", reason: "invalid_token",
		class: Hold, cause: "token_revoked",
		says: "Google says that the token has expired or was revoked.",
		fix:  "Connect the mailbox again: gatepost connect gmail {mailbox}.",
		link: googleOAuthPage,
	},
	{
		no: "1", vendor: notMicrosofts, stages: "token", reason: "interaction_required|consent_required|login_required|account_selection_required",
		class: Hold, cause: "consent_needed",
		says: "Google wants {subject} to sign in or consent again.",
		fix:  "Connect it again: gatepost connect gmail {mailbox}.",
		link: googleConsentPage,
	},
	{
		no: "1|2", vendor: notMicrosofts, stages: "token", code: "4yz", reason: "invalid_grant", by: byConsent,
		class: Hold, cause: "token_revoked", rest: true,
		says: "Google does not accept the access to {subject} any more.",
		fix:  "Read the reply. Connect the mailbox again with the same client id: gatepost connect gmail {mailbox}. If this happens every 7 days, publish the OAuth app (\"In production\") or make it Internal first.",
		link: googleOAuthPage,
	},
	{
		vendor: notMicrosofts, stages: "token", code: "429|403", reason: "rate_limit_exceeded|ratelimitexceeded|slow_down|quota_exceeded",
		class: Park, cause: "token_rate_limited", wait: waitMinute,
		says: "Google's token endpoint asks to slow down.",
		link: googleConsentPage,
	},
	{
		vendor: notMicrosofts, stages: "token", reason: "internal_failure|server_error|temporarily_unavailable|backend_error",
		class: Retry, cause: "token_endpoint_down",
		says: "Google's token endpoint has trouble.",
		link: googleConsentPage,
	},
	{
		vendor: notMicrosofts, stages: "token", code: "429",
		class: Park, cause: "token_rate_limited", wait: waitMinute,
		says: "Google's token endpoint asks to slow down.",
		link: googleConsentPage,
	},
	{
		vendor: notMicrosofts, stages: "token", code: "5yz",
		class: Retry, cause: "token_endpoint_down",
		says: "Google's token endpoint has trouble.",
		link: googleConsentPage,
	},
	{
		vendor: notMicrosofts, stages: "token", code: "4yz",
		class: Hold, cause: "credential_refused", rest: true,
		says: "Google refused the credential.",
		fix:  "Read the reply; check the credential (key, user and delegation; or client and consent), then release the account.",
		link: googleDelegationPage,
	},
	{
		vendor: notMicrosofts, stages: "token",
		class: Retry, cause: "token_answer_unreadable", rest: true,
		says: "The token endpoint gave an answer that is none of Google's.",
		fix:  "Check the token URL, and whether a proxy answers in Google's place.",
	},
}
