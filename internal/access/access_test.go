package access_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func newKey(t testing.TB, live bool) (plain string, hash []byte, hint string) {
	t.Helper()
	secret, hash, hint, err := access.NewKey(rand.Reader, live)
	if err != nil {
		t.Fatal(err)
	}
	return secret.Reveal(), hash, hint
}

func TestNewKeyHasItsForm(t *testing.T) {
	form := regexp.MustCompile(`^(gp_live_|gp_test_)[0-9A-Za-z]{36}$`)
	for _, live := range []bool{true, false} {
		key, hash, hint := newKey(t, live)
		if !form.MatchString(key) || strings.HasPrefix(key, access.LivePrefix) != live {
			t.Errorf("key of a strange form, %d characters", len(key))
		}
		if !bytes.Equal(hash, access.Hash(key)) {
			t.Error("the hash is not that of the key")
		}
		if hint != key[:8]+"…"+key[40:] {
			t.Errorf("hint: %s", hint)
		}
		if err := access.ParseKey(key); err != nil {
			t.Error(err)
		}
	}
	if _, _, _, err := access.NewKey(bytes.NewReader(make([]byte, 3)), true); err == nil {
		t.Error("a key was made without enough random bytes")
	}
}

func TestKeysUseAllCharactersAlike(t *testing.T) {
	count := map[rune]int{}
	const keys = 5_000
	for range keys {
		key, _, _ := newKey(t, true)
		for _, c := range key[8:38] {
			count[c]++
		}
	}
	want := keys * 30 / 62
	for _, c := range base62 {
		if n := count[c]; n < want*8/10 || n > want*12/10 {
			t.Errorf("%c occurs %d times, expected about %d", c, n, want)
		}
	}
}

func TestEverySingleTypoIsFound(t *testing.T) {
	key, _, _ := newKey(t, true)
	for i := range key {
		for _, c := range base62 + "_- \x00" {
			typo := key[:i] + string(c) + key[i+1:]
			if typo != key && access.ParseKey(typo) == nil {
				t.Fatalf("character %d changed: accepted", i)
			}
		}
		if access.ParseKey(key[:i]) == nil || access.ParseKey(key[:i]+key[i+1:]) == nil {
			t.Fatalf("cut at %d: accepted", i)
		}
	}
	if access.ParseKey(strings.Replace(key, "live", "test", 1)) == nil {
		t.Error("a live key passes for a test key")
	}
}

func TestParseKeyDoesNotRepeatTheKey(t *testing.T) {
	key, _, _ := newKey(t, true)
	for _, s := range []string{"", "Bearer " + key, key + "x", key[:20], key[:43] + "!", "xoxb-" + key, strings.ToUpper(key)} {
		err := access.ParseKey(s)
		if !errors.Is(err, access.ErrUnauthenticated) || strings.Contains(err.Error(), key[8:20]) {
			t.Errorf("%d characters: %v", len(s), err)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	key, _, _ := newKey(f, true)
	f.Add(key)
	f.Add("gp_test_")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		err := access.ParseKey(s)
		if err != nil && !errors.Is(err, access.ErrUnauthenticated) {
			t.Fatalf("strange error: %v", err)
		}
		if err == nil && (len(s) != 44 || strings.Trim(s[8:], base62) != "") {
			t.Fatalf("accepted %q", s)
		}
	})
}

