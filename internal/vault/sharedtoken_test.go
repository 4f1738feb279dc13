package vault_test

import (
	"bytes"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
	"gatepost/internal/vault"
)

// pair is two vaults over one database, as two processes have them.
func pair(t *testing.T, opt store.Options) (st *store.Store, e *endpoint, a, b *vault.Vault) {
	t.Helper()
	st = storetest.Open(t, opt)
	e = newEndpoint(t)
	a, b = e.vault(t, st), e.vault(t, st)
	addUser(t, st, a)
	return st, e, a, b
}

func userKey() store.TokenKey { return store.TokenKey{Team: "team_1", Credential: "cred_user"} }

func TestProcessesShareAToken(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		st, e, a, b := pair(t, opt)
		e.set(func(e *endpoint) { e.gate = make(chan struct{}) })
		got := make(chan string, 2)
		for _, v := range []*vault.Vault{a, b} {
			go func() {
				token, err := v.Token(t.Context(), userAsk(oauth.ScopeSend))
				if err != nil {
					t.Error(err)
				}
				got <- token.Reveal()
			}()
		}
		<-e.arrived
		close(e.gate)
		if one, other := <-got, <-got; one != "ya29.canary-T1" || other != one {
			t.Errorf("tokens %q and %q", one, other)
		}
		wantToken(t, e.vault(t, st), userAsk(oauth.ScopeSend), "T1") // also after a restart
		e.wantAsked(t, "1//canary-1")

		row, err := st.LiveToken(t.Context(), userKey())
		if err != nil || len(row.Sealed) == 0 || bytes.Contains(row.Sealed, []byte("canary")) {
			t.Errorf("at rest: %d bytes, %v", len(row.Sealed), err)
		}
		at := vault.Bind{Table: "credentials", Row: "cred_user", Column: "sealed"}
		if _, err := a.Open(t.Context(), "team_1", at, row.Sealed); err == nil {
			t.Error("a token opens as the secret of its credential")
		}
	})
}

func TestProcessesShareARefusal(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		_, e, a, b := pair(t, opt)
		e.set(func(e *endpoint) { e.refuse = "invalid_grant" })
		for range 3 {
			first, second := wantCause(t, a, userAsk(oauth.ScopeSend), "token_revoked"), wantCause(t, b, userAsk(oauth.ScopeSend), "token_revoked")
			if first.Fix != second.Fix || first.Text != second.Text || second.Class != provider.Hold || second.Reply != first.Reply {
				t.Errorf("%+v and %+v", first, second)
			}
		}
		e.wantAsked(t, "1//canary-1")
		e.set(func(e *endpoint) { e.refuse = "" })
		b.ForgetFor("cred_user", "grace@gmail.example") // a person asks to try again
		wantToken(t, b, userAsk(oauth.ScopeSend), "T2")
		e.wantAsked(t, "1//canary-1", "1//canary-1")
	})
}

// TestRefusedTokenIsRenewedOnceForAll: each process finds out that Gmail refuses
// the token; the second takes what the first brought.
func TestRefusedTokenIsRenewedOnceForAll(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		st, e, a, b := pair(t, opt)
		wantToken(t, a, userAsk(oauth.ScopeSend), "T1")
		wantToken(t, b, userAsk(oauth.ScopeSend), "T1")
		renew := userAsk(oauth.ScopeSend)
		renew.Renew = true
		wantToken(t, a, renew, "T2")
		wantToken(t, b, renew, "T2")
		wantToken(t, e.vault(t, st), renew, "T2") // does not know which one it was refused; this one is new
		wantToken(t, a, userAsk(oauth.ScopeSend), "T2")
		e.wantAsked(t, "1//canary-1", "1//canary-1")
	})
}

// TestReplacedCredentialWins: what comes of the old one meanwhile is not kept,
// neither its token nor its new refresh token nor its refusal.
func TestReplacedCredentialWins(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		for name, answer := range map[string]func(e *endpoint){
			"token":   func(e *endpoint) { e.rotate = "1//canary-rotated" },
			"refusal": func(e *endpoint) { e.refuse = "invalid_grant" },
		} {
			if opt.Dir = t.TempDir(); opt.Database != "" {
				opt.Database = storetest.Postgres(t)
			}
			st, e, a, _ := pair(t, opt)
			e.set(func(e *endpoint) { e.gate = make(chan struct{}); answer(e) })
			got := make(chan string, 1)
			go func() {
				token, err := a.Token(t.Context(), userAsk(oauth.ScopeSend))
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				got <- token.Reveal()
			}()
			<-e.arrived
			replaceUser(t, st, a, "1//canary-new")
			e.set(func(e *endpoint) { e.refuse = "" })
			close(e.gate)
			if token := <-got; token != "ya29.canary-T2" {
				t.Errorf("%s: token %q", name, token)
			}
			e.wantAsked(t, "1//canary-1", "1//canary-new")
			if _, secret, err := a.Secret(t.Context(), "team_1", "cred_user"); err != nil || secret.Reveal() != "1//canary-new" {
				t.Errorf("%s: secret %q, %v", name, secret.Reveal(), err)
			}
		}
	})
}

func replaceUser(t *testing.T, st *store.Store, v *vault.Vault, secret string) {
	t.Helper()
	c, err := st.Credential(t.Context(), "team_1", "cred_user")
	if err != nil {
		t.Fatal(err)
	}
	if c.Sealed, err = v.SealSecret(t.Context(), "team_1", c.ID, email.NewSecret(secret)); err != nil {
		t.Fatal(err)
	}
	c.UpdatedAt = c.UpdatedAt.Add(time.Second)
	if err := st.ReplaceCredential(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// TestOldTokenServesWhileAnotherRenewsIt: nobody waits for a renewal that is early.
func TestOldTokenServesWhileAnotherRenewsIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		st, e, a, _ := pair(t, opt)
		wantToken(t, a, userAsk(oauth.ScopeSend), "T1")
		row, err := st.LiveToken(t.Context(), userKey())
		if err != nil {
			t.Fatal(err)
		}
		storeOld := func(revision int64, life time.Duration) {
			t.Helper()
			if got, err := st.LeaseToken(t.Context(), userKey(), revision, "test", time.Hour); err != nil || !got {
				t.Fatalf("lease: %v %v", got, err)
			}
			result := store.TokenResult{Key: userKey(), Holder: "test", Version: row.Version, Sealed: row.Sealed, Refresh: -time.Second, Life: life}
			if kept, err := st.StoreToken(t.Context(), result); err != nil || !kept {
				t.Fatalf("store: %v %v", kept, err)
			}
		}
		storeOld(row.Revision, 4*time.Minute)
		if got, err := st.LeaseToken(t.Context(), userKey(), row.Revision+1, "another", time.Hour); err != nil || !got {
			t.Fatalf("lease: %v %v", got, err)
		}
		wantToken(t, e.vault(t, st), userAsk(oauth.ScopeSend), "T1")
		e.wantAsked(t, "1//canary-1")

		// Whoever may renew it and is refused goes on with the old one too.
		if err := st.ReleaseToken(t.Context(), userKey(), "another"); err != nil {
			t.Fatal(err)
		}
		e.set(func(e *endpoint) { e.refuse = "invalid_grant" })
		wantToken(t, e.vault(t, st), userAsk(oauth.ScopeSend), "T1")
		wantToken(t, e.vault(t, st), userAsk(oauth.ScopeSend), "T1")
		e.wantAsked(t, "1//canary-1", "1//canary-1")
	})
}
