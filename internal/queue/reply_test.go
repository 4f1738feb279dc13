package queue

import (
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// Providers answer in any bytes. An outcome is written all the same, with what of
// the answer is text.
func TestReplyThatIsNotTextIsWritten(t *testing.T) {
	const odd, clean = "d\xe9j\xe0\x00 vu", "d\uFFFDj\uFFFD vu"
	told := map[email.State]string{email.Accepted: clean, email.Failed: clean + clean} // the provider's id; text and fix
	mistake := &provider.Error{Class: provider.Fail, Cause: "refused", Text: odd, Reply: odd, Fix: odd}
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		for want, send := range map[email.State]sendFunc{
			email.Accepted: func(env email.Envelope, _ email.Content) (provider.Receipt, error) {
				return provider.AcceptedBy(env, odd, odd), nil
			},
			email.Failed: func(email.Envelope, email.Content) (provider.Receipt, error) { return provider.Receipt{}, mistake },
		} {
			t.Run(string(want), func(t *testing.T) {
				opt := opt
				opt.Dir = t.TempDir()
				if opt.Database != "" {
					opt.Database = storetest.Postgres(t)
				}
				w := newWorld(t, opt, send, live)
				id := w.submit()
				c := w.claimOne()
				w.settleWith(c, w.attempt(t.Context(), c))
				if got := w.state(id); got != want {
					t.Errorf("the message is %s", got)
				}
				events, err := w.cfg.Store.Events(t.Context(), simTeam, id)
				w.must(err)
				if got := events[len(events)-1].Data; got.Reply != clean || got.Text+got.Fix+got.ProviderID != told[want] {
					t.Errorf("told as %+v", got)
				}
			})
		}
	})
}
