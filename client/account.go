package client

import "encoding/json"

// NewCredential is a secret to be kept.
type NewCredential struct {
	Kind         string          `json:"kind" enum:"google_service_account,google_oauth_client,smtp_password"`
	Name         string          `json:"name" doc:"What people call it." example:"Workspace"`
	Key          json.RawMessage `json:"key,omitempty" doc:"google_service_account, google_oauth_client: the JSON file that Google gave, as an object or as a string."`
	ClientID     string          `json:"client_id,omitempty" doc:"google_oauth_client, in place of key."`
	ClientSecret string          `json:"client_secret,omitempty" doc:"google_oauth_client, in place of key."`
	Password     string          `json:"password,omitempty" doc:"smtp_password: the password."`
}

// Credential is what may be shown of a credential.
type Credential struct {
	ID   string `json:"id"`
	Kind string `json:"kind" enum:"google_service_account,google_oauth_client,google_user,smtp_password"`
	Name string `json:"name"`
	// Public tells the secret from others. Lists are joined by spaces.
	Public    map[string]string `json:"public" doc:"What tells the secret from others: client_email, client_id, key_id and project of a service account; client_id and type of an OAuth client; email, scopes, purposes and client of a user's consent."`
	CreatedAt Time              `json:"created_at"`
	UpdatedAt Time              `json:"updated_at"`
}

// CredentialList is all credentials of a team.
type CredentialList struct {
	Data []Credential `json:"data"`
}

// NewAccount is an account to be connected: an address, a transport and its
// settings.
type NewAccount struct {
	Address    string             `json:"address" doc:"The mailbox; with a service account also the user to act for." example:"app@example.com"`
	Transport  string             `json:"transport" enum:"gmail,gmail_smtp,smtp"`
	Credential string             `json:"credential,omitempty" doc:"The id of a credential of a kind that the transport takes. Empty only for a relay without sign-in."`
	Senders    []string           `json:"senders,omitempty" doc:"Further addresses that may stand in From, or @domain for all of a domain."`
	Gmail      *GmailSettings     `json:"gmail,omitempty" doc:"Settings of the transport gmail."`
	GmailSMTP  *GmailSMTPSettings `json:"gmail_smtp,omitempty" doc:"Settings of the transport gmail_smtp."`
	SMTP       *SMTPSettings      `json:"smtp,omitempty" doc:"Settings of the transport smtp."`
}

// ChangeAccount changes what is given of an account and leaves the rest.
type ChangeAccount struct {
	Credential *string            `json:"credential,omitempty"`
	Senders    *[]string          `json:"senders,omitempty" doc:"Replaces the list."`
	Gmail      *GmailSettings     `json:"gmail,omitempty" doc:"Replaces the settings of the transport."`
	GmailSMTP  *GmailSMTPSettings `json:"gmail_smtp,omitempty"`
	SMTP       *SMTPSettings      `json:"smtp,omitempty"`
}

// GmailSettings is the settings of the transport gmail.
type GmailSettings struct {
	MayLook       *bool `json:"may_look,omitempty" doc:"Whether Sent may be read (gmail.metadata), so that it can tell about attempts without an answer. Empty: true."`
	MaxRecipients *int  `json:"max_recipients,omitempty" doc:"Recipients of one message. Empty: 100."`
	MaxParallel   *int  `json:"max_parallel,omitempty" doc:"Sends at a time. Empty: 4."`
}

// GmailSMTPSettings is the settings of the transport gmail_smtp: smtp.gmail.com
// with OAuth.
type GmailSMTPSettings struct {
	Mechanism      string `json:"mechanism,omitempty" enum:"xoauth2,oauthbearer" doc:"Empty: oauthbearer where it is offered, else xoauth2."`
	TLS            string `json:"tls,omitempty" enum:"starttls,implicit" doc:"Empty: starttls (port 587); implicit is port 465."`
	MayLook        *bool  `json:"may_look,omitempty" doc:"Whether Sent may be read through the Gmail API. Empty: true."`
	MaxConnections *int   `json:"max_connections,omitempty" doc:"Connections at a time. Empty: 4."`
	MaxRecipients  *int   `json:"max_recipients,omitempty" doc:"Recipients of one message. Empty: 100."`
}

