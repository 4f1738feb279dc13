package provider

// Microsoft's pages, and advice that several rows give.
const (
	entraPage = "{login}/error{aadsts}" // explains the number that the answer has
	// registrationsPage has the app's secrets, certificates, permissions and redirects.
	registrationsPage = "https://entra.microsoft.com > App registrations > {app}"

	consentAgain  = "Connect the mailbox again: gatepost connect microsoft {mailbox} --consent{smtp}. "
	adminConsent  = "An administrator opens {login}/{tenant}/adminconsent?client_id={app} and accepts; then connect again."
	tenantAdvice  = "Give the tenant's id (a GUID, on the Overview of https://entra.microsoft.com) or one of its domains in place of common, organizations or consumers."
	noUserPolicy  = "An app that sends without a user (app-only, by client credentials) is not subject to the policies for users."
	oneResource   = "Ask for the scopes of one resource in one request: those of https://graph.microsoft.com or those of https://outlook.office.com; app-only, for exactly one scope that ends in /.default."
	waitForEntra  = "Microsoft's sign-in service has trouble."
	secretAdvice  = registrationsPage + " > Certificates & secrets > New client secret; copy its Value at once (it is shown once) and store it in place of this one: gatepost credentials replace {credential} --secret-file FILE."
	storedAsGiven = "gatepost credentials replace {credential}"
)

