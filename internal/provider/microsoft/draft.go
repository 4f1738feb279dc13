package microsoft

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/webcall"
)

// drafts sends by way of a draft: created, then sent by its immutable id, which the copy
// in Sent Items keeps (learn.microsoft.com/graph/outlook-immutable-id). Large mail is
// built of parts.
type drafts struct{ a *account }

// fenced and fencedLooker are accounts that send by way of drafts.
type (
	fenced struct {
		*account
		drafts
	}
	fencedLooker struct {
		looker
		drafts
	}
)

// Send implements provider.Provider.
func (f fenced) Send(ctx context.Context, env email.Envelope, msg email.Content) (provider.Receipt, error) {
	return f.through(ctx, env, msg)
}

// Send implements provider.Provider.
func (f fencedLooker) Send(ctx context.Context, env email.Envelope, msg email.Content) (provider.Receipt, error) {
	return f.through(ctx, env, msg)
}

// through makes a draft and sends it. A draft that was certainly not sent is taken away
// again, as far as there is time for it: nobody else knows of it.
func (d drafts) through(ctx context.Context, env email.Envelope, msg email.Content) (provider.Receipt, error) {
	id, err := d.CreateDraft(ctx, env, msg)
	if err != nil {
		return provider.Receipt{}, err
	}
	receipt, err := d.SendDraft(ctx, env, id)
	if e, ok := errors.AsType[*provider.Error](err); ok && e.Class != provider.Unknown && ctx.Err() == nil {
		_ = d.DeleteDraft(ctx, id) // what is left over stays in Drafts
	}
	return receipt, err
}

// draft is what Graph says of a message.
type draft struct {
	ID      string      `json:"id"`
	ETag    string      `json:"@odata.etag"`
	IsDraft bool        `json:"isDraft"`
	Message string      `json:"internetMessageId"`
	Headers []headerRow `json:"internetMessageHeaders"`
	Sent    string      `json:"sentDateTime"`
}

type headerRow struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// CreateDraft implements provider.Drafter.
func (d drafts) CreateDraft(ctx context.Context, env email.Envelope, msg email.Content) (string, error) {
	whole, problem := webcall.Addressed(env, msg, service)
	if problem == nil && whole.Size() > d.a.settings.MaxSize {
		problem = tooLarge(d.a.settings)
	}
	if problem != nil {
		return "", problem
	}
	id := ""
	if encodedSize(whole) > d.a.settings.MaxRequest {
		id, problem = d.build(ctx, env, whole)
	} else {
		problem = d.a.withToken(ctx, toDraft, func(token email.Secret) *provider.Error {
			id, problem = d.create(ctx, whole, token)
			return problem
		})
	}
	if problem != nil {
		return "", problem
	}
	return id, nil
}

// create makes a draft of the message as it is
// (learn.microsoft.com/graph/api/user-post-messages). One whose answer is lost is left to
// be found by its mark.
func (d drafts) create(ctx context.Context, msg email.Content, token email.Secret) (string, *provider.Error) {
	u, problem := upload(context.Background(), msg, nil) // no guard: nothing is sent yet
	if problem != nil {
		return "", problem
	}
	defer u.Close()
	c := call{method: http.MethodPost, path: "/messages", token: token, kind: "text/plain", body: u, size: u.Size(), p: toDraft}
	req, id, err := d.a.request(webcall.Traced(ctx, u), c)
	if err != nil {
		return "", provider.NoAnswer(provider.StageCall, false, err)
	}
	resp, body, err := d.a.exchange(req, maxPage)
	handedOver, inside := u.Stop()
	switch {
	case resp == nil && !handedOver && inside != nil:
		return "", named(webcall.Broken(u, err), id)
	case resp == nil:
		return "", named(provider.NoAnswer(provider.StageUpload, false, err), id)
	case resp.StatusCode/100 != 2:
		return "", d.a.refusedMessage(provider.StageUpload, toDraft, msg, token, answered{resp, body, err, id})
	}
	return madeDraft(answered{resp, body, err, id})
}

// madeDraft reads the id of a draft that was made.
func madeDraft(got answered) (string, *provider.Error) {
	var made draft
	if err := errors.Join(got.err, json.Unmarshal(got.body, &made)); err != nil || made.ID == "" {
		return "", named(&provider.Error{
			Class: provider.Retry, Scope: provider.ScopeMessage, Cause: "unexpected_answer", Err: err,
			Text: "Graph made a draft and gave no id of it that can be read.", Reply: provider.CleanReply(got.resp.Status),
		}, got.id)
	}
	return made.ID, nil
}

