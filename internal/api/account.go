package api

import (
	"encoding/json"
	"net/http"

	"gatepost/internal/control"
	"gatepost/internal/email"
)

// accountBody is an account to be connected: a transport and its settings.
type accountBody struct {
	Address    string        `json:"address" doc:"The mailbox; with the transport gmail also the user to act for." example:"app@example.com"`
	Transport  string        `json:"transport" enum:"gmail,smtp"`
	Credential string        `json:"credential" doc:"The id of a credential of the kind that the transport takes."`
	Senders    []string      `json:"senders,omitempty" doc:"Further addresses that may stand in From, or @domain for all of a domain."`
	Gmail      *gmailAccount `json:"gmail,omitempty" doc:"Settings of the transport gmail."`
	SMTP       *smtpAccount  `json:"smtp,omitempty" doc:"Settings of the transport smtp."`
}

// gmailAccount is the settings of the transport gmail.
type gmailAccount struct {
	MayLook       *bool `json:"may_look,omitempty" doc:"Whether the delegation covers gmail.metadata too, so that Sent can tell about attempts without an answer. Empty: true."`
	MaxRecipients *int  `json:"max_recipients,omitempty" doc:"Recipients of one message. Empty: 100."`
	MaxParallel   *int  `json:"max_parallel,omitempty" doc:"Sends at a time. Empty: 4."`
}

// smtpAccount is the settings of the transport smtp.
type smtpAccount struct {
	Host           string `json:"host" example:"smtp.example.com"`
	Port           *int   `json:"port,omitempty" doc:"Empty: 587, with implicit TLS 465, without TLS 25."`
	TLS            string `json:"tls,omitempty" enum:"starttls,implicit,none" doc:"none is for a relay on the same machine. Empty: starttls."`
	CAFile         string `json:"ca_file,omitempty" doc:"A file on gatepost's machine with a further certificate authority to trust."`
	User           string `json:"user,omitempty" doc:"The name to sign in with. Empty: no sign-in."`
	Hello          string `json:"hello,omitempty" doc:"The name to say in EHLO. Empty: the machine's."`
	MaxConnections *int   `json:"max_connections,omitempty" doc:"Connections at a time. Empty: 10."`
	MaxRecipients  *int   `json:"max_recipients,omitempty" doc:"Recipients of one message. Empty: 100."`
}

// accountAnswer is an account as it is now.
type accountAnswer struct {
	ID          string        `json:"id"`
	Address     string        `json:"address"`
	Transport   string        `json:"transport"`
	Credential  string        `json:"credential"`
	Senders     []string      `json:"senders"`
	Gmail       *gmailAccount `json:"gmail,omitempty"`
	SMTP        *smtpAccount  `json:"smtp,omitempty"`
	Status      string        `json:"status" enum:"active,parked,held" doc:"parked: waits for a known time. held: waits for a person."`
	ParkedUntil *stamp        `json:"parked_until,omitempty"`
	Cause       string        `json:"cause,omitempty" doc:"Why it is parked or held; a stable word."`
	Reason      string        `json:"reason,omitempty" doc:"The same for a person, with what to do."`
	CreatedAt   stamp         `json:"created_at"`
	UpdatedAt   stamp         `json:"updated_at"`
}

// accountList is all accounts of a team.
type accountList struct {
	Data []accountAnswer `json:"data"`
}

// createAccount connects an account.
func (s *server) createAccount(c *call) error {
	b, problems, err := decodeBody(c, s.accounts, nil)
	if err != nil {
		return err
	}
	config, misplaced, err := b.config()
	if err != nil {
		return err
	}
	problems = append(problems, misplaced...)
	made, err := s.Control.CreateAccount(c.r.Context(), c.grant, control.NewAccount{
		Address: b.Address, Transport: b.Transport, Credential: b.Credential, Senders: b.Senders, Config: config,
		OnlyCheck: len(problems) > 0,
	})
	if err := alsoWrong(problems, err); err != nil {
		return err
	}
	c.w.Header().Set("Location", "/v1/accounts/"+made.ID)
	return c.accountAnswer(http.StatusCreated, made)
}

// config is the settings of the chosen transport, as control takes them. Those of
// another transport are refused rather than dropped.
func (b accountBody) config() (config json.RawMessage, problems []email.Problem, err error) {
	settings := map[string]any{}
	if b.Gmail != nil {
		settings["gmail"] = b.Gmail
	}
	if b.SMTP != nil {
		settings["smtp"] = b.SMTP
	}
	config = json.RawMessage("{}")
	for transport, given := range settings {
		if transport == b.Transport {
			config, err = json.Marshal(given)
		} else {
			problems = append(problems, email.Problem{Field: transport, Message: "is for the transport " + transport})
		}
	}
	return config, problems, err
}

func accountOf(a control.Account) (accountAnswer, error) {
	out := accountAnswer{
		ID: a.ID, Address: a.Address, Transport: a.Transport, Credential: a.Credential, Senders: a.Senders, Status: "active",
		Cause: a.Cause, Reason: a.Reason, CreatedAt: stamp(a.CreatedAt), UpdatedAt: stamp(a.UpdatedAt),
	}
	switch {
	case a.Held:
		out.Status = "held"
	case !a.ParkedUntil.IsZero():
		out.Status, out.ParkedUntil = "parked", (*stamp)(&a.ParkedUntil)
	}
	var err error
	switch a.Transport {
	case "gmail":
		err = json.Unmarshal(a.Config, &out.Gmail)
	case "smtp":
		err = json.Unmarshal(a.Config, &out.SMTP)
	}
	return out, err
}

func (c *call) accountAnswer(status int, a control.Account) error {
	out, err := accountOf(a)
	if err != nil {
		return err
	}
	return c.answer(status, out)
}

// listAccounts shows all accounts.
func (s *server) listAccounts(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	all, err := s.Control.Accounts(c.r.Context(), c.grant)
	if err != nil {
		return err
	}
	list := accountList{Data: make([]accountAnswer, len(all))}
	for i, a := range all {
		if list.Data[i], err = accountOf(a); err != nil {
			return err
		}
	}
	return c.answer(http.StatusOK, list)
}

// showAccount shows one account.
func (s *server) showAccount(c *call) error {
	a, err := s.Control.Account(c.r.Context(), c.grant, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.accountAnswer(http.StatusOK, a)
}

// releaseAccount lets a held or parked account send again.
func (s *server) releaseAccount(c *call) error {
	a, err := s.Control.ReleaseAccount(c.r.Context(), c.grant, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.accountAnswer(http.StatusOK, a)
}
