package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"gatepost/client"
)

// A whole log is too much: that its end was not read is said.
func TestExplainReadsOneError(t *testing.T) {
	code, out, errs := explained(t, strings.Repeat("x", 40<<10)+"\n550 5.4.5 Daily user sending limit exceeded.\n", "-")
	if code != exitFailed || !strings.Contains(out, "names no error") || !strings.Contains(errs, "32 KiB") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if _, _, errs := explained(t, "550 5.4.5 Daily user sending limit exceeded.\n", "-"); errs != "" {
		t.Errorf("%s", errs)
	}
}

// explained runs gatepost explain with a standard input.
func explained(t *testing.T, stdin string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	env := with(nil, &o, &e)
	env.stdin = strings.NewReader(stdin)
	code = run(t.Context(), append([]string{"explain"}, args...), env)
	return code, o.String(), e.String()
}

// A text is explained without a server: class, cause, meaning, fix and page.
func TestExplainText(t *testing.T) {
	code, out, errs := command(nil, "explain", "554 5.2.252 SendAsDenied; app@acme.example not allowed to send as boss@acme.example")
	if code != exitOK || errs != "" {
		t.Errorf("exit code %d: %s", code, errs)
	}
	for _, want := range []string{"send_as_denied", "app@acme.example may not send as boss@acme.example", "fail: ", "Add-RecipientPermission", "https://learn.microsoft.com/", "68 in docs/errors.md"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if _, out, _ := command(nil, "explain", "535", "5.7.3", "Authentication", "unsuccessful"); !strings.Contains(out, "1 of 2, signing in with a token") || !strings.Contains(out, "2 of 2, signing in with a password") {
		t.Errorf("not both meanings:\n%s", out)
	}
}

// Exit codes tell scripts whether the error is known.
func TestExplainExitCodes(t *testing.T) {
	for text, want := range map[string]int{
		"AADSTS50173: The provided grant has expired": exitOK, "hello": exitFailed, "550 No": exitFailed, "": exitUsage, " ": exitUsage,
	} {
		if code, out, errs := command(nil, "explain", text); code != want || want == exitFailed && !strings.Contains(out, "gatepost ") {
			t.Errorf("%q: exit code %d, want %d\n%s%s", text, code, want, out, errs)
		}
	}
	if code, _, errs := command(nil, "explain"); code != exitUsage || !strings.Contains(errs, "quotation marks") {
		t.Errorf("without a text: exit code %d: %s", code, errs)
	}
}

func TestExplainReadsStandardInput(t *testing.T) {
	code, out, errs := explained(t, "oauth2: cannot fetch token: 400 Bad Request\nResponse: {\"error\":\"invalid_grant\",\"error_description\":\"Token has been expired or revoked.\"}\n", "-", "--json")
	var list client.ErrorList
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != exitOK || len(list.Data) != 1 || list.Data[0].Cause != "token_revoked" || !list.Data[0].Known {
		t.Errorf("exit code %d, %v: %s%s", code, err, out, errs)
	}
}