// SendDraft implements provider.Drafter, by message: send
// (learn.microsoft.com/graph/api/message-send). The receipt's id is the draft's.
func (d drafts) SendDraft(ctx context.Context, env email.Envelope, id string) (provider.Receipt, error) {
	var receipt provider.Receipt
	problem := d.a.withToken(ctx, toSend, func(token email.Secret) (problem *provider.Error) {
		receipt, problem = d.send(ctx, env, id, token)
		return problem
	})
	if problem != nil && problem.Class == provider.Retry && problem.Unlisted && d.sent(ctx, id) {
		problem = draftGone(problem)
	}
	if problem != nil {
		return provider.Receipt{}, problem
	}
	return receipt, nil
}

// sent tells whether a message is certainly no draft any more. How Graph refuses to send
// it once more is not documented, and its immutable id goes on.
func (d drafts) sent(ctx context.Context, id string) bool {
	there, err := d.HasDraft(ctx, id)
	return err == nil && !there
}

func draftGone(of *provider.Error) *provider.Error {
	return &provider.Error{
		Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: provider.CauseDraftGone, Reply: of.Reply, Err: of,
		Text: "The draft was no draft any more: it has been sent, or somebody deleted it.",
	}
}

func (d drafts) send(ctx context.Context, env email.Envelope, id string, token email.Secret) (provider.Receipt, *provider.Error) {
	t := webcall.NewTrigger(ctx, d.a.deps.Trace)
	c := call{method: http.MethodPost, path: "/messages/" + url.PathEscape(id) + "/send", token: token, p: toSend}
	req, called, err := d.a.request(webcall.Traced(ctx, t), c)
	if err != nil {
		return provider.Receipt{}, provider.NoAnswer(provider.StageCall, false, err)
	}
	resp, body, err := d.a.exchange(req, webcall.MaxAnswer)
	if resp == nil {
		return provider.Receipt{}, named(webcall.Broken(t, err), called)
	}
	t.Told("answer.read")
	got := answered{resp, body, err, called}
	if resp.StatusCode/100 == 2 {
		return accepted(env, id, got), nil
	}
	return provider.Receipt{}, d.a.refused(provider.StageSend, toSend, token, got)
}

// HasDraft implements provider.Drafter. The id goes on when the draft was sent, so it is
// asked whether it is one.
func (d drafts) HasDraft(ctx context.Context, id string) (bool, error) {
	of, err := d.show(ctx, id)
	if errors.Is(err, errNotFound) {
		return false, nil
	}
	if err != nil {
		return false, lookError(err)
	}
	return of.IsDraft, nil
}

func (d drafts) show(ctx context.Context, id string) (of draft, err error) {
	err = d.a.get(ctx, toDraft, "/messages/"+url.PathEscape(id), url.Values{"$select": {"id,isDraft"}}, &of)
	return of, err
}

// DeleteDraft implements provider.Drafter. Under the same id the sent copy is found too,
// so nothing but a draft is deleted: the version that was looked at, and no later one.
func (d drafts) DeleteDraft(ctx context.Context, id string) error {
	of, err := d.show(ctx, id)
	if errors.Is(err, errNotFound) || err == nil && !of.IsDraft {
		return nil
	}
	if err != nil {
		return lookError(err)
	}
	problem := d.a.withToken(ctx, toDraft, func(token email.Secret) *provider.Error {
		return d.drop(ctx, call{method: http.MethodDelete, path: "/messages/" + url.PathEscape(id), token: token, match: of.ETag, p: toDraft})
	})
	if problem != nil {
		return problem
	}
	return nil
}

func (d drafts) drop(ctx context.Context, c call) *provider.Error {
	got, problem := d.a.ask(ctx, c, webcall.MaxAnswer)
	switch {
	case problem != nil:
		return problem
	case got.resp.StatusCode/100 == 2, got.resp.StatusCode == http.StatusNotFound && readError(got.body).Reason == "ErrorItemNotFound":
		return nil
	}
	return d.a.refused(provider.StageCall, c.p, c.token, got)
}

// Drafts implements provider.Drafter.
func (d drafts) Drafts(ctx context.Context, known map[string]email.ID) (map[string]email.ID, error) {
	out := map[string]email.ID{}
	err := d.a.list(ctx, toDraft, "drafts", url.Values{"$select": {messageFields}}, func(page []draft) bool {
		for _, m := range page {
			if of, have := known[m.ID]; have {
				out[m.ID] = of
			} else if m.IsDraft {
				out[m.ID] = m.gatepostID()
			}
		}
		return true
	})
	if err != nil {
		return nil, lookError(err)
	}
	return out, nil
}

var (
	_ provider.Drafter  = fenced{}
	_ provider.Drafter  = fencedLooker{}
	_ provider.Provider = fenced{}
	_ provider.Looker   = fencedLooker{}
	_ provider.Prover   = fencedLooker{}
)
