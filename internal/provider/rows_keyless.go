package provider

// Google's pages about identities without a key.
const (
	federationPage = "https://cloud.google.com/iam/docs/troubleshooting-workload-identity-federation"
	signJWTPage    = "https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/signJwt"
)

// The advice that two rows give.
const (
	enableSTS = "Enable it: gcloud services enable sts.googleapis.com, in the project of the pool (https://console.cloud.google.com/apis/library/sts.googleapis.com); wait some minutes, then release the account."
	enableIAM = "Enable it: gcloud services enable iamcredentials.googleapis.com, in the project of the service account and in that of the caller (https://console.cloud.google.com/apis/library/iamcredentials.googleapis.com); wait some minutes, then release the account."
	bindRole  = "Run: gcloud iam service-accounts add-iam-policy-binding {account} --role=roles/iam.serviceAccountTokenCreator --member='{member}' (the role is needed on the account itself, too, where a machine signs as its own; roles/iam.workloadIdentityUser is not enough). If it has the role: the account must exist, and the IAM Service Account Credentials API be enabled. A change takes some minutes; then release the account."
)

// keylessRows are the answers on the way to a token without a key file: of the Security
// Token Service, of IAM Credentials, and of the token endpoint about claims that Google
// has signed itself. The words are Google's, as those pages, google.rpc.ErrorInfo and the
// API's discovery document have them, read November 2026. Nothing of a message has left.
var keylessRows = []row{
	{
		vendor: notMicrosofts, stages: "exchange|sign", code: "429",
		class: Park, cause: "token_rate_limited", wait: waitMinute,
		says: "Google asks to sign in less often.",
		link: signJWTPage,
	},
	{
		vendor: notMicrosofts, stages: "exchange|sign", code: "403", reason: "RATE_LIMIT_EXCEEDED|RESOURCE_EXHAUSTED",
		class: Park, cause: "token_rate_limited", wait: waitMinute,
		says: "Google asks to sign in less often.",
		link: signJWTPage,
	},
	{
		vendor: notMicrosofts, stages: "exchange|sign", code: "5yz",
		class: Retry, cause: "token_endpoint_down",
		says: "Google's Security Token Service or IAM has trouble.",
		link: signJWTPage,
	},
	{
		vendor: notMicrosofts, stages: "exchange", reason: "internal_failure|server_error|temporarily_unavailable|backend_error",
		class: Retry, cause: "token_endpoint_down",
		says: "Google's Security Token Service has trouble.",
		link: federationPage,
	},
	{
		vendor: notMicrosofts, stages: "exchange", text: "has not been used in project|it is disabled. enable",
		class: Hold, cause: "api_disabled",
		says: "The Security Token Service API is not enabled in the project of the pool.",
		fix:  enableSTS,
		link: federationPage,
	},
	{
		vendor: notMicrosofts, stages: "exchange", reason: "SERVICE_DISABLED",
		class: Hold, cause: "api_disabled",
		says: "The Security Token Service API is not enabled in the project of the pool.",
		fix:  enableSTS,
		link: federationPage,
	},
	{
		vendor: notMicrosofts, stages: "exchange", reason: "invalid_target",
		class: Hold, cause: "pool_unknown",
		says: "Google knows no such provider of a workload identity pool, or it is disabled: {audience}.",
		fix:  "Compare it with: gcloud iam workload-identity-pools providers describe PROVIDER --workload-identity-pool=POOL --location=global. The number is the project's number, not its id. A deleted pool or provider can be restored within 30 days.",
		link: federationPage,
	},
	{
		vendor: notMicrosofts, stages: "exchange", text: "audience",
		class: Hold, cause: "wrong_audience",
		says: "The outside token is for another audience than the pool's provider accepts.",
		fix:  "Let the outside issuer make tokens for the audience https:{audience} (for Kubernetes: audience of the projected volume), or add the token's audience to the provider: gcloud iam workload-identity-pools providers update-oidc PROVIDER --workload-identity-pool=POOL --location=global --allowed-audiences=AUDIENCE.",
		link: federationPage,
	},
	{
		vendor: notMicrosofts, stages: "exchange", text: "stale|expire",
		class: Hold, cause: "subject_token_expired",
		says: "The outside token has expired.",
		fix:  "See why what renews it (a projected volume, an agent) has stopped, and check this machine's clock; then release the account.",
		link: federationPage,
	},
	{
		vendor: notMicrosofts, stages: "exchange", text: "issuer",
		class: Hold, cause: "wrong_issuer",
		says: "The outside token comes from another issuer than the pool's provider expects, or Google cannot reach that issuer.",
		fix:  "Compare the token's iss with the provider's issuer (gcloud iam workload-identity-pools providers describe): they must be equal to the letter. The issuer's /.well-known/openid-configuration must be public, or its keys uploaded to the provider.",
		link: federationPage,
	},
	{
		vendor: notMicrosofts, stages: "exchange", text: "attribute condition",
		class: Hold, cause: "condition_refused",
		says: "The pool's provider does not let this outside identity in.",
		fix:  "Check the attribute condition and mapping of the provider against the token's claims (gcloud iam workload-identity-pools providers describe).",
		link: federationPage,
	},
	{
		vendor: notMicrosofts, stages: "exchange", reason: "unauthorized_client",
		class: Hold, cause: "condition_refused",
		says: "The pool's provider does not let this outside identity in.",
		fix:  "Check the attribute condition and mapping of the provider against the token's claims (gcloud iam workload-identity-pools providers describe).",
		link: federationPage,
	},
	{
		vendor: notMicrosofts, stages: "exchange", text: "google.subject|mapped attribute",
		class: Hold, cause: "mapping_refused",
		says: "The pool's provider cannot make google.subject of the outside token's claims, or makes it longer than 127 bytes.",
		fix:  "Correct the attribute mapping: gcloud iam workload-identity-pools providers update-oidc PROVIDER --workload-identity-pool=POOL --location=global --attribute-mapping=google.subject=assertion.sub, then release the account.",
		link: federationPage,
	},
	{
		vendor: notMicrosofts, stages: "exchange", code: "4yz", rest: true,
		class: Hold, cause: "federation_refused",
		says: "Google's Security Token Service refuses the outside token.",
		fix:  "Read the reply; check the provider's issuer, audience, keys and attribute mapping against the token's claims, then release the account.",
		link: federationPage,
	},
	{
		vendor: notMicrosofts, stages: "sign", text: "has not been used in project|it is disabled. enable",
		class: Hold, cause: "api_disabled",
		says: "The IAM Service Account Credentials API is not enabled in the project of {account}.",
		fix:  enableIAM,
		link: signJWTPage,
	},
	{
		vendor: notMicrosofts, stages: "sign", reason: "SERVICE_DISABLED|accessNotConfigured",
		class: Hold, cause: "api_disabled",
		says: "The IAM Service Account Credentials API is not enabled in the project of {account}.",
		fix:  enableIAM,
		link: signJWTPage,
	},
	{
		vendor: notMicrosofts, stages: "sign", text: "insufficient authentication scopes",
		class: Hold, cause: "machine_scope_missing",
		says: "The access scopes of this machine do not let it call Google Cloud.",
		fix:  machineScope,
		link: signJWTPage,
	},
	{
		vendor: notMicrosofts, stages: "sign", reason: "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
		class: Hold, cause: "machine_scope_missing",
		says: "The access scopes of this machine do not let it call Google Cloud.",
		fix:  machineScope,
		link: signJWTPage,
	},
	{
		vendor: notMicrosofts, stages: "sign", text: "iam.serviceaccounts.signjwt|iam.serviceaccounts.getaccesstoken",
		class: Hold, cause: "signing_not_allowed",
		says: "{member} may not sign as {account}.",
		fix:  bindRole,
		link: signJWTPage,
	},
	{
		vendor: notMicrosofts, stages: "sign", reason: "IAM_PERMISSION_DENIED|PERMISSION_DENIED",
		class: Hold, cause: "signing_not_allowed",
		says: "{member} may not sign as {account}.",
		fix:  bindRole,
		link: signJWTPage,
	},
	{
		vendor: notMicrosofts, stages: "sign", code: "404",
		class: Hold, cause: "unknown_service_account",
		says: "Google knows no service account {account}.",
		fix:  "Check the address; a deleted service account can be restored within 30 days (gcloud iam service-accounts undelete UNIQUE-ID).",
		link: signJWTPage,
	},
	{
		vendor: notMicrosofts, stages: "sign", code: "401",
		class: Hold, cause: CauseCallerRefused,
		says: "Google no longer takes the token of {member}.",
		fix:  "Check that the pool, its provider and the service account are not disabled, then release the account.",
		link: signJWTPage,
	},
	{
		vendor: notMicrosofts, stages: "sign", code: "4yz", rest: true,
		class: Hold, cause: "signing_refused",
		says: "Google does not sign as {account}.",
		fix:  "Read the reply; check that the service account is not disabled and that the IAM Service Account Credentials API is enabled, then release the account.",
		link: signJWTPage,
	},
	{
		vendor: notMicrosofts, stages: "exchange|sign",
		class: Retry, cause: "token_answer_unreadable", rest: true,
		says: "Google's Security Token Service or IAM gave an answer that is none of Google's.",
		fix:  "Check whether a proxy answers in Google's place.",
	},
	{
		vendor: notMicrosofts, stages: "token", reason: "invalid_grant", text: "invalid jwt signature", by: bySigning,
		class: Hold, cause: "key_refused",
		says: "Google does not accept a signature that it has just made for {account}.",
		fix:  "Check that the service account is not disabled, then release the account.",
		link: googleDelegationPage,
	},
	{
		vendor: notMicrosofts, stages: "token", reason: "invalid_grant", text: "no valid verifier|account not found", by: bySigning,
		class: Hold, cause: "unknown_service_account",
		says: "Google knows no service account {account}.",
		fix:  "Check the address, and that the service account still exists in its project.",
		link: googleDelegationPage,
	},
}

// machineScope is what to do about access scopes of machines
// (cloud.google.com/compute/docs/access/service-accounts#accesscopesiam).
const machineScope = "Give the machine the access scope cloud-platform (stop it; gcloud compute instances set-service-account MACHINE --scopes=cloud-platform; GKE: a node pool with that scope, or workload identity), then release the account."
