package api

import (
	"net/http"

	"gatepost/client"
	"gatepost/internal/email"
	"gatepost/internal/queue"
)

// explainMessage tells where a message is and why.
func (s *server) explainMessage(c *call) error {
	id := c.r.PathValue("id")
	if err := isID(email.PrefixMessage, id); err != nil {
		return err
	}
	e, err := s.Engine.Explain(c.r.Context(), c.grant, id)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, explanationOf(e))
}

func explanationOf(e *queue.Explanation) client.Explanation {
	out := client.Explanation{
		ID: e.ID, Status: e.Status, Summary: e.Summary, Account: explainedAccount(e.Account), Policy: client.ExplainedPolicy(e.Policy),
		Limits: make([]client.ExplainedLimit, len(e.Limits)), Attempts: make([]client.Attempt, len(e.Attempts)),
		NextAt: timeAt(e.NextAt), Next: e.Next, Fix: e.Fix,
	}
	for i, l := range e.Limits {
		out.Limits[i] = client.ExplainedLimit(l)
	}
	for i, a := range e.Attempts {
		out.Attempts[i] = attemptOf(a)
	}
	return out
}

func explainedAccount(a queue.ExplainedAccount) client.ExplainedAccount {
	return client.ExplainedAccount{
		ID: a.ID, Address: a.Address, Transport: a.Transport, Status: a.Status, Why: a.Why, Cause: a.Cause, Reason: a.Reason,
		ParkedUntil: timeAt(a.ParkedUntil),
	}
}

func attemptOf(a queue.Attempt) client.Attempt {
	return client.Attempt{
		Number: a.Number, At: timeOf(a.At), Account: a.Account, Address: a.Address, Outcome: a.Outcome, Recipients: a.Recipients, Cause: a.Cause, Text: a.Text, Fix: a.Fix,
		Reply: a.Reply, ProviderID: a.ProviderID, PossibleDuplicate: a.PossibleDuplicate,
	}
}
