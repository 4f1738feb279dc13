package oauth

import (
	"context"
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
	// member is the identity as IAM names it, for advice.
	member string
}

// Caller gets the identity that may have claims signed: the outside token is exchanged
// at the Security Token Service (RFC 8693), or the metadata server gives the machine's.
// Every error is a *provider.Error. A nil client means the system's network.
func (k *Keyless) Caller(ctx context.Context, client *http.Client, now time.Time) (Caller, error) {
	if k.external == nil {
		return k.machine(ctx, now)
	}
	subject, err := k.external.Source.read(ctx, client, now)
	if err != nil {
		return Caller{}, err
	}
	by := Caller{Account: k.account, member: k.external.principal(subject.subject)}
	resp, body, err := endpoint.Post(ctx, client, k.at.STS, url.Values{
		"grant_type":           {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		"audience":             {k.external.Audience}, "scope": {scopeCloud},
		"subject_token": {subject.value.Reveal()}, "subject_token_type": {k.external.SubjectTokenType},
	})
	if err != nil {
		return Caller{}, err
	}
	by.Token, err = readExchange(resp, body, by.member, now)
	return by, k.advise(stepExchange, by, err)
}

// readExchange makes a token or an error of the Security Token Service's answer. What
// stands before the service answers in the form of Google's APIs.
func readExchange(resp *http.Response, body []byte, member string, now time.Time) (Token, error) {
	about := provider.About{
		Vendor: provider.VendorGoogle, Scopes: []string{scopeCloud}, Subject: member, ClockOffset: endpoint.ClockOffset(resp, now),
	}
	if a, ok := readAPIError(body); ok && resp.StatusCode != http.StatusOK {
		return Token{}, provider.Classify(a.refusal(resp, body, about), now)
	}
	return readAnswer(resp, body, about, now)
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
