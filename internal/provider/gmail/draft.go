package gmail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/webcall"
)

// ScopeDraft allows drafts and sending them, and no reading of other mail
// (discovery document, users.drafts.*).
const ScopeDraft = "https://www.googleapis.com/auth/gmail.compose"

const (
	draftsPath = "/gmail/v1/users/me/drafts"
	// draftPage is the most that drafts.list gives at once.
	draftPage = 500
	// draftHeaders is how many drafts' headers one list reads: each costs 20 units of
	// the 6,000 that a user has for a minute.
	draftHeaders = 50
)

// drafts sends by way of a draft: created, then sent by its id. Its account's
// sendScope is ScopeDraft. A draft keeps its id until it is sent or deleted; the
// sent message has another one (developers.google.com/workspace/gmail/api/guides/drafts).
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

// CreateDraft implements provider.Drafter.
func (d drafts) CreateDraft(ctx context.Context, env email.Envelope, msg email.Content) (string, error) {
	whole, problem := webcall.Addressed(env, msg, "Gmail")
	if problem != nil {
		return "", problem
	}
	if whole.Size() > maxSize {
		return "", tooLarge()
	}
	id, problem := d.create(ctx, env, whole, false)
	if problem != nil && worthAgain(problem) {
		id, problem = d.create(ctx, env, whole, problem.Cause == provider.CauseTokenRefused)
	}
	if problem != nil {
		return "", problem
	}
	return id, nil
}

// create makes one POST. A draft whose answer is lost is left to be found by its
// mark.
func (d drafts) create(ctx context.Context, env email.Envelope, msg email.Content, renew bool) (string, *provider.Error) {
	token, problem := d.a.token(ctx, d.a.sendScope, renew)
	if problem != nil {
		return "", problem
	}
	f := draftForm(env, msg)
	u, err := newUpload(ctx, f, msg, nil)
	if err != nil {
		return "", webcall.Unreadable(err)
	}
	defer u.Close()
	req, err := d.a.request(ctx, http.MethodPost, d.a.base+f.path, u)
	if err != nil {
		return "", provider.NoAnswer(provider.StageCall, false, err)
	}
	dress(req, token, f.contentType)
	resp, body, err := d.a.exchange(req.WithContext(webcall.Traced(ctx, u)))
	handedOver, inside := u.Stop()
	switch {
	case resp == nil && !handedOver && inside != nil:
		return "", webcall.Broken(u, err)
	case resp == nil:
		return "", provider.NoAnswer(provider.StageUpload, false, err)
	case resp.StatusCode/100 != 2:
		return "", d.a.refusedMessage(provider.StageUpload, env, resp, body)
	}
	var made struct {
		ID string `json:"id"`
	}
	if err = errors.Join(err, json.Unmarshal(body, &made)); err != nil || made.ID == "" {
		return "", &provider.Error{
			Class: provider.Retry, Scope: provider.ScopeMessage, Cause: "unexpected_answer", Err: err,
			Text: "Gmail made a draft and gave no id of it that can be read.", Reply: provider.CleanReply(resp.Status + " " + string(body)),
		}
	}
	return made.ID, nil
}

// draftForm is formOf with the message inside a draft.
func draftForm(env email.Envelope, msg email.Content) form {
	f := formOf(env, msg)
	f.path = strings.Replace(f.path, sendPath, draftsPath, 1)
	switch {
	case f.encoded:
		f.head, f.tail = `{"message":`+f.head, f.tail+`}`
	case env.Thread != "":
		f.head = strings.Replace(f.head, metadata(env), `{"message":`+metadata(env)+`}`, 1)
	}
	return f
}

// SendDraft implements provider.Drafter.
func (d drafts) SendDraft(ctx context.Context, env email.Envelope, id string) (provider.Receipt, error) {
	receipt, problem := d.send(ctx, env, id, false)
	if problem != nil && worthAgain(problem) {
		receipt, problem = d.send(ctx, env, id, problem.Cause == provider.CauseTokenRefused)
	}
	if problem != nil {
		return provider.Receipt{}, problem
	}
	return receipt, nil
}

