package provider

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// logged are texts as programs log them, with the causes that they are explained by, the
// likeliest first. "" says that nothing is known of it.
var logged = []struct{ text, causes string }{
	// Google's token endpoint: the endpoint's own JSON, and as clients word it.
	{`oauth2: cannot fetch token: 400 Bad Request
Response: {
  "error": "invalid_grant",
  "error_description": "Token has been expired or revoked."
}`, "token_revoked"},
	{`Get "https://gmail.googleapis.com/gmail/v1/users/me/profile?alt=json": oauth2: "invalid_grant" "Token has been expired or revoked."`, "token_revoked"},
	{`google.auth.exceptions.RefreshError: ('invalid_grant: Bad Request', {'error': 'invalid_grant', 'error_description': 'Bad Request'})`, "grant_refused"},
	{`{"error": "invalid_grant", "error_description": "Malformed auth code."}`, "grant_refused"},
	{`invalid_grant: Invalid email or User ID`, "unknown_user"},
	{`oauth2: "invalid_grant" "Not a valid email or user ID."`, "unknown_user"},
	{`GaxiosError: invalid_grant: Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.`, "clock_off"},
	{`oauth2: cannot fetch token: 400 Bad Request\nResponse: {"error":"invalid_grant","error_description":"Invalid JWT Signature."}`, "key_refused"},
	{`oauth2: "invalid_grant" "Invalid JWT: No valid verifier found for issuer."`, "unknown_service_account"},
	{`{"error":"invalid_grant","error_description":"Invalid grant: account not found"}`, "unknown_service_account"},
	{`{"error":"invalid_grant","error_description":"reauth related error (invalid_rapt)","error_subtype":"invalid_rapt"}`, "session_control"},
	{`('invalid_grant: The account has been deleted', …)`, "user_gone"},
	{`invalid_account: Forbidden`, "user_gone"},
	{`oauth2: cannot fetch token: 401 Unauthorized
Response: {"error":"unauthorized_client","error_description":"Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested."}`, "delegation_missing"},
	{`unauthorized_client: Unauthorized client or scope in request.`, "delegation_missing"},
	{`{"error":"invalid_client","error_description":"The OAuth client was not found."}`, "client_unknown"},
	{`oauth2: "invalid_client" "Unauthorized"`, "client_secret_refused"},
	{`{'error': 'invalid_request', 'error_description': 'Invalid impersonation prn email address.'}`, "unknown_user"},
	{`invalid_request: Invalid principal`, "unknown_user"},
	{`access_denied: Requested client not authorized.`, "blocked_by_admin"},
	{`{"error":"access_denied","error_description":"Account restricted"}`, "blocked_by_admin"},
	{`Access blocked: This app's request is invalid. Error 400: redirect_uri_mismatch`, "redirect_refused"},
	{`Error 403: access_denied. The app is currently being tested, and can only be accessed by developer-approved testers.`, "consent_denied"},
	{`Error 400: admin_policy_enforced`, "blocked_by_admin"},
	{`Error 403: org_internal`, "client_internal"},
	{`oauth2: cannot fetch token: 503 Service Unavailable`, "token_endpoint_down"},

	// Google without a key: the Security Token Service, IAM Credentials.
	{`oauth2/google: unable to exchange token: oauth2/google: status code 400: {"error":"invalid_grant","error_description":"The audience in ID Token [x] does not match the expected audience."}`, "wrong_audience"},
	{`('Error code invalid_target: The target service indicated by the "audience" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn\'t exist.', '{"error":"invalid_target"}')`, "pool_unknown"},
	{`{"error":"invalid_grant","error_description":"Error connecting to the given credential's issuer."}`, "wrong_issuer"},
	{`{"error":"unauthorized_client","error_description":"The given credential is rejected by the attribute condition."}`, "condition_refused"},
	{`The given credential is rejected by the attribute condition.`, "condition_refused"},
	{`Error code invalid_grant: ID Token issued at 1635000000 is stale to sign-in.`, "subject_token_expired"},
	{`{"error":"invalid_request","error_description":"The size of mapped attribute google.subject exceeds the 127 bytes limit."}`, "mapping_refused"},
	{`googleapi: Error 403: Security Token Service API has not been used in project 117 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/sts.googleapis.com/overview?project=117 then retry.`, "api_disabled"},
	{`googleapi: Error 403: Permission 'iam.serviceAccounts.signJwt' denied on resource (or it may not exist)., forbidden`, "signing_not_allowed"},
	{`google.auth.exceptions.RefreshError: ('Unable to acquire impersonated credentials', '{"error": {"code": 403, "message": "Permission \'iam.serviceAccounts.getAccessToken\' denied on resource (or it may not exist).", "status": "PERMISSION_DENIED"}}')`, "signing_not_allowed"},
	{`{"error":{"code":403,"message":"Request had insufficient authentication scopes.","status":"PERMISSION_DENIED","details":[{"reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT","metadata":{"service":"iamcredentials.googleapis.com"}}]}}`, "machine_scope_missing"},
	{`googleapi: Error 403: IAM Service Account Credentials API has not been used in project 117 before or it is disabled., accessNotConfigured`, "api_disabled"},

	// The Gmail API.
	{`googleapi: Error 400: Precondition check failed., failedPrecondition`, "precondition_failed"},
	{`Precondition check failed.`, "precondition_failed"},
	{`googleapi: Error 400: Mail service not enabled, failedPrecondition`, "gmail_off"},
	{`googleapi: Error 403: Delegation denied for app@acme.example, forbidden`, "delegation_denied"},
	{`<HttpError 403 when requesting https://gmail.googleapis.com/gmail/v1/users/me/messages/send?alt=json returned "Request had insufficient authentication scopes.". Details: "[{'message': 'Insufficient Permission', 'domain': 'global', 'reason': 'insufficientPermissions'}]">`, "scope_missing"},
	{`googleapi: Error 403: Request had insufficient authentication scopes.
Details: [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]
More details: Reason: insufficientPermissions, Message: Insufficient Permission`, "scope_missing"},
	{`googleapi: Error 403: Gmail API has not been used in project 117 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/gmail.googleapis.com/overview?project=117 then retry., accessNotConfigured`, "api_disabled"},
	{`{"error":{"code":403,"message":"The domain administrators have disabled Gmail apps.","errors":[{"message":"The domain administrators have disabled Gmail apps.","domain":"global","reason":"domainPolicy"}]}}`, "blocked_by_admin"},
	{`googleapi: Error 401: Invalid Credentials, authError`, "token_refused"},
	{`googleapi: Error 403: Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service 'gmail.googleapis.com' for consumer 'project_number:117'., rateLimitExceeded`, "rate_limited"},
	{`googleapi: Error 403: User Rate Limit Exceeded, userRateLimitExceeded`, "user_quota"},
	{`googleapi: Error 429: User-rate limit exceeded.  Retry after 2026-11-21T14:00:20.000Z (Mail sending), rateLimitExceeded`, "sending_limit"},
	{`{"error": {"code": 429, "message": "Resource has been exhausted (e.g. check quota).", "status": "RESOURCE_EXHAUSTED"}}`, "project_quota"},
	{`googleapi: Error 429: Too many concurrent requests for user, rateLimitExceeded`, "concurrency"},
	{`com.google.api.client.googleapis.json.GoogleJsonResponseException: 400 Bad Request
{
  "code" : 400,
  "errors" : [ { "domain" : "global", "message" : "Recipient address required", "reason" : "invalidArgument" } ],
  "message" : "Recipient address required"
}`, "invalid_header"},
	{`googleapi: Error 400: Invalid To header, invalidArgument`, "invalid_header"},
	{`googleapi: Error 413: Request payload size exceeds the limit: 10485760 bytes., uploadTooLarge`, "message_too_large"},
	{`googleapi: got HTTP response code 503 with body: Service Unavailable`, "ambiguous_answer,gmail_down"},

	// SMTP at Google.
	{`Error: Invalid login: 535-5.7.8 Username and Password not accepted. For more information, go to
535 5.7.8  https://support.google.com/mail/?p=BadCredentials 5b1f17b1804b1-47 - gsmtp
    at SMTPConnection._formatError { code: 'EAUTH', responseCode: 535, command: 'AUTH PLAIN' }`, "credential_refused"},
	{`Error: Invalid login: 535-5.7.8 Username and Password not accepted. For more information, go to\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials - gsmtp { code: 'EAUTH', command: 'AUTH XOAUTH2' }`, "token_refused"},
	{`334 eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==`, "token_refused"},
	{`smtplib.SMTPAuthenticationError: (535, b'5.7.8 Username and Password not accepted. For more information, go to\n5.7.8  https://support.google.com/mail/?p=BadCredentials x - gsmtp')`, "credential_refused,token_refused"},
	{`msmtp: authentication failed (method PLAIN)
msmtp: server message: 534-5.7.9 Application-specific password required. For more information, go to
msmtp: server message: 534 5.7.9  https://support.google.com/mail/?p=InvalidSecondFactor`, "app_password_required"},
	{`534-5.7.14 <https://accounts.google.com/signin/continue> Please log in via your web browser and then try again.`, "web_login_required"},
	{`530-5.7.0 Authentication Required. For more information, go to https://support.google.com/accounts/troubleshooter/2402620`, "auth_required"},
	{`454 4.7.0 Too many login attempts, please try again later.`, "too_many_logins"},
	{`postfix/smtp[123]: 4D7: to=<a@b.example>, relay=smtp-relay.gmail.com[142.250.1.1]:587, dsn=4.7.0, status=deferred (host smtp-relay.gmail.com[142.250.1.1] refused to talk to me: 421-4.7.0 Try again later, closing connection. (EHLO) https://support.google.com/a/answer/3221692)`, "service_unavailable"},
	{`550-5.4.5 Daily user sending limit exceeded. For more information on Gmail sending limits go to\n550 5.4.5  https://support.google.com/a/answer/166852`, "daily_limit"},
	{`SMTP Error: data not accepted.SMTP server error: DATA END command failed Detail: Daily user sending limit exceeded. SMTP code: 550 Additional SMTP info: 5.4.5`, "daily_limit"},
	{`postfix/smtp: status=bounced (host smtp-relay.gmail.com[142.250.1.1] said: 550-5.7.0 Mail relay denied [192.0.2.1]. Invalid credentials for relay for one of the domains in: acme.example (in reply to MAIL FROM command))`, "relay_denied"},
	{`550 5.7.1 Invalid credentials for relay [192.0.2.1].`, "relay_denied"},
	{`450 4.2.1 Peak SMTP relay limit exceeded for customer.`, "relay_peak_limit"},
	{`550 5.7.1 Daily SMTP relay limit exceeded for customer.`, "daily_limit"},
	{`550 5.4.5 Daily SMTP relay limit exceeded for user.`, "daily_limit"},
	{`452 4.5.3 Your message has too many recipients.`, "too_many_recipients"},
	{`550-5.7.26 This mail has been blocked because the sender is unauthenticated.`, "sender_unauthenticated"},
	{`552-5.7.0 This message was blocked because its content presents a potential security issue.`, "attachment_refused"},

	// Entra ID.
	{`AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app 'c9d0'. Trace ID: 1`, "client_secret_refused"},
	{`oauth2: cannot fetch token: 401 Unauthorized
Response: {"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys for app 'c9d0' are expired.","error_codes":[7000222]}`, "client_secret_expired"},
	{`AADSTS700016: Application with identifier '11111111-2222-3333-4444-555555555555' was not found in the directory 'Contoso'.`, "client_unknown"},
	{`AADSTS90002: Tenant 'contosoo.example' not found.`, "tenant_unknown"},
	{`AADSTS50194: Application 'c9d0' is not configured as a multi-tenant application. Usage of the /common endpoint is not supported.`, "tenant_needed"},
	{`msal: {"error":"invalid_client","error_description":"AADSTS7000218: The request body must contain the following parameter: 'client_assertion' or 'client_secret'."}`, "client_secret_missing"},
	{`AADSTS700025: Client is public so neither 'client_assertion' nor 'client_secret' should be presented.`, "client_is_public"},
	{`AADSTS700027: Client assertion contains an invalid signature.`, "certificate_refused"},
	{`AADSTS7000112: Application 'c9d0'(app) is disabled.`, "client_disabled"},
	{`invalid_grant: AADSTS65001: The user or administrator has not consented to use the application with ID '11111111-2222-3333-4444-555555555555' named 'app'.`, "consent_needed"},
	{`AADSTS90094: The grant requires admin permission.`, "admin_consent_needed"},
	{`AADSTS650056: Misconfigured application.`, "permission_missing"},
	{`AADSTS650057: Invalid resource.`, "permission_missing"},
	{`AADSTS50011: The redirect URI 'https://mail.example/callback' specified in the request does not match the redirect URIs configured for the application 'c9d0'.`, "redirect_refused"},
	{`interaction_required: AADSTS50076: Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication`, "mfa_required"},
	{`AADSTS50079: The user is required to use multi-factor authentication.`, "mfa_required"},
	{`AADSTS53003: Access has been blocked by Conditional Access policies.`, "conditional_access"},
	{`AADSTS530035: Access has been blocked by security defaults.`, "security_defaults"},
	{`AADSTS50105: Your administrator has configured the application to block users`, "user_not_assigned"},
	{`AADSTS50034: The user account does not exist in the directory.`, "unknown_user"},
	{`AADSTS50053: The account is locked, you've tried to sign in too many times`, "account_locked"},
	{`AADSTS50055: The password is expired.`, "password_expired"},
	{`AADSTS50057: The user account is disabled.`, "user_gone"},
	{`AADSTS50126: Error validating credentials due to invalid username or password.`, "credential_refused"},
	{`{"error":"invalid_grant","error_description":"AADSTS700082: The refresh token has expired due to inactivity. The token was issued on 2026-08-01 and was inactive for 90.00:00:00.","error_codes":[700082],"suberror":"bad_token"}`, "token_idle"},
	{`AADSTS70008: The provided authorization code or refresh token has expired due to inactivity.`, "token_expired"},
	{`AADSTS50173: The provided grant has expired due to it being revoked, a fresh auth token is needed.`, "token_revoked"},
	{`AADSTS70043: The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.`, "sign_in_frequency"},
	{`AADSTS700084: The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00`, "spa_token"},
	{`AADSTS54005: OAuth2 Authorization code was already redeemed`, "grant_refused"},
	{`AADSTS70011: The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid.`, "scope_unknown"},
	{`AADSTS28000: Provided value for the input parameter scope is not valid because it contains more than one resource.`, "scopes_mixed"},
	{`AADSTS9002313: Invalid request. Request is malformed or invalid.`, "request_malformed"},
	{`AADSTS500011: The resource principal named https://outlook.office.com was not found in the tenant named Contoso.`, "resource_missing"},
	{`{"error":"authorization_pending","error_description":"AADSTS70016: OAuth 2.0 device flow error. Authorization is pending. Continue polling."}`, "consent_pending"},
	{`AADSTS70019: Verification code expired`, "device_code_expired"},

	// Exchange Online by SMTP.
	{`535 5.7.3 Authentication unsuccessful [AM0PR02CA0012.eurprd02.prod.outlook.com 2026-11-21T10:00:00.000Z 08DE2A6028D26C22]`, "token_refused,credential_refused"},
	{`status=deferred (SASL authentication failed; server smtp.office365.com[52.97.1.1] said: 535 5.7.3 Authentication unsuccessful [AM0PR02CA0012.eurprd02.prod.outlook.com])`, "token_refused,credential_refused"},
	{`MailKit.Security.AuthenticationException: 535: 5.7.3 Authentication unsuccessful`, "token_refused,credential_refused"},
	{`msmtp: authentication failed (method XOAUTH2)
msmtp: server message: 535 5.7.3 Authentication unsuccessful`, "token_refused"},
	{`smtplib.SMTPAuthenticationError: (535, b'5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. [x]')`, "smtp_auth_disabled"},
	{`SMTP ERROR: Password command failed: 535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled`, "smtp_auth_disabled"},
	{`535 5.7.139 Authentication unsuccessful, basic authentication is disabled.`, "basic_auth_off"},
	{`535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. Contact your administrator.`, "security_defaults"},
	{`535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator.`, "conditional_access"},
	{`550 5.7.30 Basic authentication is not supported for Client Submission.`, "basic_auth_off"},
	{`504 5.7.4 Unrecognized authentication type`, "auth_not_offered"},
	{`smtplib.SMTPSenderRefused: (530, b'5.7.57 Client not authenticated to send mail. [x]', 'app@acme.example')`, "auth_required"},
	{`javax.mail: 530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM`, "auth_required"},
	{`com.sun.mail.smtp.SMTPSendFailedException: 554 5.2.252 SendAsDenied; app@acme.example not allowed to send as boss@acme.example; STOREDRV.Submission.Exception:SendAsDeniedException`, "send_as_denied"},
	{`550 5.7.60 SMTP; Client does not have permissions to send as this sender`, "send_as_denied"},
	{`550 5.7.606 Access denied, banned sending IP [192.0.2.1]`, "ip_banned"},
	{`432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information.`, "too_many_connections"},
	{`432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded`, "too_many_connections"},
	{`432 4.3.2 STOREDRV; mailbox message submission rate limit exceeded`, "relay_rate_limited"},
	{`554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message`, "daily_limit"},
	{`5.2.2 Submission quota exceeded`, "daily_limit"},
	{`554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded`, "own_mailbox_full"},
	{`550 5.1.8 Access denied, bad outbound sender. AS(42004)`, "sender_restricted"},
	{`550 5.7.705 Access denied, tenant has exceeded threshold`, "tenant_restricted"},
	{`550 5.7.708 Access denied, traffic not accepted from this IP.`, "tenant_restricted"},
	{`550 5.7.750 Service unavailable. Client blocked from sending from unregistered domain`, "domain_unregistered"},
	{`550 5.7.232 Your message can't be sent because your trial tenant has exceeded its daily limit`, "tenant_limit"},
	{`5.7.233 - Your message can't be sent because your tenant exceeded its daily limit`, "tenant_limit"},
	{`554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message due to a permanent exception`, "sender_restricted"},

	// Graph.
	{`{"error":{"code":"ErrorSendAsDenied","message":"The user account which was used to submit this request does not have the right to send mail on behalf of the specified sending account., Cannot submit message."}}`, "send_as_denied"},
	{`Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.`, "access_policy"},
	{`{"error":{"code":"ErrorAccessDenied","message":"Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings."}}`, "access_policy"},
	{`Code: ErrorAccessDenied
Message: Access is denied. Check credentials and try again.`, "permission_missing"},
	{`{"error":{"code":"MailboxNotEnabledForRESTAPI","message":"The mailbox is either inactive, soft-deleted, or is hosted on-premise."}}`, "mailbox_not_enabled"},
	{`REST API is not yet supported for this mailbox.`, "mailbox_not_enabled"},
	{`429 {"error":{"code":"ApplicationThrottled","message":"Application is over its MailboxConcurrency limit."}}`, "concurrency"},
	{`{"error":{"code":"InvalidAuthenticationToken","message":"Access token validation failure. Invalid audience."}}`, "wrong_audience"},
	{`InvalidAuthenticationToken: Lifetime validation failed, the token is expired.`, "token_refused"},
	{`{"error":{"code":"BadRequest","message":"/me request is only valid with delegated authentication flow."}}`, "mailbox_not_named"},
	{`ErrorExceededMessageLimit: Cannot send mail. Daily Message/Recipient limit exceeded. Follow the instructions in your Inbox to verify your account`, "account_unverified"},
	{`{"error":{"code":"ErrorQuotaExceeded","message":"The mailbox is full."}}`, "own_mailbox_full"},
	{`{"error":{"code":"ErrorMessageSizeExceeded","message":"The message exceeds the maximum supported size."}}`, "message_too_large"},
	{`{"error":{"code":"ErrorInvalidRecipients","message":"At least one recipient is not valid."}}`, "invalid_recipients"},
	{`{"error":{"code":"ErrorItemNotFound","message":"The specified object was not found in the store."}}`, "draft_gone,item_not_found"},
	{`503 {"error":{"code":"MailboxInfoStale","message":"Mailbox info is stale."}}`, "ambiguous_answer,graph_down"},

	// The network, and programs.
	{`dial tcp 142.250.1.1:587: i/o timeout`, "timeout"},
	{`dial tcp 142.250.1.1:465: connect: connection refused`, "connection_refused"},
	{`Error: connect ETIMEDOUT 52.97.1.1:587 { code: 'ESOCKET', command: 'CONN' }`, "timeout"},
	{`SMTP connect() failed: stream_socket_client(): Unable to connect to smtp.office365.com:587 (Connection timed out)`, "timeout"},
	{`dial tcp: lookup smtp.gmial.com: no such host`, "host_not_found"},
	{`socket.gaierror: [Errno -2] Name or service not known`, "host_not_found"},
	{`tls: failed to verify certificate: x509: certificate signed by unknown authority`, "tls_unknown_authority"},
	{`ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate chain (_ssl.c:1000)`, "tls_unknown_authority"},
	{`tls: failed to verify certificate: x509: certificate is valid for *.example.org, not smtp.example.net`, "tls_wrong_host"},
	{`x509: certificate has expired or is not yet valid: current time 2026-11-21T10:00:00Z is after 2026-01-01T00:00:00Z`, "tls_certificate_expired"},
	{`tls: first record does not look like a TLS handshake`, "tls_wrong_mode"},
	{`Error: 140735:error:1408F10B:SSL routines:ssl3_get_record:wrong version number`, "tls_wrong_mode"},
	{`remote error: tls: handshake failure`, "tls_refused"},
	{`postfix/smtp: status=deferred (conversation with smtp.gmail.com[142.250.1.1] timed out while sending end of data -- message may be sent more than once)`, "no_answer"},
	{`Error: Missing credentials for "PLAIN"`, "client_credentials_missing"},

	// What nobody knows, and what is no error.
	{`AADSTS12345678: Something that is new.`, "!credential_refused"},
	{`550 No`, "!recipient_refused,!message_refused"},
	{`hello`, ""},
	{``, ""},
	{`250 2.0.0 OK`, ""},
	{`php 5.6.40 started, 535 files in 5.7.3.1`, ""},
	{`GET /v1/messages 404 in 12 ms`, ""},
}

