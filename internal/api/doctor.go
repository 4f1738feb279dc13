package api

import (
	"cmp"
	"net/http"

	"gatepost/client"
	"gatepost/internal/control"
)

// examine asks the doctor. What is wrong is told in the answer: the question was
// answered all the same.
func (s *server) examine(c *call) error {
	how, problems, err := decodeBody(c, s.exams, nil)
	if err == nil {
		err = invalid(problems)
	}
	if err != nil {
		return err
	}
	d, err := s.Control.Doctor(c.r.Context(), c.grant, control.DoctorQuery{Account: how.Account, From: how.From})
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, diagnosisOf(d))
}

func diagnosisOf(d control.Diagnosis) client.Diagnosis {
	out := client.Diagnosis{
		At: timeOf(d.At), Worst: cmp.Or(string(d.Worst()), "well"), Findings: findingsOf(d.Findings),
		Checked: make([]client.Checked, len(d.Checked)), Tokens: make([]client.Token, len(d.Tokens)),
	}
	if out.Findings == nil {
		out.Findings = []client.Finding{}
	}
	for i, x := range d.Checked {
		out.Checked[i] = client.Checked{Check: string(x.Check), Seen: x.Seen, Not: x.Not}
	}
	for i, t := range d.Tokens {
		out.Tokens[i] = client.Token{
			Account: t.ID, Address: t.Address, For: t.For, Audience: t.Audience, App: t.App, Tenant: t.Tenant, User: t.User, Object: t.Object,
			Scopes: t.Scopes, Roles: t.Roles, ExpiresAt: timeAt(t.Expires),
		}
	}
	return out
}

func findingsOf(list []control.Finding) (out []client.Finding) {
	for _, f := range list {
		one := client.Finding{
			Check: string(f.Check), Severity: string(f.Severity), Cause: f.Cause, What: f.What, Why: f.Why, Fix: f.Fix, Commands: f.Commands,
			Who: string(f.Who), Reply: f.Reply, Link: f.Link, Follows: findingsOf(f.Follows),
		}
		for _, a := range f.Accounts {
			one.Accounts = append(one.Accounts, client.Patient{ID: a.ID, Address: a.Address})
		}
		out = append(out, one)
	}
	return out
}
