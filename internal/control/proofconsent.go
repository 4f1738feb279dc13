package control

import (
	"context"
	"fmt"
	"strings"

	"gatepost/internal/oauth"
	"gatepost/internal/store"
)

// userProof: the refresh token lives, and each purpose was agreed to.
func (c *Control) userProof(ctx context.Context, t trial) (Proof, error) {
	own := publicOf(t.row.Public, "email")
	if t.address != "" && !store.SameMailbox(t.address, own) {
		r := wrongMailbox(t.address, own)
		return proofOf([]Step{{Name: "mailbox", Cause: r.Cause, Text: fmt.Sprintf("This credential is the consent of %s, not of %s.", own, t.address), Fix: "Connect the other mailbox too: gatepost connect " + vendorOfKind(t.row.Kind).api() + "."}}), nil
	}
	t.address = own
	c.cfg.Vault.Forget(t.row.ID)
	steps, err := c.live(ctx, t)
	if err != nil {
		return Proof{}, err
	}
	v := vendorOfKind(t.row.Kind)
	granted := strings.Fields(publicOf(t.row.Public, "scopes"))
	for _, p := range t.purposes {
		switch {
		case shown(steps, p):
		case v.allows(granted, p):
			steps = append(steps, Step{Name: "scope:" + string(p), OK: true, Detail: own + " agreed to " + strings.Join(v.scopes([]oauth.Purpose{p}), " ")})
		default:
			steps = append(steps, Step{
				Name: "scope:" + string(p), Cause: CauseUnticked, Text: fmt.Sprintf("%s has not agreed to %s.", own, p),
				Fix: "Connect the mailbox again with that purpose, and leave every box ticked.",
			})
		}
	}
	return proofOf(steps), nil
}

// clientProof: Google knows the client and takes its secret, and sends browsers
// back to gatepost.
func (c *Control) clientProof(ctx context.Context, row store.Credential) (Proof, error) {
	client, err := c.client(ctx, row.Team, row.ID)
	if err != nil {
		return Proof{}, err
	}
	err = c.askOfClient(ctx, client)
	return proofOf([]Step{
		{Name: "key", OK: true, Detail: fmt.Sprintf("client %s of the type %s", client.ID(), client.Kind())},
		tried("client", "Google knows the client and takes its secret", err),
		c.redirectStep(client),
	}), nil
}

// redirectStep tells whether connect links work with a client.
func (c *Control) redirectStep(client *oauth.Client) Step {
	s := Step{Name: "redirect", Optional: true, Cause: "redirect_not_registered"}
	public := c.publicURL()
	if public == "" {
		s.Text, s.Fix = "This gatepost has no public address, so there are no connect links.", "Start it with --public-url https://…"
		return s
	}
	if err := oauth.CheckRedirectURI(client, public+callbackPath); err != nil {
		s.Text, s.Fix = "Connect links do not work with this client: "+err.Error()+".", "Register "+public+callbackPath+" for it; the command line does not need that."
		return s
	}
	return Step{Name: "redirect", Optional: true, OK: true, Detail: "connect links may come back to " + public + callbackPath}
}
