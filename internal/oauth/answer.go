package oauth

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth/endpoint"
	"gatepost/internal/provider"
)

// answer is the JSON of a token endpoint, of either kind (RFC 6749 sections 5.1
// and 5.2, and Google's error_subtype).
type answer struct {
	AccessToken string      `json:"access_token"`
	TokenType   string      `json:"token_type"`
	ExpiresIn   json.Number `json:"expires_in"`

	Error       string `json:"error"`
	Description string `json:"error_description"`
	Subtype     string `json:"error_subtype"`
}

// readAnswer makes a token or an error of what the token endpoint said.
func readAnswer(resp *http.Response, body []byte, about provider.About, now time.Time) (Token, error) {
	return readAnswerAt(provider.StageToken, resp, body, about, now)
}

// readAnswerAt is the same for another endpoint that speaks OAuth. The body of a yes is
// never put into an error: it may hold a token.
func readAnswerAt(stage provider.Stage, resp *http.Response, body []byte, about provider.About, now time.Time) (Token, error) {
	var a answer
	parsed := json.Unmarshal(body, &a) == nil
	if resp.StatusCode == http.StatusOK && parsed && a.AccessToken != "" && endpoint.Bearer(a.TokenType) {
		return Token{Access: email.NewSecret(a.AccessToken), Expires: now.Add(endpoint.Life(a.ExpiresIn, lifetime))}, nil
	}
	said := provider.Answer{Stage: stage, Code: resp.StatusCode, RetryAfter: resp.Header.Get("Retry-After"), About: about}
	switch {
	case resp.StatusCode == http.StatusOK:
		said.Text = "(an answer without a usable token)"
	case parsed && a.Error != "":
		said.Reason, said.Text = a.Error, join(a.Description, a.Subtype)
	default:
		said.Code, said.Text = endpoint.Strange(resp.StatusCode), resp.Status+" "+string(body)
	}
	return Token{}, provider.Classify(said, now)
}

func join(description, subtype string) string {
	if subtype == "" {
		return description
	}
	return strings.TrimSpace(description + " (" + subtype + ")")
}
