package oauth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"gatepost/internal/provider"
)

// KeylessAsk is whom a token shall act for, and who has the claims signed.
type KeylessAsk struct {
	By      Caller
	Subject string // the Workspace user
	Scopes  []string
}

// Token asks for a token that acts for a user: Google signs the claims (IAM
// Credentials, projects.serviceAccounts.signJwt), and the token endpoint takes them as
// it takes those that a key has signed. It makes two requests, follows no redirect, and
// every error is a *provider.Error. One that CallerRefused tells asks for a new Caller. A nil client means the system's network.
func (k *Keyless) Token(ctx context.Context, client *http.Client, a KeylessAsk, now time.Time) (Token, error) {
	d := delegation{
		account: a.By.Account, clientID: cmp.Or(k.fields.ClientID, "(the unique ID of "+a.By.Account+")"),
		member: a.By.Member, tokenURL: k.at.Token, subject: a.Subject, scopes: a.Scopes,
	}
	assertion, keyID, err := k.sign(ctx, client, a.By, d, now)
	if err != nil {
		return Token{}, err
	}
	d.keyID = keyID
	return d.redeem(ctx, client, assertion, now)
}

// signAnswer is what signJwt says, of either kind.
type signAnswer struct {
	KeyID  string `json:"keyId"`
	Signed string `json:"signedJwt"`
	apiError
}

// sign has Google sign the claims. Google chooses the key, and names it.
func (k *Keyless) sign(ctx context.Context, client *http.Client, by Caller, d delegation, now time.Time) (signed, keyID string, err error) {
	claims, err := d.claims(now)
	if err != nil {
		return "", "", Held("key_unusable", "The claims cannot be written.", "Check the account's address.", err)
	}
	request, err := json.Marshal(map[string]string{"payload": string(claims)})
	if err != nil {
		return "", "", Held("key_unusable", "The claims cannot be written.", "Check the account's address.", err)
	}
	resp, body, err := call{
		method: http.MethodPost, address: k.at.IAM + accountsPath + by.Account + ":signJwt", body: string(request),
		header: map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + by.Access.Reveal()},
	}.do(ctx, client)
	if err != nil {
		return "", "", err
	}
	var a signAnswer
	parsed := json.Unmarshal(body, &a) == nil
	if resp.StatusCode == http.StatusOK && parsed && a.Signed != "" {
		return a.Signed, cmp.Or(a.KeyID, "of "+by.Account), nil
	}
	return "", "", provider.Classify(a.refusal(resp, body, provider.StageSign, k.about(by)), now)
}

// CallerRefused tells errors by which Google no longer takes the token of the Caller.
func CallerRefused(err error) bool {
	e, ok := errors.AsType[*provider.Error](err)
	return ok && e.Cause == provider.CauseCallerRefused
}

// Interrupted is the error of who waited for a token that somebody else was asking for.
// It passes.
func Interrupted(err error) error { return provider.NoAnswer(provider.StageToken, false, err) }
