package client

import (
	"context"
	"net/url"
)

// ErrorList is the catalogue of what providers answer, or what a text means.
type ErrorList struct {
	Data []ErrorEntry `json:"data"`
}

// ErrorEntry is a line of the catalogue; or one meaning of a text, with what was read out
// of it and the names of the case filled in.
type ErrorEntry struct {
	Numbers []string `json:"numbers" doc:"Of the cases that it is of, as in docs/errors.md; they never change. Empty for what a standard's codes say alone."`
	Vendor  string   `json:"vendor,omitempty" enum:"google,microsoft" doc:"Whose words they are. Missing: anybody's."`
	Stages  []string `json:"stages" doc:"The steps of a conversation at which it comes: connect, token, auth (by password), bearer (by token), mail, rcpt, data, body, upload, send, call; program is a client library that refused its own caller."`
	Codes   []string `json:"codes" doc:"HTTP status or SMTP reply code; y and z stand for any digit. Empty: any."`
	Reasons []string `json:"reasons" doc:"Enhanced status codes, or the provider's words for the error; one that ends in a dot is a beginning. Empty: any."`
	Texts   []string `json:"texts" doc:"Parts of the provider's text, in lower case. Empty: any."`
	Class   string   `json:"class" enum:"retry,park,hold,fail,unknown" doc:"What gatepost does: tries again; waits until the provider's time; waits for a person; gives up this message or recipient; looks whether it left."`
	Scope   string   `json:"scope" enum:"account,message,recipient" doc:"What it is about."`
	Cause   string   `json:"cause" example:"token_revoked"`
	Action  string   `json:"action,omitempty" enum:"refresh_once,split_recipients,text_only,link" doc:"What helps at once: a new token; another transaction; nothing, it is for the program's author; a link that a person opens."`
	Meaning string   `json:"meaning"`
	Fix     string   `json:"fix,omitempty" doc:"Missing: nothing helps but waiting."`
	Link    string   `json:"link,omitempty" doc:"The provider's page about it."`
	Known   bool     `json:"known" doc:"Whether the words are known. Otherwise the class is the safe one of the stage."`
	Until   *Time    `json:"until,omitempty" doc:"Only for a text: not before this time."`
	Reply   string   `json:"reply,omitempty" doc:"Only for a text: what was read of it; tokens are masked."`
}

// Errors lists what is known of providers' answers: what each means, and what to do.
func (c *Client) Errors(ctx context.Context) (ErrorList, error) {
	return ask[ErrorList](ctx, c, get("/v1/errors", nil))
}

// ExplainError says what a text from a log means, the likeliest first. None: it names no
// error that the catalogue could be asked about.
func (c *Client) ExplainError(ctx context.Context, text string) (ErrorList, error) {
	return ask[ErrorList](ctx, c, get("/v1/errors", url.Values{"text": {text}}))
}
