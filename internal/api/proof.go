package api

import (
	"errors"
	"net/http"

	"gatepost/client"
	"gatepost/internal/control"
	"gatepost/internal/email"
)

// checkCredential tries a credential live. What does not work is told in the
// answer: the question was answered all the same.
func (s *server) checkCredential(c *call) error {
	how, problems, err := decodeBody(c, s.checks, nil)
	if err == nil {
		err = invalid(problems)
	}
	if err != nil {
		return err
	}
	p, err := s.Control.CheckCredential(c.r.Context(), c.grant, c.r.PathValue("id"), how.Address, how.Purposes)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, proofOf(p))
}

// checkAccount tries an account live.
func (s *server) checkAccount(c *call) error {
	p, err := s.Control.CheckAccount(c.r.Context(), c.grant, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, proofOf(p))
}

func proofOf(p control.Proof) client.Proof {
	out := client.Proof{OK: p.OK, Steps: make([]client.Step, len(p.Steps))}
	for i, s := range p.Steps {
		out.Steps[i] = client.Step(s)
	}
	return out
}

// listAliases shows the addresses that an account's mailbox may send as.
func (s *server) listAliases(c *call) error {
	all, err := s.Control.Aliases(c.r.Context(), c.grant, c.r.PathValue("id"))
	if err != nil {
		return aliasError(err)
	}
	list := client.AliasList{Data: make([]client.Alias, len(all))}
	for i, a := range all {
		list.Data[i] = client.Alias(a)
	}
	return c.answer(http.StatusOK, list)
}

// aliasError calls that a provider's trouble which control says is one: all else
// is ours.
func aliasError(err error) error {
	if refusal, ok := errors.AsType[*control.Refusal](err); ok {
		return &providerRefusal{refusal}
	}
	return err
}

// testAccount sends a test message through an account.
func (s *server) testAccount(c *call) error {
	t, problems, err := decodeBody(c, s.tests, nil)
	if err == nil {
		err = invalid(problems)
	}
	if err != nil {
		return err
	}
	if t.To != "" {
		if _, err := email.ParseAddress(t.To); err != nil {
			return wrongFields{{Field: "to", Message: err.Error()}}
		}
	}
	done, err := s.Control.TestAccount(c.r.Context(), c.grant, c.r.PathValue("id"), t.To)
	if err != nil {
		return err
	}
	return c.submitted(done)
}
