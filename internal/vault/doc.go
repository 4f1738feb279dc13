// Package vault keeps what must not be read by others: secrets of credentials
// and the content of messages are sealed with keys of their team, which are
// themselves sealed with one master key; and it keeps a live access token for
// each account, one for all processes of a database (package oauth makes the calls).
//
//	master key ── wraps ── data key of a team ── seals ── secrets
//	                             ├── wraps ── content key of a message ── seals ── content
//	                             └── keys the fingerprints of requests
//
// It is not for passwords of people or for API keys, of which only hashes are
// kept (package access), and it does not judge what a refusal means (package provider).
package vault
