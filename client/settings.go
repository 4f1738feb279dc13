package client

// GmailSettings is the settings of the transport gmail.
type GmailSettings struct {
	MayLook       *bool       `json:"may_look,omitempty" doc:"Whether Sent may be read (gmail.metadata), so that it can tell about attempts without an answer. Empty: true."`
	DraftFence    *bool       `json:"draft_fence,omitempty" doc:"Whether each message is made a draft first and sent from there (gmail.compose), so that a draft which is still there tells that it was not sent. Empty: false."`
	MaxRecipients *int        `json:"max_recipients,omitempty" doc:"Recipients of one message. Empty: 100."`
	MaxParallel   *int        `json:"max_parallel,omitempty" doc:"Sends at a time. Empty: 4."`
	Limits        *SendLimits `json:"limits,omitempty" doc:"How much may be sent over time, in place of what is known of the provider. See docs/limits.md."`
}

// GmailSMTPSettings is the settings of the transport gmail_smtp: smtp.gmail.com
// with OAuth.
type GmailSMTPSettings struct {
	Mechanism      string      `json:"mechanism,omitempty" enum:"xoauth2,oauthbearer" doc:"Empty: oauthbearer where it is offered, else xoauth2."`
	TLS            string      `json:"tls,omitempty" enum:"starttls,implicit" doc:"Empty: starttls (port 587); implicit is port 465."`
	MayLook        *bool       `json:"may_look,omitempty" doc:"Whether Sent may be read through the Gmail API. Empty: true."`
	MaxConnections *int        `json:"max_connections,omitempty" doc:"Connections at a time. Empty: 4."`
	MaxRecipients  *int        `json:"max_recipients,omitempty" doc:"Recipients of one message. Empty: 100."`
	Limits         *SendLimits `json:"limits,omitempty" doc:"How much may be sent over time, in place of what is known of the provider. See docs/limits.md."`
}

// MicrosoftSettings is the settings of the transport microsoft: Microsoft Graph.
type MicrosoftSettings struct {
	AppOnly       bool        `json:"app_only,omitempty" doc:"Whether an app acts by itself. The credential says it; it need not be given."`
	Cloud         string      `json:"cloud,omitempty" enum:"global,us_gov_l4,us_gov_l5,china" doc:"Microsoft's cloud. The credential says it; it need not be given."`
	Mailbox       string      `json:"mailbox,omitempty" doc:"A mailbox that is shared with the user who consented, to send from in place of their own."`
	MayLook       *bool       `json:"may_look,omitempty" doc:"Whether Sent Items may be read (Mail.ReadBasic), so that they can tell about attempts without an answer. Empty: true."`
	DraftFence    *bool       `json:"draft_fence,omitempty" doc:"Whether each message is made a draft first and sent from there (Mail.ReadWrite): it tells what was not sent, and carries more than 4 MB. Empty: false."`
	MaxRequest    *int        `json:"max_request,omitempty" doc:"Bytes of one request. Empty: 4 MB."`
	MaxSize       *int        `json:"max_size,omitempty" doc:"Bytes of one message, as the mailbox allows (Set-Mailbox -MaxSendSize). Empty: 35 MB."`
	MaxRecipients *int        `json:"max_recipients,omitempty" doc:"Recipients of one message. Empty: 500."`
	MaxParallel   *int        `json:"max_parallel,omitempty" doc:"Calls at a time. Empty: 4."`
	Limits        *SendLimits `json:"limits,omitempty" doc:"How much may be sent over time, in place of what is known of the provider. See docs/limits.md."`
}

// MicrosoftSMTPSettings is the settings of the transport microsoft_smtp:
// smtp.office365.com with OAuth.
type MicrosoftSMTPSettings struct {
	AppOnly        bool        `json:"app_only,omitempty" doc:"Whether an app acts by itself. The credential says it; it need not be given."`
	Cloud          string      `json:"cloud,omitempty" enum:"global,us_gov_l4,us_gov_l5,china" doc:"Microsoft's cloud. The credential says it; it need not be given."`
	Mailbox        string      `json:"mailbox,omitempty" doc:"A mailbox that is shared with the user who consented, to send from in place of their own."`
	Host           string      `json:"host,omitempty" doc:"The server, where it is not the cloud's own."`
	Scope          string      `json:"scope,omitempty" doc:"What a token is asked for, where it is not the cloud's own."`
	MayLook        *bool       `json:"may_look,omitempty" doc:"Whether Sent Items may be read through Microsoft Graph, so that they can tell about attempts without an answer. Empty: false."`
	MaxSize        *int        `json:"max_size,omitempty" doc:"Bytes of one message, as the mailbox allows (Set-Mailbox -MaxSendSize). Empty: 35 MB."`
	MaxConnections *int        `json:"max_connections,omitempty" doc:"Connections at a time. Empty: 3."`
	MaxRecipients  *int        `json:"max_recipients,omitempty" doc:"Recipients of one message. Empty: 500."`
	Limits         *SendLimits `json:"limits,omitempty" doc:"How much may be sent over time, in place of what is known of the provider. See docs/limits.md."`
}

// SMTPSettings is the settings of the transport smtp.
type SMTPSettings struct {
	Preset         string      `json:"preset,omitempty" doc:"A known relay: fills in what is not given. gmail_relay is smtp-relay.gmail.com, office365 is smtp.office365.com." enum:"gmail_relay,office365"`
	Host           string      `json:"host,omitempty" example:"smtp.example.com"`
	Port           *int        `json:"port,omitempty" doc:"Empty: 587, with implicit TLS 465, without TLS 25."`
	TLS            string      `json:"tls,omitempty" enum:"starttls,implicit,none" doc:"none is for a relay on the same machine. Empty: starttls."`
	CA             string      `json:"ca,omitempty" doc:"Certificates of further authorities to trust: their text in PEM form, at most 64 KiB. What stands between them is not kept."`
	User           string      `json:"user,omitempty" doc:"The name to sign in with. Empty: no sign-in."`
	Hello          string      `json:"hello,omitempty" doc:"The name to say in EHLO. Empty: the machine's."`
	MaxConnections *int        `json:"max_connections,omitempty" doc:"Connections at a time. Empty: 10, to Exchange Online 3."`
	MaxRecipients  *int        `json:"max_recipients,omitempty" doc:"Recipients of one message. Empty: 100."`
	Limits         *SendLimits `json:"limits,omitempty" doc:"How much may be sent over time, in place of what is known of the provider. See docs/limits.md."`
}
