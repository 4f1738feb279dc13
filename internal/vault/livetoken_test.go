package vault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/email"
)

var errRefused = errors.New("invalid_grant")

// tokenWorld is a token endpoint and a clock under the test's control.
type tokenWorld struct {
	*tokens
	mu      sync.Mutex
	at      time.Time
	life    time.Duration
	err     error
	calls   int
	refused string        // what the last call was told not to bring again
	gate    chan struct{} // when set, calls wait for it
}

func newTokenWorld() *tokenWorld {
	w := &tokenWorld{at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), life: time.Hour}
	w.tokens = &tokens{now: w.clock, live: map[tokenKey]*liveToken{}}
	return w
}

func (w *tokenWorld) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *tokenWorld) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

func (w *tokenWorld) answerWith(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

func (w *tokenWorld) call(ctx context.Context, refused email.Secret) (kept, error) {
	if w.gate != nil {
		<-w.gate
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	w.refused = refused.Reveal()
	if w.err != nil {
		return kept{}, w.err
	}
	return keptFor(email.NewSecret(fmt.Sprint("T", w.calls)), w.at, w.at.Add(w.life)), ctx.Err()
}

// want asks for a token and compares: "T1" or an error.
func (w *tokenWorld) want(t *testing.T, ask tokenAsk, token string, wantErr error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got, err := w.get(ctx, ask, w.call)
	if got.Reveal() != token || !errors.Is(err, wantErr) {
		t.Fatalf("got %q, %v; want %q, %v", got.Reveal(), err, token, wantErr)
	}
}

var (
	plainAsk = tokenAsk{key: tokenKey{"team_1", "cred_1", "a@x.example", "send"}}
	renewAsk = tokenAsk{key: plainAsk.key, renew: true}
)

func TestTokenIsKeptAndFetchedEarly(t *testing.T) {
	w := newTokenWorld()
	w.want(t, plainAsk, "T1", nil)
	w.pass(55*time.Minute - time.Second)
	w.want(t, plainAsk, "T1", nil)
	w.pass(time.Second)
	w.want(t, plainAsk, "T2", nil)

	w.life = 4 * time.Minute // half life comes before five minutes
	w.forget("cred_1", "")
	w.want(t, plainAsk, "T3", nil)
	w.pass(2*time.Minute - time.Second)
	w.want(t, plainAsk, "T3", nil)
	w.pass(time.Second)
	w.want(t, plainAsk, "T4", nil)
}

func TestTokenThatComesExpiredDoesNotCauseACallEach(t *testing.T) {
	for _, life := range []time.Duration{0, -time.Hour, time.Millisecond} {
		w := newTokenWorld()
		w.life = life
		for range 100 {
			w.want(t, plainAsk, "T1", nil)
		}
		w.pass(time.Minute)
		w.want(t, plainAsk, "T2", nil)
	}
	w := newTokenWorld()
	w.life = 10 * 365 * 24 * time.Hour
	w.want(t, plainAsk, "T1", nil)
	w.pass(25 * time.Hour)
	w.want(t, plainAsk, "T2", nil)
}

func TestTokensAreKeptApart(t *testing.T) {
	w := newTokenWorld()
	w.want(t, plainAsk, "T1", nil)
	for i, key := range []tokenKey{
		{"team_2", "cred_1", "a@x.example", "send"},
		{"team_1", "cred_2", "a@x.example", "send"},
		{"team_1", "cred_1", "b@x.example", "send"},
		{"team_1", "cred_1", "a@x.example", "send read"},
	} {
		w.want(t, tokenAsk{key: key}, fmt.Sprint("T", i+2), nil)
	}
	w.want(t, plainAsk, "T1", nil)

	a := TokenRequest{Team: "team_1", Scopes: []string{"b", "a", "b"}}
	b := TokenRequest{Team: "team_1", Scopes: []string{"a", "b"}}
	if a.key() != b.key() {
		t.Error("the order of scopes matters")
	}
}

func TestRefusalIsRememberedForAMinute(t *testing.T) {
	w := newTokenWorld()
	w.answerWith(errRefused)
	for range 20 {
		w.want(t, plainAsk, "", errRefused)
		w.want(t, renewAsk, "", errRefused)
	}
	w.pass(time.Minute - time.Second)
	w.want(t, plainAsk, "", errRefused)
	if w.calls != 1 {
		t.Fatalf("%d calls within a minute", w.calls)
	}
	w.pass(time.Second)
	w.want(t, plainAsk, "", errRefused)
	w.answerWith(nil)
	w.pass(time.Minute)
	w.want(t, plainAsk, "T3", nil)
}

func TestTransientErrorIsTriedAgainSooner(t *testing.T) {
	w := newTokenWorld()
	road := errors.New("connection reset")
	w.transient = func(err error) bool { return errors.Is(err, road) }
	w.answerWith(road)
	w.want(t, plainAsk, "", road)
	w.want(t, plainAsk, "", road)
	w.answerWith(nil)
	w.pass(5 * time.Second)
	w.want(t, plainAsk, "T2", nil)
}

func TestOldTokenServesWhileNoNewOneComes(t *testing.T) {
	w := newTokenWorld()
	w.want(t, plainAsk, "T1", nil)
	w.answerWith(errRefused)
	w.pass(56 * time.Minute)
	for range 10 {
		w.want(t, plainAsk, "T1", nil)
	}
	if w.calls != 2 {
		t.Errorf("%d calls", w.calls)
	}
	w.pass(4 * time.Minute)
	w.want(t, plainAsk, "", errRefused)
}

func TestReplacedOrForgottenCredentialIsUsedAtOnce(t *testing.T) {
	w := newTokenWorld()
	w.answerWith(errRefused)
	w.want(t, plainAsk, "", errRefused)
	w.answerWith(nil)
	replaced := plainAsk
	replaced.version = w.at.Add(time.Second)
	w.want(t, replaced, "T2", nil)
	w.want(t, replaced, "T2", nil)
	replaced.version = w.at.Add(2 * time.Second)
	w.want(t, replaced, "T3", nil)
	w.forget("cred_2", "")
	w.want(t, replaced, "T3", nil)
	w.forget("cred_1", "")
	w.want(t, replaced, "T4", nil)
}

// Whoever asks to try one user again costs the others behind the same key nothing.
func TestForgottenForOneSubject(t *testing.T) {
	w := newTokenWorld()
	other := tokenAsk{key: tokenKey{"team_1", "cred_1", "b@x.example", "send"}}
	w.want(t, plainAsk, "T1", nil)
	w.want(t, other, "T2", nil)
	w.forget("cred_1", "a@x.example")
	w.want(t, other, "T2", nil)
	w.want(t, plainAsk, "T3", nil)
	user := tokenAsk{key: tokenKey{"team_1", "cred_2", "", ""}} // a user's consent acts for nobody else
	w.want(t, user, "T4", nil)
	w.forget("cred_2", "c@x.example")
	w.want(t, user, "T5", nil)
}

func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	w := newTokenWorld()
	w.want(t, plainAsk, "T1", nil)
	w.want(t, renewAsk, "T2", nil)
	if w.refused != "T1" {
		t.Errorf("the call was told that %q is refused", w.refused)
	}
	w.want(t, renewAsk, "T2", nil) // another sender, who had T1 too
	w.want(t, plainAsk, "T2", nil)
	w.pass(time.Minute)
	w.want(t, renewAsk, "T3", nil) // T2 was refused as well
	w.answerWith(errRefused)
	w.pass(time.Minute)
	w.want(t, renewAsk, "", errRefused)
	w.want(t, plainAsk, "", errRefused) // the refused T3 does not come back
}

func TestCallersShareOneCall(t *testing.T) {
	for name, ask := range map[string]tokenAsk{"first": plainAsk, "renew": renewAsk} {
		w := newTokenWorld()
		want := "T1"
		if ask.renew {
			w.want(t, plainAsk, "T1", nil)
			want = "T2"
		}
		w.gate = make(chan struct{})
		var wg sync.WaitGroup
		var wrong atomic.Int32
		for range 32 {
			wg.Go(func() {
				if got, err := w.get(t.Context(), ask, w.call); got.Reveal() != want || err != nil {
					wrong.Add(1)
				}
			})
		}
		close(w.gate)
		wg.Wait()
		if wrong.Load() != 0 {
			t.Errorf("%s: %d callers got another answer; %d calls", name, wrong.Load(), w.calls)
		}
	}
}

func TestEarlyFetchStopsOnlyTheOneWhoMakesIt(t *testing.T) {
	w := newTokenWorld()
	w.want(t, plainAsk, "T1", nil)
	w.pass(56 * time.Minute)
	w.gate = make(chan struct{})
	maker := make(chan string)
	go func() {
		got, _ := w.get(t.Context(), plainAsk, w.call)
		maker <- got.Reveal()
	}()
	for deadline := time.Now().Add(10 * time.Second); !w.busy(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no call is under way")
		}
	}
	w.want(t, plainAsk, "T1", nil)
	close(w.gate)
	if got := <-maker; got != "T2" {
		t.Errorf("the maker got %s", got)
	}
	w.want(t, plainAsk, "T2", nil)
}

