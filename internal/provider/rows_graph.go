package provider

const (
	graphPage         = "https://learn.microsoft.com/graph/errors"
	graphThrottlePage = "https://learn.microsoft.com/graph/throttling-limits"
	appRBACPage       = "https://learn.microsoft.com/exchange/permissions-exo/application-rbac"
	exchangeLimits    = "https://learn.microsoft.com/office365/servicedescriptions/exchange-online-service-description/exchange-online-limits"
	sendAsPage        = "https://learn.microsoft.com/exchange/recipients-in-exchange-online/manage-permissions-for-recipients"

	sendAsAdvice = "Send with the mailbox's own address in From, or grant it in Exchange Online PowerShell: Add-RecipientPermission -Identity {from} -Trustee {mailbox} -AccessRights SendAs. For an alias of the same mailbox: Set-OrganizationConfig -SendFromAliasEnabled $true. It can take an hour to apply."
	waitForGraph = "Microsoft Graph has trouble."
)

// graphRows are the answers of Microsoft Graph. A 4xx is a verdict: the message was not
// taken. Sources: learn.microsoft.com/graph/errors, …/throttling-limits and
// …/api/user-sendmail, read November 2026. Graph answers 202 before it has delivered.
var graphRows = []row{
	// Who may send as whom.
	{
		no: "74a", vendor: notGoogles, stages: "send|upload|call", reason: "ErrorSendAsDenied",
		class: Fail, scope: ScopeMessage, cause: "send_as_denied",
		says: "{subject} may not send as {sender}.",
		fix:  sendAsAdvice,
		link: sendAsPage,
	},
	{
		no: "74a", vendor: notGoogles, stages: "send|upload|call", text: "the right to send mail on behalf of",
		class: Fail, scope: ScopeMessage, cause: "send_as_denied",
		says: "{subject} may not send as {sender}.",
		fix:  sendAsAdvice,
		link: sendAsPage,
	},
	{
		no: "74b", vendor: notGoogles, stages: "send|upload|call", text: "[raop]|apponly accesspolicy",
		class: Hold, cause: "access_policy",
		says: "A policy of the organisation keeps app {client_id} out of mailbox {subject}.",
		fix:  "In Exchange Online PowerShell: Test-ApplicationAccessPolicy -Identity {mailbox} -AppId {app} names the policy; add the mailbox to its group, or replace the policy by RBAC for Applications (Test-ServicePrincipalAuthorization -Identity {object_id} -Resource {mailbox}). A change can take an hour or two.",
		link: appRBACPage,
	},
	{
		no: "74c", vendor: notGoogles, stages: "send|upload|call", code: "403", reason: "ErrorAccessDenied|accessDenied|Authorization_RequestDenied",
		class: Hold, cause: "permission_missing",
		says: "The token does not let app {client_id} do this in mailbox {subject}.",
		fix:  "App-only: grant Mail.Send by RBAC for Applications (New-ManagementRoleAssignment -App {object_id} -Role \"Application Mail.Send\" -CustomResourceScope SCOPE), or as an application permission at https://entra.microsoft.com > App registrations > {app} > API permissions, with admin consent. By consent: connect again with Mail.Send; another mailbox than the user's own needs Mail.Send.Shared and Send As. A change can take an hour or two.",
		link: appRBACPage,
	},
	{
		no: "74c", vendor: notGoogles, stages: "send|upload|call", reason: "NoPermissionsInAccessToken",
		class: Hold, cause: "permission_missing",
		says: "The token of app {client_id} has no permission at all.",
		fix:  "App-only: grant Mail.Send by RBAC for Applications (New-ManagementRoleAssignment -App {object_id} -Role \"Application Mail.Send\" -CustomResourceScope SCOPE), or as an application permission at https://entra.microsoft.com > App registrations > {app} > API permissions, with admin consent: delegated permissions do not count without a user. A change can take an hour or two.",
		link: appRBACPage,
	},
	{
		no: "74c", vendor: notGoogles, stages: "send|upload|call", reason: "Authorization_IdentityNotFound",
		class: Hold, cause: "client_unknown",
		says: "Tenant {tenant} does not know app {client_id}.",
		fix:  "Compare tenant and client id with the Overview of the app. An app of another tenant needs consent there: " + adminConsent,
		link: graphPage,
	},
	{
		no: "74g", vendor: notGoogles, stages: "send|upload|call", text: "/me request is only valid with delegated",
		class: Hold, cause: "mailbox_not_named", action: ActionText,
		says: "A token of an app was used with /me, which only users have.",
		fix:  "Name the mailbox in the address: /users/{mailbox} in place of /me.",
		link: graphPage,
	},

	// The mailbox.
	{
		no: "74d", vendor: notGoogles, stages: "send|upload|call", reason: "MailboxNotEnabledForRESTAPI|ErrorMailboxNotEnabledForRESTAPI|OrganizationFromTenantGuidNotFound",
		class: Hold, cause: "mailbox_not_enabled",
		says: "{subject} has no mailbox in Exchange Online: no licence, soft-deleted, inactive, a guest, or on premises.",
		fix:  "Give the user a licence with Exchange Online (https://admin.microsoft.com > Users) and wait until the mailbox is there; mailboxes on premises send by their own server (gatepost connect relay).",
		link: graphPage,
	},
	{
		no: "74d", vendor: notGoogles, stages: "send|upload|call", text: "inactive, soft-deleted|rest api is not yet supported for this mailbox",
		class: Hold, cause: "mailbox_not_enabled",
		says: "{subject} has no mailbox in Exchange Online: no licence, soft-deleted, inactive, a guest, or on premises.",
		fix:  "Give the user a licence with Exchange Online (https://admin.microsoft.com > Users) and wait until the mailbox is there; mailboxes on premises send by their own server (gatepost connect relay).",
		link: graphPage,
	},
	{
		no: "74d", vendor: notGoogles, stages: "send|upload|call", reason: "ErrorInvalidUser|ErrorNonExistentMailbox|Request_ResourceNotFound|MailboxNotFound|ResourceNotFound",
		class: Hold, cause: "unknown_user",
		says: "Tenant {tenant} knows no user {subject} with a mailbox.",
		fix:  "Check the address (the user principal name or primary address) and the tenant.",
		link: graphPage,
	},
	{
		no: "74i", vendor: notGoogles, stages: "send|upload|call", reason: "ErrorQuotaExceeded",
		class: Hold, cause: "own_mailbox_full",
		says: "The mailbox {subject} is full, most often of sent mail: copies cannot be kept.",
		fix:  "Empty the mailbox, let a retention policy empty Sent Items, or raise its quota; then release the account.",
		link: exchangeLimits,
	},

	// Limits.
	{
		no: "74e", vendor: notGoogles, stages: "send|upload|call", code: "429", text: "mailboxconcurrency",
		class: Retry, cause: "concurrency",
		says: "More than four calls to this mailbox at the same time.",
		fix:  "Lower max_parallel of the account; other programs that use the same app count too.",
		link: graphThrottlePage,
	},
	{
		no: "70", vendor: notGoogles, stages: "send|upload|call", reason: "ErrorSubmissionQuotaExceeded",
		class: Park, cause: "daily_limit", wait: waitHour, quota: QuotaDay,
		says: "The mailbox has reached its recipients of the day; it clears within 24 hours.",
		fix:  "Wait, or let another account send.",
		link: exchangeLimits,
	},
	{
		no: "74h", vendor: notGoogles, stages: "send|upload|call", text: "to verify your account",
		class: Hold, cause: "account_unverified",
		says: "Microsoft has stopped the sending of {subject} until the account is verified.",
		fix:  "Sign in to the mailbox in a browser, follow the message in its Inbox, then release the account.",
		link: graphPage,
	},
	{
		no: "74h", vendor: notGoogles, stages: "send|upload|call", reason: "ErrorExceededMessageLimit",
		class: Park, cause: "daily_limit", wait: waitHour, quota: QuotaDay,
		says: "The mailbox has reached its messages or recipients of the day.",
		fix:  "Wait, or let another account send. Look into the Inbox: Microsoft may ask to verify the account.",
		link: exchangeLimits,
	},
	{
		no: "72", vendor: notGoogles, stages: "send|upload|call", reason: "ErrorMessageSubmissionBlocked",
		class: Hold, cause: "sender_restricted",
		says: "Microsoft has stopped the sending of {subject}, as it does with senders of spam.",
		fix:  restrictedAdvice,
		link: restrictedPage,
	},
	{
		vendor: notGoogles, stages: "send|upload|call", code: "429", reason: "ApplicationThrottled|TooManyRequests|ErrorTooManyRequests|activityLimitReached",
		class: Park, cause: "rate_limited", wait: waitMinute, quota: QuotaRate,
		says: "Graph asks to slow down.",
		link: graphThrottlePage,
	},

	// The token.
	{
		no: "74f", vendor: notGoogles, stages: "send|upload|call", code: "401", text: "invalid audience",
		class: Hold, cause: "wrong_audience",
		says: "The token is for another service than Graph.",
		fix:  "Ask for a token with the scope https://graph.microsoft.com/.default (app-only) or https://graph.microsoft.com/Mail.Send; tokens for https://outlook.office.com are for SMTP alone.",
		link: graphPage,
	},
	{
		vendor: notGoogles, stages: "send|upload|call", code: "401", reason: "InvalidAuthenticationToken",
		class: Hold, cause: CauseTokenRefused, action: ActionRefresh,
		says: "Graph refuses a token that Microsoft has just given.",
		fix:  "Check that {subject} is active and the consent or app still in force, then release the account.",
		link: graphPage,
	},

	// The message.
	{
		no: "74i", vendor: notGoogles, stages: "send|upload|call", reason: "ErrorMessageSizeExceeded",
		class: Fail, scope: ScopeMessage, cause: "message_too_large",
		says: "The message is larger than the mailbox may send (35 MB with attachments encoded, unless the administrator has raised it).",
		fix:  "Send a link in place of the attachment, or raise it: Set-Mailbox -Identity {mailbox} -MaxSendSize 150MB.",
		link: exchangeLimits,
	},
	{
		no: "74i", vendor: notGoogles, stages: "send|upload|call", reason: "ErrorInvalidRecipients",
		class: Fail, scope: ScopeMessage, cause: "invalid_recipients",
		says: "Graph does not accept a recipient's address.",
		fix:  "Correct the address that the reply names.",
		link: graphPage,
	},
	{
		vendor: notGoogles, stages: "send|upload", reason: "ErrorMimeContentInvalid|ErrorMimeContentInvalidBase64String|RequestBodyRead|ErrorInvalidIdMalformed",
		class: Fail, scope: ScopeMessage, cause: "message_refused",
		says: "Graph cannot read the message.",
		fix:  "Read the reply; the message must change.",
		link: graphPage,
	},
	{
		no: "74i", vendor: notGoogles, stages: "upload|call", code: "400", reason: "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize",
		class: Fail, scope: ScopeMessage, cause: "attachment_size",
		says: "Graph takes an attachment in parts only if it has more than 3 MB and at most 150 MB, and this one has not.",
		fix:  "Leave max_request of the account at 4 MB, so that small attachments go in one request; for large ones send a link in place of the attachment.",
		link: graphPage,
	},
	{
		no: "74i", vendor: notGoogles, stages: "send", reason: "ErrorItemNotFound",
		class: Unknown, scope: ScopeMessage, cause: CauseDraftGone,
		says: "The draft that was to be sent is not there: somebody has sent or deleted it.",
		link: graphPage,
	},
	{
		no: "74i", vendor: notGoogles, stages: "upload|call", reason: "ErrorItemNotFound",
		class: Retry, cause: "item_not_found",
		says: "What was asked for is not in the mailbox, or not yet.",
		link: graphPage,
	},
	{
		no: "74i", vendor: notGoogles, stages: "send", reason: "MailboxInfoStale",
		class: Unknown, scope: ScopeMessage, cause: "ambiguous_answer",
		says: "Exchange is moving the mailbox, and answered after the message was handed over: it may have been taken.",
		link: graphPage,
	},
	{
		no: "74i", vendor: notGoogles, stages: "upload|call", reason: "MailboxInfoStale",
		class: Retry, cause: "graph_down",
		says: "Exchange is moving the mailbox.",
		link: graphPage,
	},

	// By the status alone.
	{
		vendor: microsoftsOnly, stages: "send|upload|call", code: "401",
		class: Hold, cause: CauseTokenRefused, action: ActionRefresh,
		says: "Graph refuses a token that Microsoft has just given.",
		fix:  "Check that {subject} is active and the consent or app still in force, then release the account.",
		link: graphPage,
	},
	{
		vendor: microsoftsOnly, stages: "send|upload|call", code: "403",
		class: Hold, cause: "forbidden", rest: true,
		says: "Graph refuses this call.",
		fix:  "Read the reply; check the app's permissions and the organisation's policies, then release the account.",
		link: graphPage,
	},
	{
		vendor: microsoftsOnly, stages: "send|upload|call", code: "429",
		class: Park, cause: "rate_limited", wait: waitMinute, quota: QuotaRate,
		says: "Graph asks to slow down.",
		link: graphThrottlePage,
	},
	{
		vendor: microsoftsOnly, stages: "send|upload", code: "413",
		class: Fail, scope: ScopeMessage, cause: "message_too_large",
		says: "The message is larger than Graph takes in this way.",
		fix:  "Send a link in place of the attachment, or send through an account that uses SMTP.",
		link: graphPage,
	},
	{
		vendor: microsoftsOnly, stages: "send", code: "408",
		class: Unknown, scope: ScopeMessage, cause: "ambiguous_answer",
		says: "Graph gave up waiting while the message was handed over: it may have been taken.",
		link: graphPage,
	},
	{
		vendor: microsoftsOnly, stages: "send|upload", code: "4yz",
		class: Retry, cause: "unexpected_answer", rest: true,
		says: "Graph did not take the message and gave a reason that gatepost does not know.",
		fix:  "Read the reply; check the API's address and whether a proxy answers in Microsoft's place.",
		link: graphPage,
	},
	{
		vendor: microsoftsOnly, stages: "send", code: "5yz",
		class: Unknown, scope: ScopeMessage, cause: "ambiguous_answer",
		says: "Graph answered with an error of its own after the message was handed over: it may have been taken.",
		link: graphPage,
	},
	{
		vendor: microsoftsOnly, stages: "send",
		class: Unknown, scope: ScopeMessage, cause: "ambiguous_answer", rest: true,
		says: "Graph answered with something unexpected after the message was handed over: it may have been taken.",
		link: graphPage,
	},
	{
		vendor: microsoftsOnly, stages: "call|upload", code: "5yz",
		class: Retry, cause: "graph_down",
		says: waitForGraph,
		link: graphPage,
	},
	{
		vendor: microsoftsOnly, stages: "call|upload",
		class: Retry, cause: "unexpected_answer", rest: true,
		says: "Graph gave an answer that gatepost does not know.",
		fix:  "Read the reply; check the API's address and whether a proxy answers in Microsoft's place.",
		link: graphPage,
	},
}
