package queue

import (
	"database/sql"
	"path/filepath"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// removeAccount takes the account away under a message that is on its way, as a
// removal does that meets a claim.
func (w *world) removeAccount(opt store.Options) {
	w.t.Helper()
	driver, name := "sqlite", "file:"+filepath.Join(opt.Dir, store.DatabaseFile)+"?_pragma=busy_timeout(5000)"
	if opt.Database != "" {
		driver, name = "pgx", opt.Database
	}
	db, err := sql.Open(driver, name)
	w.must(err)
	defer db.Close()
	_, err = db.Exec("DELETE FROM accounts")
	w.must(err)
	w.AccountChanged(simTeam, worldAccount)
}

// A process that ended in a send whose account has been removed since starts
// again; the message ends, and says that it may have left.
func TestOutcomeWithoutAnAccount(t *testing.T) {
	for name, c := range map[string]struct {
		policy email.OnUnknown
		crash  bool
	}{
		"crash":                      {email.Reconcile, true},
		"crash, and it is retried":   {email.Retry, true},
		"unknown, and it is looked":  {email.Reconcile, false},
		"unknown, and it is retried": {email.Retry, false},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, opt store.Options) {
				w := newWorld(t, opt, func(email.Envelope, email.Content) (provider.Receipt, error) {
					return provider.Receipt{}, &provider.Error{Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: "no_answer", Text: "no answer"}
				}, nil)
				sub := toBob()
				sub.OnUnknown = c.policy
				id := w.take(sub).ID
				if c.crash {
					w.claimOne()
				} else {
					w.sendOne()
				}
				w.removeAccount(opt)
				w.must(w.Enter(t.Context()), w.rescue(t.Context()), w.strand(t.Context()))
				m, _, err := w.Message(t.Context(), w.grant, id)
				w.must(err)
				if r := m.Recipients[0]; r.State != email.Failed || r.Cause != "outcome_unknown" {
					t.Errorf("it is %s, %s", r.State, r.Cause)
				}
			})
		})
	}
}

// The provider of an account that has been removed is closed.
func TestRemovedAccountIsClosed(t *testing.T) {
	opt := store.Options{Dir: storetest.Folder(t)}
	w := newWorld(t, opt, nil, nil)
	w.submit()
	w.sendOne()
	w.removeAccount(opt)
	if _, err := w.accounts.list(t.Context(), simTeam); err != nil || len(w.accounts.opened) != 0 {
		t.Errorf("%d are open, %v", len(w.accounts.opened), err)
	}
}
