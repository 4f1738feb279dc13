package control

import (
	"testing"

	"gatepost/internal/sandbox"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// A service account is not given to a mailbox that is no user's. What Google cannot
// say keeps nobody from connecting one.
func TestServiceAccountActsForUsersAlone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := startGoogle(t, opt)
		ctx := t.Context()
		key, other := w.serviceAccount(t, scopes+"send"), w.serviceAccount(t, scopes+"send")
		nobody := NewAccount{Address: "nobody@" + sandbox.Domain, Transport: "gmail", Credential: key}
		_, err := w.CreateAccount(ctx, w.grant, nobody)
		wantInvalid(t, err, "address", "not an alias, not a group")
		all, err := w.Accounts(ctx, w.grant)
		must(t, err)
		if len(all) != 0 {
			t.Errorf("%d accounts were kept", len(all))
		}
		var made Account
		w.answering(noNetwork, func() { made, err = w.CreateAccount(ctx, w.grant, nobody) })
		must(t, err)
		_, err = w.UpdateAccount(ctx, w.grant, made.ID, ChangeAccount{Credential: &other})
		wantInvalid(t, err, "credential", "not an alias, not a group")
		if now, err := w.Account(ctx, w.grant, made.ID); err != nil || now.Credential != key {
			t.Errorf("%+v, %v", now, err)
		}
		undelegated := NewAccount{Address: ada, Transport: "gmail_smtp", Credential: key} // which an administrator can mend
		_, err = w.CreateAccount(ctx, w.grant, undelegated)
		must(t, err)
	})
}
