package oauth

import (
	"errors"
	"strings"

	"gatepost/internal/provider"
)

// keylessStep is a request on the way to a token without a key file.
type keylessStep int

const (
	stepExchange keylessStep = iota // the outside token, at the Security Token Service
	stepSign                        // signJwt, at the IAM Credentials API
	stepRedeem                      // the signed claims, at Google's token endpoint
)

// CauseCallerRefused says that Google no longer takes the token of the Caller.
const CauseCallerRefused = "caller_token_refused"

// CallerRefused tells errors with that cause.
func CallerRefused(err error) bool {
	e, ok := errors.AsType[*provider.Error](err)
	return ok && e.Cause == CauseCallerRefused
}

// Interrupted is the error of who waited for a token that somebody else was asking for.
// It passes.
func Interrupted(err error) error { return provider.NoAnswer(provider.StageToken, false, err) }

// keylessRow says what a refusal means in these steps, whose words the catalogue of
// package provider reads as those of Google's token endpoint alone.
type keylessRow struct {
	step  keylessStep
	words string // parts of code, reason and text, in lower case, separated by |; empty: any
	cause string
	says  string // {account}, {member} and {audience} are filled in
	fix   string
}

const (
	stsPage  = "https://cloud.google.com/iam/docs/troubleshooting-workload-identity-federation"
	signPage = "https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/signJwt"
)

// keylessRows are tried in order. The words are Google's, as IAM's troubleshooting page,
// google.rpc.ErrorInfo and the API's discovery document have them.
var keylessRows = []keylessRow{
	{
		step: stepExchange, words: "has not been used in project|it is disabled. enable|service_disabled", cause: "api_disabled",
		says: "The Security Token Service API is not enabled in the project of the pool.",
		fix:  "Enable it at https://console.cloud.google.com/apis/library/sts.googleapis.com, wait some minutes, then release the account.",
	},
	{
		step: stepExchange, words: "invalid_target", cause: "pool_unknown",
		says: "Google knows no such provider of a workload identity pool, or it is disabled: {audience}.",
		fix:  "Compare it with: gcloud iam workload-identity-pools providers describe PROVIDER --workload-identity-pool=POOL --location=global. The number is the project's number, not its id. A deleted pool or provider can be restored within 30 days.",
	},
	{
		step: stepExchange, words: "audience", cause: "wrong_audience",
		says: "The outside token is for another audience than the pool's provider accepts.",
		fix:  "Let the outside issuer make tokens for the audience https:{audience} (for Kubernetes: audience of the projected volume), or add the token's audience to the provider: gcloud iam workload-identity-pools providers update-oidc PROVIDER --allowed-audiences=AUDIENCE.",
	},
	{
		step: stepExchange, words: "stale|expir", cause: "subject_token_expired",
		says: "The outside token has expired.",
		fix:  "See why what renews it (a projected volume, an agent) has stopped, and check this machine's clock; then release the account.",
	},
	{
		step: stepExchange, words: "issuer", cause: "wrong_issuer",
		says: "The outside token comes from another issuer than the pool's provider expects, or Google cannot reach that issuer.",
		fix:  "Compare the token's iss with the provider's issuer (gcloud iam workload-identity-pools providers describe): they must be equal to the letter. The issuer's /.well-known/openid-configuration must be public, or its keys uploaded to the provider.",
	},
	{
		step: stepExchange, words: "unauthorized_client|attribute condition", cause: "condition_refused",
		says: "The pool's provider does not let this outside identity in.",
		fix:  "Check the attribute condition and mapping of the provider against the token's claims (gcloud iam workload-identity-pools providers describe).",
	},
	{
		step: stepExchange, cause: "federation_refused",
		says: "Google's Security Token Service refuses the outside token.",
		fix:  "Read the reply; check the provider's issuer, audience, keys and attribute mapping against the token's claims, then release the account.",
	},
	{
		step: stepSign, words: "has not been used in project|it is disabled. enable|service_disabled|accessnotconfigured", cause: "api_disabled",
		says: "The IAM Service Account Credentials API is not enabled in the project of {account}.",
		fix:  "Enable it: gcloud services enable iamcredentials.googleapis.com, in the project of the service account and in that of the caller (https://console.cloud.google.com/apis/library/iamcredentials.googleapis.com); wait some minutes, then release the account.",
	},
	{
		step: stepSign, words: "access_token_scope_insufficient|insufficient authentication scopes", cause: "machine_scope_missing",
		says: "The access scopes of this machine do not let it call Google Cloud.",
		fix:  "Give the machine the access scope cloud-platform (stop it; gcloud compute instances set-service-account MACHINE --scopes=cloud-platform; GKE: a node pool with that scope, or workload identity), then release the account.",
	},
	{
		step: stepSign, words: "iam_permission_denied|iam.serviceaccounts.signjwt|permission_denied", cause: "signing_not_allowed",
		says: "{member} may not sign as {account}.",
		fix:  "Run: gcloud iam service-accounts add-iam-policy-binding {account} --role=roles/iam.serviceAccountTokenCreator --member='{member}' (the role is needed on the account itself too where a machine signs as its own; roles/iam.workloadIdentityUser is not enough). If it has the role: the account must exist, and the IAM Service Account Credentials API be enabled. A change takes some minutes.",
	},
	{
		step: stepSign, words: "404 ", cause: "unknown_service_account",
		says: "Google knows no service account {account}.",
		fix:  "Check the address; a deleted service account can be restored within 30 days (gcloud iam service-accounts undelete UNIQUE-ID).",
	},
	{
		step: stepSign, words: "401 ", cause: CauseCallerRefused,
		says: "Google no longer takes the token of {member}.",
		fix:  "Check that the pool, its provider and the service account are not disabled, then release the account.",
	},
	{
		step: stepSign, cause: "signing_refused",
		says: "Google does not sign as {account}.",
		fix:  "Read the reply; check that the service account is not disabled and that the IAM Service Account Credentials API is enabled, then release the account.",
	},
	{
		step: stepRedeem, words: "invalid jwt signature", cause: "key_refused",
		says: "Google does not accept a signature that it has just made for {account}.",
		fix:  "Check that the service account is not disabled, then release the account.",
	},
	{
		step: stepRedeem, words: "no valid verifier|account not found", cause: "unknown_service_account",
		says: "Google knows no service account {account}.",
		fix:  "Check the address, and that the service account still exists in its project.",
	},
}

