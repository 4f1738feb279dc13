package api

// operations are all that the API can do, and the site map.
func (s *server) operations() []operation {
	return []operation{
		{pattern: "POST /v1/messages", serve: s.createMessage, describe: describeCreateMessage},
		{pattern: "GET /v1/messages", serve: s.listMessages, describe: describeListMessages},
		{pattern: "POST /v1/messages/batch", serve: s.createBatch, describe: describeCreateBatch},
		{pattern: "GET /v1/messages/{id}", serve: s.showMessage, describe: describeShowMessage},
		{pattern: "GET /v1/messages/{id}/explain", serve: s.explainMessage, describe: describeExplainMessage},
		{pattern: "GET /v1/messages/{id}/content", serve: s.showContent, describe: describeShowContent},
		{pattern: "POST /v1/messages/{id}/cancel", serve: s.cancelMessage, describe: describeCancelMessage},
		{pattern: "POST /v1/messages/{id}/retry", serve: s.retryMessage, describe: describeRetryMessage},
		{pattern: "POST /v1/messages/{id}/release", serve: s.releaseMessage, describe: describeReleaseMessage},
		{pattern: "GET /v1/types", serve: s.listTypes, describe: describeListTypes},

		{pattern: "POST /v1/uploads", serve: s.createUpload, describe: describeCreateUpload},
		{pattern: "GET /v1/uploads", serve: s.listUploads, describe: describeListUploads},
		{pattern: "GET /v1/uploads/{id}", serve: s.showUpload, describe: describeShowUpload},
		{pattern: "DELETE /v1/uploads/{id}", serve: s.deleteUpload, describe: describeDeleteUpload},

		{pattern: "POST /v1/credentials", serve: s.createCredential, describe: describeCreateCredential},
		{pattern: "GET /v1/credentials", serve: s.listCredentials, describe: describeListCredentials},
		{pattern: "GET /v1/credentials/{id}", serve: s.showCredential, describe: describeShowCredential},
		{pattern: "PUT /v1/credentials/{id}", serve: s.replaceCredential, describe: describeReplaceCredential},
		{pattern: "DELETE /v1/credentials/{id}", serve: s.deleteCredential, describe: describeDeleteCredential},
		{pattern: "POST /v1/credentials/{id}/check", serve: s.checkCredential, describe: describeCheckCredential},
		{pattern: "GET /v1/setup", serve: s.showSetup, describe: describeShowSetup},

		{pattern: "POST /v1/accounts", serve: s.createAccount, describe: describeCreateAccount},
		{pattern: "GET /v1/accounts", serve: s.listAccounts, describe: describeListAccounts},
		{pattern: "GET /v1/accounts/{id}", serve: s.showAccount, describe: describeShowAccount},
		{pattern: "PATCH /v1/accounts/{id}", serve: s.updateAccount, describe: describeUpdateAccount},
		{pattern: "DELETE /v1/accounts/{id}", serve: s.deleteAccount, describe: describeDeleteAccount},
		{pattern: "POST /v1/accounts/{id}/release", serve: s.releaseAccount, describe: describeReleaseAccount},
		{pattern: "POST /v1/accounts/{id}/check", serve: s.checkAccount, describe: describeCheckAccount},
		{pattern: "POST /v1/accounts/{id}/test", serve: s.testAccount, describe: describeTestAccount},
		{pattern: "GET /v1/accounts/{id}/aliases", serve: s.listAliases, describe: describeListAliases},

		{pattern: "POST /v1/consents", serve: s.createConsent, describe: describeCreateConsent},
		{pattern: "POST /v1/consents/{id}/finish", serve: s.finishConsent, describe: describeFinishConsent},
		{pattern: "POST /v1/connect-links", serve: s.createLink, describe: describeCreateLink},
		{pattern: "GET /v1/connect-links", serve: s.listLinks, describe: describeListLinks},
		{pattern: "DELETE /v1/connect-links/{id}", serve: s.deleteLink, describe: describeDeleteLink},

		{pattern: "POST /v1/keys", serve: s.createKey, describe: describeCreateKey},
		{pattern: "GET /v1/keys", serve: s.listKeys, describe: describeListKeys},
		{pattern: "DELETE /v1/keys/{id}", serve: s.deleteKey, describe: describeDeleteKey},
		{pattern: "GET /v1/me", serve: s.showMe, describe: describeShowMe},

		{pattern: "GET /openapi.json", open: true, serve: s.showDocument, describe: describeDocument},
		{pattern: "GET /healthz", open: true, serve: s.showHealth, describe: describeHealth},
		{pattern: "GET /readyz", open: true, serve: s.showReady, describe: describeReady},
		{pattern: "GET /metrics", open: true, serve: s.showMetrics, describe: describeMetrics},
	}
}
