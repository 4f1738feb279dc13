package main

import (
	"errors"
	"fmt"
	"testing"

	"gatepost/client"
)

// The user's mistakes are 2, whoever found them; all else that failed is 1.
func TestExitCodes(t *testing.T) {
	answer := func(status int, cause string) error {
		return fmt.Errorf("wrapped: %w", &client.Error{Problem: client.Problem{Status: status, Cause: cause}})
	}
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"nothing":                 {nil, exitOK},
		"wrong field":             {answer(422, ""), exitUsage},
		"not there":               {answer(404, ""), exitUsage},
		"wrong mailbox":           {answer(422, "wrong_mailbox"), exitUsage},
		"Google is silent":        {answer(422, "timeout"), exitFailed},
		"too many":                {answer(429, ""), exitFailed},
		"provider":                {answer(502, "credential_refused"), exitFailed},
		"defect":                  {answer(500, ""), exitFailed},
		"network":                 {errors.New("dial"), exitFailed},
		"own words, a failure":    {toldError{exitFailed}, exitFailed},
		"own words, user's fault": {toldError{exitUsage}, exitUsage},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestExitCodesOfChecks(t *testing.T) {
	bad := func(cause string) client.Step { return client.Step{Cause: cause} }
	for name, c := range map[string]struct {
		steps []client.Step
		want  int
	}{
		"no such mailbox":       {[]client.Step{{OK: true}, bad("unknown_user")}, exitUsage},
		"wrong password":        {[]client.Step{bad("credential_refused")}, exitUsage},
		"no user":               {[]client.Step{bad("auth_required")}, exitUsage},
		"unreachable":           {[]client.Step{bad("unreachable"), bad("unknown_user")}, exitFailed},
		"not allowed yet":       {[]client.Step{bad("delegation_missing")}, exitFailed},
		"optional one is other": {[]client.Step{{Optional: true, Cause: "scope_missing"}, bad("unknown_user")}, exitUsage},
	} {
		if got := codeOf(client.Proof{Steps: c.steps}); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
