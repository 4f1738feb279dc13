package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"gatepost/client"
	"gatepost/internal/control"
	"gatepost/internal/email"
)

func credentialOf(c control.Credential) (client.Credential, error) {
	a := client.Credential{
		ID: c.ID, Kind: c.Kind, Name: c.Name, Public: map[string]string{}, CreatedAt: timeOf(c.CreatedAt), UpdatedAt: timeOf(c.UpdatedAt),
	}
	var public map[string]any
	if err := json.Unmarshal(c.Public, &public); err != nil {
		return a, err
	}
	for name, value := range public {
		a.Public[name] = fmt.Sprint(value)
	}
	return a, nil
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
		Kind: b.Kind, Name: b.Name, Key: b.Key, Source: b.Source, ServiceAccount: b.ServiceAccount, ClientID: b.ClientID, ClientSecret: email.NewSecret(b.ClientSecret),
		Tenant: b.Tenant, Cloud: b.Cloud, Certificate: email.NewSecret(b.Certificate), SecretExpires: b.SecretExpiresAt,
		Testing:  b.Testing,
		Password: email.NewSecret(b.Password), OnlyCheck: len(problems) > 0,
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
	all, err := s.Control.Credentials(c.r.Context(), c.grant)
	if err != nil {
		return err
	}
	list := client.CredentialList{Data: make([]client.Credential, len(all))}
	for i, one := range all {
		if list.Data[i], err = credentialOf(one); err != nil {
			return err
		}
	}
	return c.answer(http.StatusOK, list)
}

// showCredential shows one credential.
func (s *server) showCredential(c *call) error {
	all, err := s.Control.Credentials(c.r.Context(), c.grant)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(one control.Credential) bool { return one.ID == c.r.PathValue("id") })
	if i < 0 {
		return control.ErrNotFound
	}
	return c.credentialAnswer(http.StatusOK, all[i])
}

// deleteCredential removes a credential.
func (s *server) deleteCredential(c *call) error {
	gone, err := s.Control.DeleteCredential(c.r.Context(), c.grant, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.removed(gone)
}
