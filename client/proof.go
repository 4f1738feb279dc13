package client

// Proof is what a live check of a credential or an account found, step by step.
type Proof struct {
	OK    bool   `json:"ok" doc:"Whether every step that is needed went well."`
	Steps []Step `json:"steps"`
}

// Step is one step of a live check.
type Step struct {
	Name     string `json:"name" example:"scope:send" doc:"key, signature, token, scope:send, scope:look, scope:read, scope:modify, scope:smtp, mailbox, aliases, connect, tls, sign_in, senders."`
	OK       bool   `json:"ok"`
	Optional bool   `json:"optional,omitempty" doc:"Sending works without it."`
	Detail   string `json:"detail,omitempty" doc:"What was seen."`
	Cause    string `json:"cause,omitempty"`
	Text     string `json:"text,omitempty" doc:"What is wrong."`
	Fix      string `json:"fix,omitempty" doc:"What to do about it, and where."`
	Reply    string `json:"reply,omitempty" doc:"The provider's own words."`
}

// Check asks for a live check of a credential for one mailbox.
type Check struct {
	Address  string   `json:"address,omitempty" doc:"The mailbox to act for (service accounts)."`
	Purposes []string `json:"purposes,omitempty" doc:"What it is to be used for: send, look, draft, read, modify, smtp. Empty: send and look."`
}

// Test asks for a test message.
type Test struct {
	To string `json:"to,omitempty" doc:"Empty: the account's own address."`
}
