package api

import (
	"net/http"
	"strconv"

	"gatepost/client"
	"gatepost/internal/control"
)

// createConsent begins a consent whose browser is on the caller's machine, or a device
// code.
func (s *server) createConsent(c *call) error {
	b, problems, err := decodeBody(c, s.consents, nil)
	if err != nil {
		return err
	}
	made, err := s.Control.StartConsent(c.r.Context(), c.grant, control.NewConsent{
		Credential: b.Credential, RedirectURI: b.RedirectURI, Address: b.Address, Purposes: b.Purposes, Transport: b.Transport,
		Senders: b.Senders, SharedWith: b.SharedWith, Device: b.Device, OnlyCheck: len(problems) > 0,
	})
	if err := alsoWrong(problems, err); err != nil {
		return err
	}
	out := client.Consent{ID: made.ID, URL: made.URL, Scopes: made.Scopes, ExpiresAt: timeOf(made.ExpiresAt)}
	if d := made.Device; d != nil {
		out.UserCode, out.VerificationURI, out.Interval = d.UserCode, d.VerificationURI, seconds(d.Interval)
	}
	return c.answer(http.StatusCreated, out)
}

// finishConsent takes what the browser came back with, or asks what became of a device
// code.
func (s *server) finishConsent(c *call) error {
	b, problems, err := decodeBody(c, s.redirects, nil)
	if err == nil {
		err = invalid(problems)
	}
	if err != nil {
		return err
	}
	done, err := s.Control.FinishConsent(c.r.Context(), c.grant, c.r.PathValue("id"), control.Redirected(b))
	if err != nil {
		return err
	}
	if p := done.Pending; p != nil {
		c.w.Header().Set("Retry-After", strconv.Itoa(seconds(p.RetryAfter)))
		return c.answer(http.StatusAccepted, client.Pending{Status: client.StatusPending, RetryAfter: seconds(p.RetryAfter), ExpiresAt: timeOf(p.ExpiresAt)})
	}
	out := client.Connected{Status: client.StatusConnected, Credential: done.Credential, Granted: list(done.Granted), Missing: list(done.Missing), Again: done.Again}
	if out.Account, err = accountOf(done.Account); err != nil {
		return err
	}
	return c.answer(http.StatusOK, out)
}

// list is never null in JSON.
func list(words []string) []string {
	if words == nil {
		return []string{}
	}
	return words
}
