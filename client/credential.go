package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// NewCredential is a secret to be kept.
type NewCredential struct {
	Kind            string          `json:"kind" enum:"google_service_account,google_keyless,google_oauth_client,microsoft_app,smtp_password"`
	Name            string          `json:"name" doc:"What people call it." example:"Workspace"`
	Key             json.RawMessage `json:"key,omitempty" doc:"google_service_account, google_oauth_client: the JSON file that Google gave, as an object or as a string. google_keyless: the file of workload identity federation (external_account), likewise. microsoft_app: the private key of the certificate, PEM in a string."`
	Source          string          `json:"source,omitempty" enum:"external_account,metadata" doc:"google_keyless: where gatepost has its own identity from: the file in key, or the metadata server of the machine of Google Cloud that it runs on. Empty: the file."`
	ServiceAccount  string          `json:"service_account,omitempty" doc:"google_keyless: the service account to act as. Empty: the one in the file, or the machine's own." example:"gatepost@my-project.iam.gserviceaccount.com"`
	ClientID        string          `json:"client_id,omitempty" doc:"google_keyless: the service account's unique ID, so that advice can name it. google_oauth_client: in place of key. microsoft_app: the Application (client) ID."`
	ClientSecret    string          `json:"client_secret,omitempty" doc:"google_oauth_client: in place of key. microsoft_app: the Value of a client secret, not its ID."`
	Tenant          string          `json:"tenant,omitempty" doc:"microsoft_app: the Directory (tenant) ID or a domain of it; for consents of users of other tenants common, organizations or consumers." example:"contoso.com"`
	Cloud           string          `json:"cloud,omitempty" enum:"global,us_gov_l4,us_gov_l5,china" doc:"microsoft_app: Microsoft's cloud. Empty: global."`
	Certificate     string          `json:"certificate,omitempty" doc:"microsoft_app: a certificate that is registered with the app, PEM, in place of client_secret. Its private key may be in it, or in key. With neither the app is a public client, for users' consents alone."`
	SecretExpiresAt string          `json:"secret_expires_at,omitempty" doc:"microsoft_app: when the client secret ends, a date; Microsoft tells nobody else." example:"2028-11-21"`
	Testing         bool            `json:"testing,omitempty" doc:"google_oauth_client: the publishing status of its app is Testing, where consents end after seven days. Google says so itself with most of them."`
	Password        string          `json:"password,omitempty" doc:"smtp_password: the password."`
}

// Credential is what may be shown of a credential.
type Credential struct {
	ID   string `json:"id"`
	Kind string `json:"kind" enum:"google_service_account,google_keyless,google_oauth_client,google_user,microsoft_app,microsoft_user,smtp_password"`
	Name string `json:"name"`
	// Public tells the secret from others. Lists are joined by spaces.
	Public    map[string]string `json:"public" doc:"What tells the secret from others: client_email, client_id, key_id and project of a service account; source, client_email, client_id, audience and subject_token of one without a key; client_id and type of an OAuth client; tenant, client_id, cloud, auth, thumbprint and expires_at of an app registration; email, scopes, purposes and client of a user's consent."`
	CreatedAt Time              `json:"created_at"`
	UpdatedAt Time              `json:"updated_at"`
}

// CredentialList is all credentials of a team.
type CredentialList struct {
	Data []Credential `json:"data"`
}

// CreateCredential hands over a secret. It is sealed and never shown again.
func (c *Client) CreateCredential(ctx context.Context, n NewCredential) (Credential, error) {
	return send[Credential](ctx, c, http.MethodPost, "/v1/credentials", n)
}

// ReplaceCredential puts a new secret of the same kind in a credential's place
// and releases the held accounts that use it.
func (c *Client) ReplaceCredential(ctx context.Context, id string, n NewCredential) (Credential, error) {
	return send[Credential](ctx, c, http.MethodPut, at("credentials", id, ""), n)
}

// Credentials lists all credentials, without their secrets.
func (c *Client) Credentials(ctx context.Context) (CredentialList, error) {
	return ask[CredentialList](ctx, c, get("/v1/credentials", nil))
}

// Credential tells of one credential.
func (c *Client) Credential(ctx context.Context, id string) (Credential, error) {
	return ask[Credential](ctx, c, get(at("credentials", id, ""), nil))
}

// DeleteCredential removes a credential for good. While accounts use it the
// error's kind is in_use.
func (c *Client) DeleteCredential(ctx context.Context, id string) (Removed, error) {
	return ask[Removed](ctx, c, remove(at("credentials", id, "")))
}

// CheckCredential tries a credential live for one mailbox, step by step. That a
// step fails is no error of this method.
func (c *Client) CheckCredential(ctx context.Context, id string, how Check) (Proof, error) {
	r, err := post(at("credentials", id, "check")).asking().with(how)
	if err != nil {
		return Proof{}, err
	}
	return ask[Proof](ctx, c, r)
}

// drop removes something.
func (c *Client) drop(ctx context.Context, path string) error {
	_, err := ask[struct{}](ctx, c, remove(path))
	return err
}
