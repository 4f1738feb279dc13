package api

import (
	"net/http"

	"gatepost/client"
)

const (
	exampleCredentialID = "cred_01jd2q0000e0080g40r40m30e2"
	exampleAccountID    = "acc_01jd2q0000e0080g40r40m30e2"
)

const exampleCredential = `{"id": "cred_01jd2q0000e0080g40r40m30e2", "kind": "smtp_password", "name": "Relay", "public": {}, "created_at": "2026-11-21T08:00:00.000Z", "updated_at": "2026-11-21T08:00:00.000Z"}`

const exampleProof = `{"ok": false, "steps": [{"name": "token", "ok": true, "detail": "Google gave a token."},
 {"name": "scope:look", "ok": false, "optional": true, "cause": "scope_missing", "text": "The delegation lacks gmail.metadata.", "fix": "Add the scope in the admin console.", "reply": "unauthorized_client"}]}`

func describeCreateCredential(d *describer) {
	d.about("createCredential", "Hand over a secret", "It is sealed and never shown again.")
	d.takes(client.NewCredential{}, map[string]string{
		"password":                `{"kind": "smtp_password", "name": "Relay", "password": "correct horse"}`,
		"Google, by the machine":  `{"kind": "google_keyless", "name": "This machine", "source": "metadata", "service_account": "gatepost@my-project.iam.gserviceaccount.com"}`,
		"Microsoft, for consents": `{"kind": "microsoft_app", "name": "Contoso", "tenant": "common", "client_id": "5f1ea8e5-c6b1-4e4e-9b0c-0b2f6b6f6a11"}`,
	})
	d.gives(http.StatusCreated, "The credential, without its secret.", client.Credential{}, exampleCredential)
}

func describeListCredentials(d *describer) {
	d.about("listCredentials", "List credentials", "")
	d.gives(http.StatusOK, "All credentials, without their secrets.", client.CredentialList{}, `{"data": [`+exampleCredential+`]}`)
}

func describeReplaceCredential(d *describer) {
	d.about("replaceCredential", "Put a new secret in a credential's place", "Of the same kind. Accounts that use it and were held are released.")
	d.id("The credential's id.", exampleCredentialID)
	d.takes(client.NewCredential{}, map[string]string{"password": `{"kind": "smtp_password", "name": "Relay", "password": "battery staple"}`})
	d.gives(http.StatusOK, "The credential, without its secret.", client.Credential{}, exampleCredential)
}

func describeShowCredential(d *describer) {
	d.about("showCredential", "Show a credential", "")
	d.id("The credential's id.", exampleCredentialID)
	d.gives(http.StatusOK, "The credential, without its secret.", client.Credential{}, exampleCredential)
}

func describeDeleteCredential(d *describer) {
	d.about("deleteCredential", "Remove a credential", "For good. A user's consent is revoked at Google too, as far as Google can be reached; for one at Microsoft the answer says where to remove it.")
	d.id("The credential's id.", exampleCredentialID)
	d.gives(http.StatusNoContent, "Removed.", nil, "")
	d.gives(http.StatusOK, "Removed, and what became of the user's consent.", client.Removed{}, exampleRemoved)
	d.problem(http.StatusConflict, "in_use: accounts use it, or users connected by it.")
}

func describeCheckCredential(d *describer) {
	d.about("checkCredential", "Try a credential", "Live and step by step, each scope alone. What does not work is told in the steps.")
	d.id("The credential's id.", exampleCredentialID)
	d.takes(client.Check{}, map[string]string{"mailbox": `{"address": "app@example.com", "purposes": ["send", "look"]}`})
	d.gives(http.StatusOK, "What works and what does not.", client.Proof{}, exampleProof)
}

func describeShowSetup(d *describer) {
	d.about("showSetup", "Tell what to do at a provider", "With the values to paste and the pages where they go.")
	d.param("query", "kind", "workspace, gmail, microsoft (an app that acts by itself), microsoft_user (one that asks users) or relay.", "workspace")
	d.param("query", "credential", "The id of one that is there already.", nil)
	d.param("query", "transport", "Of the provider's two: gmail or gmail_smtp, microsoft or microsoft_smtp. Empty: its API.", nil)
	d.param("query", "purposes", "send, look, draft, read, modify, smtp; may be given several times. Empty: what the transport needs.", "send")
	d.param("query", "redirect", "For gmail: where consent ends, when not at gatepost itself.", nil)
	d.param("query", "source", "For workspace without a key: external_account (workload identity federation) or metadata (a machine of Google Cloud).", nil)
	d.param("query", "address", "For microsoft: the mailbox, for the lines to paste.", nil)
	d.gives(http.StatusOK, "The steps.", client.Setup{}, `{"steps": [{"title": "Delegate", "text": "Add the client with these scopes.",
 "url": "https://admin.google.com/ac/owl/domainwidedelegation", "values": [{"name": "Client ID", "value": "123"}]}]}`)
}
