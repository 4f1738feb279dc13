package api

import (
	"net/http"

	"gatepost/client"
	"gatepost/internal/control"
)

// createLink makes a connect link.
func (s *server) createLink(c *call) error {
	b, problems, err := decodeBody(c, s.links, nil)
	if err != nil {
		return err
	}
	made, err := s.Control.CreateLink(c.r.Context(), c.grant, control.NewLink{
		Credential: b.Credential, Address: b.Address, Purposes: b.Purposes, Transport: b.Transport, Senders: b.Senders, Hours: b.Hours,
		OnlyCheck: len(problems) > 0,
	})
	if err := alsoWrong(problems, err); err != nil {
		return err
	}
	return c.answer(http.StatusCreated, linkOf(made))
}

func linkOf(l control.Link) client.Link {
	return client.Link{
		ID: l.ID, URL: l.URL, Address: l.Address, Purposes: list(l.Purposes), Transport: l.Transport, Status: l.Status, Account: l.Account,
		Problem: l.Problem, CreatedAt: timeOf(l.CreatedAt), ExpiresAt: timeOf(l.ExpiresAt),
	}
}

// listLinks shows all connect links, without their secrets.
func (s *server) listLinks(c *call) error {
	all, err := s.Control.Links(c.r.Context(), c.grant)
	if err != nil {
		return err
	}
	out := client.LinkList{Data: make([]client.Link, len(all))}
	for i, l := range all {
		out.Data[i] = linkOf(l)
	}
	return c.answer(http.StatusOK, out)
}

// deleteLink ends a connect link that was not used.
func (s *server) deleteLink(c *call) error {
	if err := s.Control.CancelLink(c.r.Context(), c.grant, c.r.PathValue("id")); err != nil {
		return err
	}
	return c.done()
}
