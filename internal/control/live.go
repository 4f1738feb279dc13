package control

import (
	"context"
	"errors"
	"time"

	"gatepost/internal/oauth"
	"gatepost/internal/provider"
)

// trialPatience is how long a provider may take to say whether it knows a credential:
// who hands one over is waiting.
const trialPatience = 10 * time.Second

// refusals are the causes for which a credential is not stored, and the field that
// is wrong then. Whatever else a provider may say can pass or be mended there, and the
// proof tells of it.
func refusals(n NewCredential) map[string]string {
	if n.Kind == KindServiceAccount {
		return map[string]string{"unknown_service_account": "key.client_email", "key_refused": "key.private_key"}
	}
	if n.Kind == KindKeyless {
		return keylessRefusals()
	}
	if n.Kind == KindMicrosoftApp {
		return appRefusals()
	}
	prefix := ""
	if len(n.Key) > 0 {
		prefix = "key."
	}
	return map[string]string{"client_unknown": prefix + "client_id", "client_secret_refused": prefix + "client_secret"}
}

// recognised asks the provider whether it knows a credential that is about to be stored,
// and is *Invalid when it does not. When the provider cannot be asked, the credential is
// taken.
func (c *Control) recognised(ctx context.Context, n NewCredential, s secret) error {
	err := c.ask(ctx, n.Kind, s)
	if ctx.Err() != nil {
		return ctx.Err() // whoever handed it over is gone
	}
	e, ok := errors.AsType[*provider.Error](err)
	if !ok {
		return err
	}
	var wrong problems
	if field := refusals(n)[e.Cause]; field != "" {
		wrong.add(field, "%s", refusedText(e))
	} else {
		c.cfg.Log.Warn("a credential is stored although its provider did not say that it knows it", "kind", n.Kind, "cause", e.Cause, "error", e)
	}
	return wrong.err()
}

func (c *Control) ask(ctx context.Context, kind string, s secret) error {
	ctx, cancel := context.WithTimeout(ctx, trialPatience)
	defer cancel()
	switch kind {
	case KindServiceAccount:
		return c.tryKey(ctx, s)
	case KindKeyless:
		return c.tryKeyless(ctx, s)
	case KindOAuthClient:
		return c.tryClient(ctx, s)
	case KindMicrosoftApp:
		return c.tryApp(ctx, s)
	}
	return nil // a password does not say where it belongs
}

// refusedText is the catalogue's sentence, and what holds only of what was made a
// moment ago.
func refusedText(e *provider.Error) string {
	text := e.Text + " " + e.Fix
	switch e.Cause {
	case "key_refused", "unknown_service_account":
		text += " Of a key made a minute ago Google may not know everywhere yet: then wait a little and give the same file again."
	case "certificate_refused":
		text += " One made a minute ago Microsoft may not know everywhere yet: then wait a little and give it again."
	}
	return text
}

// tryKey asks for a token of the service account itself, for no user: neither a
// delegation nor a mailbox is needed for that.
func (c *Control) tryKey(ctx context.Context, s secret) error {
	account, err := oauth.ParseServiceAccount([]byte(s.value.Reveal()), c.cfg.TokenURL)
	if err != nil {
		return err
	}
	_, err = account.Token(ctx, c.cfg.HTTP, "", []string{oauth.PurposeSend.Scope()}, c.cfg.Now())
	return err
}

func (c *Control) tryClient(ctx context.Context, s secret) error {
	client, err := oauth.ParseClient([]byte(s.value.Reveal()), c.cfg.Endpoints)
	if err != nil {
		return err
	}
	return c.askOfClient(ctx, client)
}

// askOfClient is nil when Google knows the client and takes its secret. It asks with
// a code that cannot be one: that is refused only after the client was recognised.
func (c *Control) askOfClient(ctx context.Context, client *oauth.Client) error {
	redirect := "http://127.0.0.1/"
	if all := client.Redirects(); len(all) > 0 {
		redirect = all[0]
	}
	random, err := c.draw()
	if err != nil {
		return err
	}
	ask := oauth.Consent{
		Client: client, Endpoints: c.cfg.Endpoints, Redirect: redirect, Scopes: []string{oauth.PurposeSend.Scope()}, State: random, Verifier: random, Nonce: random,
	}
	_, err = ask.Exchange(ctx, c.cfg.HTTP, "not-a-code", c.cfg.Now())
	if e, ok := errors.AsType[*provider.Error](err); ok && e.Cause == "grant_refused" {
		return nil
	}
	return err
}

// secret checks what was handed over, and that Google would send browsers back to
// this gatepost: a web client's file lists the only addresses that it would.
func (c *Control) secret(n NewCredential, wrong *problems) secret {
	s := wrong.secret(n, c.cfg)
	public := c.publicURL()
	if public == "" || publicOf(s.public, "type") != oauth.ClientWeb || publicOf(s.public, "redirects") == "" {
		return s
	}
	client, err := oauth.ParseClient([]byte(s.value.Reveal()), c.cfg.Endpoints)
	if err != nil {
		return s // that was said
	}
	if err := oauth.CheckRedirectURI(client, public+callbackPath); err != nil {
		wrong.add("key.redirect_uris", "%v", err)
	}
	return s
}
