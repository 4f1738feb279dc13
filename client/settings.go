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
