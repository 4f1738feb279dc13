package queue

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// said is how the code names a cause.
var said = regexp.MustCompile(`(?:\bCause:|\bCause[A-Za-z]* =|\.Cause =|\be\.Cause, e\.Text =|\b(?:before|refuse)\([^"\n]*?) *"([a-z_]+)"`)

// Every cause that the code names can be selected.
func TestEveryCauseIsKnown(t *testing.T) {
	all, found := Causes(), 0
	for _, folder := range []string{".", "../provider", "../provider/gmail", "../provider/smtp", "../oauth", "../vault"} {
		files, err := filepath.Glob(folder + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range said.FindAllStringSubmatch(string(text), -1) {
				if found++; !slices.Contains(all, m[1]) {
					t.Errorf("%s: the cause %s cannot be selected: add it to ownCauses", file, m[1])
				}
			}
		}
	}
	if found < 40 {
		t.Errorf("only %d causes were found in the code", found)
	}
}

// A cause that is mistyped is refused with those that are near; what the database has
// is there, whoever wrote it.
func TestMistypedCause(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		w.send = func(email.Envelope, email.Content) (provider.Receipt, error) {
			return provider.Receipt{}, &provider.Error{Class: provider.Fail, Cause: "of_an_old_version", Text: "No."}
		}
		w.submit()
		w.sendOne()
		for cause, want := range map[string]string{
			"gave_up": "", "rate_limited": "", "by_hand": "", "of_an_old_version": "",
			"gaveup": "gave_up", "rate_limted": "rate_limited", "of_an_old_versoin": "of_an_old_version", "credential-refused": "credential_refused",
			"zzz": "docs/errors.md", "z": "docs/errors.md",
		} {
			_, err := w.Operate(t.Context(), w.grant, Order{Verb: RetryMail, Selection: Selection{Cause: cause}, DryRun: true})
			var wrong *Invalid
			switch refused := errors.As(err, &wrong); {
			case want == "":
				w.must(err)
			case !refused || wrong.Problems[0].Field != "cause" || !strings.Contains(wrong.Problems[0].Message, want):
				t.Errorf("%s: %v, want %s", cause, err, want)
			}
		}
	})
}