// addKey keeps an API key and returns it.
func addKey(t *testing.T, st *store.Store, id string, expires time.Time) string {
	t.Helper()
	key, hash, hint := newKey(t, true)
	err := st.AddAPIKey(t.Context(), store.APIKey{
		Team: "team_1", ID: id, Name: "shop", Hash: hash, Hint: hint,
		Scopes: []string{access.ScopeMessagesSend}, CreatedAt: time.Now(), ExpiresAt: expires,
	})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestAuthenticate(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		st := storetest.Open(t, opt)
		now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		forever, short := addKey(t, st, "key_1", time.Time{}), addKey(t, st, "key_2", now.Add(time.Hour))
		unknown, _, _ := newKey(t, true)
		for name, c := range map[string]struct {
			bearer string
			at     time.Time
			reason string
		}{
			"good":         {forever, now, ""},
			"not expired":  {short, now, ""},
			"expired":      {short, now.Add(time.Hour), "expired at 2026-01-02T04:04:05Z"},
			"unknown":      {unknown, now, "not known"},
			"mistyped":     {forever[:43] + "~", now, "letters and digits"},
			"none":         {"", now, "no API key"},
			"another kind": {"Bearer " + forever, now, "begins with"},
		} {
			g, err := access.Authenticate(t.Context(), st, c.bearer, netip.Addr{}, c.at)
			if c.reason == "" {
				if err != nil || g.Team != "team_1" || g.KeyName != "shop" || !g.May(access.ScopeMessagesSend) {
					t.Errorf("%s: %+v, %v", name, g, err)
				}
				continue
			}
			if !errors.Is(err, access.ErrUnauthenticated) || !strings.Contains(err.Error(), c.reason) || len(g.Scopes) != 0 {
				t.Errorf("%s: %+v, %v", name, g, err)
			}
		}
	})
}

func TestStoreThatFailsIsNotARefusal(t *testing.T) {
	st, err := store.Open(t.Context(), store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	key := addKey(t, st, "key_1", time.Time{})
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := access.Authenticate(t.Context(), st, key, netip.Addr{}, time.Now()); err == nil || errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("closed store: %v", err)
	}
}

func TestKeysRememberForTwoSeconds(t *testing.T) {
	st, err := store.Open(t.Context(), store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	keys := access.NewKeys(st, func() time.Time { return now })
	forever, short := addKey(t, st, "key_1", time.Time{}), addKey(t, st, "key_2", now.Add(time.Second))
	for _, key := range []string{forever, short} {
		if _, err := keys.Authenticate(t.Context(), key, netip.Addr{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Close(); err != nil { // from here on a query fails
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	if g, err := keys.Authenticate(t.Context(), forever, netip.Addr{}); err != nil || g.Key != "key_1" {
		t.Errorf("remembered key: %+v, %v", g, err)
	}
	if _, err := keys.Authenticate(t.Context(), short, netip.Addr{}); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("remembered key that has expired: %v", err)
	}
	now = now.Add(time.Second)
	if _, err := keys.Authenticate(t.Context(), forever, netip.Addr{}); err == nil {
		t.Error("the key is remembered for longer than two seconds")
	}
}

func TestKeysCanBeForgotten(t *testing.T) {
	st, err := store.Open(t.Context(), store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	keys := access.NewKeys(st, time.Now)
	key := addKey(t, st, "key_1", time.Time{})
	if _, err := keys.Authenticate(t.Context(), key, netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	keys.Forget()
	if _, err := keys.Authenticate(t.Context(), key, netip.Addr{}); err == nil {
		t.Error("a forgotten key is still remembered")
	}
}

func TestGrant(t *testing.T) {
	g := access.Grant{Scopes: []string{access.ScopeMessagesSend}}
	if !g.May("messages:send") || g.May("messages:read") || g.May("messages") || g.May("*") || g.May("") {
		t.Error("one scope gives other than that scope")
	}
	all := access.Grant{Scopes: []string{access.ScopeAll}}
	for _, scope := range access.Scopes() {
		if !all.May(scope) || (access.Grant{}).May(scope) {
			t.Errorf("scope %s", scope)
		}
	}
}

func TestHintAndErrorsAreAllThatShows(t *testing.T) {
	secret, _, _, err := access.NewKey(rand.Reader, true)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%v %+v %s", secret, secret, secret); strings.Contains(got, "gp_") {
		t.Errorf("a new key prints as %s", got)
	}
}
