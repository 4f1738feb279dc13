package oauth

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/internal/provider"
)

// TestIdentitiesThatMayBeUsed: nothing beside the list, whatever the words look like.
func TestIdentitiesThatMayBeUsed(t *testing.T) {
	list := KeylessIdentities{KeylessMetadata, "/run/token", "/var/run/tokens/", "https://ci.example/tokens", "http://169.254.169.254/metadata/identity/oauth2/token"}
	for identity, want := range map[string]bool{
		"metadata": true, "/run/token": true, "/var/run/tokens/a": true, "/var/run/tokens/a/b": true,
		"https://ci.example/tokens": true, "https://ci.example/tokens/": true, "https://CI.example/tokens/7": true,
		"http://169.254.169.254/metadata/identity/oauth2/token": true,

		"": false, "/run/token2": false, "/run/token/x": false, "/var/run/tokens": false, "/var/run/tokens/": false, "/var/run/tokens-old/a": false,
		"/var/run/tokens/../../../etc/passwd": false, "/var/run/tokens//a": false, "/etc/passwd": false, "tokens/a": false,
		"https://ci.example/tokensx": false, "https://ci.example/tokens%2fx": false, "https://ci.example/": false, "https://ci.example": false, "http://ci.example/tokens": false,
		"https://ci.example.evil.example/tokens": false, "https://ci.example:8443/tokens": false, "https://ci.example/tokens/../secret": false,
		"https://ci.example/tokens/%2e%2e/secret": false, "https://ci.example/tokens/a%2f..%2f..%2fsecret": false, "https://x@ci.example/other": false,
		"http://169.254.169.254/metadata/instance": false, "file:///run/token": false,
	} {
		if list.has(identity) != want {
			t.Errorf("%q may be used: %v", identity, !want)
		}
		if KeylessIdentities(nil).has(identity) {
			t.Errorf("%q may be used without a list", identity)
		}
	}
}

// TestListsOfIdentities: what is meant otherwise than it would be read is refused.
func TestListsOfIdentities(t *testing.T) {
	for given, want := range map[string]string{
		"metadata": "metadata", "/run/token": "/run/token", "/run/tokens/": "/run/tokens/", "/run//tokens/./": "/run/tokens/",
		"https://ci.example": "https://ci.example", "http://127.0.0.1:7026/t": "http://127.0.0.1:7026/t",
		"": "", "/": "", "//": "", "all": "", "tokens/": "", "Metadata": "", "http://ci.example/": "", "https://u:canary@ci.example/": "", "https://ci.example/?a=canary": "", "*": "",
	} {
		got, err := ParseKeylessIdentity(given)
		if got != want || (err == nil) != (want != "") || err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %q, %v", given, got, err)
		}
	}
}

// FuzzIdentities: below a listed folder or address means below it.
func FuzzIdentities(f *testing.F) {
	f.Add("/var/run/tokens/a")
	f.Add("/var/run/tokens/../../etc/passwd")
	f.Add("https://ci.example/tokens/a?b")
	f.Add("https://ci.example/tokens/..%2fa")
	list := KeylessIdentities{"/var/run/tokens/", "https://ci.example/tokens"}
	f.Fuzz(func(t *testing.T, identity string) {
		if !list.has(identity) {
			return
		}
		below := strings.HasPrefix(filepath.Clean(identity), "/var/run/tokens/")
		head, path, _ := strings.Cut(strings.TrimPrefix(identity, "https://"), "/")
		if !below && (!strings.EqualFold(head, "ci.example") || !strings.HasPrefix(filepath.Clean("/"+path)+"/", "/tokens/") || strings.Contains(path, "..") && strings.Contains(path, "/../")) {
			t.Errorf("%q may be used", identity)
		}
	})
}

// TestIdentityThatIsNotListed: it is neither read nor asked, also after it was stored.
func TestIdentityThatIsNotListed(t *testing.T) {
	for name, f := range map[string]KeylessFields{
		"file.credential_source.file": {File: federation(t, nil)},
		"file.credential_source.url":  {File: federation(t, source(map[string]any{"url": "https://ci.example/t?secret=canary"}))},
		"source":                      {Source: KeylessMetadata},
	} {
		k, err := NewKeyless(f, KeylessAt("http://127.0.0.1:1", "http://127.0.0.1:1"), KeylessIdentities{"/elsewhere"})
		if err != nil {
			t.Fatal(err)
		}
		wrong, ok := errors.AsType[KeyFileError](k.Allowed())
		if !ok || len(wrong) != 1 || wrong[0].Field != name || !strings.Contains(wrong[0].Message, "google-keyless") || strings.Contains(wrong[0].Message, "canary") {
			t.Errorf("%s: %v", name, wrong)
		}
		_, err = k.Caller(t.Context(), nil, time.Now())
		e, ok := errors.AsType[*provider.Error](err)
		if !ok || e.Class != provider.Hold || e.Cause != CauseNotAllowed || !strings.Contains(e.Text, "google-keyless") || strings.Contains(e.Text+e.Fix, "canary") {
			t.Errorf("%s: %v", name, err)
		}
		if steps := k.Prove(t.Context(), nil, time.Now()); len(steps) != 1 || steps[0].Err == nil || steps[0].Err.Cause != CauseNotAllowed {
			t.Errorf("%s: %+v", name, steps)
		}
	}
}
