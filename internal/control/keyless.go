package control

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"gatepost/internal/oauth"
	"gatepost/internal/vault"
)

// keyless reads a service account without a key: a file of workload identity
// federation, or the machine that gatepost runs on. Whether the operator lets
// credentials use that identity is said here, too, before anything is asked or stored.
func (ps *problems) keyless(n NewCredential, from vault.Keyless) secret {
	k, err := oauth.NewKeyless(n.keylessFields(), from.At, from.May)
	if err == nil {
		err = k.Allowed()
	}
	if err != nil {
		ps.keylessFile(err)
		return secret{}
	}
	value, err := k.Marshal()
	if err != nil {
		ps.add("key", "cannot be kept")
		return secret{}
	}
	public, err := vault.PublicOfKeyless(k)
	if err != nil {
		ps.add("key", "cannot be kept")
	}
	return secret{value: value, public: public}
}

func (n NewCredential) keylessFields() oauth.KeylessFields {
	file, _ := unquote(n.Key)
	return oauth.KeylessFields{Source: n.Source, File: file, ServiceAccount: n.ServiceAccount, ClientID: n.ClientID}
}

// keylessFile names the fields as the API does: the file is the key.
func (ps *problems) keylessFile(err error) {
	wrong, ok := errors.AsType[oauth.KeyFileError](err)
	if !ok {
		ps.add("key", "is not a federation file that can be used")
		return
	}
	for _, f := range wrong {
		field := f.Field
		if name, inFile := strings.CutPrefix(field, "file"); inFile || field == "key_file" {
			field = "key" + strings.TrimPrefix(name, "key_file")
		}
		ps.add(field, "%s", f.Message)
	}
}

// sameAccount fills in what is known of the service account that gets a new file.
func (c *Control) sameAccount(n NewCredential, public json.RawMessage) NewCredential {
	if n.Kind != KindKeyless {
		return n
	}
	if len(n.Key) == 0 && n.Source == "" && publicOf(public, "source") == oauth.KeylessMetadata {
		n.Source = oauth.KeylessMetadata
	}
	k, err := oauth.NewKeyless(n.keylessFields(), c.cfg.Keyless.At, c.cfg.Keyless.May)
	if err == nil && n.ClientID == "" && k.Account() == publicOf(public, "client_email") {
		n.ClientID = publicOf(public, "client_id")
	}
	return n
}

// keylessRefusals are the causes for which a service account without a key is not
// stored. All else can be mended at Google, and the proof tells of it.
func keylessRefusals() map[string]string {
	return map[string]string{"pool_unknown": "key.audience", "unknown_service_account": "service_account"}
}

// tryKeyless has Google sign for no user: neither a delegation nor a mailbox is needed
// for that.
func (c *Control) tryKeyless(ctx context.Context, s secret) error {
	k, err := c.cfg.Keyless.Open(s.value)
	if err != nil {
		return err
	}
	for _, step := range k.Prove(ctx, c.cfg.Keyless.HTTP, c.cfg.Now()) {
		if step.Err != nil {
			return step.Err
		}
	}
	return nil
}

// keylessProof: there is an identity, Google knows it and signs for it, and it may act
// for the user with each scope alone.
func (c *Control) keylessProof(ctx context.Context, t trial) (Proof, error) {
	_, value, err := c.cfg.Vault.Secret(ctx, t.row.Team, t.row.ID)
	if err != nil {
		return Proof{}, err
	}
	k, err := c.cfg.Keyless.Open(value)
	if err != nil {
		return proofOf([]Step{{
			Name: "key", Cause: "key_damaged", Text: "What is kept cannot be read: " + err.Error(), Fix: "Store the federation file again in place of this credential.",
		}}), nil
	}
	steps := stepsOf(k.Prove(ctx, c.cfg.Keyless.HTTP, c.cfg.Now()))
	if p := proofOf(steps); !p.OK {
		return p, nil
	}
	return c.delegationProof(ctx, t, steps, func(name, subject string, p oauth.Purpose, seen string) Step {
		_, err := c.cfg.Vault.Token(ctx, vault.TokenRequest{Team: t.row.Team, Credential: t.row.ID, Subject: subject, Scopes: []string{p.Scope()}})
		return tried(name, seen, err)
	})
}
