package api

import (
	"gatepost/internal/access"
	"gatepost/internal/queue"
)

// operations are all that the API can do, and the site map. Each names the scope
// that a key needs for it; what is left out needs none.
func (s *server) operations() []operation {
	return []operation{
		{pattern: "POST /v1/messages", scope: access.ScopeMessagesSend, serve: s.createMessage, describe: describeCreateMessage},
		{pattern: "GET /v1/messages", scope: access.ScopeMessagesRead, asks: true, serve: s.listMessages, describe: describeListMessages},
		{pattern: "POST /v1/messages/batch", scope: access.ScopeMessagesSend, serve: s.createBatch, describe: describeCreateBatch},
		{pattern: "GET /v1/messages/{id}", scope: access.ScopeMessagesRead, serve: s.showMessage, describe: describeShowMessage},
		{pattern: "GET /v1/messages/{id}/explain", scope: access.ScopeMessagesRead, serve: s.explainMessage, describe: describeExplainMessage},
		{pattern: "GET /v1/messages/{id}/content", scope: access.ScopeMessagesRead, serve: s.showContent, describe: describeShowContent},
		{pattern: "POST /v1/messages/{id}/cancel", scope: access.ScopeMessagesSend, serve: s.cancelMessage, describe: describeCancelMessage},
		{pattern: "POST /v1/messages/{id}/retry", scope: access.ScopeMessagesSend, serve: s.retryMessage, describe: describeRetryMessage},
		{pattern: "POST /v1/messages/{id}/release", scope: access.ScopeMessagesSend, serve: s.releaseMessage, describe: describeReleaseMessage},
		{pattern: "GET /v1/types", serve: s.listTypes, describe: describeListTypes},
		{pattern: "GET /v1/errors/unlisted", scope: access.ScopeAccountsRead, serve: s.listUnlisted, describe: describeListUnlisted},
		{pattern: "GET /v1/errors", asks: true, serve: s.listErrors, describe: describeListErrors},

		{pattern: "POST /v1/uploads", scope: access.ScopeMessagesSend, serve: s.createUpload, describe: describeCreateUpload},
		{pattern: "GET /v1/uploads", scope: access.ScopeMessagesSend, serve: s.listUploads, describe: describeListUploads},
		{pattern: "GET /v1/uploads/{id}", scope: access.ScopeMessagesSend, serve: s.showUpload, describe: describeShowUpload},
		{pattern: "DELETE /v1/uploads/{id}", scope: access.ScopeMessagesSend, serve: s.deleteUpload, describe: describeDeleteUpload},

		{pattern: "GET /v1/queue", scope: access.ScopeMessagesRead, asks: true, serve: s.showQueue, describe: describeShowQueue},
		{pattern: "POST /v1/queue/pause", scope: access.ScopeMessagesWrite, serve: s.pauseQueue, describe: describePauseQueue},
		{pattern: "POST /v1/queue/resume", scope: access.ScopeMessagesWrite, serve: s.resumeQueue, describe: describeResumeQueue},
		{pattern: "POST /v1/queue/hold", scope: access.ScopeMessagesWrite, serve: s.orderQueue(queue.HoldMail), describe: describeOrder(
			"hold", "Hold what waits, until it is released", `{"type": "invoice", "reason": "a wrong price"}`)},
		{pattern: "POST /v1/queue/release", scope: access.ScopeMessagesWrite, serve: s.orderQueue(queue.ReleaseMail), describe: describeOrder(
			"release", "Let what is held go on", `{"cause": "by_hand"}`)},
		{pattern: "POST /v1/queue/retry", scope: access.ScopeMessagesWrite, serve: s.orderQueue(queue.RetryMail), describe: describeOrder(
			"retry", "Try again what failed", `{"cause": "gave_up", "account": "app@example.com"}`)},
		{pattern: "POST /v1/queue/move", scope: access.ScopeMessagesWrite, serve: s.orderQueue(queue.MoveMail), describe: describeMoveQueue},
		{pattern: "POST /v1/queue/cancel", scope: access.ScopeMessagesWrite, serve: s.orderQueue(queue.CancelMail), describe: describeOrder(
			"cancel", "Cancel what waits", `{"lane": "bulk", "submitted_before": "2026-11-21T08:00:00.000Z"}`)},

		{pattern: "POST /v1/doctor", scope: access.ScopeAccountsRead, serve: s.examine, describe: describeDoctor},
		{pattern: "GET /v1/smtp/trace", scope: access.ScopeMessagesRead, asks: true, serve: s.traceSMTP, describe: describeTraceSMTP},

		{pattern: "POST /v1/credentials", scope: access.ScopeAccountsWrite, serve: s.createCredential, describe: describeCreateCredential},
		{pattern: "GET /v1/credentials", scope: access.ScopeAccountsRead, serve: s.listCredentials, describe: describeListCredentials},
		{pattern: "GET /v1/credentials/{id}", scope: access.ScopeAccountsRead, serve: s.showCredential, describe: describeShowCredential},
		{pattern: "PUT /v1/credentials/{id}", scope: access.ScopeAccountsWrite, serve: s.replaceCredential, describe: describeReplaceCredential},
		{pattern: "DELETE /v1/credentials/{id}", scope: access.ScopeAccountsWrite, serve: s.deleteCredential, describe: describeDeleteCredential},
		{pattern: "POST /v1/credentials/{id}/check", scope: access.ScopeAccountsWrite, serve: s.checkCredential, describe: describeCheckCredential},
		{pattern: "GET /v1/setup", scope: access.ScopeAccountsRead, asks: true, serve: s.showSetup, describe: describeShowSetup},

		{pattern: "POST /v1/accounts", scope: access.ScopeAccountsWrite, serve: s.createAccount, describe: describeCreateAccount},
		{pattern: "GET /v1/accounts", scope: access.ScopeAccountsRead, serve: s.listAccounts, describe: describeListAccounts},
		{pattern: "GET /v1/capacity", scope: access.ScopeAccountsRead, asks: true, serve: s.listCapacity, describe: describeListCapacity},
		{pattern: "GET /v1/expiries", scope: access.ScopeAccountsRead, serve: s.listExpiries, describe: describeListExpiries},
		{pattern: "GET /v1/accounts/{id}", scope: access.ScopeAccountsRead, serve: s.showAccount, describe: describeShowAccount},
		{pattern: "PATCH /v1/accounts/{id}", scope: access.ScopeAccountsWrite, serve: s.updateAccount, describe: describeUpdateAccount},
		{pattern: "DELETE /v1/accounts/{id}", scope: access.ScopeAccountsWrite, serve: s.deleteAccount, describe: describeDeleteAccount},
		{pattern: "POST /v1/accounts/{id}/release", scope: access.ScopeAccountsWrite, serve: s.releaseAccount, describe: describeReleaseAccount},
		{pattern: "POST /v1/accounts/{id}/check", scope: access.ScopeAccountsWrite, serve: s.checkAccount, describe: describeCheckAccount},
		{pattern: "POST /v1/accounts/{id}/test", scope: access.ScopeAccountsWrite, serve: s.testAccount, describe: describeTestAccount},
		{pattern: "GET /v1/accounts/{id}/health", scope: access.ScopeAccountsRead, asks: true, serve: s.showAccountHealth, describe: describeAccountHealth},
		{pattern: "GET /v1/accounts/{id}/trace", scope: access.ScopeAccountsRead, asks: true, serve: s.traceAccount, describe: describeTraceAccount},
		{pattern: "GET /v1/accounts/{id}/aliases", scope: access.ScopeAccountsRead, serve: s.listAliases, describe: describeListAliases},

		{pattern: "POST /v1/pools", scope: access.ScopeAccountsWrite, serve: s.createPool, describe: describeCreatePool},
		{pattern: "GET /v1/pools", scope: access.ScopeAccountsRead, serve: s.listPools, describe: describeListPools},
		{pattern: "GET /v1/pools/{id}", scope: access.ScopeAccountsRead, serve: s.showPool, describe: describeShowPool},
		{pattern: "PATCH /v1/pools/{id}", scope: access.ScopeAccountsWrite, serve: s.updatePool, describe: describeUpdatePool},
		{pattern: "DELETE /v1/pools/{id}", scope: access.ScopeAccountsWrite, serve: s.deletePool, describe: describeDeletePool},

		{pattern: "POST /v1/consents", scope: access.ScopeAccountsWrite, serve: s.createConsent, describe: describeCreateConsent},
		{pattern: "POST /v1/consents/{id}/finish", scope: access.ScopeAccountsWrite, serve: s.finishConsent, describe: describeFinishConsent},
		{pattern: "POST /v1/connect-links", scope: access.ScopeAccountsWrite, serve: s.createLink, describe: describeCreateLink},
		{pattern: "GET /v1/connect-links", scope: access.ScopeAccountsRead, serve: s.listLinks, describe: describeListLinks},
		{pattern: "DELETE /v1/connect-links/{id}", scope: access.ScopeAccountsWrite, serve: s.deleteLink, describe: describeDeleteLink},

		{pattern: "POST /v1/keys", scope: access.ScopeKeysWrite, serve: s.createKey, describe: describeCreateKey},
		{pattern: "GET /v1/keys", scope: access.ScopeKeysWrite, serve: s.listKeys, describe: describeListKeys},
		{pattern: "DELETE /v1/keys/{id}", scope: access.ScopeKeysWrite, serve: s.deleteKey, describe: describeDeleteKey},
		{pattern: "GET /v1/me", serve: s.showMe, describe: describeShowMe},

		{pattern: "GET /openapi.json", open: true, serve: s.showDocument, describe: describeDocument},
		{pattern: "GET /healthz", open: true, serve: s.showHealth, describe: describeHealth},
		{pattern: "GET /readyz", open: true, serve: s.showReady, describe: describeReady},
		{pattern: "GET /metrics", open: true, serve: s.showMetrics, describe: describeMetrics},
	}
}