func TestExplain(t *testing.T) {
	for _, c := range slices.Concat(logged, pasted) {
		var got []string
		for _, e := range Explain(c.text, noon) {
			mark := ""
			if !e.Known() {
				mark = "!"
			}
			got = append(got, mark+e.Error.Cause)
			if e.Error.Text == "" || e.Error.Class == Hold && e.Error.Fix == "" {
				t.Errorf("%.80s: a bare explanation: %+v", c.text, e.Error)
			}
		}
		if strings.Join(got, ",") != c.causes {
			t.Errorf("%.110q\n got %v\nwant %s", c.text, got, c.causes)
		}
	}
}

// The advice holds what the text names of the case.
func TestExplainNamesTheCase(t *testing.T) {
	for text, want := range map[string][]string{
		`AADSTS700016: Application with identifier '11111111-2222-3333-4444-555555555555' was not found in the directory 'contoso.example'.`: {
			"app 11111111-2222-3333-4444-555555555555", "Tenant contoso.example", "login.microsoftonline.com/error?code=700016",
		},
		`554 5.2.252 SendAsDenied; app@acme.example not allowed to send as boss@acme.example; STOREDRV`: {
			"app@acme.example may not send as boss@acme.example", "-Identity boss@acme.example -Trustee app@acme.example",
		},
		`AADSTS50011: The redirect URI 'https://mail.example/callback' specified in the request`:                                      {"Add https://mail.example/callback to the letter"},
		`googleapi: Error 403: Gmail API has not been used in project 7. Enable it by visiting https://console.example/x?project=7 .`: {"https://console.example/x?project=7,"},
		`535 5.7.3 Authentication unsuccessful user=app@acme.example XOAUTH2`:                                                         {"-Identity app@acme.example"},
	} {
		all := Explain(text, noon)
		if len(all) != 1 {
			t.Errorf("%s: %d explanations", text, len(all))
			continue
		}
		said := all[0].Error.Text + " " + all[0].Error.Fix + " " + all[0].Error.Link
		for _, w := range want {
			if !strings.Contains(said, w) {
				t.Errorf("%s: no %q in %s", text, w, said)
			}
		}
	}
}

