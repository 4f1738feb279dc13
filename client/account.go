package client

import (
	"context"
	"net/http"
)

// NewAccount is an account to be connected: an address, a transport and its
// settings.
type NewAccount struct {
	Address       string                 `json:"address" doc:"The mailbox; with a service account or an app registration also the one to act for." example:"app@example.com"`
	Transport     string                 `json:"transport" enum:"gmail,gmail_smtp,microsoft,microsoft_smtp,smtp"`
	Credential    string                 `json:"credential,omitempty" doc:"The id of a credential of a kind that the transport takes. Empty only for a relay without sign-in."`
	Senders       []string               `json:"senders,omitempty" doc:"Further addresses that may stand in From, or @domain for all of a domain."`
	Gmail         *GmailSettings         `json:"gmail,omitempty" doc:"Settings of the transport gmail."`
	GmailSMTP     *GmailSMTPSettings     `json:"gmail_smtp,omitempty" doc:"Settings of the transport gmail_smtp."`
	Microsoft     *MicrosoftSettings     `json:"microsoft,omitempty" doc:"Settings of the transport microsoft."`
	MicrosoftSMTP *MicrosoftSMTPSettings `json:"microsoft_smtp,omitempty" doc:"Settings of the transport microsoft_smtp."`
	SMTP          *SMTPSettings          `json:"smtp,omitempty" doc:"Settings of the transport smtp."`
}

// ChangeAccount changes what is given of an account and leaves the rest.
type ChangeAccount struct {
	Credential    *string                `json:"credential,omitempty"`
	Senders       *[]string              `json:"senders,omitempty" doc:"Replaces the list."`
	Gmail         *GmailSettings         `json:"gmail,omitempty" doc:"Replaces the settings of the transport."`
	GmailSMTP     *GmailSMTPSettings     `json:"gmail_smtp,omitempty"`
	Microsoft     *MicrosoftSettings     `json:"microsoft,omitempty"`
	MicrosoftSMTP *MicrosoftSMTPSettings `json:"microsoft_smtp,omitempty"`
	SMTP          *SMTPSettings          `json:"smtp,omitempty"`
}

// Account is an account as it is now.
type Account struct {
	ID            string                 `json:"id"`
	Address       string                 `json:"address"`
	Transport     string                 `json:"transport"`
	Credential    string                 `json:"credential,omitempty"`
	Senders       []string               `json:"senders"`
	Gmail         *GmailSettings         `json:"gmail,omitempty"`
	GmailSMTP     *GmailSMTPSettings     `json:"gmail_smtp,omitempty"`
	Microsoft     *MicrosoftSettings     `json:"microsoft,omitempty"`
	MicrosoftSMTP *MicrosoftSMTPSettings `json:"microsoft_smtp,omitempty"`
	SMTP          *SMTPSettings          `json:"smtp,omitempty"`
	Status        string                 `json:"status" enum:"active,parked,resting,paused,held" doc:"parked: waits for a known time. resting: its server is in trouble, and it is tried again at a known time. paused: a person paused all of its lanes. held: waits for a person."`
	PausedLanes   []string               `json:"paused_lanes,omitempty" enum:"urgent,normal,bulk" doc:"The lanes that a person paused, for this account or for all."`
	ParkedUntil   *Time                  `json:"parked_until,omitempty" doc:"Until when it is parked or rests."`
	Cause         string                 `json:"cause,omitempty" doc:"Why it is parked, resting, paused or held; a stable word."`
	Reason        string                 `json:"reason,omitempty" doc:"The same for a person, with what to do."`
	Expiries      []Expiry               `json:"expiries,omitempty" doc:"What of it and its credential ends within 30 days, is over, or is changed by its provider."`
	CreatedAt     Time                   `json:"created_at"`
	UpdatedAt     Time                   `json:"updated_at"`
}

// AccountList is all accounts of a team.
type AccountList struct {
	Data []Account `json:"data"`
}

// CreateAccount connects an account.
func (c *Client) CreateAccount(ctx context.Context, n NewAccount) (Account, error) {
	return send[Account](ctx, c, http.MethodPost, "/v1/accounts", n)
}

// Accounts lists all accounts.
func (c *Client) Accounts(ctx context.Context) (AccountList, error) {
	return ask[AccountList](ctx, c, get("/v1/accounts", nil))
}

// Account tells of one account.
func (c *Client) Account(ctx context.Context, id string) (Account, error) {
	return ask[Account](ctx, c, get(at("accounts", id, ""), nil))
}

// ChangeAccount changes what is given of an account.
func (c *Client) ChangeAccount(ctx context.Context, id string, change ChangeAccount) (Account, error) {
	return send[Account](ctx, c, http.MethodPatch, at("accounts", id, ""), change)
}

// DeleteAccount removes an account for good. While mail waits for it the error's
// kind is in_use. A user's consent that no other account uses ends with it.
func (c *Client) DeleteAccount(ctx context.Context, id string) (Removed, error) {
	return ask[Removed](ctx, c, remove(at("accounts", id, "")))
}

// ReleaseAccount lets a held or parked account send again.
func (c *Client) ReleaseAccount(ctx context.Context, id string) (Account, error) {
	return ask[Account](ctx, c, post(at("accounts", id, "release")))
}

// CheckAccount tries an account live, step by step, without sending anything.
// That a step fails is no error of this method.
func (c *Client) CheckAccount(ctx context.Context, id string) (Proof, error) {
	return ask[Proof](ctx, c, post(at("accounts", id, "check")).asking())
}

// TestAccount sends a test message through an account. The error NoVerdict says
// that nobody knows whether it was kept.
func (c *Client) TestAccount(ctx context.Context, id string, t Test) (Submitted, error) {
	r, err := post(at("accounts", id, "test")).with(t)
	if err != nil {
		return Submitted{}, err
	}
	r.keys = []string{""}
	return ask[Submitted](ctx, c, r)
}
