package oauth

import (
	"encoding/json"
	"fmt"
	"regexp"

	"gatepost/internal/provider"
)

// externalAccount is what gatepost reads of a file of workload identity federation
// (cloud.google.com/iam/docs/workload-identity-federation-with-other-providers,
// google.aip.dev/auth/4117).
type externalAccount struct {
	Type             string         `json:"type"`
	Audience         string         `json:"audience"`
	SubjectTokenType string         `json:"subject_token_type"`
	TokenURL         string         `json:"token_url"`
	Impersonation    string         `json:"service_account_impersonation_url"`
	Source           *subjectSource `json:"credential_source"`
	Universe         string         `json:"universe_domain"`
}

// The types of outside tokens that are taken. Both are JWTs, so that nothing but a
// token is ever sent off, whatever file or address the credential names.
const (
	subjectJWT     = "urn:ietf:params:oauth:token-type:jwt"
	subjectIDToken = "urn:ietf:params:oauth:token-type:id_token"
)

// createConfig is how the file is made.
const createConfig = "gcloud iam workload-identity-pools create-cred-config"

// poolAudience names a provider of a workload identity pool.
var poolAudience = regexp.MustCompile(`^//iam\.googleapis\.com/projects/[0-9]{1,20}/locations/[a-z0-9-]{1,40}/workloadIdentityPools/[a-z0-9-]{1,40}/providers/[a-z0-9-]{1,40}$`)

// readFile takes the file in; what is wrong stands below "file".
func (k *Keyless) readFile() (wrong KeyFileError) {
	f, wrong := decodeExternal(k.fields.File)
	if len(wrong) == 0 {
		wrong = append(f.check(k.at), k.actAs(f)...)
		k.external = &f
	}
	for i := range wrong {
		if wrong[i].Field == "key_file" {
			wrong[i].Field = "file"
		} else if wrong[i].Field != "service_account" {
			wrong[i].Field = "file." + wrong[i].Field
		}
	}
	return wrong
}

func decodeExternal(text json.RawMessage) (f externalAccount, wrong KeyFileError) {
	switch {
	case !given(text):
		return f, fileError("is missing: the file that " + createConfig + " writes")
	case len(text) > maxKeyFile:
		return f, fileError("larger than 64 KiB: not a credential file")
	}
	var kind struct {
		Type string `json:"type"`
	}
	text = withoutBOM(text)
	if json.Unmarshal(text, &kind) != nil {
		return f, fileError("not the JSON file that " + createConfig + " writes")
	}
	if kind.Type != KeylessFederation {
		return f, KeyFileError{{Field: "type", Message: notFederation(kind.Type)}}
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return f, fileError("has fields of another form than the file that " + createConfig + " writes")
	}
	return f, nil
}

// notFederation says what was given in place of a federation file.
func notFederation(found string) string {
	const want = `must be "external_account"`
	switch found {
	case "service_account":
		return want + "; this file holds a service account's key: keep it as a credential of the kind google_service_account (gatepost connect workspace ADDRESS --service-account FILE)"
	case "authorized_user", "external_account_authorized_user":
		return want + "; this file holds a person's own login (gcloud), which cannot sign for a service account here"
	case "":
		return want + "; it is missing: make the file with " + createConfig
	}
	return fmt.Sprintf("%s, not %q: make the file with %s", want, clip(found), createConfig)
}

// check looks at all fields but the service account.
func (f externalAccount) check(at KeylessEndpoints) (wrong KeyFileError) {
	add := func(field, message string) {
		wrong = append(wrong, provider.FieldError{Field: field, Message: message})
	}
	if !poolAudience.MatchString(f.Audience) {
		add("audience", "must name the provider of a workload identity pool: //iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER")
	}
	if f.SubjectTokenType != subjectJWT && f.SubjectTokenType != subjectIDToken {
		add("subject_token_type", "must be "+subjectJWT+" or "+subjectIDToken+": gatepost exchanges OpenID Connect tokens alone (a pool's provider for AWS or SAML: add one for OIDC beside it)")
	}
	if google := GoogleKeyless().STS; f.TokenURL != "" && f.TokenURL != google && f.TokenURL != at.STS {
		add("token_url", "must be "+orSimulated(google, at.STS)+": a token is never sent elsewhere")
	}
	if f.Universe != "" && f.Universe != googleUniverse {
		add("universe_domain", "must be "+googleUniverse+": gatepost knows no other clouds")
	}
	if f.Source == nil {
		add("credential_source", "is missing: it says where the outside token is found; make the file with "+createConfig+" --credential-source-file=… or --credential-source-url=…")
		return wrong
	}
	return append(wrong, f.Source.check()...)
}

// actAs finds the service account to act as: in the file, or given beside it.
func (k *Keyless) actAs(f externalAccount) KeyFileError {
	const field = "service_account_impersonation_url"
	if f.Impersonation == "" {
		if k.account == "" {
			return KeyFileError{{Field: field, Message: "is missing, and no service_account is given: domain-wide delegation is a service account's; make the file with " + createConfig + " --service-account=…, or name the service account beside the file"}}
		}
		return nil
	}
	named, ok := k.at.accountIn(f.Impersonation)
	switch {
	case !ok || !serviceAccountName.MatchString(named):
		base := orSimulated(GoogleKeyless().IAM, k.at.IAM)
		return KeyFileError{{Field: field, Message: "must be " + accountsPath + "ADDRESS:generateAccessToken at " + base + ": a token is never sent elsewhere"}}
	case k.account != "" && k.account != named:
		return KeyFileError{{Field: "service_account", Message: "the file names another, " + named + ": leave it out, or take the file that names this one"}}
	}
	k.account = named
	return nil
}