// A time that the text names is read.
func TestExplainNamesTheTime(t *testing.T) {
	e := Explain(`googleapi: Error 429: User-rate limit exceeded.  Retry after 2026-11-21T14:00:20.000Z (Mail sending), rateLimitExceeded`, noon)[0]
	if e.Error.Class != Park || !e.Error.Until.Equal(noon.Add(2*time.Hour)) || e.Answer.Stage != StageSend {
		t.Errorf("%+v", e.Error)
	}
}

// No text makes Explain fail, say more than a few things, or repeat a token.
func FuzzExplain(f *testing.F) {
	for _, c := range slices.Concat(logged, pasted) {
		f.Add(c.text)
	}
	f.Add("334 eyJ")
	f.Add(strings.Repeat("{", 100) + "AADSTS")
	f.Add("535 5.7.3 \xff\xfe AADSTS9999999999999999999999")
	f.Fuzz(func(t *testing.T, text string) {
		all := Explain(text, noon)
		if len(all) > maxExplanations {
			t.Errorf("%d explanations", len(all))
		}
		for _, e := range all {
			if e.Error == nil || e.Error.Class == 0 || e.Error.Cause == "" || e.Error.Text == "" || len(e.Error.Reply) > maxReply {
				t.Errorf("%q: %+v", text, e.Error)
			}
		}
	})
}

