package control

import (
	"cmp"
	"context"

	"gatepost/internal/access"
	"gatepost/internal/oauth"
)

// Google's pages, read November 2026.
const (
	// pagePools is cloud.google.com/iam/docs/workload-identity-federation-with-other-providers.
	pagePools = "https://console.cloud.google.com/iam-admin/workload-identity-pools"
	// pageAttach is where a machine gets a service account.
	pageAttach = "https://cloud.google.com/compute/docs/access/change-service-account"
)

// What stands in the lines for what gatepost does not know yet.
const (
	unknownAccount = "gatepost@PROJECT.iam.gserviceaccount.com"
	poolPath       = "projects/NUMBER/locations/global/workloadIdentityPools/gatepost"
	outsideFile    = "/var/run/secrets/gatepost/token"
)

// keylessSetup is a service account without a key that is being set up.
type keylessSetup struct {
	source  string // as oauth.KeylessFields has it; empty: there is a key
	account string // empty: not known yet, or the machine's own
	member  string // who signs, as IAM names it
	stored  bool
}

// readKeyless takes over what is known of the credential that is there, and asks what
// IAM calls the identity that is to sign.
func (c *Control) readKeyless(ctx context.Context, g access.Grant, s *setup) error {
	_, value, err := c.cfg.Vault.Secret(ctx, g.Team, s.query.Credential)
	if err != nil {
		return err
	}
	k, err := c.cfg.Keyless.Open(value)
	if err != nil {
		return nil // an old one, which the check tells of
	}
	s.keyless = keylessSetup{source: k.Source(), account: k.Account(), stored: true}
	short, cancel := context.WithTimeout(ctx, trialPatience)
	defer cancel()
	if by, err := k.Caller(short, c.cfg.Keyless.HTTP, c.cfg.Now()); err == nil {
		s.keyless.account, s.keyless.member = by.Account, by.Member
	}
	return nil
}

// steps are what has to be done before the delegation.
func (k keylessSetup) steps() []SetupStep {
	if k.stored {
		return []SetupStep{k.mayToSign(), k.uniqueID()}
	}
	steps := []SetupStep{k.enable(), k.makeAccount()}
	if k.source == oauth.KeylessMetadata {
		steps = append(steps, k.attach(), k.mayToSign())
	} else {
		steps = append(steps, k.pool(), k.mayToSign(), k.file())
	}
	return append(steps, k.list(), k.hand(), k.uniqueID())
}

func (k keylessSetup) who() string { return cmp.Or(k.account, unknownAccount) }

func (k keylessSetup) enable() SetupStep {
	return SetupStep{
		Title: "Switch on the APIs", Text: "In the project of the service account. A shell with gcloud is at https://shell.cloud.google.com.",
		Commands: []string{"gcloud services enable gmail.googleapis.com iamcredentials.googleapis.com sts.googleapis.com"},
	}
}

func (k keylessSetup) makeAccount() SetupStep {
	return SetupStep{
		Title: "Make a service account, without a key", URL: pageAccounts,
		Text:     "It needs no role in the project. One that is there already serves, too.",
		Commands: []string{"gcloud iam service-accounts create gatepost"},
	}
}

// attach gives the machine its identity.
func (k keylessSetup) attach() SetupStep {
	return SetupStep{
		Title: "Let the machine be it", URL: pageAttach,
		Text: "Compute Engine, while the machine is stopped; Cloud Run has gcloud run services update --service-account; for GKE link the workload's " +
			"Kubernetes account to it (Workload Identity Federation for GKE).",
		Commands: []string{"gcloud compute instances set-service-account MACHINE --service-account=" + k.who() + " --scopes=cloud-platform"},
	}
}

// pool makes Google trust the outside issuer
// (cloud.google.com/iam/docs/workload-identity-federation-with-other-providers).
func (k keylessSetup) pool() SetupStep {
	return SetupStep{
		Title: "Let Google trust the issuer of the outside tokens", URL: pagePools,
		Text: "ISSUER is the iss of the tokens, to the letter: of a Kubernetes cluster its service account issuer, of a CI its OpenID Connect address. The " +
			"outside tokens must be OpenID Connect (JWT); let them be made for the audience https://iam.googleapis.com/" + poolPath + "/providers/outside.",
		Commands: []string{
			"gcloud iam workload-identity-pools create gatepost --location=global",
			"gcloud iam workload-identity-pools providers create-oidc outside --location=global --workload-identity-pool=gatepost --issuer-uri=ISSUER --attribute-mapping=google.subject=assertion.sub",
		},
	}
}