func (d drafts) send(ctx context.Context, env email.Envelope, id string, renew bool) (provider.Receipt, *provider.Error) {
	token, problem := d.a.token(ctx, d.a.sendScope, renew)
	if problem != nil {
		return provider.Receipt{}, problem
	}
	body, err := json.Marshal(map[string]string{"id": id})
	if err != nil {
		return provider.Receipt{}, webcall.Unreadable(err)
	}
	f := form{path: draftsPath + "/send", contentType: "application/json", draft: true}
	return d.a.handIn(ctx, env, f, email.Bytes(body), token)
}

// draftGone is a 404 in answer to sending a draft.
func draftGone(resp *http.Response, body []byte) *provider.Error {
	return &provider.Error{
		Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: provider.CauseDraftGone,
		Text:  "The draft was not there any more: it has been sent, or somebody deleted it.",
		Reply: provider.CleanReply(resp.Status + " " + readError(body).Text),
	}
}

// HasDraft implements provider.Drafter.
func (d drafts) HasDraft(ctx context.Context, id string) (bool, error) {
	var any struct{}
	err := d.a.get(ctx, d.a.sendScope, "drafts/"+url.PathEscape(id), url.Values{"format": {"minimal"}}, &any)
	if errors.Is(err, errNotFound) {
		return false, nil
	}
	if err != nil {
		return false, lookError(err)
	}
	return true, nil
}

// DeleteDraft implements provider.Drafter.
func (d drafts) DeleteDraft(ctx context.Context, id string) error {
	for _, renew := range []bool{false, true} {
		token, problem := d.a.token(ctx, d.a.sendScope, renew)
		if problem != nil {
			return problem
		}
		problem = d.drop(ctx, id, token)
		if problem == nil {
			return nil
		}
		if renew || problem.Cause != provider.CauseTokenRefused {
			return problem
		}
	}
	return nil
}

func (d drafts) drop(ctx context.Context, id string, token email.Secret) *provider.Error {
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, d.a.base+draftsPath+"/"+url.PathEscape(id), nil)
	if err != nil {
		return provider.NoAnswer(provider.StageCall, false, fmt.Errorf("address of the Gmail API: %w", err))
	}
	dress(req, token, "")
	resp, body, err := d.a.exchange(req)
	switch {
	case resp == nil:
		return provider.NoAnswer(provider.StageCall, false, err)
	case resp.StatusCode/100 == 2, resp.StatusCode == http.StatusNotFound:
		return nil
	}
	return d.a.refused(provider.StageCall, d.a.sendScope, resp, body)
}

// Drafts implements provider.Drafter.
func (d drafts) Drafts(ctx context.Context, known map[string]email.ID) (map[string]email.ID, error) {
	ids, err := d.list(ctx)
	if err != nil {
		return nil, lookError(err)
	}
	out := map[string]email.ID{}
	unread := slices.DeleteFunc(ids, func(id string) bool {
		of, have := known[id]
		if have {
			out[id] = of
		}
		return have
	})
	read, err := d.readHeaders(ctx, unread[:min(len(unread), draftHeaders)])
	if err != nil {
		return nil, lookError(err)
	}
	maps.Copy(out, read)
	return out, nil
}

func (d drafts) list(ctx context.Context) (ids []string, err error) {
	query := url.Values{"maxResults": {strconv.Itoa(draftPage)}}
	for {
		var page struct {
			Drafts []struct {
				ID string `json:"id"`
			} `json:"drafts"`
			Next string `json:"nextPageToken"`
		}
		if err := d.a.get(ctx, d.a.sendScope, "drafts", query, &page); err != nil {
			return nil, err
		}
		for _, one := range page.Drafts {
			ids = append(ids, one.ID)
		}
		if page.Next == "" {
			return ids, nil
		}
		query.Set("pageToken", page.Next)
	}
}

// readHeaders reads whose drafts these are. One that has just gone is left out.
func (d drafts) readHeaders(ctx context.Context, ids []string) (map[string]email.ID, error) {
	out := map[string]email.ID{}
	for _, id := range ids {
		var one struct {
			Message sentMessage `json:"message"`
		}
		err := d.a.get(ctx, d.a.sendScope, "drafts/"+url.PathEscape(id), url.Values{"format": {"metadata"}}, &one)
		if errors.Is(err, errNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out[id] = one.Message.gatepostID()
	}
	return out, nil
}

var (
	_ provider.Drafter = fenced{}
	_ provider.Drafter = fencedLooker{}
	_ provider.Looker  = fencedLooker{}
	_ provider.Prover  = fencedLooker{}
	_ provider.Aliaser = fenced{}
)