// advise puts what a refusal means in a step in place of what the same words mean at
// the token endpoint. Its class stays; errors of the road stay as they are.
func (k *Keyless) advise(step keylessStep, by Caller, err error) error {
	e, ok := errors.AsType[*provider.Error](err)
	if !ok || e.Class != provider.Hold || e.Err != nil {
		return err
	}
	said := strings.ToLower(e.Reply)
	for _, r := range keylessRows {
		if r.step == step && r.hears(said) {
			return r.error(e, strings.NewReplacer("{account}", by.Account, "{member}", by.member, "{audience}", k.Audience()))
		}
	}
	return err
}

func (r keylessRow) hears(said string) bool {
	if r.words == "" {
		return true
	}
	for words := range strings.SplitSeq(r.words, "|") {
		if words[len(words)-1] == ' ' && strings.HasPrefix(said, words) || words[len(words)-1] != ' ' && strings.Contains(said, words) {
			return true
		}
	}
	return false
}

func (r keylessRow) error(e *provider.Error, fill *strings.Replacer) error {
	made := *e
	made.Cause, made.No, made.Action, made.Unlisted = r.cause, "", provider.ActionNone, r.words == ""
	made.Text, made.Fix = fill.Replace(r.says), fill.Replace(r.fix)
	if made.Link = stsPage; r.step == stepSign {
		made.Link = signPage
	}
	return &made
}
