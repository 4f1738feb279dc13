package microsoft

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/webcall"
)

// Check implements provider.Provider: a token, and that Graph lets it send. Nothing is
// sent.
func (a *account) Check(ctx context.Context) error {
	if problem := a.proveCall(ctx, toSend, "/sendMail"); problem != nil {
		return problem
	}
	return nil
}

// Check implements provider.Provider. Where gatepost may look, Sent Items are looked at.
func (l looker) Check(ctx context.Context) error {
	if err := l.account.Check(ctx); err != nil {
		return err
	}
	if _, problem := l.folder(ctx, toLook, "sentitems"); problem != nil {
		return problem
	}
	return nil
}

// Prove implements provider.Prover: a token at all, each permission alone, the mailbox.
// Nothing is sent, and no draft is made.
func (a *account) Prove(ctx context.Context) []provider.Step {
	steps := []provider.Step{a.proveToken(ctx), step("scope:send", "Graph takes messages for "+a.mailbox, a.proveCall(ctx, toSend, "/sendMail"))}
	if a.settings.DraftFence {
		steps = append(steps, step("scope:draft", "Graph takes drafts for "+a.mailbox, a.proveCall(ctx, toDraft, "/messages")))
	}
	_, problem := a.token(ctx, toLook, false)
	look := step("scope:look", "Microsoft gave a token for "+strings.Join(a.scopes(toLook), " "), problem)
	seen, problem := a.folder(ctx, toLook, "sentitems")
	box := step("mailbox", seen, problem)
	look.Optional, box.Optional = !a.settings.mayLook(), !a.settings.mayLook()
	return append(steps, look, box)
}

// proveToken: one token proves app, tenant and user. What it says of itself is shown, and
// nothing decided by it.
func (a *account) proveToken(ctx context.Context) provider.Step {
	token, problem := a.token(ctx, toSend, false)
	seen := "Microsoft gives tokens for " + a.mailbox
	if words := readClaims(token).words(); words != "" {
		seen += " (" + words + ")"
	}
	return step("token", seen, problem)
}

// proveCall shows that a call is allowed by a message that cannot be read: Graph looks at
// token, mailbox and permission first, and then must refuse it
// (ErrorMimeContentInvalidBase64String).
func (a *account) proveCall(ctx context.Context, p purpose, path string) *provider.Error {
	return a.withToken(ctx, p, func(token email.Secret) *provider.Error {
		const nothing = "!"
		c := call{method: http.MethodPost, path: path, token: token, kind: "text/plain", body: strings.NewReader(nothing), size: int64(len(nothing)), p: p}
		got, problem := a.ask(ctx, c, webcall.MaxAnswer)
		if problem != nil {
			return problem
		}
		said := readError(got.body).Reason
		if got.resp.StatusCode == http.StatusBadRequest && strings.HasPrefix(said, "ErrorMimeContentInvalid") {
			return nil
		}
		return a.refused(provider.StageCall, p, token, got)
	})
}

// folder looks at a folder, which proves that the mailbox is there and may be read.
func (a *account) folder(ctx context.Context, p purpose, name string) (string, *provider.Error) {
	var f struct {
		Items json.Number `json:"totalItemCount"`
	}
	err := a.get(ctx, p, "/mailFolders/"+name, url.Values{"$select": {"id,totalItemCount"}}, &f)
	switch {
	case errors.Is(err, errNotFound):
		return "", &provider.Error{
			Class: provider.Hold, Scope: provider.ScopeAccount, Cause: "mailbox_not_enabled",
			Text: "The mailbox " + a.mailbox + " has no folder " + name + ".", Fix: "Check that it is a mailbox of Exchange Online.",
		}
	case err != nil:
		return "", lookError(err)
	}
	return fmt.Sprintf("%s, messages in Sent Items: %s", a.mailbox, f.Items), nil
}

// step is one step: what was seen, or what was wrong.
func step(name, seen string, problem *provider.Error) provider.Step {
	if problem != nil {
		return provider.Step{Name: name, Err: problem}
	}
	return provider.Step{Name: name, Detail: seen}
}
