package gmail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/webcall"
)

// maxPage bounds an answer that lists messages or gives a header.
const maxPage = 1 << 20

// errNotFound is a 404 of something that was there a moment ago.
var errNotFound = errors.New("not found")

// get reads one resource of the mailbox into v, with a token for the scope.
// Reading may be repeated, so a refused token is renewed once.
func (a *account) get(ctx context.Context, scope, path string, query url.Values, v any) error {
	for _, renew := range []bool{false, true} {
		token, problem := a.token(ctx, scope, renew)
		if problem != nil {
			return problem
		}
		problem, err := a.getOnce(ctx, call{scope, path, query, token}, v)
		switch {
		case err != nil:
			return err
		case problem == nil:
			return nil
		case renew || problem.Cause != provider.CauseTokenRefused:
			return problem
		}
	}
	return nil
}

// call is one GET.
type call struct {
	scope, path string
	query       url.Values
	token       email.Secret
}

func (a *account) getOnce(ctx context.Context, g call, v any) (*provider.Error, error) {
	to := a.base + "/gmail/v1/users/me/" + g.path
	if len(g.query) > 0 {
		to += "?" + g.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
	if err != nil {
		return nil, fmt.Errorf("address of the Gmail API: %w", err)
	}
	dress(req, g.token, "")
	resp, err := provider.Overheard(a.transport).RoundTrip(req)
	if err != nil {
		return provider.NoAnswer(provider.StageCall, false, err), nil
	}
	defer resp.Body.Close()
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		a.ahead.Store(int64(at.Sub(a.deps.Now())))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPage))
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return nil, errNotFound
	case resp.StatusCode != http.StatusOK:
		return a.refused(provider.StageCall, g.scope, resp, body[:min(len(body), webcall.MaxAnswer)]), nil
	case err != nil:
		return provider.NoAnswer(provider.StageCall, false, err), nil
	}
	if err := json.Unmarshal(body, v); err != nil {
		return &provider.Error{
			Class: provider.Retry, Scope: provider.ScopeAccount, Cause: "unreadable_answer", Err: err,
			Text: "Gmail's answer cannot be read.", Reply: provider.CleanReply(string(body)),
		}, nil
	}
	return nil, nil
}

// dress gives a request what every call carries.
func dress(req *http.Request, token email.Secret, contentType string) {
	req.Header.Set("User-Agent", "gatepost")
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
}
