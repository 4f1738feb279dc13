package microsoft

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/webcall"
)

// service is how Graph is called in words for people.
const service = "Microsoft Graph"

// Send implements provider.Provider, by user: sendMail with the message as it is
// (learn.microsoft.com/graph/outlook-send-mime-message). Graph answers 202, without an
// id.
func (a *account) Send(ctx context.Context, env email.Envelope, msg email.Content) (provider.Receipt, error) {
	whole, problem := webcall.Addressed(env, msg, service)
	if problem == nil && encodedSize(whole) > a.settings.MaxRequest {
		problem = tooLarge(a.settings)
	}
	if problem != nil {
		return provider.Receipt{}, problem
	}
	var receipt provider.Receipt
	problem = a.withToken(ctx, toSend, func(token email.Secret) *provider.Error {
		receipt, problem = a.sendMail(ctx, env, whole, token)
		return problem
	})
	if problem != nil {
		return provider.Receipt{}, problem
	}
	return receipt, nil
}

// encodedSize is how large a message is in a request.
func encodedSize(msg email.Content) int64 { return (msg.Size() + 2) / 3 * 4 }

func tooLarge(s settings) *provider.Error {
	return webcall.Refuse("message_too_large",
		fmt.Sprintf("The message is larger than the %d bytes that this account takes through Microsoft Graph.", s.largest()),
		"Switch on draft_fence of the account (it needs Mail.ReadWrite) so that large mail can be built of parts, or send through an account with the transport microsoft_smtp, or send a link in place of the attachment.")
}

// sendMail makes the one POST that has the message sent.
func (a *account) sendMail(ctx context.Context, env email.Envelope, msg email.Content, token email.Secret) (provider.Receipt, *provider.Error) {
	u, problem := upload(ctx, msg, a.deps.Trace)
	if problem != nil {
		return provider.Receipt{}, problem
	}
	defer u.Close()
	c := call{method: http.MethodPost, path: "/sendMail", token: token, kind: "text/plain", body: u, size: u.Size(), p: toSend}
	req, id, err := a.request(webcall.Traced(ctx, u), c)
	if err != nil {
		return provider.Receipt{}, provider.NoAnswer(provider.StageCall, false, err)
	}
	resp, body, err := a.exchange(req, webcall.MaxAnswer)
	if resp == nil {
		return provider.Receipt{}, named(webcall.Broken(u, err), id)
	}
	u.Told("answer.read")
	handedOver, _ := u.Stop()
	got := answered{resp, body, err, id}
	if resp.StatusCode/100 == 2 {
		return accepted(env, "", got), nil
	}
	stage := provider.StageSend
	if resp.StatusCode >= 500 && !handedOver {
		stage = provider.StageUpload // refused while the body was still going out
	}
	return provider.Receipt{}, a.refusedMessage(stage, toSend, msg, token, got)
}

// upload is a message as Graph wants it: in standard base64.
func upload(ctx context.Context, msg email.Content, trace func(string)) (*webcall.Upload, *provider.Error) {
	r, err := msg.Open()
	if err != nil {
		return nil, webcall.Unreadable(fmt.Errorf("open the message: %w", err))
	}
	size := encodedSize(msg)
	return webcall.NewUpload(webcall.Part{
		Ctx: ctx, Trace: trace, Size: size, Half: size - size/2, Last: true, From: webcall.Encode(base64.StdEncoding, r), Close: r,
	}), nil
}

// accepted is the receipt. That Graph took a message does not say that it was delivered:
// what it finds out later comes as a report to the mailbox.
func accepted(env email.Envelope, id string, got answered) provider.Receipt {
	return provider.AcceptedBy(env, id, provider.CleanReply(got.resp.Status+" (client-request-id "+got.id+")"))
}

// refusedMessage classifies the refusal of a message, whose author may be why.
func (a *account) refusedMessage(stage provider.Stage, p purpose, msg email.Content, token email.Secret, got answered) *provider.Error {
	said := readError(got.body)
	said.Stage, said.Code, said.RetryAfter = stage, got.resp.StatusCode, got.resp.Header.Get("Retry-After")
	said.About = a.about(p, token)
	said.About.Sender = email.Author(msg)
	return named(a.sharedHint(provider.Classify(said, a.deps.Now()), said.About.Sender), got.id)
}