func (w *tokenWorld) busy() bool {
	w.tokens.mu.Lock()
	defer w.tokens.mu.Unlock()
	e := w.live[plainAsk.key]
	return e != nil && e.call != nil
}

func TestCallerWhoGoesAwayDoesNotSpoilTheCall(t *testing.T) {
	w := newTokenWorld()
	w.gate = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.get(ctx, plainAsk, w.call); !errors.Is(err, context.Canceled) {
		t.Fatalf("caller who went away: %v", err)
	}
	close(w.gate)
	w.want(t, plainAsk, "T1", nil)
}

func TestEmptyTokenIsAnError(t *testing.T) {
	w := newTokenWorld()
	got, err := w.get(t.Context(), plainAsk, func(context.Context, email.Secret) (kept, error) {
		return kept{life: time.Hour}, nil
	})
	if err == nil || !got.Empty() {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestTokensAreBounded(t *testing.T) {
	w := newTokenWorld()
	for i := range 3 * maxTokens {
		ask := tokenAsk{key: tokenKey{subject: fmt.Sprint(i)}}
		w.want(t, ask, fmt.Sprint("T", i+1), nil)
		if len(w.live) > maxTokens {
			t.Fatalf("%d tokens are kept", len(w.live))
		}
	}
	w.pass(time.Hour)
	w.want(t, plainAsk, fmt.Sprint("T", 3*maxTokens+1), nil)
}
