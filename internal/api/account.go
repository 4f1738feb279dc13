package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"gatepost/client"
	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/email"
	"gatepost/internal/queue"
)

// createAccount connects an account.
func (s *server) createAccount(c *call) error {
	b, problems, err := decodeBody(c, s.accounts, nil)
	if err != nil {
		return err
	}
	config, misplaced, err := configOf(b.Transport, settings(b))
	if err != nil {
		return err
	}
	if config == nil {
		config = json.RawMessage("{}")
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

// settings are those of each transport that a request gives.
func settings(n client.NewAccount) map[string]any {
	given := map[string]any{}
	give(given, "gmail", n.Gmail)
	give(given, "gmail_smtp", n.GmailSMTP)
	give(given, "microsoft", n.Microsoft)
	give(given, "microsoft_smtp", n.MicrosoftSMTP)
	give(given, "smtp", n.SMTP)
	return given
}

func give[T any](given map[string]any, name string, s *T) {
	if s != nil {
		given[name] = s
	}
}

// configOf is the settings of one transport, as control takes them; nil when none
// are given. Those of another transport are refused rather than dropped.
func configOf(transport string, given map[string]any) (config json.RawMessage, problems []email.Problem, err error) {
	for name, s := range given {
		if name != transport {
			problems = append(problems, email.Problem{Field: name, Message: "is for the transport " + name})
		} else if config, err = json.Marshal(s); err != nil {
			return nil, nil, err
		}
	}
	slices.SortFunc(problems, func(a, b email.Problem) int { return strings.Compare(a.Field, b.Field) })
	return config, problems, nil
}

// updateAccount changes what is given of an account.
func (s *server) updateAccount(c *call) error {
	b, problems, err := decodeBody(c, s.changes, nil)
	if err != nil {
		return err
	}
	change := control.ChangeAccount{Credential: b.Credential, Senders: b.Senders}
	if given := settings(client.NewAccount{Gmail: b.Gmail, GmailSMTP: b.GmailSMTP, Microsoft: b.Microsoft, MicrosoftSMTP: b.MicrosoftSMTP, SMTP: b.SMTP}); len(given) > 0 {
		transport, err := s.transport(c)
		if err != nil {
			return err
		}
		var misplaced []email.Problem
		if change.Config, misplaced, err = configOf(transport, given); err != nil {
			return err
		}
		problems = append(problems, misplaced...)
	}
	change.OnlyCheck = len(problems) > 0
	a, err := s.Control.UpdateAccount(c.r.Context(), c.grant, c.r.PathValue("id"), change)
	if err := alsoWrong(problems, err); err != nil {
		return err
	}
	return c.accountAnswer(http.StatusOK, a)
}

// transport is that of the account in the path, for those who may change it: they
// need not be able to read accounts, as the answer to a change shows it anyway.
func (s *server) transport(c *call) (string, error) {
	id, reader := c.r.PathValue("id"), c.grant
	if _, err := s.Control.UpdateAccount(c.r.Context(), c.grant, id, control.ChangeAccount{OnlyCheck: true}); err != nil {
		return "", err
	}
	reader.Scopes = append(slices.Clone(reader.Scopes), access.ScopeAccountsRead)
	a, err := s.Control.Account(c.r.Context(), reader, id)
	return a.Transport, err
}

// deleteAccount removes an account.
func (s *server) deleteAccount(c *call) error {
	gone, err := s.Control.DeleteAccount(c.r.Context(), c.grant, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.removed(gone)
}

// removed answers nothing, or what became of a user's consent.
func (c *call) removed(gone control.Removed) error {
	if gone.Consent == "" {
		return c.done()
	}
	return c.answer(http.StatusOK, client.Removed{Credential: gone.Credential, Consent: gone.Consent, Text: gone.Text, Fix: gone.Fix})
}

func accountOf(a control.Account) (client.Account, error) {
	out := client.Account{
		ID: a.ID, Address: a.Address, Transport: a.Transport, Credential: a.Credential, Senders: a.Senders,
		CreatedAt: timeOf(a.CreatedAt), UpdatedAt: timeOf(a.UpdatedAt),
	}
	statusAt(&out, a, time.Now())
	var err error
	switch a.Transport {
	case "gmail":
		err = json.Unmarshal(a.Config, &out.Gmail)
	case "gmail_smtp":
		err = json.Unmarshal(a.Config, &out.GmailSMTP)
	case "microsoft":
		err = json.Unmarshal(a.Config, &out.Microsoft)
	case "microsoft_smtp":
		err = json.Unmarshal(a.Config, &out.MicrosoftSMTP)
	case "smtp":
		err = json.Unmarshal(a.Config, &out.SMTP)
	}
	return out, err
}

// statusAt tells how an account is at a time. What parked it, or let it rest, is over
// by itself, and the row keeps it until the next attempt.
func statusAt(out *client.Account, a control.Account, now time.Time) {
	out.Status, out.Cause, out.Reason = "active", a.Cause, a.Reason
	switch {
	case a.Held:
		out.Status = "held"
	case a.Resting.After(now) && a.Resting.After(a.ParkedUntil):
		out.Status, out.ParkedUntil = "resting", client.At(a.Resting)
	case a.ParkedUntil.After(now):
		out.Status, out.ParkedUntil = "parked", client.At(a.ParkedUntil)
	default:
		out.Cause, out.Reason = "", ""
	}
}

// pausedAt tells what people have paused of an account. Like its capacity it is
// paused, and nothing else but held, where no lane is left.
func pausedAt(out *client.Account, all []queue.Pause) {
	lanes, last := pausedLanes(all, out.ID)
	if out.PausedLanes = lanes; len(lanes) < len(everyLane()) || out.Status == "held" {
		return
	}
	out.Status, out.ParkedUntil, out.Cause, out.Reason = "paused", nil, control.CausePaused, "a person paused it: "+queue.EndOf(*last)
	if last.Reason != "" {
		out.Reason = last.Reason + ": " + queue.EndOf(*last)
	}
}

func everyLane() []email.Lane { return []email.Lane{email.Urgent, email.Normal, email.Bulk} }

// pausedLanes are the words of the lanes in which nothing of a route begins, and one
// of the pauses that are about it.
func pausedLanes(all []queue.Pause, route string) (lanes []string, last *queue.Pause) {
	for _, l := range everyLane() {
		if i := slices.IndexFunc(all, func(p queue.Pause) bool { return p.About(route, l) }); i >= 0 {
			lanes, last = append(lanes, laneWord(l)), &all[i]
		}
	}
	return lanes, last
}

// shown are accounts with what people have paused of them, and what ends soon.
func (c *call) shown(list ...control.Account) ([]client.Account, error) {
	paused, err := c.s.Control.Pauses(c.r.Context(), c.grant)
	if err != nil {
		return nil, err
	}
	soon, err := c.s.Control.EndsSoon(c.r.Context(), c.grant, list...)
	if err != nil {
		return nil, err
	}
	out := make([]client.Account, len(list))
	for i, a := range list {
		if out[i], err = accountOf(a); err != nil {
			return nil, err
		}
		pausedAt(&out[i], paused)
		out[i].Expiries = expiriesOf(soon[a.ID])
	}
	return out, nil
}

func (c *call) accountAnswer(status int, a control.Account) error {
	out, err := c.shown(a)
	if err != nil {
		return err
	}
	return c.answer(status, out[0])
}

// listAccounts shows all accounts.
func (s *server) listAccounts(c *call) error {
	all, err := s.Control.Accounts(c.r.Context(), c.grant)
	if err != nil {
		return err
	}
	list, err := c.shown(all...)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, client.AccountList{Data: list})
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
