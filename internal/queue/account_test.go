package queue

import (
	"fmt"
	"sync"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// closing is a provider that notes when it is closed.
type closing struct {
	worldProvider
	closed func()
}

func (c closing) Close() error {
	c.closed()
	return nil
}

// An account is known from the moment that it was connected, whoever reads the accounts at
// that time, and nobody closes its provider because he read them a moment before.
func TestAccountIsKnownAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, func(c *Config) {
			live(c)
			open := c.Kinds[0].Open
			c.Kinds[0].Open = func(a provider.Account, d provider.Deps) (provider.Provider, error) {
				p, err := open(a, d)
				return closing{p.(worldProvider), func() { t.Errorf("%s was closed", a.ID) }}, err
			}
		})
		stop := make(chan struct{})
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
						w.accounts.forget(simTeam, []email.ID{"", worldAccount}[n%2])
						if _, err := w.accounts.list(t.Context(), simTeam); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		for n := range 50 {
			id := fmt.Sprintf("acc_new_%d", n)
			w.must(w.cfg.Store.AddAccount(t.Context(), &store.Account{
				Team: simTeam, ID: id, Address: id + "@acme.example", Transport: "world", Config: []byte("{}"), CreatedAt: simStart,
			}))
			w.AccountChanged(simTeam, id)
			if _, err := w.accounts.get(t.Context(), simTeam, id); err != nil {
				t.Error(err)
			}
		}
		close(stop)
		readers.Wait()
	})
}