func TestExplainKeepsSecrets(t *testing.T) {
	for _, secret := range []string{
		"ya29.a0AfH6SMBx-1234567890", "eyJ0eXAiOiJKV1QiLCJub25jZSI6IjEy.eyJhdWQiOiJodHRwczovL2dyYXBo.c2lnbmF0dXJl",
		"0.AXoAZZ1234567890abcdefghijklmnopqrstuvwxyzABCDEFGH.AgABAAEAAAD", "1.AXoAZZ1234567890abcdefghijklmnopqrstuvwxyzABCDEFGH",
		"abc8Q~abcdefghijklmnopqrstuvwxyz0123456789", "GOCSPX-abcdefghijklmnopqrstuvwx",
	} {
		for _, text := range []string{
			"535 5.7.3 Authentication unsuccessful token " + secret + " x",
			"AADSTS7000215: Invalid client secret provided. client_secret=" + secret,
			"AADSTS50011: The redirect URI 'https://x.example/cb?code=" + secret + "' does not match",
			"GET https://gmail.googleapis.com/x?access_token=" + secret + " : Gmail API has not been used in project 1 before",
			"GET https://gmail.googleapis.com/x?access_token=" + secret + " : Gmail API has not been used in project 1 before. Enable it by visiting https://console.example/x?project=1 .",
		} {
			for _, e := range Explain(text, noon) {
				if strings.Contains(e.Error.Reply+e.Error.Text+e.Error.Fix+e.Error.Link, secret) {
					t.Errorf("%s is repeated: %s %s", secret, e.Error.Reply, e.Error.Fix)
				}
			}
		}
	}
}

