package provider

// Microsoft's pages about SMTP, and advice that several rows give.
const (
	exchangeOAuthPage = "https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth"
	smtpAuthPage      = "https://learn.microsoft.com/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission"
	basicAuthPage     = "https://techcommunity.microsoft.com/blog/exchange/4489835"
	exchangeNDRPage   = "https://learn.microsoft.com/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online/non-delivery-reports-in-exchange-online"
	restrictedPage    = "https://learn.microsoft.com/defender-office-365/outbound-spam-restore-restricted-users"

	orByGraph        = " Or send by the transport microsoft (Microsoft Graph), which does not need it."
	restrictedAdvice = "An administrator looks at https://security.microsoft.com/restrictedentities, finds out what was sent, and unblocks the sender; then release the account."
	exchangeBearer   = "Check in this order. The token must be for https://outlook.office.com (not for Graph) and have SMTP.Send by consent or SMTP.SendAsApp app-only, where RBAC for Applications does not grant it. By consent: the mailbox must be the user's own, or one that the user has full access to. App-only: New-ServicePrincipal -AppId {app} -ObjectId {object_id} takes the object id of the Enterprise application, not that of the App registration; then Add-MailboxPermission -Identity {mailbox} -User {object_id} -AccessRights FullAccess. SMTP AUTH must be on: Set-CASMailbox -Identity {mailbox} -SmtpClientAuthenticationDisabled $false. Changes take up to an hour."
	useOAuth         = "Connect the mailbox by consent (gatepost connect microsoft) or app-only; passwords are not needed for that."
)

