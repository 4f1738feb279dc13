// Package endpoint is what all OAuth endpoints have in common, whoever runs them:
// a form that is sent once and to nobody else, the life of a token, the claims of
// an ID token, the form of a redirect address.
//
// What an answer means is not known here: see package provider.
package endpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gatepost/internal/provider"
)

const (
	// Patience bounds one request when the context does not.
	Patience = 30 * time.Second
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 64 << 10
)

// Post sends a form once, follows no redirect, and reads the answer, whatever its
// status. The body is read and closed already. An error is a *provider.Error: there
// was no answer. A nil client means the system's network.
func Post(ctx context.Context, client *http.Client, to string, form url.Values) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	resp, err := post(ctx, client, to, form)
	if err != nil {
		return nil, nil, provider.NoAnswer(provider.StageToken, false, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, nil, provider.NoAnswer(provider.StageToken, false, fmt.Errorf("read the token endpoint's answer: %w", err))
	}
	return resp, body, nil
}

func post(ctx context.Context, client *http.Client, to string, form url.Values) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("address of the endpoint: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", "gatepost")
	return Direct(client).Do(req)
}

// Direct is the client without redirects: they are answers, not directions, and
// what is signed or secret must not reach another host.
func Direct(client *http.Client) *http.Client {
	var once http.Client
	if client != nil {
		once = *client
	}
	once.Transport = provider.Overheard(once.Transport)
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &once
}

// ClockOffset is this machine's clock minus the provider's, by the answer's
// Date, where they differ by more than a minute.
func ClockOffset(resp *http.Response, now time.Time) time.Duration {
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0
	}
	if d := now.Sub(date); d.Abs() > time.Minute {
		return d
	}
	return 0
}

// Strange keeps a refusal that is not the endpoint's own JSON from counting as
// one: a proxy's 403 must not hold the account as if the key were bad.
func Strange(status int) int {
	if status >= 400 && status < 500 && status != http.StatusTooManyRequests {
		return 0
	}
	return status
}

// Bearer tells whether a token of this type can be used as gatepost uses tokens.
func Bearer(tokenType string) bool { return tokenType == "" || strings.EqualFold(tokenType, "Bearer") }

// Life reads expires_in within sense: a token that names no end is used for
// five minutes, one that is said to have ended for one (or gatepost would ask in
// a loop), none longer than most.
func Life(n json.Number, most time.Duration) time.Duration {
	seconds, err := n.Float64()
	if err != nil {
		return 5 * time.Minute
	}
	if seconds > most.Seconds() {
		return most
	}
	return max(time.Duration(seconds*float64(time.Second)), time.Minute)
}