// The names of a text without a key stand in the advice.
func TestKeylessNamesAreFilledIn(t *testing.T) {
	const account, audience = "robot@p.iam.gserviceaccount.com", "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b"
	got := Explain(`POST https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/`+account+`:signJwt: googleapi: Error 403: Permission 'iam.serviceAccounts.signJwt' denied on resource (or it may not exist)., forbidden`, noon)
	if len(got) != 1 || !strings.Contains(got[0].Error.Fix, "add-iam-policy-binding "+account+" ") || got[0].Answer.Stage != StageSign {
		t.Errorf("%+v", got)
	}
	got = Explain(`{"error":"invalid_target","error_description":"The target service indicated by the \"audience\" parameters is invalid: `+audience+`"}`, noon)
	if len(got) != 1 || !strings.Contains(got[0].Error.Text, audience) || got[0].Answer.Stage != StageExchange {
		t.Errorf("%+v", got)
	}
}

// The word for a cause, as it stands with messages and accounts, is explained too.
func TestExplainCauses(t *testing.T) {
	for _, e := range Catalogue() {
		all := Explain(" "+strings.ToUpper(e.Cause)+"\n", time.Now())
		if len(all) == 0 {
			t.Errorf("%s: no explanation", e.Cause)
		}
		for _, of := range all {
			if of.Error.Cause != e.Cause {
				t.Errorf("%s is explained as %s", e.Cause, of.Error.Cause)
			}
		}
	}
	if all := Explain("no_such_cause", time.Now()); len(all) > 0 {
		t.Errorf("a word that is no cause is explained as %s", all[0].Error.Cause)
	}
}
