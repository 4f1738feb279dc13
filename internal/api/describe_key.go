package api

import (
	"net/http"

	"gatepost/client"
)

const exampleKey = `{"id": "key_01jd2q0000e0080g40r40m30e2", "name": "Shop", "hint": "gp_live_…x7Qe", "scopes": ["messages:send"], "created_at": "2026-11-21T08:00:00.000Z"}`

func describeCreateKey(d *describer) {
	d.about("createKey", "Make an API key", "With no more scopes than the key that asks, and bound at least as tightly. What a key is bound to stays as it is. "+
		"What is more than rate or daily allows is answered 429 with Retry-After (key_limit), and the key from another network 403 (network_not_allowed).")
	d.takes(client.NewKey{}, map[string]string{
		"sending only": `{"name": "Shop", "scopes": ["messages:send"]}`,
		"bound": `{"name": "Scanner", "scopes": ["messages:send"], "senders": ["scans@example.com", "@office.example.com"],
 "networks": ["192.0.2.0/24", "2001:db8::7"], "account": "app@example.com", "rate": 20, "daily": 500, "rewrite_from": true}`,
	})
	d.gives(http.StatusCreated, "The key. It is shown here alone.", client.Key{}, exampleKey)
}

func describeListKeys(d *describer) {
	d.about("listKeys", "List API keys", "")
	d.gives(http.StatusOK, "All keys, by what they can be recognised by.", client.KeyList{}, `{"data": [`+exampleKey+`]}`)
}

func describeDeleteKey(d *describer) {
	d.about("deleteKey", "End an API key", "At once.")
	d.id("The key's id.", "key_01jd2q0000e0080g40r40m30e2")
	d.gives(http.StatusNoContent, "It opens nothing any more.", nil, "")
}

func describeShowMe(d *describer) {
	d.about("showMe", "Tell which API key this is", "")
	d.gives(http.StatusOK, "The key, without its secret.", client.Me{}, `{"key": "key_01jd2q0000e0080g40r40m30e2", "name": "Shop", "scopes": ["messages:send"],
 "team": "team_01jd2q0000e0080g40r40m30e2", "version": "0.2.0"}`)
}
