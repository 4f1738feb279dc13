package gmail

import (
	"encoding/json"
	"net/http"

	"gatepost/internal/provider"
)

// apiError is the body of an error of Google's APIs
// (developers.google.com/workspace/gmail/api/guides/handle-errors).
type apiError struct {
	Message string `json:"message"`
	Status  string `json:"status"`
	Errors  []struct {
		Reason  string `json:"reason"`
		Message string `json:"message"`
	} `json:"errors"`
	Details []struct {
		Reason string `json:"reason"`
	} `json:"details"`
}

// reason is the most exact word for the error.
func (e apiError) reason() string {
	if len(e.Errors) > 0 && e.Errors[0].Reason != "" {
		return e.Errors[0].Reason
	}
	for _, d := range e.Details {
		if d.Reason != "" {
			return d.Reason
		}
	}
	return e.Status
}

// refused classifies an answer other than yes.
func (a *account) refused(stage provider.Stage, scope string, resp *http.Response, body []byte) *provider.Error {
	return provider.Classify(a.answer(stage, scope, resp, body), a.deps.Now())
}

func (a *account) answer(stage provider.Stage, scope string, resp *http.Response, body []byte) provider.Answer {
	said := readError(body)
	said.Stage, said.Code, said.About = stage, resp.StatusCode, a.about(scope)
	said.RetryAfter = resp.Header.Get("Retry-After")
	return said
}

// readError takes reason and text out of a body that may be anything.
func readError(body []byte) provider.Answer {
	var whole struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &whole) != nil {
		return provider.Answer{Text: string(body)}
	}
	var e apiError
	if json.Unmarshal(whole.Error, &e) != nil || e.Message == "" && e.reason() == "" {
		return provider.Answer{Text: string(body)}
	}
	if e.Message == "" && len(e.Errors) > 0 {
		e.Message = e.Errors[0].Message
	}
	return provider.Answer{Reason: e.reason(), Text: e.Message}
}
