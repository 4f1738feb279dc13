// Package webcall is what all providers with an HTTP API have in common when they hand
// a message over: requests whose last bytes wait for the guard, connections that tell
// what really left, recipients that are told through the header, and the judgement of
// a request without an answer.
//
// It knows no provider's addresses, forms or words, and classifies no answers
// (provider.Classify does).
package webcall

import (
	"context"
	"errors"
	"io"
	"net/http"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// MaxAnswer bounds what is read of an answer that says yes or no.
const MaxAnswer = 64 << 10

// Exchange makes a request and reads its answer. An error's status says enough: what of
// its text could not be read does not matter.
func Exchange(t http.RoundTripper, req *http.Request, most int64) (*http.Response, []byte, error) {
	resp, err := provider.Overheard(t).RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if resp.StatusCode/100 != 2 {
		err = nil
	}
	return resp, body, err
}

// Token gets a token; its errors keep the class that their maker gave.
func Token(ctx context.Context, deps provider.Deps, scopes []string, renew bool) (email.Secret, *provider.Error) {
	token, err := deps.Token(ctx, scopes, renew)
	if err == nil {
		return token, nil
	}
	if e, ok := errors.AsType[*provider.Error](err); ok {
		return email.Secret{}, e
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return email.Secret{}, provider.NoAnswer(provider.StageToken, false, err)
	}
	return email.Secret{}, &provider.Error{
		Class: provider.Retry, Scope: provider.ScopeAccount, Cause: "token_unavailable", Err: err,
		Text: "gatepost could not get a token for the account.", Fix: "Look in gatepost's log why. Where its database takes no writes, mend that first.",
	}
}

// HandOver is a request that lets a provider take a message: an Upload or a Trigger.
type HandOver interface {
	// Stop makes sure that nothing more leaves and tells whether the last bytes may have
	// left, and what stopped it from inside.
	Stop() (handedOver bool, err error)
	// Guarded tells whether the guard stopped it.
	Guarded() bool
}

// Broken judges a request without an answer.
func Broken(h HandOver, err error) *provider.Error {
	handedOver, inside := h.Stop()
	switch {
	case handedOver:
		return provider.NoAnswer(provider.StageSend, true, err)
	case inside == nil:
		return provider.NoAnswer(provider.StageCall, false, err)
	case errors.Is(inside, context.DeadlineExceeded), errors.Is(inside, context.Canceled):
		return provider.NoAnswer(provider.StageSend, false, inside)
	case h.Guarded():
		return &provider.Error{
			Class: provider.Retry, Scope: provider.ScopeMessage, Cause: "guard", Err: inside,
			Text: "This node was not sure any more that the attempt was its own, and stopped before the last bytes.",
		}
	}
	return Unreadable(inside)
}

// Unreadable is a message that the store does not give.
func Unreadable(err error) *provider.Error {
	return &provider.Error{
		Class: provider.Retry, Scope: provider.ScopeMessage, Cause: "content_unreadable", Err: err,
		Text: "gatepost could not read the message from its store.", Fix: "See the log of the store.",
	}
}

// Refuse is a verdict on the message before anything leaves.
func Refuse(cause, text, fix string) *provider.Error {
	return &provider.Error{Class: provider.Fail, Scope: provider.ScopeMessage, Cause: cause, Text: text, Fix: fix}
}

var (
	_ HandOver = (*Upload)(nil)
	_ HandOver = (*Trigger)(nil)
)
