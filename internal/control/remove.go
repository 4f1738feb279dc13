package control

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// Removed says what became of a user's consent, where one ended with what was removed.
// Its token is destroyed here in any case.
type Removed struct {
	Credential email.ID // the consent's, which was removed too; empty: none was
	Consent    string   // ConsentRevoked, ConsentShared or ConsentStands
	Text       string   // the same for a person
	Fix        string   // what is left to be done, and where; empty: nothing
}

// What became of a consent at its provider.
const (
	ConsentRevoked = "revoked" // ended there too
	ConsentShared  = "shared"  // another credential of the same user stands on it
	ConsentStands  = "stands"  // it could not be ended there
)

// DeleteAccount removes an account; its messages and their history stay. While mail
// waits for it the error is ErrInUse. Its credential stays, too, but for a user's
// consent that no other account uses: that ends with it, as DeleteCredential tells.
func (c *Control) DeleteAccount(ctx context.Context, g access.Grant, id email.ID) (Removed, error) {
	if err := may(g, access.ScopeAccountsWrite); err != nil {
		return Removed{}, err
	}
	if err := known(email.PrefixAccount, id); err != nil {
		return Removed{}, err
	}
	a, err := c.cfg.Store.Account(ctx, g.Team, id)
	if err != nil {
		return Removed{}, err
	}
	err = c.cfg.Store.DeleteAccount(ctx, g.Team, id)
	if use, ok := errors.AsType[*store.InUse](err); ok && len(use.Pools) > 0 {
		return Removed{}, fmt.Errorf("%w: %w: take it out there first", ErrInUse, use)
	} else if ok {
		return Removed{}, fmt.Errorf("%w: %w: cancel them or let them leave first", ErrInUse, use)
	}
	if err != nil {
		return Removed{}, err
	}
	c.cfg.Engine.AccountChanged(a.Team, a.ID)
	return c.endConsent(ctx, g, a.Credential)
}

// endConsent removes the credential of an account that is gone, where it is a user's
// consent. One that another account uses, or that somebody else has just removed, is not
// its affair.
func (c *Control) endConsent(ctx context.Context, g access.Grant, id email.ID) (Removed, error) {
	if id == "" {
		return Removed{}, nil
	}
	ctx = context.WithoutCancel(ctx) // half of it is done
	row, err := c.credential(ctx, g, id)
	if errors.Is(err, ErrNotFound) || err == nil && !isUser(row.Kind) {
		return Removed{}, nil
	}
	if err != nil {
		return Removed{}, err
	}
	out, err := c.DeleteCredential(ctx, g, id)
	if errors.Is(err, ErrInUse) || errors.Is(err, ErrNotFound) {
		return Removed{}, nil
	}
	return out, err
}

// DeleteCredential removes a credential for good; the error is ErrInUse while
// accounts, or users of an OAuth client, need it. A user's consent is revoked at
// Google too, unless another credential stands on it. Where Google cannot be
// reached, and at Microsoft, which has no call for it, Removed says what is left to be
// done: nothing that would know of it later is kept.
func (c *Control) DeleteCredential(ctx context.Context, g access.Grant, id email.ID) (Removed, error) {
	if err := may(g, access.ScopeAccountsWrite); err != nil {
		return Removed{}, err
	}
	row, err := c.credential(ctx, g, id)
	if err != nil {
		return Removed{}, err
	}
	var token email.Secret
	if row.Kind == KindGoogleUser {
		if _, token, err = c.cfg.Vault.Secret(ctx, g.Team, id); err != nil {
			return Removed{}, err
		}
	}
	err = c.cfg.Store.DeleteCredential(ctx, g.Team, id, ofClient(id))
	if use, ok := errors.AsType[*store.InUse](err); ok {
		return Removed{}, fmt.Errorf("%w: %w: remove those first", ErrInUse, use)
	}
	if err != nil {
		return Removed{}, err
	}
	c.cfg.Vault.Forget(id)
	return c.ended(ctx, row, token), nil
}

// ended gives a user's consent back, and says what came of it.
func (c *Control) ended(ctx context.Context, row store.Credential, token email.Secret) Removed {
	out, user := Removed{Credential: row.ID}, publicOf(row.Public, "email")
	switch row.Kind {
	case KindGoogleUser:
	case KindMicrosoftUser:
		return c.leftAtMicrosoft(ctx, out, row)
	default:
		return Removed{}
	}
	left, err := c.giveBack(ctx, atGoogle{}, publicOf(row.Public, "client_id"), publicOf(row.Public, "subject"), token)
	switch {
	case err != nil:
		out.Consent, out.Text = ConsentStands, "gatepost has destroyed its token for "+user+", and Google could not be told to end the consent: "+why(err)
		out.Fix = "The user ends it at " + googleConnections + "."
	case left:
		out.Consent, out.Text = ConsentShared, "The consent of "+user+" stays: another credential stands on it."
	default:
		out.Consent, out.Text = ConsentRevoked, "The consent of "+user+" is revoked at Google."
	}
	return out
}

// why is an error in a sentence.
func why(err error) string {
	if e, ok := errors.AsType[*provider.Error](err); ok {
		return e.Text
	}
	return err.Error() + "."
}

// Where users and administrators end what was consented to.
const (
	googleConnections  = "https://myaccount.google.com/connections"
	microsoftConsents  = "https://myapps.microsoft.com"
	personalConsents   = "https://account.live.com/consent/Manage"
	personalTenant     = "9188040d-6c67-4c5b-b112-36a304b66dad"
	enterpriseConsents = pageEnterprise + " > the app > Permissions > User consent"
)

// leftAtMicrosoft: Microsoft has no call by which one token or one consent ends. Graph's
// revokeSignInSessions ends all of a user's sessions with all apps, which nobody has
// asked for (learn.microsoft.com/graph/api/user-revokesigninsessions).
func (c *Control) leftAtMicrosoft(ctx context.Context, out Removed, row store.Credential) Removed {
	user, app, tenant := publicOf(row.Public, "email"), publicOf(row.Public, "client_id"), publicOf(row.Public, "tenant")
	if c.standsAtMicrosoft(ctx, row) {
		out.Consent, out.Text = ConsentShared, "The consent of "+user+" stays: another credential stands on it."
		return out
	}
	out.Consent = ConsentStands
	out.Text = fmt.Sprintf("gatepost has destroyed its token for %s. At Microsoft the consent to app %s stands until somebody removes it: there is no call for that.", user, app)
	if tenant == personalTenant {
		out.Fix = "The user removes the app at " + personalConsents + "."
		return out
	}
	out.Fix = "The user removes the app at " + microsoftConsents + "; or an administrator of tenant " + tenant + " the user's consent at " + enterpriseConsents + "."
	return out
}

// standsAtMicrosoft tells whether another credential is of the same user and app.
func (c *Control) standsAtMicrosoft(ctx context.Context, row store.Credential) bool {
	all, err := c.cfg.Store.CredentialsOfKind(ctx, KindMicrosoftUser)
	return err == nil && slices.ContainsFunc(all, func(r store.Credential) bool {
		return publicOf(r.Public, "client_id") == publicOf(row.Public, "client_id") && publicOf(r.Public, "subject") == publicOf(row.Public, "subject")
	})
}
