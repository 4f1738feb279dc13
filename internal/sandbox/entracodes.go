package sandbox

import "net/http"

// aadsts makes the error of a number. Those that the world has no own reason for
// can be asked for by the fault aadsts. The texts are those of
// learn.microsoft.com/entra/identity-platform/reference-error-codes, the words of
// error where they are documented; the rest is the likeliest.
func aadsts(number int) *entraError {
	for _, group := range [][]entraError{clientCodes(), requestCodes(), grantCodes(), policyCodes(), serviceCodes()} {
		for _, e := range group {
			if e.number == number {
				return &e
			}
		}
	}
	return nil
}

const (
	badRequestStatus   = http.StatusBadRequest
	unauthorizedStatus = http.StatusUnauthorized
)

// clientCodes concern the app and what it proves itself with.
func clientCodes() []entraError {
	return []entraError{
		{status: unauthorizedStatus, code: "invalid_client", number: 7000215, text: "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app."},
		{status: unauthorizedStatus, code: "invalid_client", number: 7000222, text: "The provided client secret keys for app are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds."},
		{status: unauthorizedStatus, code: "invalid_client", number: 700027, text: "The certificate with identifier used to sign the client assertion is not registered on application."},
		{status: unauthorizedStatus, code: "invalid_client", number: 700024, text: "Client assertion is not within its valid time range."},
		{status: unauthorizedStatus, code: "invalid_client", number: 50027, text: "JWT token is invalid or malformed."},
		{status: unauthorizedStatus, code: "invalid_client", number: 700023, text: "Client assertion audience claim does not match Realm issuer. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials."},
		{status: unauthorizedStatus, code: "invalid_client", number: 7000218, text: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."},
		{status: unauthorizedStatus, code: "invalid_client", number: 700025, text: "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."},
		{status: unauthorizedStatus, code: "invalid_client", number: 700213, text: "No matching federated identity record found for presented assertion subject. Please check your federated identity credential Subject, Audience and Issuer against the presented assertion."},
		{status: unauthorizedStatus, code: "invalid_client", number: 70021, text: "No matching federated identity record found for presented assertion."},
		{status: badRequestStatus, code: "unauthorized_client", number: 700016, text: "Application was not found in the directory. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."},
		{status: unauthorizedStatus, code: "unauthorized_client", number: 7000112, text: "Application is disabled."},
		{status: badRequestStatus, code: "unauthorized_client", number: 70001, text: "The application is disabled or was not found in the directory."},
	}
}

// requestCodes concern the request: its tenant, its form and its scopes.
func requestCodes() []entraError {
	return []entraError{
		{status: badRequestStatus, code: "invalid_resource", number: 50001, text: "The resource is disabled or doesn't exist. Check your app's code to ensure that you have specified the exact resource URL."},
		{status: badRequestStatus, code: "invalid_request", number: 90002, text: "Tenant not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."},
		{status: badRequestStatus, code: "invalid_request", number: 900023, text: "Specified tenant identifier is neither a valid DNS name, nor a valid external domain."},
		{status: badRequestStatus, code: "invalid_request", number: 90023, text: "The authentication service request is not valid."},
		{status: badRequestStatus, code: "invalid_request", number: 900144, text: "The request body must contain the following parameter."},
		{status: badRequestStatus, code: "invalid_request", number: 9002313, text: "Invalid request. Request is malformed or invalid."},
		{status: badRequestStatus, code: "invalid_request", number: 50194, text: "Application is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the application to be multi-tenant."},
		{status: badRequestStatus, code: "invalid_request", number: 50059, text: "No tenant-identifying information found in either the request or implied by any provided credentials."},
		{status: badRequestStatus, code: "invalid_request", number: 9001023, text: "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint."},
		{status: badRequestStatus, code: "invalid_request", number: 50011, text: "The redirect URI specified in the request does not match the redirect URIs configured for the application. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal. Navigate to https://aka.ms/redirectUriMismatchError to learn more about how to troubleshoot this error."},
		{status: badRequestStatus, code: "invalid_request", number: 9002327, text: "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests."},
		{status: badRequestStatus, code: "invalid_request", number: 50147, text: "Invalid size of Code_Challenge parameter."},
		{status: badRequestStatus, code: "unsupported_grant_type", number: 70003, text: "The app requested an unsupported grant type."},
		{status: badRequestStatus, code: "unsupported_response_type", number: 70005, text: "The app returned an unsupported response type."},
		{status: badRequestStatus, code: "invalid_resource", number: 500011, text: "The resource principal was not found in the tenant. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant."},
		{status: badRequestStatus, code: "invalid_scope", number: 70011, text: "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid."},
		{status: badRequestStatus, code: "invalid_scope", number: 700022, text: "The provided value for the input parameter scope is not valid because it contains more than one resource."},
		{status: badRequestStatus, code: "invalid_scope", number: 28000, text: "Provided value for the input parameter scope is not valid because it contains more than one resource."},
		{status: badRequestStatus, code: "invalid_request", number: 28002, text: "Provided value for the input parameter scope is not valid when requesting an access token. Please specify a valid scope."},
		{status: badRequestStatus, code: "invalid_request", number: 28003, text: "Provided value for the input parameter scope cannot be empty when requesting an access token using the provided authorization code. Please specify a valid scope."},
		{status: badRequestStatus, code: "invalid_client", number: 650052, text: "The app needs access to a service that your organization has not subscribed to or enabled. Contact your IT Admin to review the configuration of your service subscriptions."},
		{status: badRequestStatus, code: "invalid_request", number: 650056, text: "Misconfigured application. This could be due to one of the following: the client has not listed any permissions in the requested permissions in the client's application registration. Or, the admin has not consented in the tenant."},
		{status: badRequestStatus, code: "invalid_resource", number: 650057, text: "Invalid resource. The client has requested access to a resource which is not listed in the requested permissions in the client's application registration."},
	}
}

// grantCodes concern a code, a refresh token, a device code or the user's sign-in.
func grantCodes() []entraError {
	grant := func(number int, sub, text string) entraError {
		return entraError{status: badRequestStatus, code: "invalid_grant", number: number, sub: sub, text: text}
	}
	return []entraError{
		grant(51004, "", "The user account doesn't exist in the directory. An application likely chose the wrong tenant to sign into."),
		grant(50180, "", "Windows Integrated authentication is needed. Enable the tenant for Seamless SSO."),
		grant(65001, "consent_required", "The user or administrator has not consented to use the application. Send an interactive authorization request for this user and resource."),
		grant(50034, "", "The user account does not exist in the directory. To sign into this application, the account must be added to the directory."),
		grant(50020, "", "User account from identity provider does not exist in tenant and cannot access the application in that tenant. The account needs to be added as an external user in the tenant first."),
		grant(50053, "", "The account is locked, you've tried to sign in too many times with an incorrect user ID or password."),
		grant(50055, "user_password_expired", "The password is expired."),
		grant(50057, "", "The user account is disabled."),
		grant(50126, "", "Error validating credentials due to invalid username or password."),
		grant(50089, "", "Authentication failed due to flow token expired."),
		grant(50132, "", "Session is not valid due to password expiration or recent password change."),
		grant(50133, "bad_token", "Session is not valid due to password expiration or recent password change."),
		grant(50173, "bad_token", "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password."),
		grant(54005, "", "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."),
		grant(700005, "", "The provided Authorization Code is intended to use against other tenant, thus rejected."),
		grant(501481, "", "The Code_Verifier does not match the code_challenge supplied in the authorization request."),
		grant(70000, "", "The provided value for the input parameter 'refresh_token' or 'code' is not valid."),
		grant(70008, "", "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource."),
		grant(700082, "", "The refresh token has expired due to inactivity. The token was issued and was inactive for 90.00:00:00."),
		grant(700084, "", "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which cannot be extended. It is now expired and a new sign in request must be sent by the SPA to the sign in page."),
		grant(70043, "bad_token", "The refresh token has expired or is invalid due to sign-in frequency checks by Conditional Access."),
		{status: badRequestStatus, code: "access_denied", number: 65004, text: "User declined to consent to access the app."},
		{status: badRequestStatus, code: "authorization_pending", number: 70016, text: "OAuth 2.0 device flow error. Authorization is pending. Continue polling."},
		{status: badRequestStatus, code: "bad_verification_code", number: 70018, text: "Invalid verification code. User typed in a wrong user code, or the device code is wrong."},
		{status: badRequestStatus, code: "expired_token", number: 70019, text: "Verification code expired. Have the user retry the sign-in."},
	}
}

// policyCodes concern rules of the organisation.
func policyCodes() []entraError {
	rule := func(code string, number int, sub, text string) entraError {
		return entraError{status: badRequestStatus, code: code, number: number, sub: sub, text: text}
	}
	const mfa = "Due to a configuration change made by your administrator, or because you moved to a new location, you must "
	list := []entraError{
		rule("invalid_grant", 50072, "basic_action", mfa+"enroll in multi-factor authentication to access the resource."),
		rule("interaction_required", 50074, "basic_action", "Strong Authentication is required."),
		rule("invalid_grant", 50076, "basic_action", mfa+"use multi-factor authentication to access the resource."),
		rule("interaction_required", 50078, "basic_action", "Presented multi-factor authentication has expired due to policies configured by your administrator, you must refresh your multi-factor authentication to access the resource."),
		rule("invalid_grant", 50079, "basic_action", mfa+"enroll in multi-factor authentication to access the resource."),
		rule("interaction_required", 50097, "basic_action", "Device authentication is required."),
		rule("access_denied", 50105, "", "Your administrator has configured the application to block users unless they are specifically granted ('assigned') access to the application."),
		rule("interaction_required", 50158, "basic_action", "External security challenge was not satisfied."),
		rule("interaction_required", 53000, "", "Your device is required to be compliant to access this resource."),
		rule("interaction_required", 53001, "", "Your device is required to be joined to the domain to access this resource."),
		rule("invalid_grant", 53003, "message_only", "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."),
		rule("invalid_grant", 530032, "message_only", "Access has been blocked by security policy set up by your organization."),
		rule("invalid_grant", 530035, "message_only", "Access has been blocked by security defaults. This is due to the request using legacy authentication or being deemed unsafe by security defaults policies."),
		rule("invalid_grant", 530036, "message_only", "Access has been blocked by Conditional Access policies: the device code flow is not allowed."),
		rule("access_denied", 90094, "", "An administrator must grant this application the permissions that it asks for."),
		rule("access_denied", 90095, "", "An administrator must review the request for this application's permissions."),
	}
	for i := range list {
		if list[i].code == "interaction_required" {
			list[i].claims = `{"access_token":{"capolids":{"essential":true,"values":["` + guidOf("policy") + `"]}}}`
		}
	}
	return list
}

// serviceCodes are Entra's own trouble.
func serviceCodes() []entraError {
	trouble := func(number int, text string) entraError {
		return entraError{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", number: number, text: text}
	}
	return []entraError{
		trouble(90033, "A transient error has occurred. Please try again."),
		trouble(90012, "The request has timed out."),
		trouble(90024, "The request body's budget has been exceeded or a transient error has occurred. Please try again."),
		trouble(90006, "The external server returned a retryable error."),
		trouble(50033, "A retryable error has occurred."),
		trouble(90025, "An internal Microsoft Entra service hit its retry allowance to sign the user in."),
		{status: http.StatusTooManyRequests, code: "temporarily_unavailable", number: 90055, retryAfter: 1, text: "The tenant has been throttled because there are too many incoming requests."},
		{status: badRequestStatus, code: "invalid_request", number: 50196, text: "The server terminated an operation because it encountered a client request loop. Please contact your app vendor."},
	}
}
