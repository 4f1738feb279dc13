package client

import "context"

// Examine says what the doctor is to look at; empty fields mean everything.
type Examine struct {
	Account string `json:"account,omitempty" doc:"Only this account, its id or address." example:"app@example.com"`
	From    string `json:"from,omitempty" doc:"An address: is there an account that sends for it?"`
}

// Diagnosis is what the doctor says.
type Diagnosis struct {
	At       Time      `json:"at"`
	Worst    string    `json:"worst" enum:"well,warning,broken" doc:"broken: mail of an account does not leave. warning: it leaves, and something should be mended."`
	Findings []Finding `json:"findings" doc:"What is wrong, the cause before what came of it."`
	Checked  []Checked `json:"checked" doc:"What was looked at and is well, or was not looked at."`
	Tokens   []Token   `json:"tokens" doc:"What the accounts' access tokens say of themselves. The tokens are never shown."`
}

// Finding is something that is wrong, and what to do about it.
type Finding struct {
	Check    string    `json:"check" example:"sign-in" doc:"What was looked at: server, database, disk, master key, node, door, clock, DNS, port, TLS, settings, credential, audience, scopes, sign-in, mailbox, sender, limits, account, mail, expiry, least privilege."`
	Severity string    `json:"severity" enum:"broken,warning"`
	Cause    string    `json:"cause" example:"smtp_auth_disabled" doc:"A stable word."`
	What     string    `json:"what"`
	Why      string    `json:"why,omitempty" doc:"By what it was seen."`
	Fix      string    `json:"fix"`
	Commands []string  `json:"commands,omitempty" doc:"To paste, with the ids of this case."`
	Who      string    `json:"who" doc:"Who can do it: you, operator of this machine, Workspace super admin, Exchange admin, Entra admin, the mailbox's user, administrator of the relay, the provider."`
	Reply    string    `json:"reply,omitempty" doc:"The provider's own words."`
	Link     string    `json:"link,omitempty" doc:"The provider's page."`
	Accounts []Patient `json:"accounts,omitempty" doc:"Whom it is about."`
	Follows  []Finding `json:"follows,omitempty" doc:"What is wrong because of this, and is well once this is mended."`
}

// Patient is an account that a finding is about.
type Patient struct {
	ID      string `json:"id"`
	Address string `json:"address"`
}

// Checked is what the doctor looked at.
type Checked struct {
	Check string `json:"check"`
	Seen  string `json:"seen,omitempty"`
	Not   string `json:"not,omitempty" doc:"Why it was not looked at."`
}

// Token is what an access token says of itself.
type Token struct {
	Account   string   `json:"account" doc:"The id of the account that uses it."`
	Address   string   `json:"address"`
	For       string   `json:"for" enum:"send,look,draft,smtp"`
	Audience  string   `json:"audience,omitempty"`
	App       string   `json:"app,omitempty" doc:"The client id."`
	Tenant    string   `json:"tenant,omitempty"`
	User      string   `json:"user,omitempty" doc:"Missing: an app acts by itself."`
	Object    string   `json:"object_id,omitempty" doc:"Microsoft's id of whoever acts: of an app that of its enterprise application."`
	Scopes    []string `json:"scopes,omitempty"`
	Roles     []string `json:"roles,omitempty"`
	ExpiresAt *Time    `json:"expires_at,omitempty"`
}

// Doctor asks why mail does not leave: every account is tried live, without sending.
func (c *Client) Doctor(ctx context.Context, e Examine) (Diagnosis, error) {
	r, err := post("/v1/doctor").asking().with(e)
	if err != nil {
		return Diagnosis{}, err
	}
	r.repeat = true
	return ask[Diagnosis](ctx, c, r)
}
