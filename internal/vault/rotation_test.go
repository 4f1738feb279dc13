package vault_test

import (
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// TestRefusalOfAnOldSecretIsNobodys: a process that holds its lease too long keeps
// a new refresh token while the next one asks with the old one. That this is
// refused is not kept, and the next one asks again with the new one.
func TestRefusalOfAnOldSecretIsNobodys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		st, e, a, b := pair(t, opt)
		ctx := t.Context()
		cred, err := st.Credential(ctx, "team_1", "cred_user")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := st.LeaseToken(ctx, userKey(), 0, "slow", time.Millisecond); err != nil || !got {
			t.Fatalf("lease: %v %v", got, err)
		}
		gate := make(chan struct{})
		e.set(func(e *endpoint) { e.refuse, e.gate = "invalid_grant", gate })
		done := make(chan error, 1)
		go func() { _, err := b.Token(ctx, userAsk(oauth.ScopeSend)); done <- err }()
		<-e.arrived
		rotated, err := a.SealSecret(ctx, "team_1", "cred_user", email.NewSecret("1//canary-2"))
		if err != nil {
			t.Fatal(err)
		}
		late := store.TokenResult{
			Key: userKey(), Holder: "slow", Version: cred.UpdatedAt, Sealed: []byte("x"), Refresh: time.Hour, Life: time.Hour, Secret: rotated, Used: cred.Sealed,
		}
		if kept, err := st.StoreToken(ctx, late); err != nil || kept {
			t.Fatalf("store: %v %v", kept, err)
		}
		// The answer that waits is a refusal already; the next one is a token.
		e.set(func(e *endpoint) { e.refuse, e.gate = "", nil })
		close(gate)
		if err := <-done; err != nil {
			t.Errorf("refused although the credential holds a good secret: %v", err)
		}
		e.wantAsked(t, "1//canary-1", "1//canary-2")
		if row, err := st.LiveToken(ctx, userKey()); err != nil || row.Failure != "" || row.Pause > 0 {
			t.Errorf("kept for all: %q for %v, %v", row.Failure, row.Pause, err)
		}
	})
}
