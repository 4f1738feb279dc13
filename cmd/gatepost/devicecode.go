package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"gatepost/client"
)

// deviceCode shows a code to type on any machine (RFC 8628) and waits until the user has
// decided.
func (c *consenting) deviceCode(ctx context.Context, g *guide, credential, address string) (client.Connected, error) {
	started, err := g.StartConsent(ctx, client.NewConsent{
		Credential: credential, Address: address, Purposes: c.purposes, Transport: c.transport(), Senders: c.senders, SharedWith: c.shared, Device: true,
	})
	if err != nil {
		return client.Connected{}, err
	}
	g.note("\nOpen this in a browser of any machine:\n\n  %s\n\nand type the code, before %s:\n\n  %s\n", started.VerificationURI, when(started.ExpiresAt.Time), started.UserCode)
	g.note("Sign in as %s there. Type a code that you have asked for yourself, and no other.", nameOr(c.signsIn(address), "the mailbox's user"))
	g.progress("waiting until the code is typed …")
	defer g.progressEnd()
	return g.awaitDevice(ctx, started)
}

// signsIn is who is expected to type the code.
func (c *consenting) signsIn(address string) string {
	if c.shared != "" {
		return c.shared
	}
	return address
}

// awaitDevice asks as often as it may until there is a decision. A connection that breaks
// costs a turn and no more.
func (g *guide) awaitDevice(ctx context.Context, started client.Consent) (client.Connected, error) {
	wait := time.Duration(started.Interval) * time.Second
	for {
		if err := rest(ctx, wait); err != nil {
			return client.Connected{}, errors.New("stopped before the code was typed; nothing was stored")
		}
		done, err := g.FinishConsent(ctx, started.ID, client.FinishConsent{})
		switch {
		case err != nil && passes(err) && time.Now().Before(started.ExpiresAt.Time):
			continue
		case err != nil:
			return done, anotherMailbox(err, g.way)
		case done.Status != client.StatusPending:
			return done, nil
		}
		wait = time.Duration(max(1, done.RetryAfter)) * time.Second
	}
}

// passes tells whether to ask again: gatepost was not reached, or could not answer then.
func passes(err error) bool {
	refused, ok := errors.AsType[*client.Error](err)
	return !ok || refused.Status >= http.StatusInternalServerError || refused.Status == http.StatusTooManyRequests
}
