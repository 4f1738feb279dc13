package main

import (
	"encoding/json"
	"regexp"
)

// What the API advises, it says as requests; on the command line the same are
// commands.

// requests are the forms in which an advice names requests, the longest first, and
// what each is as a command.
var requests = []struct {
	form    *regexp.Regexp
	command string
}{
	{
		regexp.MustCompile(`if it did not leave, POST /v1/messages/(\w+)/release`),
		"if it did not leave: gatepost messages release $1; if it did, or is not wanted any more: gatepost messages cancel $1",
	},
	{regexp.MustCompile(`POST /v1/messages/(\w+)/release`), "gatepost messages release $1; if it is not wanted any more: gatepost messages cancel $1"},
	{regexp.MustCompile(`GET /v1/messages/(\w+)/explain`), "gatepost messages explain $1"},
	{regexp.MustCompile(`GET /v1/(accounts|pools) lists them`), "gatepost $1 list shows them"},
	{regexp.MustCompile(`GET /v1/accounts and GET /v1/pools list them`), "gatepost accounts list and gatepost pools list show them"},
	{regexp.MustCompile(`make one by POST /v1/credentials`), "gatepost credentials list shows those that there are"},
	{regexp.MustCompile(`connect one by POST /v1/accounts`), "connect one by gatepost connect"},
	{regexp.MustCompile(`POST /v1/accounts`), "gatepost connect"},
	{regexp.MustCompile(`, or POST /v1/consents`), ""},
	{regexp.MustCompile(`POST /v1/queue/move`), "gatepost queue move"},
}

// resumed is the request that ends a pause, with what the pause is about.
var resumed = regexp.MustCompile(`POST /v1/queue/resume(?: with (\{[^}]*\}))?`)

// inCommands says as commands what an advice says as requests.
func inCommands(advice string) string {
	advice = resumed.ReplaceAllStringFunc(advice, func(request string) string {
		var about struct{ Account, Lane string }
		_ = json.Unmarshal([]byte(resumed.FindStringSubmatch(request)[1]), &about) // of everything there is none
		return resumeCommand(about.Account, about.Lane)
	})
	for _, r := range requests {
		advice = r.form.ReplaceAllString(advice, r.command)
	}
	return advice
}

// resumeCommand ends a pause: just the one that is about this account and lane.
func resumeCommand(account, lane string) string {
	command := "gatepost queue resume"
	if account != "" {
		command += " --account " + quoted(account)
	}
	if lane != "" {
		command += " --lane " + lane
	}
	return command
}

// plainWord is what a shell takes as it is.
var plainWord = regexp.MustCompile(`^[\w@.+-]+$`)

// quoted is an argument as it is typed into a shell. Names of accounts and pools have
// no quotation marks.
func quoted(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return `"` + word + `"`
}