// entraRows are the errors of Microsoft's sign-in service, Entra ID. The number says
// what happened; the word beside it is often the same for many. Source:
// learn.microsoft.com/entra/identity-platform/reference-error-codes, read November 2026.
var entraRows = []row{
	// The app's own credential.
	{
		no: "51", vendor: notGoogles, stages: "token", text: "aadsts7000215",
		class: Hold, cause: "client_secret_refused",
		says: "Microsoft does not accept the client secret of app {client_id}.",
		fix:  "Most often the secret's id (a GUID) was pasted in place of its value, or the secret is an old one. " + secretAdvice,
		link: entraPage,
	},
	{
		no: "52", vendor: notGoogles, stages: "token", text: "aadsts7000222",
		class: Hold, cause: "client_secret_expired",
		says: "The client secret of app {client_id} has expired.",
		fix:  secretAdvice,
		link: entraPage,
	},
	{
		no: "55", vendor: notGoogles, stages: "token", text: "aadsts700027|aadsts700024|aadsts700023|aadsts50027",
		class: Hold, cause: "certificate_refused",
		says: "Microsoft does not accept the assertion that certificate {key_id} signed: the certificate is not registered with app {client_id}, has expired, or {offset}.",
		fix:  registrationsPage + " > Certificates & secrets: the certificate must stand there with the thumbprint that gatepost credentials list shows, and be valid; upload it, or store the one that stands there (" + storedAsGiven + " --certificate-file FILE --certificate-key FILE). Set this machine's clock (NTP).",
		link: entraPage,
	},
	{
		no: "54", vendor: notGoogles, stages: "token", text: "aadsts7000218",
		class: Hold, cause: "client_secret_missing",
		says: "Microsoft wants a secret or a certificate of app {client_id}, which it takes for a confidential client.",
		fix:  "Store a secret or certificate with the app (" + storedAsGiven + "); or, for a desktop app or a device code: " + registrationsPage + " > Authentication > Allow public client flows: Yes.",
		link: entraPage,
	},
	{
		no: "54", vendor: notGoogles, stages: "token", text: "aadsts700025|public clients can't send a client secret",
		class: Hold, cause: "client_is_public",
		says: "App {client_id} is a public client and must not send a secret.",
		fix:  "Store the app without its secret (gatepost connect microsoft {mailbox} --consent{smtp} --tenant {tenant} --client-id {app} --public); or, for a server: " + registrationsPage + " > Authentication: register the redirect address under Web, not under Mobile and desktop applications.",
		link: entraPage,
	},
	{
		no: "55", vendor: notGoogles, stages: "token", text: "aadsts7000112",
		class: Hold, cause: "client_disabled",
		says: "App {client_id} is disabled in tenant {tenant}.",
		fix:  "An administrator opens https://entra.microsoft.com > Enterprise applications > the app > Properties and sets Enabled for users to sign-in to Yes.",
		link: entraPage,
	},
	{
		no: "55", vendor: notGoogles, stages: "token", text: "aadsts700213|aadsts70021|aadsts700211",
		class: Hold, cause: "federation_refused",
		says: "No federated credential of app {client_id} fits the token of the other issuer.",
		fix:  registrationsPage + " > Certificates & secrets > Federated credentials: issuer, subject and audience must be those of the token, to the letter.",
		link: entraPage,
	},

	// Which app, which tenant.
	{
		no: "53", vendor: notGoogles, stages: "token", text: "aadsts700016|aadsts70001|aadsts7000229",
		class: Hold, cause: "client_unknown",
		says: "Tenant {tenant} has no app {client_id}.",
		fix:  "Compare the application (client) id and the directory (tenant) id with the Overview of the app at https://entra.microsoft.com > App registrations. An app of another tenant must be multi-tenant and have been consented to: " + adminConsent,
		link: entraPage,
	},
	{
		no: "53", vendor: notGoogles, stages: "token", text: "aadsts90002|aadsts900023|aadsts90023|aadsts50059|aadsts50128|aadsts90013",
		class: Hold, cause: "tenant_unknown",
		says: "Microsoft knows no tenant {tenant}.",
		fix:  tenantAdvice + " A tenant of a national cloud (US Government, China) is known there alone: set the account's cloud.",
		link: entraPage,
	},
	{
		no: "53|61", vendor: notGoogles, stages: "token", text: "aadsts50194|aadsts9001023",
		class: Hold, cause: "tenant_needed",
		says: "App {client_id} cannot be used in this way without naming its own tenant.",
		fix:  tenantAdvice + " Or make the app multi-tenant: " + registrationsPage + " > Authentication > Supported account types. App-only access needs the tenant always.",
		link: entraPage,
	},

	// What is asked for.
	{
		no: "61", vendor: notGoogles, stages: "token", text: "aadsts28000|aadsts28002|aadsts28003|aadsts700022",
		class: Hold, cause: "scopes_mixed",
		says: "One request asked for scopes of two resources, or for none that can be given: {scopes}.",
		fix:  oneResource,
		link: entraPage,
	},
	{
		no: "61", vendor: notGoogles, stages: "token", text: "aadsts70011|aadsts1002012",
		class: Hold, cause: "scope_unknown",
		says: "Microsoft does not know or does not give one of these scopes: {scopes}.",
		fix:  "Check their spelling. " + oneResource,
		link: entraPage,
	},
	{
		no: "61", vendor: notGoogles, stages: "token", text: "aadsts500011|aadsts500014|aadsts50001|aadsts650052",
		class: Hold, cause: "resource_missing",
		says: "Tenant {tenant} does not have the service that the scopes are for: {scopes}.",
		fix:  "For mail the tenant needs Exchange Online. Check the tenant's licences, the spelling of the scopes, and whether they are those of the account's cloud.",
		link: entraPage,
	},
	{
		no: "61", vendor: notGoogles, stages: "token", text: "aadsts9002313|aadsts900144|aadsts90014|aadsts900971",
		class: Hold, cause: "request_malformed",
		says: "Microsoft cannot read the request: something is missing from it or misspelt.",
		fix:  "Read the reply; it names the part. Check tenant, client id and scopes of the credential, and whether a proxy changes requests.",
		link: entraPage,
	},
	{
		no: "57", vendor: notGoogles, stages: "token", text: "aadsts50011|aadsts500112|aadsts500113",
		class: Hold, cause: "redirect_refused",
		says: "The address that Microsoft was to send the browser back to is not registered with app {client_id}.",
		fix:  "Add {redirect_uri} to the letter: " + registrationsPage + " > Authentication > Web (for this machine: Mobile and desktop applications, http://localhost).",
		link: entraPage,
	},

	// Consent.
	{
		no: "56", vendor: notGoogles, stages: "token", text: "aadsts90094|aadsts90095",
		class: Hold, cause: "admin_consent_needed", action: ActionLink,
		says: "An administrator of the organisation has to consent for {subject}.",
		fix:  adminConsent,
		link: entraPage,
	},
	{
		no: "56", vendor: notGoogles, stages: "token", text: "aadsts65001",
		class: Hold, cause: "consent_needed", action: ActionLink,
		says: "Nobody has consented to what app {client_id} asks for: {scopes}.",
		fix:  consentAgain + "App-only, or where users may not consent: " + adminConsent,
		link: entraPage,
	},
	{
		no: "56", vendor: notGoogles, stages: "token", text: "aadsts65004",
		class: Hold, cause: "consent_denied",
		says: "{subject} said no to the consent.",
		fix:  "Ask the user, then connect again.",
		link: entraPage,
	},
	{
		no: "56", vendor: notGoogles, stages: "token", text: "aadsts650056|aadsts650057|aadsts65005",
		class: Hold, cause: "permission_missing",
		says: "The registration of app {client_id} does not list what it asks for: {scopes}.",
		fix:  registrationsPage + " > API permissions > Add a permission: Mail.Send of Microsoft Graph; for SMTP SMTP.Send of Microsoft Graph (delegated) or SMTP.SendAsApp of Office 365 Exchange Online (application). " + adminConsent,
		link: entraPage,
	},

	// The user, and the policies for users.
	{
		no: "58", vendor: notGoogles, stages: "token", text: "aadsts50076|aadsts50079|aadsts50072|aadsts50074|aadsts50078|aadsts50158|aadsts53004",
		class: Hold, cause: "mfa_required",
		says: "The organisation wants {subject} to pass multi-factor authentication.",
		fix:  consentAgain + noUserPolicy,
		link: entraPage,
	},
	{
		no: "58", vendor: notGoogles, stages: "token", text: "aadsts53003|aadsts53000|aadsts53001|aadsts53002|aadsts530003|aadsts530032|aadsts50131|blocked by conditional access",
		class: Hold, cause: "conditional_access",
		says: "A Conditional Access policy keeps {subject} from signing in here.",
		fix:  "An administrator finds the policy in https://entra.microsoft.com > Sign-in logs (by the correlation id in the reply) and excludes this app or user. " + noUserPolicy,
		link: entraPage,
	},
	{
		no: "58", vendor: notGoogles, stages: "token", text: "aadsts530035|security defaults",
		class: Hold, cause: "security_defaults",
		says: "The organisation's security defaults block this sign-in.",
		fix:  "Sign in by a browser (gatepost connect microsoft {mailbox} --consent{smtp}), not by password. " + noUserPolicy,
		link: entraPage,
	},
	{
		no: "58", vendor: notGoogles, stages: "token", text: "aadsts50105",
		class: Hold, cause: "user_not_assigned",
		says: "{subject} is not assigned to the app, and the app asks for that.",
		fix:  "An administrator opens https://entra.microsoft.com > Enterprise applications > the app > Users and groups and adds the user; or sets Assignment required to No under Properties.",
		link: entraPage,
	},
	{
		no: "58", vendor: notGoogles, stages: "token", text: "aadsts50020|aadsts50034|aadsts51004|aadsts90072|aadsts500200",
		class: Hold, cause: "unknown_user",
		says: "Tenant {tenant} knows no user {subject}.",
		fix:  "Check the address and the tenant. A user of another organisation, or a personal account, needs a multi-tenant app and the tenant common.",
		link: entraPage,
	},
	{
		no: "58", vendor: notGoogles, stages: "token", text: "aadsts50053",
		class: Hold, cause: "account_locked",
		says: "The account of {subject} is locked, or sign-ins from this address are blocked.",
		fix:  "Wait some minutes, or an administrator unblocks the user (https://entra.microsoft.com > Users); then connect again.",
		link: entraPage,
	},
	{
		no: "58", vendor: notGoogles, stages: "token", text: "aadsts50055",
		class: Hold, cause: "password_expired",
		says: "The password of {subject} has expired.",
		fix:  "Sign in by a browser, set a new one, and connect again: gatepost connect microsoft {mailbox} --consent{smtp}.",
		link: entraPage,
	},
	{
		no: "58", vendor: notGoogles, stages: "token", text: "aadsts50057|aadsts500571",
		class: Hold, cause: "user_gone",
		says: "The user {subject} is disabled.",
		fix:  "Enable the user (https://entra.microsoft.com > Users), or retire this account.",
		link: entraPage,
	},
	{
		no: "58", vendor: notGoogles, stages: "token", text: "aadsts50126",
		class: Hold, cause: "credential_refused",
		says: "Microsoft does not accept user name and password of {subject}.",
		fix:  consentAgain + "Passwords are not needed for that.",
		link: entraPage,
	},

	// Grants, codes and their lives.
	{
		no: "59", vendor: notGoogles, stages: "token", text: "aadsts700082",
		class: Hold, cause: "token_idle",
		says: "The access to {subject} was not used for 90 days and has ended.",
		fix:  consentAgain + "gatepost uses every refresh token at least weekly as long as it runs.",
		link: entraPage,
	},
	{
		no: "59", vendor: notGoogles, stages: "token", text: "aadsts700084",
		class: Hold, cause: "spa_token",
		says: "The access to {subject} was given to a single-page application, for 24 hours.",
		fix:  "Register the redirect address under Web, not under Single-page application (" + registrationsPage + " > Authentication), then connect again.",
		link: entraPage,
	},
	{
		no: "59", vendor: notGoogles, stages: "token", text: "aadsts9002327",
		class: Hold, cause: "spa_token",
		says: "The redirect address is registered for a single-page application: what is given there works in browsers alone.",
		fix:  "Register the redirect address under Web, not under Single-page application (" + registrationsPage + " > Authentication), then connect again.",
		link: entraPage,
	},
	{
		no: "59", vendor: notGoogles, stages: "token", text: "aadsts70043",
		class: Hold, cause: "sign_in_frequency",
		says: "A policy of the organisation (sign-in frequency) asks {subject} for a new sign-in.",
		fix:  consentAgain + "So that it lasts: an administrator excludes this account or app from the policy. " + noUserPolicy,
		link: entraPage,
	},
	{
		no: "59", vendor: notGoogles, stages: "token", text: "aadsts50173|aadsts50132|aadsts50133|aadsts70000",
		class: Hold, cause: "token_revoked",
		says: "The access to {subject} was revoked: a new password, an administrator, or the user.",
		fix:  consentAgain + noUserPolicy,
		link: entraPage,
	},
	{
		no: "59", vendor: notGoogles, stages: "token", text: "aadsts70008|aadsts50089",
		class: Hold, cause: "token_expired",
		says: "The code of the consent or the access to {subject} has expired.",
		fix:  consentAgain + "A code has to be used within ten minutes.",
		link: entraPage,
	},
	{
		no: "60", vendor: notGoogles, stages: "token", text: "aadsts54005|aadsts700005|aadsts501481|aadsts50147|aadsts50148",
		class: Hold, cause: "grant_refused",
		says: "Microsoft does not accept the code of this consent: it was used already, or belongs to another tenant or another start.",
		fix:  "Start the consent again and finish it in one go; a code works once.",
		link: entraPage,
	},
	{
		no: "62", vendor: notGoogles, stages: "token", text: "aadsts70016",
		class: Retry, cause: "consent_pending",
		says: "{subject} has not entered the device code yet.",
		fix:  "Open https://microsoft.com/devicelogin and enter the code.",
		link: entraPage,
	},
	{
		no: "62", vendor: notGoogles, stages: "token", reason: "authorization_pending",
		class: Retry, cause: "consent_pending",
		says: "{subject} has not entered the device code yet.",
		fix:  "Open https://microsoft.com/devicelogin and enter the code.",
		link: entraPage,
	},
	{
		no: "62", vendor: notGoogles, stages: "token", text: "aadsts70018|aadsts70019",
		class: Hold, cause: "device_code_expired",
		says: "The device code is wrong or has expired.",
		fix:  "Start again; a device code lives 15 minutes.",
		link: entraPage,
	},
	{
		no: "62", vendor: notGoogles, stages: "token", reason: "bad_verification_code|expired_token|code_expired",
		class: Hold, cause: "device_code_expired",
		says: "The device code is wrong or has expired.",
		fix:  "Start again; a device code lives 15 minutes.",
		link: entraPage,
	},
	{
		no: "62", vendor: notGoogles, stages: "token", reason: "authorization_declined",
		class: Hold, cause: "consent_denied",
		says: "{subject} said no to the consent.",
		fix:  "Ask the user, then connect again.",
		link: entraPage,
	},

	// What passes.
	{
		vendor: notGoogles, stages: "token", text: "aadsts50196|aadsts90055",
		class: Park, cause: "token_rate_limited", wait: waitMinute,
		says: "Microsoft's sign-in service asks to slow down.",
		link: entraPage,
	},
	{
		vendor: notGoogles, stages: "token", text: "aadsts90033|aadsts90012|aadsts90024|aadsts90006|aadsts50033|aadsts90090|aadsts90091",
		class: Retry, cause: "token_endpoint_down",
		says: waitForEntra,
		link: entraPage,
	},

	// Words without a number that is known.
	{
		vendor: microsoftsOnly, stages: "token", reason: "temporarily_unavailable|server_error",
		class: Retry, cause: "token_endpoint_down",
		says: waitForEntra,
		link: entraPage,
	},
	{
		vendor: microsoftsOnly, stages: "token", reason: "interaction_required|consent_required|login_required|bad_token|ui_not_allowed|interrupted_user",
		class: Hold, cause: "consent_needed",
		says: "Microsoft wants {subject} to sign in or consent again.",
		fix:  consentAgain + noUserPolicy,
		link: entraPage,
	},
	{
		vendor: microsoftsOnly, stages: "token", code: "429",
		class: Park, cause: "token_rate_limited", wait: waitMinute,
		says: "Microsoft's sign-in service asks to slow down.",
		link: entraPage,
	},
	{
		vendor: microsoftsOnly, stages: "token", code: "5yz",
		class: Retry, cause: "token_endpoint_down",
		says: waitForEntra,
		link: entraPage,
	},
	{
		vendor: microsoftsOnly, stages: "token", reason: "invalid_grant",
		class: Hold, cause: "token_revoked", rest: true,
		says: "Microsoft does not accept the access to {subject} any more.",
		fix:  "Read the reply, then connect the mailbox again: gatepost connect microsoft {mailbox} --consent{smtp}.",
		link: entraPage,
	},
	{
		vendor: microsoftsOnly, stages: "token", code: "4yz",
		class: Hold, cause: "credential_refused", rest: true,
		says: "Microsoft refused the credential.",
		fix:  "Read the reply; check tenant, client id, secret or certificate, and the consent; then release the account.",
		link: entraPage,
	},
	{
		vendor: microsoftsOnly, stages: "token",
		class: Retry, cause: "token_answer_unreadable", rest: true,
		says: "The token endpoint gave an answer that is none of Microsoft's.",
		fix:  "Check the account's cloud and tenant, and whether a proxy answers in Microsoft's place.",
		link: entraPage,
	},
}
