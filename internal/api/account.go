package api

import (
	"encoding/json"
	"net/http"

	"gatepost/client"
	"gatepost/internal/control"
	"gatepost/internal/email"
)

// createAccount connects an account.
func (s *server) createAccount(c *call) error {
	b, problems, err := decodeBody(c, s.accounts, nil)
	if err != nil {
		return err
	}
	config, misplaced, err := configOf(b)
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

// configOf is the settings of the chosen transport, as control takes them. Those of
// another transport are refused rather than dropped.
func configOf(b client.NewAccount) (config json.RawMessage, problems []email.Problem, err error) {
	settings := map[string]any{}
	if b.Gmail != nil {
		settings["gmail"] = b.Gmail
	}
	if b.GmailSMTP != nil {
		settings["gmail_smtp"] = b.GmailSMTP
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

func accountOf(a control.Account) (client.Account, error) {
	out := client.Account{
		ID: a.ID, Address: a.Address, Transport: a.Transport, Credential: a.Credential, Senders: a.Senders, Status: "active",
		Cause: a.Cause, Reason: a.Reason, CreatedAt: timeOf(a.CreatedAt), UpdatedAt: timeOf(a.UpdatedAt),
	}
	switch {
	case a.Held:
		out.Status = "held"
	case !a.ParkedUntil.IsZero():
		out.Status, out.ParkedUntil = "parked", client.At(a.ParkedUntil)
	}
	var err error
	switch a.Transport {
	case "gmail":
		err = json.Unmarshal(a.Config, &out.Gmail)
	case "gmail_smtp":
		err = json.Unmarshal(a.Config, &out.GmailSMTP)
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
	list := client.AccountList{Data: make([]client.Account, len(all))}
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
