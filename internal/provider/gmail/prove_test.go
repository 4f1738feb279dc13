package gmail_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/provider"
	"gatepost/internal/provider/gmail"
	"gatepost/internal/provider/providertest"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

// inShort are steps by name and cause; those that sending does not need stand in
// parentheses.
func inShort(proof []provider.Step) []string {
	var list []string
	for _, s := range proof {
		word := s.Name
		if s.Optional {
			word = "(" + word + ")"
		}
		if s.Err != nil {
			word += " " + s.Err.Cause
		}
		list = append(list, word)
	}
	return list
}

// TestProve: each scope stands alone: one that is missing shows in its own step
// and hides no other. Nothing is sent.
func TestProve(t *testing.T) {
	w := providertest.StartWorld(t)
	for name, c := range map[string]struct {
		address, config string
		scopes          []string
		want            []string
	}{
		"everything": {"ada@acme.example", `{}`, []string{gmail.ScopeSend, gmail.ScopeLook, gmail.ScopeRead}, []string{"token", "scope:send", "scope:look", "(scope:read)", "mailbox", "(aliases)"}},
		"no Gmail":   {"no-gmail@acme.example", `{}`, []string{gmail.ScopeSend, gmail.ScopeLook, gmail.ScopeRead}, []string{"token", "scope:send gmail_off", "scope:look", "(scope:read)", "mailbox gmail_off", "(aliases) gmail_off"}},
	} {
		p := openScoped(t, w, c.address, c.config, c.scopes...)
		proof := p.(provider.Prover).Prove(t.Context())
		if d := cmp.Diff(c.want, inShort(proof)); d != "" {
			t.Errorf("%s: steps (-want +got):\n%s", name, d)
		}
		for _, s := range proof {
			if (s.Detail == "") == (s.Err == nil) || s.Err != nil && s.Err.Fix == "" {
				t.Errorf("%s: step %s has detail %q and error %v", name, s.Name, s.Detail, s.Err)
			}
		}
	}
	if ledger := readLedger(t, w); ledger != "" {
		t.Errorf("a proof sent mail: %s", ledger)
	}
}

// TestAliases: the addresses as the provider tells them; without a scope for it
// the error names those that would do.
func TestAliases(t *testing.T) {
	w := providertest.StartWorld(t)
	for _, scope := range []string{gmail.ScopeRead, gmail.ScopeSettings} {
		list, err := openScoped(t, w, "ada@acme.example", `{}`, gmail.ScopeSend, scope).(provider.Aliaser).Aliases(t.Context())
		if err != nil || len(list) == 0 || list[0].Address != "ada@acme.example" || !list[0].Primary {
			t.Errorf("with %s: %+v %v", scope, list, err)
		}
	}
	_, err := openScoped(t, w, "ada@acme.example", `{}`, gmail.ScopeSend).(provider.Aliaser).Aliases(t.Context())
	e, ok := err.(*provider.Error)
	if !ok || e.Class != provider.Hold || e.Cause != "scope_missing" || !contains(e.Text, gmail.ScopeRead) || !contains(e.Text, gmail.ScopeSettings) {
		t.Errorf("without a scope: %v", err)
	}
}
