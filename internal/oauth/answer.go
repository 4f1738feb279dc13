package oauth

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"gatepost/internal/email"
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

// readAnswer makes a token or an error of what the endpoint said. The body of a
// yes is never put into an error: it may hold a token.
func readAnswer(resp *http.Response, body []byte, about provider.About, now time.Time) (Token, error) {
	var a answer
	parsed := json.Unmarshal(body, &a) == nil
	if resp.StatusCode == http.StatusOK && parsed && a.AccessToken != "" && bearer(a.TokenType) {
		return Token{Access: email.NewSecret(a.AccessToken), Expires: now.Add(lifeOf(a.ExpiresIn))}, nil
	}
	said := provider.Answer{Stage: provider.StageToken, Code: resp.StatusCode, RetryAfter: resp.Header.Get("Retry-After"), About: about}
	switch {
	case resp.StatusCode == http.StatusOK:
		said.Text = "(an answer without a usable token)"
	case parsed && a.Error != "":
		said.Reason, said.Text = a.Error, join(a.Description, a.Subtype)
	default:
		said.Code, said.Text = strange(resp.StatusCode), resp.Status+" "+string(body)
	}
	return Token{}, provider.Classify(said, now)
}

// strange keeps a refusal that is not the endpoint's own JSON from counting as
// one: a proxy's 403 must not hold the account as if the key were bad.
func strange(status int) int {
	if status >= 400 && status < 500 && status != http.StatusTooManyRequests {
		return 0
	}
	return status
}

func bearer(tokenType string) bool { return tokenType == "" || strings.EqualFold(tokenType, "Bearer") }

// lifeOf reads expires_in within sense: a token that names no end is used for
// five minutes, one that is said to have ended for one (or gatepost would ask in
// a loop), none longer than was asked for.
func lifeOf(n json.Number) time.Duration {
	seconds, err := n.Float64()
	if err != nil {
		return 5 * time.Minute
	}
	if seconds > lifetime.Seconds() {
		return lifetime
	}
	return max(time.Duration(seconds*float64(time.Second)), time.Minute)
}

func join(description, subtype string) string {
	if subtype == "" {
		return description
	}
	return strings.TrimSpace(description + " (" + subtype + ")")
}
