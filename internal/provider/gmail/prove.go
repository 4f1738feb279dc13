package gmail

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/webcall"
)

// Prove implements provider.Prover: a token at all, each scope alone, the mailbox
// and its aliases. Nothing is sent. That mail may not be read is not told, because
// sending has no use for it.
func (a *account) Prove(ctx context.Context) []provider.Step {
	look := a.settings.mayLook()
	send, sendStep := a.proveSend(ctx)
	_, lookProblem := a.token(ctx, a.lookScope, false)
	_, readProblem := a.token(ctx, ScopeRead, false)
	steps := []provider.Step{
		a.proveToken(send, lookProblem, readProblem),
		sendStep,
		optional(step("scope:look", "Google gave a token for "+a.lookScope, lookProblem), !look),
	}
	if readProblem == nil {
		steps = append(steps, optional(step("scope:read", "Google gave a token for "+ScopeRead, nil), true))
	}
	if lookProblem == nil || look {
		steps = append(steps, optional(a.proveMailbox(ctx), !look))
	}
	return append(steps, optional(a.proveAliases(ctx), true))
}

// proveToken: one token, for whichever purpose, proves key, client and user.
func (a *account) proveToken(problems ...*provider.Error) provider.Step {
	for _, p := range problems {
		if p == nil {
			return step("token", "Google gives tokens for "+a.address, nil)
		}
	}
	return step("token", "", problems[0])
}

// proveSend shows that sending is allowed. gmail.send opens no call that only
// reads, so an empty message is handed in: Gmail looks at token and scope first,
// and then must refuse it, because it has no recipient.
func (a *account) proveSend(ctx context.Context) (token *provider.Error, s provider.Step) {
	name := "scope:send"
	if a.settings.DraftFence {
		name = "scope:draft"
	}
	for _, renew := range []bool{false, true} {
		secret, problem := a.token(ctx, a.sendScope, renew)
		if problem != nil {
			return problem, step(name, "", problem)
		}
		problem = a.handInNothing(ctx, secret)
		if problem == nil || problem.Cause != provider.CauseTokenRefused || renew {
			return nil, step(name, "Gmail takes messages with "+a.sendScope, problem)
		}
	}
	return nil, provider.Step{}
}

// handInNothing judges how Gmail refuses an empty message.
func (a *account) handInNothing(ctx context.Context, token email.Secret) *provider.Error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base+sendPath, strings.NewReader(`{"raw":""}`))
	if err != nil {
		return provider.NoAnswer(provider.StageCall, false, err)
	}
	dress(req, token, "application/json")
	resp, err := provider.Overheard(a.transport).RoundTrip(req)
	if err != nil {
		return provider.NoAnswer(provider.StageCall, false, err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, webcall.MaxAnswer)) // what is missing of an error's text does not matter
	problem := a.refused(provider.StageSend, a.sendScope, resp, body)
	if problem.Class == provider.Fail && resp.StatusCode == http.StatusBadRequest {
		return nil
	}
	if resp.StatusCode/100 == 4 {
		return problem
	}
	return a.refused(provider.StageCall, a.sendScope, resp, body)
}

// proveMailbox reads the profile: the API is on, the mailbox exists and is the
// expected one.
func (a *account) proveMailbox(ctx context.Context) provider.Step {
	const name = "mailbox"
	var p struct {
		Address  string `json:"emailAddress"`
		Messages int    `json:"messagesTotal"`
	}
	problem := callError("The profile of the mailbox", a.get(ctx, a.lookScope, "profile", nil, &p))
	switch {
	case problem != nil:
		return step(name, "", problem)
	case !sameMailbox(p.Address, a.address):
		return step(name, "", &provider.Error{
			Class: provider.Hold, Scope: provider.ScopeAccount, Cause: "wrong_mailbox",
			Text: fmt.Sprintf("The credential opens the mailbox %s, and the account is for %s.", p.Address, a.address),
			Fix:  fmt.Sprintf("If %s is an alias, make the account for %s and list the alias among its senders; else connect the right mailbox.", a.address, p.Address),
		})
	}
	seen := fmt.Sprintf("%s, %d messages", p.Address, p.Messages)
	if p.Messages == 1 {
		seen = p.Address + ", 1 message"
	}
	return step(name, seen, nil)
}

func (a *account) proveAliases(ctx context.Context) provider.Step {
	list, problem := a.aliases(ctx)
	words := make([]string, len(list))
	for i, alias := range list {
		words[i] = alias.Address
		if !alias.Verified {
			words[i] += " (not verified)"
		}
	}
	return step("aliases", strings.Join(words, ", "), problem)
}

// sameMailbox compares as Gmail does: case does not count, and at gmail.com no
// dots (support.google.com/mail/answer/7436150).
func sameMailbox(a, b string) bool { return mailboxKey(a) == mailboxKey(b) }

func mailboxKey(address string) string {
	local, domain, _ := strings.Cut(strings.ToLower(strings.TrimSpace(address)), "@")
	if domain == "gmail.com" || domain == "googlemail.com" {
		return strings.ReplaceAll(local, ".", "") + "@gmail.com"
	}
	return local + "@" + domain
}

// step is one step: what was seen, or what was wrong.
func step(name, seen string, problem *provider.Error) provider.Step {
	if problem != nil {
		return provider.Step{Name: name, Err: problem}
	}
	return provider.Step{Name: name, Detail: seen}
}

func optional(s provider.Step, is bool) provider.Step {
	s.Optional = is
	return s
}
