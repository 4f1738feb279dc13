package gmail

import (
	"context"
	"errors"

	"gatepost/internal/provider"
)

// Check implements provider.Provider: a token for sending proves key, delegation
// and user; gmail.send allows no call that sends nothing.
func (a *account) Check(ctx context.Context) error {
	if _, problem := a.token(ctx, a.sendScope, false); problem != nil {
		return problem
	}
	return nil
}

// Check implements provider.Provider. Where gatepost may look it also reads the
// profile, which proves that the API is enabled and the mailbox exists.
func (l looker) Check(ctx context.Context) error {
	if err := l.account.Check(ctx); err != nil {
		return err
	}
	var profile struct {
		Address string `json:"emailAddress"`
	}
	err := l.get(ctx, l.lookScope, "profile", nil, &profile)
	if errors.Is(err, errNotFound) {
		return provider.Classify(provider.Answer{Stage: provider.StageCall, Code: 404, Text: "no profile", About: l.about(l.lookScope)}, l.deps.Now())
	}
	return err
}
