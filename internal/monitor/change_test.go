package monitor

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestChanges: each row of the table says what, to whom, what to do and who says so, and
// the page for users has it.
func TestChanges(t *testing.T) {
	all, err := Changes()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/expiries.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range all {
		for name, value := range map[string]string{
			"provider": c.Provider, "title": c.Title, "when": c.When, "what": c.What, "who": c.Who, "fix": c.Fix, "source": c.Source,
		} {
			if value == "" {
				t.Errorf("%s: %s is missing", c.ID, name)
			}
		}
		if _, err := time.Parse("2006-01", c.Read); err != nil || c.Date != "" && c.At().IsZero() || seen[c.ID] || c.ID == "" {
			t.Errorf("%s: read %q, date %q, seen before: %v", c.ID, c.Read, c.Date, seen[c.ID])
		}
		seen[c.ID] = true
		if row := "| " + strings.Join([]string{c.When, c.Provider, c.Title + ". " + c.What, c.Who, c.Source + " (" + c.Read + ")"}, " | ") + " |"; !strings.Contains(string(page), row) {
			t.Errorf("docs/expiries.md lacks this row:\n%s", row)
		}
	}
	if len(all) < 5 {
		t.Errorf("%d changes", len(all))
	}
}
