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

The number names the case for good, in ` + "`GET /v1/errors`" + ` and ` + "`gatepost explain`" + `, which find the row for a text from a log: ` + "`gatepost explain '535 5.7.3 …'`" + `.
Where a row is about words, capitals do not count. ` + "`any other`" + ` is what no row above knows: its class is the safe one of its stage.

Errors of the API itself are in [api.md](api.md). This page is made from the program.
`

// errorsPage writes the rows by the conversation that they are about.
func errorsPage() string {
	var b strings.Builder
	b.WriteString(errorsIntro)
	for _, section := range []struct {
		title  string
		rows   []row
		stages string
	}{
		{"Google: signing in", googleRows, ""},
		{"Google: signing in without a key", keylessRows, ""},
		{"The Gmail API", gmailRows, ""},
		{"Microsoft: signing in (Entra ID)", entraRows, ""},
		{"Microsoft Graph", graphRows, ""},
		{"Exchange Online by SMTP", exchangeRows, ""},
		{"SMTP: connecting and signing in", smtpRows, "connect|auth|bearer"},
		{"SMTP: sending", smtpRows, "mail|rcpt|data|body"},
		{"Programs that were to send", programRows, ""},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n| no. | answer | cause | class | what it means | what to do |\n|---|---|---|---|---|---|\n", section.title)
		for i := range section.rows {
			if r := &section.rows[i]; section.stages == "" || about(r, section.stages) {
				fmt.Fprintf(&b, "| %s | %s | `%s` | %s | %s | %s |\n", numbers(r.no), conditions(r), r.cause, r.class, cell(r.says), advice(r.fix, r.link))
			}
		}
	}
	b.WriteString("\n## No answer at all\n\n| no. | cause | class | what it means | what to do |\n|---|---|---|---|---|\n")
	for _, r := range networkRows {
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s |\n", numbers(r.no), r.cause, r.class, cell(r.text), cell(r.fix))
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

// numbers are those of the cases that a row is of.
func numbers(no string) string { return strings.ReplaceAll(no, "|", ", ") }

// advice is what to do, and the provider's page.
func advice(fix, link string) string {
	if fix = cell(fix); link == "" || strings.Contains(fix, link) {
		return fix
	}
	link = strings.NewReplacer("{login}", loginPage, "{aadsts}", "").Replace(link)
	return strings.TrimSpace(fix + " [More](" + link + ")")
}

// names are what stands in the texts where the program fills in the account's own.
var names = strings.NewReplacer("{client_id}", "*client id*", "{key_id}", "*key id*", "{scopes}", "*the scopes*", "{subject}", "*the user*",
	"{offset}", "*how far the clock is off*", "{sender}", "*the sender*",
	"{redirect_uri}", "*the address that gatepost prints*", "{mailbox}", "*mailbox*", "{smtp}", "", "{credential}", "*credential*", "{from}", "*From*", "{app}", "*client id*", "{tenant}", "*tenant*",
	"{account}", "*service account*", "{member}", "*who signs*", "{audience}", "*the provider of the pool*", "{object_id}", "*object id of the enterprise application*", "{login}", loginPage,
	"{link}", "*the link in the answer*", "|", "\\|")

func cell(s string) string { return names.Replace(s) }
