package vault_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
	"gatepost/internal/vault"
)

func master(t testing.TB, fill byte) *vault.Master {
	t.Helper()
	text := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32))
	m, _, err := vault.LoadMaster(vault.Source{Value: email.NewSecret(text)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func open(t testing.TB, st *store.Store, fill byte, options ...vault.Option) *vault.Vault {
	t.Helper()
	v := vault.New(st, master(t, fill), rand.Reader, time.Now, options...)
	if err := v.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestDatabaseKnowsItsMasterKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		st := storetest.Open(t, opt)
		open(t, st, 1)
		open(t, st, 1)
		err := vault.New(st, master(t, 2), rand.Reader, time.Now).Start(t.Context())
		if !errors.Is(err, vault.ErrWrongMaster) || !strings.Contains(err.Error(), master(t, 1).ID()) {
			t.Errorf("wrong key: %v", err)
		}
	})
}

func TestNodesShareTheKeyOfATeam(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		st := storetest.Open(t, opt)
		at := vault.Bind{Table: "credentials", Row: "cred_1", Column: "sealed"}
		sealed := make([][]byte, 8)
		var wg sync.WaitGroup
		for i := range sealed {
			v := open(t, st, 1)
			wg.Go(func() {
				var err error
				if sealed[i], err = v.Seal(t.Context(), "team_1", at, []byte("hunter2")); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		later := open(t, st, 1)
		for i, s := range sealed {
			if plain, err := later.Open(t.Context(), "team_1", at, s); string(plain) != "hunter2" {
				t.Errorf("sealed by node %d: %q, %v", i, plain, err)
			}
			if _, err := later.Open(t.Context(), "team_2", at, s); !errors.Is(err, vault.ErrNotOpened) {
				t.Errorf("opened for another team: %v", err)
			}
		}
	})
}

func TestContentKeyBelongsToItsMessage(t *testing.T) {
	v := open(t, storetest.Open(t, store.Options{Dir: t.TempDir()}), 1)
	ctx := t.Context()
	k, err := v.NewContentKey(ctx, "team_1", "msg_1")
	if err != nil {
		t.Fatal(err)
	}
	var sealed bytes.Buffer
	w, err := k.Writer(&sealed)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(w, "Subject: hello\r\n\r\nworld\r\n")
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed.Bytes(), []byte("hello")) {
		t.Error("the content can be read without the key")
	}
	again, err := v.UnwrapContentKey(ctx, "team_1", "msg_1", k.Wrapped)
	if err != nil {
		t.Fatal(err)
	}
	r, err := again.Reader(&sealed)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); string(got) != "Subject: hello\r\n\r\nworld\r\n" || err != nil {
		t.Errorf("content: %q, %v", got, err)
	}
	for _, other := range [][2]string{{"team_1", "msg_2"}, {"team_2", "msg_1"}} {
		if _, err := v.UnwrapContentKey(ctx, other[0], other[1], k.Wrapped); !errors.Is(err, vault.ErrNotOpened) {
			t.Errorf("unwrapped for %v: %v", other, err)
		}
	}
	if _, err := v.Open(ctx, "team_1", vault.Bind{Table: "content_keys", Row: "msg_1", Column: "wrapped"}, k.Wrapped); !errors.Is(err, vault.ErrNotOpened) {
		t.Errorf("a content key opens as a secret: %v", err)
	}
}

func TestFingerprintsAgreeAcrossRestarts(t *testing.T) {
	st := storetest.Open(t, store.Options{Dir: t.TempDir()})
	var prints [][]byte
	for _, team := range []string{"team_1", "team_1", "team_2"} {
		p, err := open(t, st, 1).Fingerprint(t.Context(), team, []byte("POST"), []byte("123456"))
		if err != nil {
			t.Fatal(err)
		}
		prints = append(prints, p)
	}
	if !bytes.Equal(prints[0], prints[1]) || bytes.Equal(prints[0], prints[2]) || len(prints[0]) != 32 {
		t.Errorf("fingerprints: %x", prints)
	}
}