// SMTPSettings is the settings of the transport smtp.
type SMTPSettings struct {
	Preset         string `json:"preset,omitempty" doc:"A known relay: fills in what is not given. gmail_relay is smtp-relay.gmail.com." enum:"gmail_relay"`
	Host           string `json:"host,omitempty" example:"smtp.example.com"`
	Port           *int   `json:"port,omitempty" doc:"Empty: 587, with implicit TLS 465, without TLS 25."`
	TLS            string `json:"tls,omitempty" enum:"starttls,implicit,none" doc:"none is for a relay on the same machine. Empty: starttls."`
	CAFile         string `json:"ca_file,omitempty" doc:"A file on gatepost's machine with a further certificate authority to trust."`
	User           string `json:"user,omitempty" doc:"The name to sign in with. Empty: no sign-in."`
	Hello          string `json:"hello,omitempty" doc:"The name to say in EHLO. Empty: the machine's."`
	MaxConnections *int   `json:"max_connections,omitempty" doc:"Connections at a time. Empty: 10."`
	MaxRecipients  *int   `json:"max_recipients,omitempty" doc:"Recipients of one message. Empty: 100."`
}

// Account is an account as it is now.
type Account struct {
	ID          string             `json:"id"`
	Address     string             `json:"address"`
	Transport   string             `json:"transport"`
	Credential  string             `json:"credential,omitempty"`
	Senders     []string           `json:"senders"`
	Gmail       *GmailSettings     `json:"gmail,omitempty"`
	GmailSMTP   *GmailSMTPSettings `json:"gmail_smtp,omitempty"`
	SMTP        *SMTPSettings      `json:"smtp,omitempty"`
	Status      string             `json:"status" enum:"active,parked,held" doc:"parked: waits for a known time. held: waits for a person."`
	ParkedUntil *Time              `json:"parked_until,omitempty"`
	Cause       string             `json:"cause,omitempty" doc:"Why it is parked or held; a stable word."`
	Reason      string             `json:"reason,omitempty" doc:"The same for a person, with what to do."`
	CreatedAt   Time               `json:"created_at"`
	UpdatedAt   Time               `json:"updated_at"`
}

// AccountList is all accounts of a team.
type AccountList struct {
	Data []Account `json:"data"`
}

// Proof is what a live check of a credential or an account found, step by step.
type Proof struct {
	OK    bool   `json:"ok" doc:"Whether every step that is needed went well."`
	Steps []Step `json:"steps"`
}

// Step is one step of a live check.
type Step struct {
	Name     string `json:"name" example:"scope:send" doc:"key, signature, token, scope:send, scope:look, scope:read, scope:modify, scope:smtp, mailbox, aliases, connect, tls, sign_in, senders."`
	OK       bool   `json:"ok"`
	Optional bool   `json:"optional,omitempty" doc:"Sending works without it."`
	Detail   string `json:"detail,omitempty" doc:"What was seen."`
	Cause    string `json:"cause,omitempty"`
	Text     string `json:"text,omitempty" doc:"What is wrong."`
	Fix      string `json:"fix,omitempty" doc:"What to do about it, and where."`
	Reply    string `json:"reply,omitempty" doc:"The provider's own words."`
}

// Check asks for a live check of a credential for one mailbox.
type Check struct {
	Address  string   `json:"address,omitempty" doc:"The mailbox to act for (service accounts)."`
	Purposes []string `json:"purposes,omitempty" doc:"What it is to be used for: send, look, read, modify, smtp. Empty: send and look."`
}

// Test asks for a test message.
type Test struct {
	To string `json:"to,omitempty" doc:"Empty: the account's own address."`
}

// Alias is an address that the mailbox may send as, as its provider says.
type Alias struct {
	Address  string `json:"address"`
	Name     string `json:"name,omitempty"`
	Primary  bool   `json:"primary,omitempty"`
	Default  bool   `json:"default,omitempty"`
	Verified bool   `json:"verified" doc:"Unverified ones are replaced by the primary address when mail leaves."`
	Allowed  bool   `json:"allowed" doc:"Whether the account's senders let it stand in From."`
}

// AliasList is all aliases of a mailbox.
type AliasList struct {
	Data []Alias `json:"data"`
}

