package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/store"
)

// Google ends the whole consent of a user to a client with any one token of it.
// So whoever revokes is alone at the client, on all nodes: a consent that is being
// finished meanwhile may be the same user's, and is not in the store yet.

const (
	// turnLife is longer than the one call that is made in a turn, and what is kept
	// after it.
	turnLife = httpTimeout + 15*time.Second
	// turnWait is how long to wait for others at the same client: until the turn of
	// a node that died has ended.
	turnWait = turnLife + 5*time.Second
	turnPoll = 50 * time.Millisecond
)

// errNoTurn says that others at the same client took too long.
var errNoTurn = errors.New("other consents of the same OAuth client are being finished")

// turn waits for a turn at a client and gives the function that ends it.
func (c *Control) turn(ctx context.Context, clientID string, alone bool) (end func(), err error) {
	holder, err := c.draw()
	if err != nil {
		return nil, err
	}
	n := store.Turn{Name: "client " + clientID, Holder: holder, Alone: alone}
	ctx, cancel := context.WithTimeout(ctx, turnWait)
	defer cancel()
	for {
		got, err := c.cfg.Store.TakeTurn(ctx, n, turnLife)
		if err != nil {
			return nil, err
		}
		if got {
			break
		}
		select {
		case <-ctx.Done():
			return nil, errNoTurn
		case <-time.After(turnPoll):
		}
	}
	return func() {
		if err := c.cfg.Store.EndTurn(context.WithoutCancel(ctx), n); err != nil {
			c.cfg.Log.Warn("a turn at an OAuth client ends by itself", "error", err)
		}
	}, nil
}

// giveBack revokes what a user granted and is not kept. Nothing is revoked where a
// credential of the same user and client is in use, which shared tells; without a subject
// it may be anybody's.
// Microsoft has no call that revokes a refresh token: what is not kept ends by itself.
func (c *Control) giveBack(ctx context.Context, v vendor, clientID, subject string, token email.Secret) (shared bool, err error) {
	if token.Empty() || v.userKind() != KindGoogleUser {
		return false, nil
	}
	ctx = context.WithoutCancel(ctx)
	shared, err = c.revoke(ctx, clientID, subject, token)
	if err != nil {
		c.cfg.Log.Warn("a user's consent was not revoked at Google; the user can do it at "+googleConnections, "client", clientID, "error", err)
	}
	return shared, err
}

func (c *Control) revoke(ctx context.Context, clientID, subject string, token email.Secret) (shared bool, err error) {
	end, err := c.turn(ctx, clientID, true)
	if err != nil {
		return false, fmt.Errorf("wait for a turn: %w", err)
	}
	defer end()
	all, err := c.cfg.Store.CredentialsOfKind(ctx, KindGoogleUser)
	if err != nil {
		return false, err
	}
	for _, r := range all {
		if publicOf(r.Public, "client_id") == clientID && (subject == "" || publicOf(r.Public, "subject") == subject) {
			return true, nil
		}
	}
	return false, oauth.Revoke(ctx, c.cfg.HTTP, c.cfg.Endpoints, token)
}