// mayToSign is the role without which nothing can be signed: that of workload identity
// users allows tokens of the account itself, and no signature (projects.serviceAccounts
// of cloud.google.com/iam/docs/reference/credentials/rest).
func (k keylessSetup) mayToSign() SetupStep {
	member := cmp.Or(k.member, "principal://iam.googleapis.com/"+poolPath+"/subject/SUBJECT")
	text := "SUBJECT is the sub of the outside tokens, and NUMBER the project's number, not its id. "
	if k.source == oauth.KeylessMetadata {
		member, text = cmp.Or(k.member, "serviceAccount:"+k.who()), "The role is needed although the machine is that account. "
	}
	if k.member != "" {
		text = "Who signs is named as IAM knows it. "
	}
	return SetupStep{
		Title: "Let it sign", URL: pageAccounts,
		Text: text + "The role is Service Account Token Creator, on the service account; Workload Identity User is not enough. It works after some minutes.",
		Commands: []string{
			"gcloud iam service-accounts add-iam-policy-binding " + k.who() + " --role=roles/iam.serviceAccountTokenCreator --member='" + member + "'",
		},
	}
}

func (k keylessSetup) file() SetupStep {
	return SetupStep{
		Title: "Make the federation file", URL: pagePools,
		Text: "The source is the file in which gatepost finds the outside token, on every node: for Kubernetes a projected volume. " +
			"--credential-source-url=… names an address that gives it. AWS and executables are not for gatepost.",
		Commands: []string{
			"gcloud iam workload-identity-pools create-cred-config " + poolPath + "/providers/outside --service-account=" + k.who() +
				" --credential-source-file=" + outsideFile + " --output-file=federation.json",
		},
	}
}

// list is the operator's word for it.
func (k keylessSetup) list() SetupStep {
	identity := outsideFile
	if k.source == oauth.KeylessMetadata {
		identity = oauth.KeylessMetadata
	}
	return SetupStep{
		Title: "Let credentials use that identity",
		Text:  "Whoever runs gatepost adds it to this setting on every node, and starts it again. It is empty at first, so that nobody who may store a credential borrows what the machine has.",
		Values: []SetupValue{
			{"Setting", "google-keyless"}, {"Environment", "GATEPOST_GOOGLE_KEYLESS=" + identity},
		},
	}
}

func (k keylessSetup) hand() SetupStep {
	command := "gatepost connect workspace app@example.com --keyless federation.json"
	if k.source == oauth.KeylessMetadata {
		command = "gatepost connect workspace app@example.com --metadata"
	}
	return SetupStep{Title: "Give it to gatepost", Text: "Identity, exchange, signature and each scope are tried live. Nothing is connected before all of it works.", Commands: []string{command}}
}

// uniqueID is what the Workspace administrator delegates to; the file does not have it.
func (k keylessSetup) uniqueID() SetupStep {
	return SetupStep{
		Title: "Look up the service account's unique ID", URL: pageAccounts,
		Text:     "It is the number under “OAuth 2 Client ID” (Unique ID). The administrator delegates to this number, not to the address.",
		Commands: []string{"gcloud iam service-accounts describe " + k.who() + " --format='value(uniqueId)'"},
	}
}

// keylessSource checks the source of a set-up.
func (ps *problems) keylessSource(s *setup) {
	switch source := s.query.Source; {
	case source == "":
	case s.query.Kind != SetupWorkspace:
		ps.add("source", "is for the set-up workspace alone")
	case source != oauth.KeylessMetadata && source != oauth.KeylessFederation:
		ps.add("source", `must be "external_account" (workload identity federation) or "metadata" (a machine of Google Cloud)`)
	default:
		s.keyless.source = source
	}
}
