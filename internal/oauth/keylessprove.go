package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"gatepost/internal/provider"
)

// Prove goes the way to a signature, live, and tells each step; it ends with the first
// that fails. For whom the signature may act is not tried.
func (k *Keyless) Prove(ctx context.Context, client *http.Client, now time.Time) []provider.Step {
	by, steps, err := k.proveCaller(ctx, client, now)
	if err != nil {
		return steps
	}
	_, err = k.Token(ctx, client, KeylessAsk{By: by, Scopes: []string{ScopeSend}}, now)
	return append(steps, proved("signature", "Google signs as "+by.Account+", and takes what it has signed", err))
}

// proveCaller is Caller step by step.
func (k *Keyless) proveCaller(ctx context.Context, client *http.Client, now time.Time) (by Caller, steps []provider.Step, err error) {
	err = k.permitted()
	if k.external == nil {
		if err == nil {
			by, err = k.machine(ctx, now)
		}
		return by, []provider.Step{proved("machine", "the metadata server gives a token of "+by.Member, err)}, err
	}
	var subject subjectToken
	if err == nil {
		subject, err = k.external.Source.read(ctx, client, now)
	}
	steps = append(steps, proved("subject_token", fmt.Sprintf("%s has a token of %q", k.SubjectToken(), clip(subject.subject)), err))
	if err != nil {
		return by, steps, err
	}
	by, err = k.exchange(ctx, client, subject, now)
	return by, append(steps, proved("exchange", "Google takes it for "+by.Member, err)), err
}

func proved(name, seen string, err error) provider.Step {
	if err == nil {
		return provider.Step{Name: name, Detail: seen}
	}
	e, ok := errors.AsType[*provider.Error](err)
	if !ok {
		e = &provider.Error{Cause: "unexpected_answer", Text: err.Error()}
	}
	return provider.Step{Name: name, Err: e}
}
