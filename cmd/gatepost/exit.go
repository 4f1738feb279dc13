package main

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"gatepost/client"
)

// toldError ends a command whose output has said already what is wrong.
type toldError struct{ code int }

// Error implements error.
func (t toldError) Error() string { return "it did not work" }

// exitCode tells the user's mistakes from other failures.
func exitCode(err error) int {
	var told toldError
	var usage usageError
	var refused *client.Error
	silent := []string{"unreachable", "timeout", "host_not_found", "connection_refused", "connection_closed", "connection_broken", "token_endpoint_down", "token_rate_limited"}
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &told):
		return told.code
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &refused) && slices.Contains(silent, refused.Cause):
		return exitFailed // a consent came to nothing because Google did not answer
	case errors.As(err, &refused) && refused.Status >= 400 && refused.Status < 500 && refused.Status != http.StatusTooManyRequests:
		return exitUsage
	}
	return exitFailed
}

// codeOf is the exit code of a live check that failed for what was given: an address,
// a user, a password. What is the provider's or the network's, or has to be set up
// there first, is no mistake on the command line.
func codeOf(p client.Proof) int {
	given := []string{"unknown_user", "wrong_mailbox", "credential_refused", "app_password_required", "auth_required"}
	for _, s := range p.Steps {
		if !s.OK && !s.Optional {
			if slices.Contains(given, s.Cause) {
				return exitUsage
			}
			return exitFailed // what failed after it failed for it
		}
	}
	return exitFailed
}

// explain is an error for a person, with what to do next.
func explain(err error) string {
	var refused *client.Error
	var lost unreached
	switch {
	case errors.As(err, &refused) && refused.Status == http.StatusUnauthorized:
		return err.Error() + "\nThe key in GATEPOST_KEY (or GATEPOST_KEY_FILE) is not one of this gatepost. Make one: gatepost keys create --name NAME"
	case errors.As(err, &refused) && refused.Kind() == "provider":
		return "the provider refused or did not answer. What is wrong, step by step, tells gatepost accounts check with the account's address"
	case errors.As(err, &refused) && refused.Kind() == "consent_refused" && refused.Detail != "":
		return refused.Detail // it says itself that nothing was connected
	case errors.As(err, &refused) && len(refused.Errors) > 0:
		return listed(refused)
	case errors.As(err, &lost):
		return err.Error() + "\nIs gatepost running there? Start it: gatepost serve. Is it elsewhere? Name it by --url or GATEPOST_URL."
	case errors.As(err, &refused):
		return inCommands(err.Error())
	}
	return err.Error()
}

// failure is an error as JSON: Problem is gatepost's own answer, where it is one.
type failure struct {
	Error    string          `json:"error"`
	ExitCode int             `json:"exit_code"`
	Problem  *client.Problem `json:"problem,omitempty"`
}

func failureOf(err error, code int) failure {
	f := failure{Error: explain(err), ExitCode: code}
	var refused *client.Error
	if errors.As(err, &refused) {
		f.Problem = &refused.Problem
	}
	return f
}

// listed shows a mistake a line.
func listed(e *client.Error) string {
	if len(e.Errors) == 1 {
		return e.Errors[0].Field + ": " + inCommands(e.Errors[0].Message)
	}
	lines := []string{e.Title + ":"}
	for _, f := range e.Errors {
		lines = append(lines, "  "+f.Field+": "+inCommands(f.Message))
	}
	return strings.Join(lines, "\n")
}
