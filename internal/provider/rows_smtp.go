package provider

// Google's pages about SMTP.
const (
	googleSMTPPage  = "https://support.google.com/a/answer/3726730"
	googleRelayPage = "https://support.google.com/a/answer/2956491"
)

const bearerAdvice = "The token must be for {subject} itself, with {scopes}. Connected by consent: connect again with purpose smtp. Service account: add that scope in https://admin.google.com/ac/owl/domainwidedelegation. Where only gmail.send is granted, use the transport gmail (Gmail API)."

// smtpRows are the answers of SMTP servers: first those that their texts or
// enhanced codes tell apart, then the meaning of the digits (RFC 5321 section
// 4.2.1, RFC 3463). Sources of the special ones:
// support.google.com/a/answer/3726730 and support.google.com/a/answer/2956491,
// read November 2026.
var smtpRows = []row{
	// AUTH with an OAuth token (Gmail). Whoever asked renews the token once.
	{
		no: "37", vendor: notMicrosofts, stages: "bearer", code: "534", reason: "5.7.14",
		class: Hold, cause: "web_login_required",
		says: "Google wants {subject} to sign in with a browser first.",
		fix:  "Sign in to the mailbox in a browser and answer Google's questions, then release the account.",
		link: googleSMTPPage,
	},
	{
		no: "35", vendor: notMicrosofts, stages: "bearer", code: "535|534|530|538|334",
		class: Hold, cause: CauseTokenRefused, action: ActionRefresh,
		says: "The server refuses the token for {subject}.",
		fix:  bearerAdvice,
		link: googleSMTPPage,
	},
	{
		vendor: notMicrosofts, stages: "bearer", code: "504|502|500|503",
		class: Hold, cause: "auth_not_offered",
		says: "The server does not take sign-in by token here.",
		fix:  "Check TLS mode and mechanism of the account; smtp.gmail.com takes OAUTHBEARER and XOAUTH2 after TLS.",
		link: googleSMTPPage,
	},
	{
		vendor: notMicrosofts, stages: "bearer", code: "5yz",
		class: Hold, cause: "credential_refused", rest: true,
		says: "The server refused the sign-in of {subject}.",
		fix:  bearerAdvice,
		link: googleSMTPPage,
	},

	// AUTH with a password.
	{
		no: "36", vendor: notMicrosofts, stages: "auth", code: "534", reason: "5.7.9",
		class: Hold, cause: "app_password_required",
		says: "The mailbox wants an application-specific password, because 2-step verification is on.",
		fix:  "Make an app password for the mailbox, or connect it through the Gmail API.",
		link: googleSMTPPage,
	},
	{
		no: "37", vendor: notMicrosofts, stages: "auth", code: "534", reason: "5.7.14",
		class: Hold, cause: "web_login_required",
		says: "The provider wants a sign-in in the browser first.",
		fix:  "Sign in to the mailbox in a browser and unlock it, or connect it through the Gmail API.",
		link: googleSMTPPage,
	},
	{
		no: "39", stages: "auth|bearer", code: "454|421|451", text: "too many login|too many failed|too many auth",
		class: Park, cause: "too_many_logins", wait: waitTen,
		says: "The provider saw too many logins.",
		fix:  "Wait; lower max_connections of the account if it happens again.",
		link: googleSMTPPage,
	},
	{
		no: "35", stages: "auth", code: "535|530|538", // RFC 4954 section 6
		class: Hold, cause: "credential_refused",
		says: "The server refused user name and password.",
		fix:  "Store the right password. Gmail takes app passwords only; where sign-in by password is switched off, connect the mailbox by consent: gatepost connect gmail.",
	},
	{
		no: "66", stages: "auth", code: "504|502|500", // mechanism or command not known
		class: Hold, cause: "auth_not_offered",
		says: "The server does not take sign-in by password here.",
		fix:  "Check port and TLS mode: most servers offer AUTH only after TLS.",
	},
	{
		stages: "auth", code: "5yz",
		class: Hold, cause: "credential_refused", rest: true,
		says: "The server refused the sign-in.",
		fix:  "Read the reply; correct user or password, then release the account.",
	},
	{
		stages: "auth|bearer", code: "4yz",
		class: Retry, cause: "auth_unavailable", rest: true,
		says: "The server cannot check the sign-in now.",
	},

	// Quotas that look like refusals.
	{
		no: "43", vendor: notMicrosofts, stages: "mail|rcpt|data|body", reason: "4.2.1", text: "peak smtp relay limit",
		class: Park, cause: "relay_peak_limit", wait: waitTen, quota: QuotaRate,
		says: "The organisation has reached the relay's limit of these ten minutes.",
		link: googleRelayPage,
	},
	{
		no: "41|43", vendor: notMicrosofts, stages: "connect|mail|rcpt|data|body", text: "daily smtp relay limit|daily sending quota|daily user sending limit|daily sending limit",
		class: Park, cause: "daily_limit", wait: waitHour, quota: QuotaDay,
		says: "The sending limit of the day is reached; it clears within 24 hours.",
		fix:  "Wait, or let another account send. Google's limits: https://support.google.com/a/answer/166852",
		link: googleRelayPage,
	},
	{
		no: "41", stages: "mail|rcpt|data|body", code: "5yz", reason: "5.4.5",
		class: Park, cause: "daily_limit", wait: waitHour, quota: QuotaDay,
		says: "A sending limit is reached (5.4.5); it clears within 24 hours.",
		fix:  "Wait, or let another account send.",
		link: googleSMTPPage,
	},
	// X.4.5 is congestion of the mail system (RFC 3463 section 3.5), and Google's "Server
	// busy": a limit only where the words say so.
	{
		no: "41", stages: "mail|rcpt|data|body", code: "4yz", reason: "4.4.5", text: "limit|quota",
		class: Park, cause: "daily_limit", wait: waitHour, quota: QuotaDay,
		says: "A sending limit is reached (4.4.5); it clears within 24 hours.",
		fix:  "Wait, or let another account send.",
	},
	// Words of hosting providers' servers, with codes that would refuse the message.
	{
		stages: "mail|rcpt|data|body", code: "5yz|4yz",
		text:  "max emails per hour|max defers and failures per hour|24-hour sending limit|sending limit exceeded|sending quota exceeded|mail send limit exceeded|unusual sending activity",
		class: Park, cause: "relay_rate_limited", wait: waitHour, quota: quotaByTime,
		says: "The relay takes no more mail from this sender in this time.",
		fix:  "Set the relay's limits in the account's settings (limits), so that gatepost keeps to them.",
	},
	{
		stages: "connect|mail|data|body", code: "4yz",
		text:  "rate limit|message submission rate|submission rate limit|sending rate|message rate|too many messages|sending too fast|throttl",
		class: Park, cause: "relay_rate_limited", wait: waitWindow, quota: QuotaRate,
		says: "The relay takes no more mail in this time.",
		fix:  "Set the relay's limits in the account's settings (limits), so that gatepost keeps to them.",
	},

	// Refusals that speak of the account, not of the message.
	{
		stages: "mail|rcpt|data|body", code: "530|454", text: "starttls",
		class: Hold, cause: "tls_required",
		says: "The server wants TLS before it takes mail.",
		fix:  "Set TLS mode starttls (port 587) or implicit (port 465).",
	},
	{
		no: "38", stages: "mail|rcpt|data|body", code: "530|538|535",
		class: Hold, cause: "auth_required",
		says: "The server wants a sign-in or TLS before it takes mail.",
		fix:  "Set user and password of the account, and TLS mode starttls or implicit.",
	},
	{
		no: "42", stages: "connect|mail|rcpt|data|body", code: "5yz",
		text:  "mail relay denied|invalid credentials for relay|relay access denied|relaying denied|not permitted to relay|relay not permitted|relaying not allowed|not allowed to relay|unable to relay|allowed rcpthosts",
		class: Hold, cause: "relay_denied",
		says: "The server does not relay for this machine or sender.",
		fix:  "Sign in with a user that may relay, or register this machine's address (Google: Admin > Apps > Google Workspace > Gmail > Routing > SMTP relay service), and send from a registered domain.",
		link: googleRelayPage,
	},
	{
		no: "38", stages: "mail|rcpt|data", code: "5yz", text: "authentication required|authentication is required|auth required|authenticate first|auth first|sender address rejected: not logged in",
		class: Hold, cause: "auth_required",
		says: "The server wants a sign-in before it takes mail.",
		fix:  "Set user and password of the account, and TLS mode starttls or implicit.",
	},
	{
		stages: "mail|rcpt|data", code: "5yz", text: "client host rejected|; client host [",
		class: Hold, cause: "connection_refused_by_policy",
		says: "The server takes no mail from this machine's address.",
		fix:  "Read the reply. Sign in if the server expects it; if a block list is named, have the address taken off it; then release the account.",
	},
	{
		// Postfix says it at RCPT (smtpd_delay_reject).
		no: "40", stages: "connect|mail|rcpt", code: "5yz", text: "helo command rejected|ehlo argument|helo argument|helo/ehlo|invalid helo|invalid ehlo|need fully-qualified hostname",
		class: Hold, cause: "hello_refused",
		says: "The server refuses the name that gatepost gives in EHLO.",
		fix:  "Set hello of the account to this machine's full host name, or to the domain that it sends for.",
		link: googleRelayPage,
	},
	{
		stages: "connect|mail|rcpt|data|body", code: "421|550|450|451", reason: "4.7.28|5.7.28",
		class: Park, cause: "unusual_rate", wait: waitHour, quota: QuotaRate,
		says: "The server sees an unusual rate of unwanted mail from here and takes less for a while.",
		fix:  "Send slower, and only to those who want it. Google's rules: https://support.google.com/mail/answer/81126",
	},
	{
		stages: "connect|mail", code: "554|550", text: "too many unauthenticated commands|unauthenticated command",
		class: Retry, cause: CauseServerTrouble,
		says: "The server ended the session because sign-in took too long or too many commands.",
	},

	// One recipient.
	{
		no: "44", stages: "rcpt", code: "452", reason: "4.5.3",
		class: Retry, scope: ScopeRecipient, cause: "too_many_recipients", action: ActionSplit,
		says: "The server takes no more recipients in one transaction; this one goes with the next.",
	},
	{
		no: "44", stages: "rcpt", code: "452|552", text: "too many recipients",
		class: Retry, scope: ScopeRecipient, cause: "too_many_recipients", action: ActionSplit,
		says: "The server takes no more recipients in one transaction; this one goes with the next.",
	},
	{
		stages: "rcpt", code: "5yz", reason: "5.1.1|5.1.6|5.1.10",
		class: Fail, scope: ScopeRecipient, cause: "no_such_mailbox",
		says: "There is no such mailbox.",
		fix:  "Correct the address.",
	},
	{
		stages: "rcpt", code: "450|452|421", reason: "4.2.1|4.2.2",
		class: Retry, scope: ScopeRecipient, cause: "mailbox_busy",
		says: "The recipient's mailbox is full or gets mail too fast.",
	},
	{
		no: "45", stages: "rcpt", code: "5yz", reason: "5.7.26|5.7.25|5.7.27|5.7.29|5.7.30",
		class: Fail, scope: ScopeRecipient, cause: "sender_unauthenticated",
		says: "The recipient's side wants the sender's domain authenticated: SPF, DKIM, DMARC or TLS is missing or not aligned.",
		fix:  "Publish SPF and DKIM for the domain of From.",
	},
	{
		stages: "rcpt", code: "5yz", reason: "5.1.",
		class: Fail, scope: ScopeRecipient, cause: "address_refused",
		says: "The server does not accept the address.",
		fix:  "Correct the address.",
	},
	{
		stages: "rcpt", code: "5yz", reason: "5.2.2",
		class: Fail, scope: ScopeRecipient, cause: "mailbox_full",
		says: "The recipient's mailbox is full.",
	},
	{
		stages: "rcpt", code: "5yz", reason: "5.2.",
		class: Fail, scope: ScopeRecipient, cause: "mailbox_disabled",
		says: "The recipient's mailbox takes no mail.",
	},
	{
		stages: "rcpt", code: "5yz", reason: "5.7.",
		class: Fail, scope: ScopeRecipient, cause: "refused_by_policy",
		says: "The recipient's side refuses this mail by policy.",
		fix:  "Read the reply; it names the policy.",
	},

	// The message.
	{
		no: "45", stages: "body|data", reason: "5.7.26|5.7.25|5.7.27|5.7.29|5.7.30", code: "5yz",
		class: Fail, scope: ScopeMessage, cause: "sender_unauthenticated",
		says: "The sender's domain is not authenticated: SPF and DKIM are missing or not aligned.",
		fix:  "Publish SPF and DKIM for the domain of From.",
	},
	{
		no: "46", stages: "body|data", code: "552|550|554", text: "potential security issue|security issue",
		class: Fail, scope: ScopeMessage, cause: "attachment_refused",
		says: "The server refuses an attachment or link as dangerous.",
		fix:  "Leave out the attachment; types that Gmail blocks: https://support.google.com/mail/answer/6590",
	},
	{
		stages: "mail|data|body", code: "552|554|550", reason: "5.3.4|5.2.3",
		class: Fail, scope: ScopeMessage, cause: "message_too_large",
		says: "The message is larger than the server takes.",
		fix:  "Send a link in place of the attachment.",
	},
	{
		stages: "data|body", code: "552|554", text: "malformed",
		class: Fail, scope: ScopeMessage, cause: "message_malformed",
		says: "The server cannot read the message.",
		fix:  "Read the reply; the message must change.",
	},
	{
		stages: "mail", code: "5yz", reason: "5.1.7|5.1.8",
		class: Fail, scope: ScopeMessage, cause: "sender_refused",
		says: "The server does not accept the sender's address.",
		fix:  "Use a sender that this login may use.",
	},

	// What the digits say.
	{
		no: "40", stages: "connect", code: "421", text: "try again later",
		class: Retry, cause: CauseServerTrouble,
		says: "The server closes the connection for now.",
		fix:  "If it goes on: set hello to this machine's full host name; some relays refuse \"localhost\".",
		link: googleRelayPage,
	},
	{
		stages: "connect|mail|rcpt|data|body", code: "421",
		class: Retry, cause: CauseServerTrouble,
		says: "The server closes the connection for now.",
	},
	// X.3 is the mail system itself (RFC 3463 section 3.4), X.4.5 its congestion; 4.3.3 and
	// 4.3.4 are about what the message asks of it.
	{
		stages: "rcpt", code: "4yz", reason: "4.3.0|4.3.1|4.3.2|4.3.5|4.4.5",
		class: Retry, scope: ScopeRecipient, cause: CauseServerTrouble,
		says: "The server says that it cannot work now.",
	},
	{
		stages: "mail|data|body", code: "4yz", reason: "4.3.0|4.3.1|4.3.2|4.3.5|4.4.5",
		class: Retry, cause: CauseServerTrouble,
		says: "The server says that it cannot work now.",
	},
	{
		stages: "mail|data|body", code: "451|452", text: "local error|insufficient system", // RFC 5321 section 4.2.3
		class: Retry, cause: CauseServerTrouble,
		says: "The server says that it cannot work now.",
	},
	{
		stages: "rcpt", code: "4yz",
		class: Retry, scope: ScopeRecipient, cause: "refused_for_now", rest: true,
		says: "The server does not take this recipient for now.",
	},
	{
		stages: "mail|data|body", code: "4yz",
		class: Retry, scope: ScopeMessage, cause: "refused_for_now", rest: true,
		says: "The server does not take the message for now.",
	},
	{
		stages: "connect", code: "4yz",
		class: Retry, cause: CauseServerTrouble, rest: true,
		says: "The server does not talk to this machine for now.",
	},
	{
		stages: "connect", code: "5yz",
		class: Hold, cause: "connection_refused_by_policy", rest: true,
		says: "The server does not talk to this machine.",
		fix:  "Read the reply; check host, port, hello name, and whether this machine's address is blocked there.",
	},
	{
		stages: "rcpt", code: "5yz",
		class: Fail, scope: ScopeRecipient, cause: "recipient_refused", rest: true,
		says: "The server refuses this recipient.",
		fix:  "Read the reply.",
	},
	{
		stages: "mail|data|body", code: "5yz",
		class: Fail, scope: ScopeMessage, cause: "message_refused", rest: true,
		says: "The server refuses the message.",
		fix:  "Read the reply.",
	},
	{
		stages: "body",
		class:  Unknown, scope: ScopeMessage, cause: "ambiguous_answer", rest: true,
		says: "The server gave an answer that is none of SMTP after the message was handed over: it may have been taken.",
	},
	{
		stages: "connect|auth|bearer|mail|rcpt|data",
		class:  Retry, cause: "unexpected_answer", rest: true,
		says: "The server gave an answer that is none of SMTP.",
		fix:  "Check host and port: is this an SMTP server?",
	},
}
