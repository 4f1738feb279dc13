package main

import (
	"context"
	"time"

	"gatepost/client"
)

// trying is a credential that may not work yet, because its provider has not heard of
// what an administrator did.
type trying struct {
	credential, address string
	purposes            []string
	wait                time.Duration
	provider, what      string // Google, key
	slow                string // how long the provider may need
}

// tryUntil tries the credential until it works, or the person gives up.
func (g *guide) tryUntil(ctx context.Context, t trying) (client.Proof, error) {
	deadline := time.Now().Add(t.wait)
	for {
		g.note("Trying the %s for %s:", t.what, t.address)
		g.progress("asking %s …", t.provider)
		proof, err := g.CheckCredential(ctx, t.credential, client.Check{Address: t.address, Purposes: t.purposes})
		g.progressEnd()
		if err != nil {
			return proof, err
		}
		g.steps(proof)
		switch {
		case proof.OK:
			return proof, nil
		case time.Now().Before(deadline):
			g.note("Trying again in 20 seconds, for at most %s more.", time.Until(deadline).Round(time.Second).String())
			if err := rest(ctx, 20*time.Second); err != nil {
				return proof, err
			}
		case g.interactive:
			g.pause("\n" + t.provider + " can take some minutes to know of a change. Mend what is marked ✗, then press Enter (Ctrl-C ends).")
		default:
			return proof, g.notYet(t, proof)
		}
	}
}

func (g *guide) notYet(t trying, proof client.Proof) error {
	if g.asJSON {
		if err := g.json(connected{Proof: proof}); err != nil {
			return err
		}
	}
	g.errLine("\nNo account was connected. Mend what is marked ✗ and give the same command again; %s (--wait 30m waits).", t.slow)
	return toldError{codeOf(proof)}
}
