package vault

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"
)

var testPlace = Bind{Table: "credentials", Row: "cred_1", Column: "sealed"}

func testMaster(t testing.TB, fill byte) *Master {
	t.Helper()
	m, err := newMaster(bytes.Repeat([]byte{fill}, keySize))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func testDataKey(t testing.TB, fill byte) *dataKey {
	t.Helper()
	k, err := newDataKey(bytes.Repeat([]byte{fill}, keySize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealedOpensInItsPlaceOnly(t *testing.T) {
	s := testDataKey(t, 1).secrets
	sealed, err := s.seal("team_1", testPlace, []byte("hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := s.open("team_1", testPlace, sealed)
	if err != nil || string(plain) != "hunter2" {
		t.Fatalf("open: %q, %v", plain, err)
	}
	for name, c := range map[string]struct {
		team string
		at   Bind
	}{
		"other team":                    {"team_2", testPlace},
		"other table":                   {"team_1", Bind{"accounts", "cred_1", "sealed"}},
		"other row":                     {"team_1", Bind{"credentials", "cred_2", "sealed"}},
		"other column":                  {"team_1", Bind{"credentials", "cred_1", "public"}},
		"parts that run together alike": {"team_1", Bind{"credentials", "cred_1s", "ealed"}},
	} {
		if _, err := s.open(c.team, c.at, sealed); !errors.Is(err, ErrNotOpened) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSealedByAnotherKeyOrPurposeDoesNotOpen(t *testing.T) {
	k := testDataKey(t, 1)
	sealed, err := k.secrets.seal("team_1", testPlace, []byte("hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]sealer{
		"other key":          testDataKey(t, 2).secrets,
		"other purpose":      k.contentKeys,
		"same id, other key": {aead: testDataKey(t, 2).secrets.aead, id: k.secrets.id},
	} {
		if _, err := s.open("team_1", testPlace, sealed); !errors.Is(err, ErrNotOpened) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestChangedSealedBytesDoNotOpen(t *testing.T) {
	s := testDataKey(t, 1).secrets
	sealed, err := s.seal("team_1", testPlace, []byte("hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		for bit := range 8 {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1 << bit
			if _, err := s.open("team_1", testPlace, changed); !errors.Is(err, ErrNotOpened) {
				t.Fatalf("byte %d, bit %d changed: %v", i, bit, err)
			}
		}
		if _, err := s.open("team_1", testPlace, sealed[:i]); !errors.Is(err, ErrNotOpened) {
			t.Fatalf("cut after %d bytes: %v", i, err)
		}
	}
	if _, err := s.open("team_1", testPlace, append(sealed, 0)); !errors.Is(err, ErrNotOpened) {
		t.Fatalf("one byte more: %v", err)
	}
}

func TestNoncesDoNotRepeat(t *testing.T) {
	s := testDataKey(t, 1).secrets
	seen := make(map[string]bool, 100_000)
	for range 100_000 {
		sealed, err := s.seal("team_1", testPlace, nil)
		if err != nil {
			t.Fatal(err)
		}
		seen[string(sealed[sealHeader:sealHeader+24])] = true
	}
	if len(seen) != 100_000 {
		t.Fatalf("%d different nonces of 100000", len(seen))
	}
}

func TestDataKeyIsBoundToTeamAndMaster(t *testing.T) {
	m := testMaster(t, 1)
	wrapped, err := wrapNewKey(m, "team_1", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unwrapKey(m, "team_1", wrapped); err != nil {
		t.Fatal(err)
	}
	if _, err := unwrapKey(m, "team_2", wrapped); !errors.Is(err, ErrNotOpened) {
		t.Errorf("other team: %v", err)
	}
	if _, err := unwrapKey(testMaster(t, 2), "team_1", wrapped); !errors.Is(err, ErrNotOpened) {
		t.Errorf("other master: %v", err)
	}
}

func TestFingerprintKeepsPartsApart(t *testing.T) {
	k := testDataKey(t, 1)
	parts := func(p ...string) string {
		var b [][]byte
		for _, s := range p {
			b = append(b, []byte(s))
		}
		return string(k.mac(b))
	}
	want := parts("ab", "c")
	if parts("ab", "c") != want {
		t.Error("the same parts give different fingerprints")
	}
	for _, other := range []string{parts("a", "bc"), parts("abc"), parts("ab", "c", ""), parts("c", "ab")} {
		if other == want {
			t.Error("different parts give the same fingerprint")
		}
	}
	if string(testDataKey(t, 2).mac([][]byte{[]byte("ab"), []byte("c")})) == want {
		t.Error("two teams give the same fingerprint")
	}
}

func FuzzOpen(f *testing.F) {
	s := testDataKey(f, 1).secrets
	good, err := s.seal("team_1", testPlace, []byte("hunter2"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:sealHeader])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		plain, err := s.open("team_1", testPlace, sealed)
		if err == nil && string(plain) == "hunter2" {
			return // a seed of another worker of the fuzzer, sealed with the same key
		}
		if !errors.Is(err, ErrNotOpened) || plain != nil {
			t.Fatalf("forged bytes: %q, %v", plain, err)
		}
	})
}
