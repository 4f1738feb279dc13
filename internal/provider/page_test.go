package provider

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// docs/errors.md lists the catalogue. With GATEPOST_UPDATE=1 it is written anew.
func TestErrorsPage(t *testing.T) {
	const file = "../../docs/errors.md"
	want := errorsPage()
	if os.Getenv("GATEPOST_UPDATE") == "1" {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("docs/errors.md is not what the catalogue says: run GATEPOST_UPDATE=1 go test -run TestErrorsPage ./internal/provider (%v)", err)
	}
}

const errorsIntro = `# What providers say, and what it means

When a provider does not take a message, gatepost finds its answer in this list and says, beside the provider's own words, what happened
and what to do. The cause stands with the message (` + "`gatepost messages explain ID`, `GET /v1/messages/{id}/explain`" + `) and, where the whole
account waits, with the account (` + "`gatepost accounts list`" + `).

| class | what gatepost does |
|---|---|
| retry | tries again, later each time |
| park | keeps the mail until the provider's own time, without trying before |
| hold | keeps the mail until a person has acted: correct the cause, then ` + "`gatepost accounts release`" + ` (a new secret or consent releases by itself) |
| fail | this message or recipient is refused for good; ` + "`gatepost messages retry`" + ` sends it again after the cause is gone |
| unknown | the message was handed over and no answer came: gatepost looks in Sent before it decides |

Errors of the API itself are in [api.md](api.md). This page is made from the program.
`

// errorsPage writes the rows by the conversation that they are about.
func errorsPage() string {
	var b strings.Builder
	b.WriteString(errorsIntro)
	for _, section := range []struct {
		title  string
		stages string
	}{
		{"Google's token endpoint", "token"},
		{"The Gmail API", "send|call|upload"},
		{"SMTP: connecting and signing in", "connect|auth|bearer"},
		{"SMTP: sending", "mail|rcpt|data|body"},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n| answer | cause | class | what it means | what to do |\n|---|---|---|---|---|\n", section.title)
		for _, table := range [][]row{googleRows, smtpRows} {
			for i := range table {
				if r := &table[i]; about(r, section.stages) {
					fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s |\n", conditions(r), r.cause, r.class, cell(r.says), cell(r.fix))
				}
			}
		}
	}
	b.WriteString("\n## No answer at all\n\n| cause | class | what it means | what to do |\n|---|---|---|---|\n")
	for _, r := range networkRows {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.cause, r.class, cell(r.text), cell(r.fix))
	}
	return b.String()
}

// about tells whether the first stage of a row is one of the section's.
func about(r *row, stages string) bool {
	first, _, _ := strings.Cut(r.stages, "|")
	return first != "" && anyOf(stages, func(s string) bool { return s == first })
}

func conditions(r *row) string {
	var parts []string
	for _, p := range []string{r.code, r.reason} {
		if p != "" {
			parts = append(parts, strings.ReplaceAll(p, "|", ", "))
		}
	}
	if r.text != "" {
		parts = append(parts, "“"+strings.ReplaceAll(r.text, "|", "”, “")+"”")
	}
	if len(parts) == 0 {
		return "any other"
	}
	return cell(strings.Join(parts, " "))
}

// names are what stands in the texts where the program fills in the account's own.
var names = strings.NewReplacer("{client_id}", "*client id*", "{key_id}", "*key id*", "{scopes}", "*the scopes*", "{subject}", "*the user*",
	"{offset}", "*how far the clock is off*", "{link}", "*the link in the answer*", "|", "\\|")

func cell(s string) string { return names.Replace(s) }
