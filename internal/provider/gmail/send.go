package gmail

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/webcall"
)

// Send implements provider.Provider.
func (a *account) Send(ctx context.Context, env email.Envelope, msg email.Content) (provider.Receipt, error) {
	whole, problem := webcall.Addressed(env, msg, "Gmail")
	if problem != nil {
		return provider.Receipt{}, problem
	}
	if whole.Size() > maxSize {
		return provider.Receipt{}, tooLarge()
	}
	receipt, problem := a.attempt(ctx, env, whole, false)
	if problem != nil && worthAgain(problem) {
		receipt, problem = a.attempt(ctx, env, whole, problem.Cause == provider.CauseTokenRefused)
	}
	if problem != nil {
		return provider.Receipt{}, problem
	}
	return receipt, nil
}

func tooLarge() *provider.Error {
	return webcall.Refuse("message_too_large", "The message is larger than the 36,700,160 bytes that Gmail takes.", "Send a link in place of the attachment.")
}

// worthAgain tells whether Gmail refused before it took anything, for a reason
// that often passes at once: a token that has just been revoked, or "Precondition
// check failed", which is at times transient (google-api-go-client issue 645).
func worthAgain(e *provider.Error) bool {
	return e.Cause == provider.CauseTokenRefused || e.Cause == provider.CausePrecondition
}

// attempt hands the message in once and judges how that ended.
func (a *account) attempt(ctx context.Context, env email.Envelope, msg email.Content, renew bool) (provider.Receipt, *provider.Error) {
	token, problem := a.token(ctx, a.sendScope, renew)
	if problem != nil {
		return provider.Receipt{}, problem
	}
	if msg.Size() > resumableFrom {
		return a.bySession(ctx, env, msg, token)
	}
	return a.handIn(ctx, env, formOf(env, msg), msg, token)
}

// handIn makes one POST that has something sent.
func (a *account) handIn(ctx context.Context, env email.Envelope, f form, msg email.Content, token email.Secret) (provider.Receipt, *provider.Error) {
	u, err := newUpload(ctx, f, msg, a.deps.Trace)
	if err != nil {
		return provider.Receipt{}, webcall.Unreadable(err)
	}
	defer u.Close()
	req, err := a.request(ctx, http.MethodPost, a.base+f.path, u)
	if err != nil {
		return provider.Receipt{}, provider.NoAnswer(provider.StageCall, false, err)
	}
	dress(req, token, f.contentType)
	resp, err := provider.Overheard(a.transport).RoundTrip(req.WithContext(webcall.Traced(ctx, u)))
	if err != nil {
		return provider.Receipt{}, webcall.Broken(u, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, webcall.MaxAnswer))
	u.Told("answer.read")
	handedOver, _ := u.Stop()
	if resp.StatusCode/100 == 2 {
		return taken(env, resp, body, err)
	}
	if f.draft && resp.StatusCode == http.StatusNotFound {
		return provider.Receipt{}, draftGone(resp, body)
	}
	stage := provider.StageSend
	if resp.StatusCode >= 500 && !handedOver {
		stage = provider.StageUpload // refused while the body was still going out
	}
	return provider.Receipt{}, a.refusedMessage(stage, env, resp, body)
}

// refusedMessage classifies a refusal. What is not found when a message is handed
// in can only be the conversation that it names.
func (a *account) refusedMessage(stage provider.Stage, env email.Envelope, resp *http.Response, body []byte) *provider.Error {
	said := a.answer(stage, a.sendScope, resp, body)
	if resp.StatusCode == http.StatusNotFound && env.Thread != "" && said.Reason != "" {
		said.Reason = "threadNotFound"
	}
	return provider.Classify(said, a.deps.Now())
}

// taken reads the receipt. A yes that cannot be read is no verdict.
func taken(env email.Envelope, resp *http.Response, body []byte, readErr error) (provider.Receipt, *provider.Error) {
	var sent struct {
		ID     string `json:"id"`
		Thread string `json:"threadId"`
	}
	if readErr == nil {
		readErr = json.Unmarshal(body, &sent)
	}
	if readErr != nil || sent.ID == "" {
		return provider.Receipt{}, unreadableYes(resp, body, readErr)
	}
	receipt := provider.AcceptedBy(env, sent.ID, resp.Status)
	receipt.ThreadID = sent.Thread
	return receipt, nil
}

func unreadableYes(resp *http.Response, body []byte, err error) *provider.Error {
	return &provider.Error{
		Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: "unreadable_answer", Err: err,
		Text:  "Gmail said yes in a form that cannot be read: the message may have been taken.",
		Reply: provider.CleanReply(resp.Status + " " + string(body)),
	}
}

// token gets a token for one scope; its errors keep the class that oauth gave.
func (a *account) token(ctx context.Context, scope string, renew bool) (email.Secret, *provider.Error) {
	return webcall.Token(ctx, a.deps, []string{scope}, renew)
}
