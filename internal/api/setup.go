package api

import (
	"net/http"

	"gatepost/client"
	"gatepost/internal/control"
)

// showSetup tells what has to be done at a provider.
func (s *server) showSetup(c *call) error {
	q, err := c.query("kind", "credential", "transport", "purposes", "redirect", "address", "source")
	wrong, err := problemsOf(q, err)
	if err != nil {
		return err
	}
	one := wrong.single(q, "kind", "credential", "transport", "redirect", "address", "source")
	if err := invalid(wrong); err != nil {
		return err
	}
	setup, err := s.Control.SetupSteps(c.r.Context(), c.grant, control.SetupQuery{
		Kind: one["kind"], Credential: one["credential"], Transport: one["transport"], Purposes: q["purposes"], Redirect: one["redirect"], Address: one["address"], Source: one["source"],
	})
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, setupOf(setup))
}

func setupOf(setup control.Setup) client.Setup {
	out := client.Setup{Steps: make([]client.SetupStep, len(setup.Steps))}
	for i, s := range setup.Steps {
		out.Steps[i] = client.SetupStep{Title: s.Title, Text: s.Text, URL: s.URL, Commands: s.Commands}
		for _, v := range s.Values {
			out.Steps[i].Values = append(out.Steps[i].Values, client.SetupValue(v))
		}
	}
	return out
}
