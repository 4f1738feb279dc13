package api

import (
	"net/http"

	"gatepost/client"
)

const exampleLink = `{"id": "link_01jd2q0000e0080g40r40m30e2", "address": "grace@example.com", "purposes": ["send", "look"], "transport": "gmail",
 "status": "open", "created_at": "2026-11-21T08:00:00.000Z", "expires_at": "2026-11-24T08:00:00.000Z"}`

func describeCreateConsent(d *describer) {
	d.about("createConsent", "Begin a consent on this machine, or by device code",
		"The user opens url; their browser is sent back to redirect_uri, and what it brings goes to finish. With device the user types user_code at verification_uri, on any machine, while finish is called.")
	d.takes(client.NewConsent{}, map[string]string{
		"loopback": `{"credential": "cred_01jd2q0000e0080g40r40m30e4", "redirect_uri": "http://127.0.0.1:53682/", "address": "grace@example.com", "purposes": ["send", "look"]}`,
	})
	d.gives(http.StatusCreated, "The consent, good for ten minutes; a device code as long as expires_at says.", client.Consent{}, `{"id": "cons_01jd2q0000e0080g40r40m30e2",
 "url": "https://accounts.google.com/o/oauth2/v2/auth?client_id=123", "scopes": ["openid", "email", "https://www.googleapis.com/auth/gmail.send"], "expires_at": "2026-11-21T08:10:00.000Z"}`)
}

func describeFinishConsent(d *describer) {
	d.about("finishConsent", "Finish a consent", "With what the redirect brought; for a device code with an empty object, until its status is no longer pending. Connects the account.")
	d.id("The consent's id.", "cons_01jd2q0000e0080g40r40m30e2")
	d.takes(client.FinishConsent{}, map[string]string{
		"code": `{"code": "4/0AfJohXl", "state": "Zx3k", "iss": "https://accounts.google.com"}`,
	})
	d.gives(http.StatusOK, "The account.", client.Connected{}, `{"status": "connected", "account": `+exampleAccount+`, "credential": "cred_01jd2q0000e0080g40r40m30e2", "granted": ["send"], "missing": ["look"]}`)
	r := d.gives(http.StatusAccepted, "Pending: the user has not typed the device code yet.", client.Pending{}, `{"status": "pending", "retry_after": 5, "expires_at": "2026-11-21T08:15:00.000Z"}`)
	r.Headers["Retry-After"] = headerField("Seconds to wait before the next call.")
	d.problem(http.StatusUnprocessableEntity, "consent_refused: it led to no account, and cause says why; or invalid.")
}

func describeCreateLink(d *describer) {
	d.about("createLink", "Make a connect link", "By which somebody without a login to gatepost connects one mailbox, once.")
	d.takes(client.NewLink{}, map[string]string{
		"link": `{"credential": "cred_01jd2q0000e0080g40r40m30e5", "address": "grace@example.com", "purposes": ["send", "look"], "hours": 24}`,
	})
	d.gives(http.StatusCreated, "The link. Its url is shown here alone.", client.Link{}, exampleLink)
}

func describeListLinks(d *describer) {
	d.about("listLinks", "List connect links, newest first", "")
	d.gives(http.StatusOK, "All links, without their urls.", client.LinkList{}, `{"data": [`+exampleLink+`]}`)
}

func describeDeleteLink(d *describer) {
	d.about("deleteLink", "End a connect link", "")
	d.id("The link's id.", "link_01jd2q0000e0080g40r40m30e2")
	d.gives(http.StatusNoContent, "It cannot be used any more.", nil, "")
	d.problem(http.StatusConflict, "link_closed: it was used.")
}
