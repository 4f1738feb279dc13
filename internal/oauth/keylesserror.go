package oauth

import (
	"encoding/json"
	"net/http"

	"gatepost/internal/oauth/endpoint"
	"gatepost/internal/provider"
)

// apiError is how Google's APIs say no, other than OAuth's endpoints (google.aip.dev/193).
type apiError struct {
	Error struct {
		Message string `json:"message"`
		Status  string `json:"status"`
		Details []struct {
			Reason string `json:"reason"`
		} `json:"details"`
	} `json:"error"`
}

// readAPIError finds an error of this form.
func readAPIError(body []byte) (a apiError, ok bool) {
	return a, json.Unmarshal(body, &a) == nil && a.said()
}

func (a apiError) said() bool { return a.Error.Message+a.Error.Status != "" }

// reason is the most exact word for the error.
func (a apiError) reason() string {
	for _, d := range a.Error.Details {
		if d.Reason != "" {
			return d.Reason
		}
	}
	return a.Error.Status
}

// refusal is an answer other than yes. The body of a yes is never shown: it may hold
// what was signed.
func (a apiError) refusal(resp *http.Response, body []byte, stage provider.Stage, about provider.About) provider.Answer {
	said := provider.Answer{Stage: stage, Code: resp.StatusCode, RetryAfter: resp.Header.Get("Retry-After"), About: about}
	switch {
	case resp.StatusCode == http.StatusOK:
		said.Text = "(an answer without a signature)"
	case a.said():
		said.Reason, said.Text = a.reason(), a.Error.Message
	default:
		said.Code, said.Text = endpoint.Strange(resp.StatusCode), resp.Status+" "+string(body)
	}
	return said
}
