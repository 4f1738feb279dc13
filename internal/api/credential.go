package api

import (
	"encoding/json"
	"net/http"

	"gatepost/internal/control"
	"gatepost/internal/email"
)

// credentialBody is a secret that is handed over.
type credentialBody struct {
	Kind     string          `json:"kind" enum:"google_service_account,smtp_password"`
	Name     string          `json:"name" doc:"What people call it." example:"Workspace"`
	Key      json.RawMessage `json:"key,omitempty" doc:"google_service_account: the JSON file that Google gave, as an object or as a string."`
	Password string          `json:"password,omitempty" doc:"smtp_password: the password."`
}

// credentialAnswer is what may be shown of a credential.
type credentialAnswer struct {
	ID        string            `json:"id"`
	Kind      string            `json:"kind"`
	Name      string            `json:"name"`
	Public    map[string]string `json:"public" doc:"What tells the secret from others: client_email, client_id, key_id and project of a service account."`
	CreatedAt stamp             `json:"created_at"`
	UpdatedAt stamp             `json:"updated_at"`
}

// credentialList is all credentials of a team.
type credentialList struct {
	Data []credentialAnswer `json:"data"`
}

func credentialOf(c control.Credential) (credentialAnswer, error) {
	a := credentialAnswer{ID: c.ID, Kind: c.Kind, Name: c.Name, CreatedAt: stamp(c.CreatedAt), UpdatedAt: stamp(c.UpdatedAt)}
	return a, json.Unmarshal(c.Public, &a.Public)
}

// createCredential keeps a secret.
func (s *server) createCredential(c *call) error {
	b, problems, err := c.credential()
	if err != nil {
		return err
	}
	made, err := s.Control.CreateCredential(c.r.Context(), c.grant, b)
	if err := alsoWrong(problems, err); err != nil {
		return err
	}
	return c.credentialAnswer(http.StatusCreated, made)
}

// replaceCredential puts another secret in a credential's place.
func (s *server) replaceCredential(c *call) error {
	b, problems, err := c.credential()
	if err != nil {
		return err
	}
	made, err := s.Control.ReplaceCredential(c.r.Context(), c.grant, c.r.PathValue("id"), b)
	if err := alsoWrong(problems, err); err != nil {
		return err
	}
	return c.credentialAnswer(http.StatusOK, made)
}

func (c *call) credential() (control.NewCredential, []email.Problem, error) {
	b, problems, err := decodeBody(c, c.s.credentials, nil)
	return control.NewCredential{
		Kind: b.Kind, Name: b.Name, Key: b.Key, Password: email.NewSecret(b.Password), OnlyCheck: len(problems) > 0,
	}, problems, err
}

func (c *call) credentialAnswer(status int, made control.Credential) error {
	a, err := credentialOf(made)
	if err != nil {
		return err
	}
	return c.answer(status, a)
}

// listCredentials shows all credentials without their secrets.
func (s *server) listCredentials(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	all, err := s.Control.Credentials(c.r.Context(), c.grant)
	if err != nil {
		return err
	}
	list := credentialList{Data: make([]credentialAnswer, len(all))}
	for i, one := range all {
		if list.Data[i], err = credentialOf(one); err != nil {
			return err
		}
	}
	return c.answer(http.StatusOK, list)
}
