package oauth

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestScopesForPurposes: each purpose has its own scope, so that one unticked box
// costs that purpose alone.
func TestScopesForPurposes(t *testing.T) {
	for name, c := range map[string]struct {
		purposes []Purpose
		want     []string
	}{
		"send and look":        {[]Purpose{PurposeLook, PurposeSend}, []string{ScopeSend, ScopeMetadata}},
		"none":                 {nil, nil},
		"twice":                {[]Purpose{PurposeSend, PurposeSend}, []string{ScopeSend}},
		"looking and reading":  {[]Purpose{PurposeSend, PurposeLook, PurposeRead}, []string{ScopeSend, ScopeReadonly}},
		"modify":               {[]Purpose{PurposeSend, PurposeLook, PurposeModify}, []string{ScopeSend, ScopeModify}},
		"everything":           {Purposes(), []string{ScopeSend, ScopeCompose, ScopeReadonly, ScopeModify, ScopeFull}},
		"unknown is left away": {[]Purpose{"fly"}, nil},
	} {
		if d := cmp.Diff(c.want, ScopesFor(c.purposes)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	for _, p := range Purposes() {
		if got, ok := ParsePurpose(string(p)); !ok || got != p {
			t.Errorf("purpose %s: %s %v", p, got, ok)
		}
	}
	for _, s := range []string{"", "SEND", "fly", ScopeSend} {
		if _, ok := ParsePurpose(s); ok {
			t.Errorf("%q is taken for a purpose", s)
		}
	}
}

func TestWiderScopesCoverNarrower(t *testing.T) {
	for name, c := range map[string]struct {
		scopes []string
		want   []Purpose
	}{
		"nothing":        {nil, nil},
		"sign-in alone":  {[]string{"openid", scopeEmailLong}, nil},
		"send":           {[]string{ScopeSend}, []Purpose{PurposeSend}},
		"metadata":       {[]string{ScopeMetadata}, []Purpose{PurposeLook}},
		"reading":        {[]string{ScopeReadonly}, []Purpose{PurposeLook, PurposeRead}},
		"compose":        {[]string{ScopeCompose}, []Purpose{PurposeSend, PurposeDraft}},
		"modify":         {[]string{ScopeModify}, []Purpose{PurposeSend, PurposeLook, PurposeDraft, PurposeRead, PurposeModify}},
		"full":           {[]string{ScopeFull}, Purposes()},
		"only looks it":  {[]string{"https://mail.google.com", "https://evil.example/gmail.send"}, nil},
		"what was asked": {ScopesFor([]Purpose{PurposeSend, PurposeLook}), []Purpose{PurposeSend, PurposeLook}},
	} {
		if d := cmp.Diff(c.want, Granted(c.scopes)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	if !Covers([]string{scopeEmailLong}, ScopeEmail) || !Covers([]string{ScopeEmail}, scopeEmailLong) || Covers([]string{ScopeReadonly}, ScopeSettings) {
		t.Error("email has two names; reading is no right to change settings")
	}
}
