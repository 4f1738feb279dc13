package oauth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gatepost/internal/oauth/endpoint"
	"gatepost/internal/provider"
)

// scopeCloud is what a caller of the IAM Credentials API needs.
const scopeCloud = scopePrefix + "cloud-platform"

// Caller is the identity that asks Google to sign: the outside one, or the machine's.
// It may serve for many users until its token ends.
type Caller struct {
	Token
	// Account is the service account to act as.
	Account string
	// Member is the identity as IAM names it, for advice.
	Member string
}

// Caller gets the identity that may have claims signed: the outside token is exchanged
// at the Security Token Service (RFC 8693), or the metadata server gives the machine's.
// Every error is a *provider.Error; CauseNotAllowed says that the operator does not let
// credentials use it. A nil client means the system's network.
func (k *Keyless) Caller(ctx context.Context, client *http.Client, now time.Time) (Caller, error) {
	if err := k.permitted(); err != nil {
		return Caller{}, err
	}
	if k.external == nil {
		return k.machine(ctx, now)
	}
	subject, err := k.external.Source.read(ctx, client, now)
	if err != nil {
		return Caller{}, err
	}
	return k.exchange(ctx, client, subject, now)
}

// CauseNotAllowed is the cause of errors about an identity that is not on the
// operator's list.
const CauseNotAllowed = "keyless_not_allowed"

// permitted is Allowed for a credential that is in use: the list may have become shorter.
func (k *Keyless) permitted() error {
	if k.Allowed() == nil {
		return nil
	}
	_, identity := k.identity()
	return Held(CauseNotAllowed, fmt.Sprintf("This gatepost may not use the identity of the credential, %s: it is not in %s.", identity, keylessSetting),
		"Whoever runs the server adds it there on every node, starts it again, and releases the account.", nil)
}

// exchange gives the outside token for one of Google's.
func (k *Keyless) exchange(ctx context.Context, client *http.Client, subject subjectToken, now time.Time) (Caller, error) {
	by := Caller{Account: k.account, Member: k.external.principal(subject.subject)}
	resp, body, err := endpoint.Post(ctx, client, k.at.STS, url.Values{
		"grant_type":           {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		"audience":             {k.external.Audience}, "scope": {scopeCloud},
		"subject_token": {subject.value.Reveal()}, "subject_token_type": {k.external.SubjectTokenType},
	})
	if err != nil {
		return Caller{}, err
	}
	about := k.about(by)
	about.ClockOffset = endpoint.ClockOffset(resp, now)
	by.Token, err = readExchange(resp, body, about, now)
	return by, err
}

// about names what advice about a caller must name.
func (k *Keyless) about(by Caller) provider.About {
	return provider.About{
		Vendor: provider.VendorGoogle, Scopes: []string{scopeCloud}, Subject: by.Member,
		ServiceAccount: by.Account, Member: by.Member, Audience: k.Audience(),
	}
}

// readExchange makes a token or an error of the Security Token Service's answer. What
// stands before the service answers in the form of Google's APIs.
func readExchange(resp *http.Response, body []byte, about provider.About, now time.Time) (Token, error) {
	if a, ok := readAPIError(body); ok && resp.StatusCode != http.StatusOK {
		return Token{}, provider.Classify(a.refusal(resp, body, provider.StageExchange, about), now)
	}
	return readAnswerAt(provider.StageExchange, resp, body, about, now)
}

// principal is how IAM names an outside identity, if the pool takes its subject as it is
// (cloud.google.com/iam/docs/principal-identifiers).
func (f externalAccount) principal(subject string) string {
	pool, _, _ := strings.Cut(strings.TrimPrefix(f.Audience, "//"), "/providers/")
	if subject == "" || len(subject) > 127 || strings.ContainsFunc(subject, notInPrincipal) {
		subject = "SUBJECT"
	}
	return "principal://" + pool + "/subject/" + subject
}

// notInPrincipal keeps what could end the quotes of a command out of it.
func notInPrincipal(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(":/._-@|+=", r)
}
