package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// measureIdle shows what accounts without mail cost: memory and CPU of a server that was started with
// none, then with many.
func (b *bench) measureIdle(ctx context.Context) error {
	s, err := b.startGatepost(ctx, "", b.usualRelay())
	if err != nil {
		return err
	}
	defer s.stop()
	label := s.label
	for _, accounts := range []int{1, b.plan.idle} {
		if err := b.addAccounts(ctx, s.gatepost, accounts-1); err != nil {
			return fmt.Errorf("add accounts: %w", err)
		}
		// What the making of them took is not what having them takes.
		s.gatepost.stop()
		if err := s.gatepost.start(ctx, s.group, filepath.Join(b.dir, "idle.log")); err != nil {
			return err
		}
		s.label = fmt.Sprintf("%s, %d idle accounts", label, accounts)
		b.awaitQuiet(ctx)
		idle := append([]string{"idle", "-for", b.plan.idleTime.String(), "-label", s.label, "-out", b.results}, s.group.flags()...)
		if err := output(ctx, b.rig, idle...); err != nil {
			return err
		}
	}
	return nil
}

// addAccounts makes accounts, several at a time.
func (b *bench) addAccounts(ctx context.Context, g *gatepost, n int) error {
	credential, err := g.credential(ctx)
	if err != nil {
		return err
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	for range cap(errs) {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if _, err := g.connect(ctx, b, credential, fmt.Sprintf("idle%d@bench.test", i), b.usualRelay()); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}
