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

// What gatepost finds out itself stands in docs/queue.md; docs/errors.md has the rest.
func TestOwnCausesAreTold(t *testing.T) {
	page, err := os.ReadFile("../../docs/queue.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range ownCauses() {
		if !slices.Contains(provider.Causes(), c) && !strings.Contains(string(page), "| `"+c+"` |") {
			t.Errorf("docs/queue.md does not tell of the cause %s", c)
		}
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
			"zzz": "docs/errors.md lists those of providers, docs/queue.md those of gatepost", "z": "docs/queue.md",
			"gaveup_": "near it is gave_up", "quota_exceeded": "near it are daily_quota, project_quota, user_quota", "quota_exceded": "user_quota",
			"qouta_exceeded": "user_quota", "hand": "near it is by_hand", "held": "held is a state, not a cause", "user-qouta": "near it are user_quota, ",
		} {
			_, err := w.Operate(t.Context(), w.grant, Order{Verb: RetryMail, Selection: Selection{Cause: cause}, DryRun: true})
			var wrong *Invalid
			switch refused := errors.As(err, &wrong); {
			case want == "":
				w.must(err)
			case refused && strings.Count(wrong.Problems[0].Message, ",") > 2:
				t.Errorf("%s: too many: %v", cause, wrong.Problems)
			case !refused || wrong.Problems[0].Field != "cause" || !strings.Contains(wrong.Problems[0].Message, want):
				t.Errorf("%s: %v, want %s", cause, err, want)
			}
		}
	})
}
