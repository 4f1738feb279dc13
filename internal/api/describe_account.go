package api

import (
	"net/http"

	"gatepost/client"
)

const exampleAccount = `{"id": "acc_01jd2q0000e0080g40r40m30e2", "address": "app@example.com", "transport": "smtp", "credential": "cred_01jd2q0000e0080g40r40m30e2",
 "senders": ["@example.com"], "smtp": {"host": "smtp.example.com", "port": 587, "tls": "starttls", "user": "app", "hello": "mail.example.com", "max_connections": 10, "max_recipients": 100},
 "status": "active", "created_at": "2026-11-21T08:00:00.000Z", "updated_at": "2026-11-21T08:00:00.000Z"}`

func describeCreateAccount(d *describer) {
	d.about("createAccount", "Connect an account", "An address that sends through a transport with a credential.")
	d.takes(client.NewAccount{}, map[string]string{
		"smtp": `{"address": "app@example.com", "transport": "smtp", "credential": "cred_01jd2q0000e0080g40r40m30e2",
 "senders": ["@example.com"], "smtp": {"host": "smtp.example.com", "port": 587, "tls": "starttls", "user": "app"}}`,
		"gmail": `{"address": "app@example.com", "transport": "gmail", "credential": "cred_01jd2q0000e0080g40r40m30e3", "gmail": {"may_look": true}}`,
	})
	r := d.gives(http.StatusCreated, "The account.", client.Account{}, exampleAccount)
	r.Headers["Location"] = headerField("Where the account can be read.")
}

func describeListAccounts(d *describer) {
	d.about("listAccounts", "List accounts", "")
	d.gives(http.StatusOK, "All accounts.", client.AccountList{}, `{"data": [`+exampleAccount+`]}`)
}

func describeShowAccount(d *describer) {
	d.about("showAccount", "Show an account", "")
	d.id("The account's id.", exampleAccountID)
	d.gives(http.StatusOK, "The account.", client.Account{}, exampleAccount)
}

func describeReleaseAccount(d *describer) {
	d.about("releaseAccount", "Let a held, parked or resting account send again", "")
	d.id("The account's id.", exampleAccountID)
	d.gives(http.StatusOK, "The account, released.", client.Account{}, exampleAccount)
}

func describeUpdateAccount(d *describer) {
	d.about("updateAccount", "Change an account", "What is not given stays as it is.")
	d.id("The account's id.", exampleAccountID)
	d.takes(client.ChangeAccount{}, map[string]string{"senders": `{"senders": ["@example.com", "team@example.org"]}`})
	d.gives(http.StatusOK, "The account, changed.", client.Account{}, exampleAccount)
}

const exampleRemoved = `{"credential": "cred_01jd2q0000e0080g40r40m30e2", "consent": "revoked", "text": "The consent of grace@example.com is revoked at Google."}`

func describeDeleteAccount(d *describer) {
	d.about("deleteAccount", "Remove an account", "Its credential stays, but for a user's consent that no other account uses: that ends, as far as its provider can be told.")
	d.id("The account's id.", exampleAccountID)
	d.gives(http.StatusNoContent, "Removed.", nil, "")
	d.gives(http.StatusOK, "Removed, and what became of the user's consent.", client.Removed{}, exampleRemoved)
	d.problem(http.StatusConflict, "in_use: mail waits for it.")
}

func describeCheckAccount(d *describer) {
	d.about("checkAccount", "Try an account", "Live and step by step; nothing is sent. What does not work is told in the steps.")
	d.id("The account's id.", exampleAccountID)
	d.gives(http.StatusOK, "What works and what does not.", client.Proof{}, exampleProof)
}

func describeTestAccount(d *describer) {
	d.about("testAccount", "Send a test message", "It says that it is one.")
	d.id("The account's id.", exampleAccountID)
	d.takes(client.Test{}, map[string]string{"to oneself": `{}`, "to somebody": `{"to": "maria@example.org"}`})
	r := d.gives(http.StatusAccepted, "The message is kept.", client.Submitted{}, exampleSubmitted)
	r.Headers["Location"] = headerField("Where the message can be read.")
}

func describeListAliases(d *describer) {
	d.about("listAliases", "List what the mailbox may send as", "As its provider says now.")
	d.id("The account's id.", exampleAccountID)
	d.gives(http.StatusOK, "The addresses.", client.AliasList{}, `{"data": [{"address": "app@example.com", "primary": true, "default": true, "verified": true, "allowed": true}]}`)
	d.problem(http.StatusBadGateway, "provider: it refused or did not answer.")
}