// exchangeRows are the answers of Exchange Online's SMTP submission, where its words are
// its own. Sources: those pages and Microsoft's list of NDRs, read November 2026.
var exchangeRows = []row{
	// Signing in.
	{
		no: "64", vendor: notGoogles, stages: "auth|bearer", text: "smtpclientauthentication is disabled for the tenant",
		class: Hold, cause: "smtp_auth_disabled",
		says: "SMTP AUTH is switched off for the whole organisation, with a token as well as with a password.",
		fix:  "In Exchange Online PowerShell, for this mailbox alone: Set-CASMailbox -Identity {mailbox} -SmtpClientAuthenticationDisabled $false; for all: Set-TransportConfig -SmtpClientAuthenticationDisabled $false. Security defaults switch it off again." + orByGraph,
		link: "https://aka.ms/smtp_auth_disabled",
	},
	{
		no: "64", vendor: notGoogles, stages: "auth|bearer", text: "smtpclientauthentication is disabled|smtp_auth_disabled",
		class: Hold, cause: "smtp_auth_disabled",
		says: "SMTP AUTH is switched off for the mailbox {subject}, with a token as well as with a password.",
		fix:  "In Exchange Online PowerShell: Set-CASMailbox -Identity {mailbox} -SmtpClientAuthenticationDisabled $false." + orByGraph,
		link: "https://aka.ms/smtp_auth_disabled",
	},
	{
		no: "65", vendor: notGoogles, stages: "auth|bearer|mail|rcpt|data|body", text: "basic authentication is disabled|basic authentication is not supported",
		class: Hold, cause: "basic_auth_off",
		says: "Exchange Online does not take passwords for SMTP here any more.",
		fix:  useOAuth,
		link: basicAuthPage,
	},
	{
		no: "65", vendor: notGoogles, stages: "auth|bearer", text: "security defaults policy",
		class: Hold, cause: "security_defaults",
		says: "The organisation's security defaults block this sign-in of {subject}.",
		fix:  useOAuth,
		link: smtpAuthPage,
	},
	{
		no: "65", vendor: notGoogles, stages: "auth|bearer", text: "did not meet the criteria to be authenticated",
		class: Hold, cause: "conditional_access",
		says: "A policy of the organisation (Conditional Access, or an authentication policy) blocks this sign-in of {subject}.",
		fix:  "An administrator finds the policy in https://entra.microsoft.com > Sign-in logs and excludes this app or user. " + useOAuth,
		link: smtpAuthPage,
	},
	{
		no: "63", vendor: notGoogles, stages: "bearer", code: "535", reason: "5.7.3|5.7.139",
		class: Hold, cause: CauseTokenRefused, action: ActionRefresh,
		says: "Exchange Online refuses the token for {subject}.",
		fix:  exchangeBearer,
		link: exchangeOAuthPage,
	},
	{
		no: "63|65", vendor: notGoogles, stages: "auth", code: "535", reason: "5.7.3|5.7.139",
		class: Hold, cause: "credential_refused",
		says: "Exchange Online refused user name and password.",
		fix:  useOAuth + " With a password: SMTP AUTH must be on for the mailbox, and multi-factor authentication needs an app password.",
		link: smtpAuthPage,
	},
	{
		no: "66", vendor: notGoogles, stages: "auth|bearer", code: "504", reason: "5.7.4",
		class: Hold, cause: "auth_not_offered",
		says: "The server does not take this way of signing in here.",
		fix:  "Sign in after STARTTLS (port 587); Exchange Online takes LOGIN and XOAUTH2, not PLAIN. Where it does not offer XOAUTH2, SMTP AUTH is off: Set-CASMailbox -Identity {mailbox} -SmtpClientAuthenticationDisabled $false." + orByGraph,
		link: smtpAuthPage,
	},
	{
		no: "63", vendor: microsoftsOnly, stages: "bearer", code: "535|534|530|538|334",
		class: Hold, cause: CauseTokenRefused, action: ActionRefresh,
		says: "Exchange Online refuses the token for {subject}.",
		fix:  exchangeBearer,
		link: exchangeOAuthPage,
	},
	{
		no: "66", vendor: microsoftsOnly, stages: "bearer", code: "504|502|500|503",
		class: Hold, cause: "auth_not_offered",
		says: "The server does not take sign-in by token here.",
		fix:  "Sign in after STARTTLS (port 587). Where XOAUTH2 is not offered, SMTP AUTH is off: Set-CASMailbox -Identity {mailbox} -SmtpClientAuthenticationDisabled $false." + orByGraph,
		link: smtpAuthPage,
	},
	{
		vendor: microsoftsOnly, stages: "bearer", code: "5yz",
		class: Hold, cause: "credential_refused", rest: true,
		says: "The server refused the sign-in of {subject}.",
		fix:  "Read the reply. " + exchangeBearer,
		link: exchangeOAuthPage,
	},
	{
		no: "67", vendor: notGoogles, stages: "mail|rcpt|data|body", code: "5yz", reason: "5.7.57",
		class: Hold, cause: "auth_required",
		says: "Exchange Online was asked to take mail before anybody signed in.",
		fix:  "Give the account a credential: " + useOAuth,
		link: smtpAuthPage,
	},
	{
		no: "67", vendor: notGoogles, stages: "mail|rcpt|data|body", text: "client not authenticated to send mail|client was not authenticated to send",
		class: Hold, cause: "auth_required",
		says: "Exchange Online was asked to take mail before anybody signed in.",
		fix:  "Give the account a credential: " + useOAuth,
		link: smtpAuthPage,
	},

	// Who may send as whom. 5.7.60 to the letter: 5.7.606 to 5.7.649 are banned addresses.
	{
		no: "68", vendor: notGoogles, stages: "mail|rcpt|data|body", code: "5yz", reason: "5.2.252|5.7.60",
		class: Fail, scope: ScopeMessage, cause: "send_as_denied",
		says: "{subject} may not send as {sender}.",
		fix:  sendAsAdvice,
		link: sendAsPage,
	},
	{
		no: "68", vendor: notGoogles, stages: "mail|rcpt|data|body", text: "sendasdenied|permissions to send as this sender",
		class: Fail, scope: ScopeMessage, cause: "send_as_denied",
		says: "{subject} may not send as {sender}.",
		fix:  sendAsAdvice,
		link: sendAsPage,
	},
	{
		no: "68", vendor: notGoogles, stages: "connect|mail|rcpt|data|body", code: "5yz", reason: "5.7.606-649",
		class: Hold, cause: "ip_banned",
		says: "Microsoft takes no mail from this machine's address.",
		fix:  "Ask for it to be taken off the list at https://sender.office.com, then release the account." + orByGraph,
		link: exchangeNDRPage,
	},

	// Limits.
	{
		no: "69", vendor: notGoogles, stages: "connect|auth|bearer|mail|rcpt|data|body", code: "432|421|451", text: "concurrent connections limit|sender thread limit",
		class: Park, cause: "too_many_connections", wait: waitMinute,
		says: "More than three connections send through this mailbox at the same time.",
		fix:  "Set max_connections of the account to 3 or less; other programs that send through the mailbox count too.",
		link: exchangeLimits,
	},
	{
		no: "69", vendor: notGoogles, stages: "mail|rcpt|data|body", code: "432|421|451", text: "message submission rate|submission rate limit",
		class: Park, cause: "relay_rate_limited", wait: waitMinute, quota: QuotaRate,
		says: "The mailbox has sent its 30 messages of this minute.",
		fix:  "Set the account's limits to 30 messages a minute; other programs that send through the mailbox count too.",
		link: exchangeLimits,
	},
	{
		no: "69", vendor: notGoogles, stages: "rcpt", code: "4yz", text: "recipient thread limit|storedrv.deliver",
		class: Retry, scope: ScopeRecipient, cause: "mailbox_busy",
		says: "The recipient's mailbox is full or gets mail too fast.",
		link: exchangeNDRPage,
	},
	{
		no: "69", vendor: notGoogles, stages: "mail|data|body", code: "4yz", text: "recipient thread limit|storedrv.deliver",
		class: Retry, scope: ScopeMessage, cause: "mailbox_busy",
		says: "A recipient's mailbox is full or gets mail too fast.",
		link: exchangeNDRPage,
	},
	{
		vendor: notGoogles, stages: "rcpt", code: "5yz", reason: "5.2.121|5.2.122",
		class: Retry, scope: ScopeRecipient, cause: "mailbox_busy",
		says: "The recipient has got more mail in this hour than is allowed.",
		link: exchangeNDRPage,
	},
	{
		vendor: notGoogles, stages: "data|body", code: "5yz", reason: "5.2.121|5.2.122",
		class: Retry, scope: ScopeMessage, cause: "mailbox_busy",
		says: "A recipient has got more mail in this hour than is allowed.",
		link: exchangeNDRPage,
	},
	{
		no: "70", vendor: notGoogles, stages: "mail|rcpt|data|body", code: "5yz", reason: "5.1.90",
		class: Park, cause: "daily_limit", wait: waitHour, quota: QuotaDay,
		says: "The mailbox has reached its recipients of the day; it clears within 24 hours.",
		fix:  "Wait, or let another account send. Exchange Online's limits: " + exchangeLimits,
		link: exchangeLimits,
	},
	{
		no: "70", vendor: notGoogles, stages: "mail|rcpt|data|body", text: "submissionquotaexceeded|submission quota exceeded",
		class: Park, cause: "daily_limit", wait: waitHour, quota: QuotaDay,
		says: "The mailbox has reached its 10,000 recipients of the day; it clears within 24 hours.",
		fix:  "Wait, or let another account send. Exchange Online's limits: " + exchangeLimits,
		link: exchangeLimits,
	},
	// Deliver is the recipient's side, Submission the sender's.
	{
		vendor: notGoogles, stages: "rcpt", code: "5yz", text: "storedrv.deliver.exception:quotaexceeded",
		class: Fail, scope: ScopeRecipient, cause: "mailbox_full",
		says: "The recipient's mailbox is full.",
		link: exchangeNDRPage,
	},
	{
		vendor: notGoogles, stages: "mail|data|body", code: "5yz", text: "storedrv.deliver.exception:quotaexceeded",
		class: Fail, scope: ScopeMessage, cause: "mailbox_full",
		says: "A recipient's mailbox is full.",
		link: exchangeNDRPage,
	},
	{
		no: "71", vendor: notGoogles, stages: "mail|rcpt|data|body", text: "quotaexceededexception|shutoffquotaexceeded",
		class: Hold, cause: "own_mailbox_full",
		says: "The mailbox {subject} is full, most often of sent mail: copies cannot be kept.",
		fix:  "Empty the mailbox, or keep no copies: Set-Mailbox -Identity {mailbox} -MessageCopyForSMTPClientSubmissionEnabled $false. Then release the account.",
		link: exchangeLimits,
	},
	{
		no: "72", vendor: notGoogles, stages: "mail|rcpt|data|body", code: "5yz", reason: "5.7.232|5.7.233",
		class: Park, cause: "tenant_limit", wait: waitHour, quota: QuotaDay,
		says: "The organisation has reached its external recipients of the day, over all of its mailboxes.",
		fix:  "Wait; it is a rolling window of 24 hours. More licences raise the limit (500 × licences^0.7 + 9,500; trial tenants 5,000).",
		link: exchangeLimits,
	},
	{
		no: "44", vendor: notGoogles, stages: "rcpt", code: "550", text: "reciplimit",
		class: Retry, scope: ScopeRecipient, cause: "too_many_recipients", action: ActionSplit,
		says: "The server takes no more recipients in one transaction; this one goes with the next.",
		link: exchangeLimits,
	},
	{
		no: "44", vendor: notGoogles, stages: "data|body", code: "550|554", text: "reciplimit",
		class: Fail, scope: ScopeMessage, cause: "too_many_recipients",
		says: "The message has more recipients than the mailbox may write to at once.",
		fix:  "Send it to fewer recipients at a time, or raise the limit: Set-Mailbox -Identity {mailbox} -RecipientLimits 1000.",
		link: exchangeLimits,
	},
	{
		vendor: notGoogles, stages: "connect|mail|rcpt|data|body", code: "4yz", reason: "4.7.500-699",
		class: Park, cause: "relay_rate_limited", wait: waitTen, quota: QuotaRate,
		says: "Exchange Online takes less mail from here for a while.",
		fix:  "Send slower.",
		link: exchangeNDRPage,
	},

	// Senders and organisations that Microsoft has stopped.
	{
		no: "72", vendor: notGoogles, stages: "connect|mail|rcpt|data|body", code: "5yz", text: "bad outbound sender|outboundspamexception",
		class: Hold, cause: "sender_restricted",
		says: "Microsoft has stopped the sending of {subject}, as it does with senders of spam.",
		fix:  restrictedAdvice,
		link: restrictedPage,
	},
	{
		no: "72", vendor: notGoogles, stages: "connect|mail|rcpt|data|body", code: "5yz", reason: "5.7.501|5.7.502|5.7.503|5.7.511",
		class: Hold, cause: "sender_restricted",
		says: "Microsoft has banned the sender {subject}.",
		fix:  restrictedAdvice,
		link: restrictedPage,
	},
	{
		no: "72", vendor: notGoogles, stages: "connect|mail|rcpt|data|body", code: "5yz", reason: "5.7.705|5.7.708",
		class: Hold, cause: "tenant_restricted",
		says: "Microsoft takes no mail from the organisation for now: it sent too much unwanted mail, or is too new for what it sends.",
		fix:  "An administrator looks for mailboxes and connectors that were taken over (https://security.microsoft.com/restrictedentities), and asks Microsoft's support; then release the account.",
		link: exchangeNDRPage,
	},
	{
		no: "72", vendor: notGoogles, stages: "connect|mail|rcpt|data|body", code: "5yz", reason: "5.7.750",
		class: Hold, cause: "domain_unregistered",
		says: "The organisation sends too much mail from a domain that it has not registered.",
		fix:  "Add and verify the domain of From at https://admin.microsoft.com > Settings > Domains, then release the account.",
		link: exchangeNDRPage,
	},

	// The message, and what passes.
	{
		vendor: notGoogles, stages: "data|body", code: "5yz", reason: "5.6.11",
		class: Fail, scope: ScopeMessage, cause: "message_malformed",
		says: "The message has line ends that are not CR LF.",
		fix:  "Hand the message over with CR LF at the end of each line.",
		link: exchangeNDRPage,
	},
	{
		no: "45", vendor: notGoogles, stages: "rcpt|data|body", code: "5yz", reason: "5.7.509",
		class: Fail, scope: ScopeMessage, cause: "sender_unauthenticated",
		says: "The domain of From asks by DMARC to refuse mail like this: SPF and DKIM are missing or not aligned.",
		fix:  "Publish SPF and DKIM for the domain of From.",
		link: exchangeNDRPage,
	},
	{
		no: "45", vendor: notGoogles, stages: "rcpt|data|body", code: "5yz", reason: "5.7.515",
		class: Fail, scope: ScopeMessage, cause: "sender_unauthenticated",
		says: "The recipient's side wants the domain of From authenticated by SPF, DKIM and DMARC.",
		fix:  "Publish SPF, DKIM and DMARC for the domain of From.",
		link: exchangeNDRPage,
	},

	// What recipients have set up at their side: not our sign-in.
	{
		vendor: notGoogles, stages: "rcpt", code: "5yz", text: "resolver.rst.",
		class: Fail, scope: ScopeRecipient, cause: "refused_by_policy",
		says: "The recipient takes no mail from this sender.",
		fix:  "Ask the recipient's administrator: a group or mailbox may be open to senders of its own organisation alone.",
		link: exchangeNDRPage,
	},
	{
		vendor: notGoogles, stages: "mail|data|body", code: "5yz", text: "resolver.rst.",
		class: Fail, scope: ScopeMessage, cause: "refused_by_policy",
		says: "A recipient takes no mail from this sender.",
		fix:  "Ask the recipient's administrator: a group or mailbox may be open to senders of its own organisation alone.",
		link: exchangeNDRPage,
	},
	{
		vendor: notGoogles, stages: "rcpt", code: "5yz", reason: "5.4.1", text: "recipient address rejected",
		class: Fail, scope: ScopeRecipient, cause: "no_such_mailbox",
		says: "The recipient's organisation has no such mailbox.",
		fix:  "Correct the address.",
		link: exchangeNDRPage,
	},
	{
		vendor: notGoogles, stages: "mail|data|body", code: "451", text: "temporary server error",
		class: Retry, cause: CauseServerTrouble,
		says: "The server says that it cannot work now.",
		link: exchangeNDRPage,
	},
}
