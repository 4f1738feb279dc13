package oauth

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"regexp"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// Where a program without a key file has its own identity from.
const (
	// KeylessFederation is another issuer's token, exchanged for Google's by workload
	// identity federation: a file of the type external_account says how.
	KeylessFederation = "external_account"
	// KeylessMetadata is the service account of the machine of Google Cloud that gatepost
	// runs on.
	KeylessMetadata = "metadata"
)

// Keyless is a service account that Google signs for: gatepost has an identity of its
// own and may have the account's claims signed (IAM Credentials, signJwt). It never
// shows what the file holds.
type Keyless struct {
	fields   KeylessFields
	account  string           // whom to act as; empty: the machine's own
	external *externalAccount // nil: the machine's identity
	at       KeylessEndpoints
	may      KeylessIdentities
}

// KeylessFields are a Keyless as it is given and kept.
type KeylessFields struct {
	// Source is KeylessFederation or KeylessMetadata; where it is empty the file decides.
	Source string `json:"source"`
	// File is a credential file of the type external_account, as gcloud writes it
	// (gcloud iam workload-identity-pools create-cred-config).
	File json.RawMessage `json:"file,omitempty"`
	// ServiceAccount is whom to act as. It may be left out where the file names it, and
	// with KeylessMetadata for the machine's own.
	ServiceAccount string `json:"service_account,omitempty"`
	// ClientID is the account's unique ID, which the Workspace administrator delegates
	// to. Nothing but advice needs it.
	ClientID string `json:"client_id,omitempty"`
}

// NewKeyless checks the fields. Errors are a KeyFileError that names every wrong one;
// fields of the file stand below "file". Whatever the file names, gatepost asks these
// endpoints alone, and one that names others than these or Google's is refused. Whether
// its identity is one that may be used is Allowed's to say.
func NewKeyless(f KeylessFields, at KeylessEndpoints, may KeylessIdentities) (*Keyless, error) {
	f.File = withoutBOM(f.File)
	k := &Keyless{fields: f, account: f.ServiceAccount, at: at.orGoogle(), may: may}
	if k.fields.Source == "" && given(f.File) {
		k.fields.Source = KeylessFederation
	}
	wrong := f.check()
	switch k.fields.Source {
	case KeylessMetadata:
		if given(f.File) {
			wrong = append(wrong, provider.FieldError{Field: "file", Message: `is not for the source "metadata", which is the machine itself: leave one of them out`})
		}
	case KeylessFederation:
		wrong = append(wrong, k.readFile()...)
	default:
		wrong = append(wrong, provider.FieldError{Field: "source", Message: `must be "external_account" (with the file of workload identity federation) or "metadata" (the service account of this machine of Google Cloud)`})
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return k, nil
}

// ParseKeyless reads what Marshal wrote, and checks it again.
func ParseKeyless(text []byte, at KeylessEndpoints, may KeylessIdentities) (*Keyless, error) {
	var f KeylessFields
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fileError("cannot be read: store the credential again")
	}
	return NewKeyless(f, at, may)
}

// Marshal writes the fields, for the vault: headers of the file may be secret.
func (k *Keyless) Marshal() (email.Secret, error) {
	text, err := json.Marshal(k.fields)
	if err != nil {
		return email.Secret{}, fmt.Errorf("write the keyless credential: %w", err)
	}
	return email.NewSecret(string(text)), nil
}

// Source is KeylessFederation or KeylessMetadata.
func (k *Keyless) Source() string { return k.fields.Source }

// Account is the service account to act as; empty for the machine's own.
func (k *Keyless) Account() string { return k.account }

// ClientID is the account's unique ID; empty where nobody said it.
func (k *Keyless) ClientID() string { return k.fields.ClientID }

// Audience names the pool and its provider; empty for the machine's identity.
func (k *Keyless) Audience() string {
	if k.external == nil {
		return ""
	}
	return k.external.Audience
}

// SubjectToken is where the outside token is found, without what can be secret of it;
// empty for the machine's identity.
func (k *Keyless) SubjectToken() string {
	if k.external == nil {
		return ""
	}
	_, place := k.identity()
	return place
}

// Format implements fmt.Formatter, so that no verb shows the file.
func (k Keyless) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "keyless service account "+cmp.Or(k.account, "of the machine"))
}

var (
	// serviceAccountName is an address of a service account. It goes into paths.
	serviceAccountName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}@([a-z0-9-]{1,63}\.){1,8}gserviceaccount\.com$`)
	uniqueID           = regexp.MustCompile(`^[0-9]{1,30}$`)
)

// check looks at the fields beside the file.
func (f KeylessFields) check() (wrong KeyFileError) {
	if f.ServiceAccount != "" && !serviceAccountName.MatchString(f.ServiceAccount) {
		wrong = append(wrong, provider.FieldError{Field: "service_account", Message: "is not the address of a service account, such as mail@my-project.iam.gserviceaccount.com"})
	}
	if f.ClientID != "" && !uniqueID.MatchString(f.ClientID) {
		wrong = append(wrong, provider.FieldError{Field: "client_id", Message: "must be the service account's unique ID, a number (gcloud iam service-accounts describe ADDRESS --format='value(uniqueId)')"})
	}
	return wrong
}

// given tells whether there is a value, which null is not.
func given(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }
