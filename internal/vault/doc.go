// Package vault keeps what must not be read by others: secrets of credentials
// and the content of messages are sealed with keys of their team, which are
// themselves sealed with one master key; and it keeps a live access token for
// each account.
//
//	master key ── wraps ── data key of a team ── seals ── secrets
//	                             ├── wraps ── content key of a message ── seals ── content
//	                             └── keys the fingerprints of requests
//
// It is not for passwords of people or for API keys, of which only hashes are
// kept (package access), and it does not know how a token is fetched.
package vault