// addCredential keeps a credential whose secret is text.
func addCredential(t *testing.T, st *store.Store, v *vault.Vault, id, text string) store.Credential {
	t.Helper()
	c := store.Credential{Team: "team_1", ID: id, Kind: "test", Name: id, Public: []byte(`{}`), CreatedAt: time.Now()}
	c.Sealed = seal(t, v, id, text)
	if err := st.AddCredential(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

func seal(t *testing.T, v *vault.Vault, id, text string) []byte {
	t.Helper()
	sealed, err := v.SealSecret(t.Context(), "team_1", id, email.NewSecret(text))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestSecretOfACredential(t *testing.T) {
	st := storetest.Open(t, store.Options{Dir: t.TempDir()})
	v := open(t, st, 1)
	c := addCredential(t, st, v, "cred_1", "hunter2")
	row, secret, err := v.Secret(t.Context(), "team_1", "cred_1")
	if err != nil || secret.Reveal() != "hunter2" || row.Name != c.Name {
		t.Errorf("secret: %q, %v", secret.Reveal(), err)
	}
	if _, _, err := v.Secret(t.Context(), "team_2", "cred_1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another team's credential: %v", err)
	}
	stolen := store.Credential{Team: "team_1", ID: "cred_2", Kind: "test", Name: "thief", Public: []byte(`{}`), Sealed: c.Sealed, CreatedAt: time.Now()}
	if err := st.AddCredential(t.Context(), stolen); err != nil {
		t.Fatal(err)
	}
	if _, secret, err := v.Secret(t.Context(), "team_1", "cred_2"); !errors.Is(err, vault.ErrNotOpened) || !secret.Empty() {
		t.Errorf("a secret moved to another row: %v", err)
	}
}

func TestTokenOfACredential(t *testing.T) {
	st := storetest.Open(t, store.Options{Dir: t.TempDir()})
	var calls int
	refused := errors.New("invalid_grant")
	fetch := func(_ context.Context, cred store.Credential, secret email.Secret, subject string, scopes []string) (email.Secret, time.Time, error) {
		calls++
		if secret.Reveal() == "bad" {
			return email.Secret{}, time.Time{}, refused
		}
		return email.NewSecret(fmt.Sprint(cred.ID, secret.Reveal(), subject, scopes)), time.Now().Add(time.Hour), nil
	}
	v := open(t, st, 1, vault.WithTokens(fetch, nil))
	c := addCredential(t, st, v, "cred_1", "bad")
	ask := vault.TokenRequest{Team: "team_1", Credential: "cred_1", Subject: "a@x.example", Scopes: []string{"send"}}
	for range 3 {
		if _, err := v.Token(t.Context(), ask); !errors.Is(err, refused) {
			t.Fatalf("refused credential: %v", err)
		}
	}
	c.Sealed, c.UpdatedAt = seal(t, v, "cred_1", "good"), c.CreatedAt.Add(time.Second)
	if err := st.ReplaceCredential(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		token, err := v.Token(t.Context(), ask)
		if err != nil || token.Reveal() != "cred_1gooda@x.example[send]" {
			t.Fatalf("token: %q, %v", token.Reveal(), err)
		}
	}
	if calls != 2 {
		t.Errorf("%d calls", calls)
	}
	ask.Credential = "cred_9"
	if _, err := v.Token(t.Context(), ask); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no such credential: %v", err)
	}
	if _, err := open(t, st, 1).Token(t.Context(), ask); err == nil {
		t.Error("a vault that cannot fetch gave a token")
	}
}

func TestVaultDoesNotPrintItself(t *testing.T) {
	st := storetest.Open(t, store.Options{Dir: t.TempDir()})
	fetch := func(context.Context, store.Credential, email.Secret, string, []string) (email.Secret, time.Time, error) {
		return email.NewSecret("canary-token"), time.Now().Add(time.Hour), nil
	}
	v := open(t, st, 1, vault.WithTokens(fetch, nil))
	addCredential(t, st, v, "cred_1", "canary-secret")
	if _, err := v.Token(t.Context(), vault.TokenRequest{Team: "team_1", Credential: "cred_1"}); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, v); got != "[redacted]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

// BenchmarkContent2KB is what one message costs: its key drawn, wrapped and
// unwrapped, its content sealed and opened.
func BenchmarkContent2KB(b *testing.B)   { benchmarkContent(b, 2<<10) }
func BenchmarkContent100KB(b *testing.B) { benchmarkContent(b, 100<<10) }

func benchmarkContent(b *testing.B, size int) {
	v := open(b, storetest.Open(b, store.Options{Dir: b.TempDir()}), 1)
	// Base64 of random bytes compresses as mail with attachments does: to 3/4.
	raw := make([]byte, size)
	if _, err := rand.Read(raw); err != nil {
		b.Fatal(err)
	}
	plain := []byte(base64.StdEncoding.EncodeToString(raw))[:size]
	var sealed bytes.Buffer
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		sealed.Reset()
		wrapped := sealOne(b, v, &sealed, plain)
		k, err := v.UnwrapContentKey(b.Context(), "team_1", "msg_1", wrapped)
		if err != nil {
			b.Fatal(err)
		}
		r, err := k.Reader(&sealed)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, r)
		if err := errors.Join(err, r.Close()); err != nil || n != int64(size) {
			b.Fatal(n, err)
		}
	}
}

func sealOne(b *testing.B, v *vault.Vault, dst io.Writer, plain []byte) []byte {
	k, err := v.NewContentKey(b.Context(), "team_1", "msg_1")
	if err != nil {
		b.Fatal(err)
	}
	w, err := k.Writer(dst)
	if err != nil {
		b.Fatal(err)
	}
	_, err = w.Write(plain)
	if err := errors.Join(err, w.Close()); err != nil {
		b.Fatal(err)
	}
	return k.Wrapped
}