// NewConsent starts a consent that ends on this machine: the browser is sent back
// to a loopback address, whose owner finishes it.
type NewConsent struct {
	Credential  string   `json:"credential" doc:"The id of a google_oauth_client."`
	RedirectURI string   `json:"redirect_uri" doc:"http://127.0.0.1:PORT/… or http://[::1]:PORT/…" example:"http://127.0.0.1:53682/"`
	Address     string   `json:"address,omitempty" doc:"The mailbox that is expected. Another one is refused. Empty: whichever the user chooses."`
	Purposes    []string `json:"purposes,omitempty" doc:"send, look, read, modify, smtp. Empty: send and look (with the transport gmail_smtp: smtp)."`
	Transport   string   `json:"transport,omitempty" enum:"gmail,gmail_smtp" doc:"Empty: gmail."`
	Senders     []string `json:"senders,omitempty"`
}

// Consent is a consent under way.
type Consent struct {
	ID        string   `json:"id"`
	URL       string   `json:"url" doc:"Where the user gives consent."`
	Scopes    []string `json:"scopes"`
	ExpiresAt Time     `json:"expires_at"`
}

// FinishConsent is what the redirect brought.
type FinishConsent struct {
	Code   string `json:"code,omitempty"`
	State  string `json:"state,omitempty"`
	Issuer string `json:"iss,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Connected is what a consent led to.
type Connected struct {
	Account    Account  `json:"account"`
	Credential string   `json:"credential"`
	Granted    []string `json:"granted" doc:"The purposes that the user agreed to."`
	Missing    []string `json:"missing" doc:"Those asked for and not agreed to; what needs them is off."`
	Again      bool     `json:"again,omitempty" doc:"The account was there before; its mail goes on."`
}

// NewLink is a link by which somebody without a login to gatepost connects one
// mailbox.
type NewLink struct {
	Credential string   `json:"credential" doc:"The id of a google_oauth_client of the type web."`
	Address    string   `json:"address" doc:"The mailbox that is expected. Another one is refused."`
	Purposes   []string `json:"purposes,omitempty"`
	Transport  string   `json:"transport,omitempty" enum:"gmail,gmail_smtp"`
	Senders    []string `json:"senders,omitempty"`
	Hours      int      `json:"hours,omitempty" doc:"How long it lasts: 1 to 168. Empty: 72."`
}

// Link is a connect link. Its URL is shown once.
type Link struct {
	ID        string   `json:"id"`
	URL       string   `json:"url,omitempty" doc:"Only in the answer that made it."`
	Address   string   `json:"address"`
	Purposes  []string `json:"purposes"`
	Transport string   `json:"transport"`
	Status    string   `json:"status" enum:"open,used,expired,canceled"`
	Account   string   `json:"account,omitempty" doc:"What it connected."`
	Problem   string   `json:"problem,omitempty" doc:"Why the last try did not work."`
	CreatedAt Time     `json:"created_at"`
	ExpiresAt Time     `json:"expires_at"`
}

// LinkList is all connect links, newest first.
type LinkList struct {
	Data []Link `json:"data"`
}

// Setup is what has to be done at a provider, with the values to paste.
type Setup struct {
	Steps []SetupStep `json:"steps"`
}

// SetupStep is one thing to do.
type SetupStep struct {
	Title  string       `json:"title"`
	Text   string       `json:"text"`
	URL    string       `json:"url,omitempty" doc:"The page where it is done."`
	Values []SetupValue `json:"values,omitempty" doc:"What to paste there."`
}

// SetupValue is a value to paste.
type SetupValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// NewKey is an API key to be made.
type NewKey struct {
	Name      string   `json:"name"`
	Scopes    []string `json:"scopes" doc:"messages:send, messages:read, accounts:read, accounts:write, keys:write, or * for all."`
	ExpiresAt *Time    `json:"expires_at,omitempty"`
}

// Key is what may be shown of an API key.
type Key struct {
	ID        string   `json:"id"`
	Key       string   `json:"key,omitempty" doc:"The key itself: only in the answer that made it."`
	Name      string   `json:"name"`
	Hint      string   `json:"hint" doc:"Enough to recognise it by."`
	Scopes    []string `json:"scopes"`
	CreatedAt Time     `json:"created_at"`
	ExpiresAt *Time    `json:"expires_at,omitempty"`
}

// KeyList is all API keys of a team.
type KeyList struct {
	Data []Key `json:"data"`
}
