package sandbox

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
)

// control speaks to the control endpoint.
func (w *World) ask(t *testing.T, method, path, body string) answer {
	t.Helper()
	return do(t, w.client(t), method, w.ControlURL+path, "application/json", body)
}

func (w *World) fault(t *testing.T, rule string) {
	t.Helper()
	if a := w.ask(t, "POST", "/control/faults", rule); a.status != 201 {
		t.Fatalf("fault %s: %d %s", rule, a.status, a.body)
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatal("never came true: " + what)
}

func TestGmailAnswersWithEachFault(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeSend)
	for name, x := range map[string]struct {
		status int
		text   string
		taken  int
	}{
		"unauthorized":     {401, `"reason":"authError"`, 0},
		"quota":            {403, `"reason":"userRateLimitExceeded"`, 0},
		"quota.60":         {403, "Retry after 20", 0},
		"rate":             {429, `"status":"RESOURCE_EXHAUSTED"`, 0},
		"rate.30":          {429, `"reason":"rateLimitExceeded"`, 0},
		"server_error":     {503, `"reason":"backendError"`, 0},
		"server_error.502": {502, `"code":502`, 0},
		"refused":          {400, `"reason":"invalidArgument"`, 0},
		"error_after":      {503, `"reason":"backendError"`, 1},
		"error_after.500":  {500, `"status":"INTERNAL"`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(w.ledger(t))
			a := do(t, c, "POST", w.sendURL(), "application/json", rawJSON(mailTo("someone+fault."+name+"@example.net")))
			if a.status != x.status || !strings.Contains(a.body, x.text) {
				t.Errorf("answer %d %s", a.status, a.body)
			}
			if got := len(w.ledger(t)) - before; got != x.taken {
				t.Errorf("%d taken, want %d", got, x.taken)
			}
			if after := a.header.Get("Retry-After"); (name == "rate.30") != (after == "30") {
				t.Errorf("Retry-After %q", after)
			}
		})
	}
}

func TestRelayAnswersWithEachFault(t *testing.T) {
	w := world(t)
	c := w.smtp(t)
	for name, x := range map[string]struct {
		code     int
		enhanced smtp.EnhancedCode
		taken    int
	}{
		"unauthorized":      {530, smtp.EnhancedCode{5, 7, 0}, 0},
		"quota":             {550, smtp.EnhancedCode{5, 4, 5}, 0},
		"rate":              {450, smtp.EnhancedCode{4, 7, 0}, 0},
		"server_error":      {451, smtp.EnhancedCode{4, 3, 0}, 0},
		"server_error.454":  {454, smtp.EnhancedCode{4, 7, 0}, 0},
		"server_error.503":  {451, smtp.EnhancedCode{4, 3, 0}, 0},
		"refused":           {550, smtp.EnhancedCode{5, 1, 1}, 0},
		"error_after":       {451, smtp.EnhancedCode{4, 3, 0}, 1},
		"server_error-once": {451, smtp.EnhancedCode{4, 3, 0}, 0},
	} {
		to := "fault." + name + "@example.net"
		before := len(w.ledger(t))
		wantReply(t, name, submit(c, ada, mailTo(to), to), x.code, x.enhanced)
		if got := len(w.ledger(t)) - before; got != x.taken {
			t.Errorf("%s: %d taken, want %d", name, got, x.taken)
		}
		_ = c.Reset()
	}
}

func TestCutConnections(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeSend)
	for name, taken := range map[string]int{"cut_before": 0, "cut_after": 1} {
		to := "fault." + name + "@example.net"
		before := len(w.ledger(t))
		_, err := try(c, "POST", w.sendURL(), "application/json", rawJSON(mailTo(to)))
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("Gmail %s: %v", name, err)
		}
		if got := len(w.ledger(t)) - before; got != taken {
			t.Errorf("Gmail %s: %d taken, want %d", name, got, taken)
		}
		if err := submit(w.smtp(t), ada, mailTo(to), to); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("SMTP %s: %v", name, err)
		}
		if got := len(w.ledger(t)) - before; got != 2*taken {
			t.Errorf("SMTP %s: %d taken, want %d", name, got, 2*taken)
		}
	}
}

// A client that gets no answer sees in the ledger whether it was taken, and it
// is there while the client still waits: so also before any answer.
func TestTimeouts(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeSend)
	w.sent(t, c, mailTo("bob@example.net")) // the token is fetched
	for name, taken := range map[string]int{"timeout_before": 0, "timeout_after": 1} {
		to := "fault." + name + "@example.net"
		before := len(w.ledger(t))
		ctx, giveUp := context.WithCancel(context.Background())
		done := make(chan error, 2)
		go func() {
			req, _ := http.NewRequestWithContext(ctx, "POST", w.sendURL(), strings.NewReader(rawJSON(mailTo(to))))
			_, err := c.Do(req)
			done <- err
		}()
		relay := w.smtp(t)
		go func() { done <- submit(relay, ada, mailTo(to), to) }()
		if taken > 0 {
			eventually(t, "both are taken", func() bool { return len(w.ledger(t)) == before+2 })
		}
		select {
		case err := <-done:
			t.Errorf("%s was answered: %v", name, err)
		case <-time.After(150 * time.Millisecond):
		}
		giveUp()
		_ = relay.Close()
		for range 2 {
			if err := <-done; err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		if got := len(w.ledger(t)) - before; got != 2*taken {
			t.Errorf("%s: %d taken", name, got)
		}
	}
}

func TestCloseEndsWhatHangs(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeSend)
	relay := w.smtp(t)
	to := "fault.timeout_after@example.net"
	done := make(chan error, 2)
	go func() {
		_, err := try(c, "POST", w.sendURL(), "application/json", rawJSON(mailTo(to)))
		done <- err
	}()
	go func() { done <- submit(relay, ada, mailTo(to), to) }()
	eventually(t, "both are taken", func() bool { return len(w.ledger(t)) == 2 })
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		select {
		case err := <-done:
			if err == nil {
				t.Error("an answer came")
			}
		case <-time.After(10 * time.Second):
			t.Fatal("still hanging")
		}
	}
}

func TestTokenRefusedByAddress(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeSend)
	a := do(t, c, "POST", w.sendURL(), "application/json", rawJSON(mailTo("fault.token_refused@example.net")))
	if a.status != 401 {
		t.Fatalf("send: %d %s", a.status, a.body)
	}
	if a := do(t, c, "POST", w.sendURL(), "application/json", rawJSON(mailTo("bob@example.net"))); a.status != 401 {
		t.Errorf("the token still works: %d", a.status)
	}
	s := newSigner(t, w.ServiceAccountKey(scopeSend))
	ask := func() answer { return w.askToken(t, jwtBearer, s.sign(s.header(), s.claims(time.Now(), nil))) }
	if a := ask(); a.status != 400 || !strings.Contains(a.body, "invalid_grant") {
		t.Errorf("next token: %d %s", a.status, a.body)
	}
	if a := ask(); a.status != 200 {
		t.Errorf("the token after it: %d %s", a.status, a.body)
	}
}

func TestTokenRefusedByControl(t *testing.T) {
	w := world(t)
	w.fault(t, `{"fault":"token_refused","account":"ada@acme.example"}`)
	s := newSigner(t, w.ServiceAccountKey(scopeSend))
	ask := func(sub string) int {
		return w.askToken(t, jwtBearer, s.sign(s.header(), s.claims(time.Now(), object{"sub": sub}))).status
	}
	if got := []int{ask(ada), ask(ada), ask("bob@acme.example")}; !cmp.Equal(got, []int{400, 400, 200}) {
		t.Errorf("ada, ada, bob: %v", got)
	}
	w.ask(t, "DELETE", "/control/faults", "")
	if got := ask(ada); got != 200 {
		t.Errorf("after the fault was deleted: %d", got)
	}
}

func TestLateSentCopy(t *testing.T) {
	c := &clock{at: time.Now()}
	w := world(t, func(cfg *Config) { cfg.Now = c.now })
	w.sent(t, w.gmail(t, ada, scopeSend), mailTo("fault.late_sent.500@example.net"))
	box := w.mailbox(t, ada)
	if n := len(box.list("labelIds=SENT").Messages); n != 0 {
		t.Error("it is there at once")
	}
	c.advance(500 * time.Millisecond)
	if n := len(box.list("labelIds=SENT").Messages); n != 1 {
		t.Error("it never came")
	}
}

func TestNewMessageID(t *testing.T) {
	w := world(t)
	to := "new+fault.new_message_id@acme.example"
	id := w.sent(t, w.gmail(t, ada, scopeSend), mailTo(to))
	if err := submit(w.smtp(t), ada, mailTo(to), to); err != nil {
		t.Fatal(err)
	}
	box := w.mailbox(t, to)
	for _, raw := range []string{
		w.mailbox(t, ada).raw(id), box.raw(box.list("").Messages[0].ID), box.raw(box.list("").Messages[1].ID),
	} {
		h := readHeader([]byte(raw))
		if h.first("X-Google-Original-Message-ID") != "<one@acme.example>" || len(h.all("Message-ID")) != 1 ||
			!strings.HasSuffix(h.first("Message-ID"), "@mail.gmail.com>") || h.first("X-Gatepost-Id") != "msg_1" {
			t.Errorf("stored as:\n%s", raw)
		}
	}
}

func TestSlowAnswer(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeSend)
	w.sent(t, c, mailTo("bob@example.net"))
	relay := w.smtp(t)
	to := "fault.slow.80@example.net"
	start := time.Now()
	w.sent(t, c, mailTo(to))
	middle := time.Now()
	if err := submit(relay, ada, mailTo(to), to); err != nil {
		t.Fatal(err)
	}
	if a, b := middle.Sub(start), time.Since(middle); a < 80*time.Millisecond || b < 80*time.Millisecond {
		t.Errorf("Gmail answered after %v, SMTP after %v", a, b)
	}
}

func TestOnceMeansTheFirstAttemptOfAMessage(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeSend)
	relay := w.smtp(t)
	to := "fault.server_error-once@example.net"
	other := strings.Replace(mailTo(to), "msg_1", "msg_2", 1)
	var got []int
	for _, raw := range []string{mailTo(to), mailTo(to), other, other} {
		got = append(got, do(t, c, "POST", w.sendURL(), "application/json", rawJSON(raw)).status)
	}
	if diff := cmp.Diff([]int{503, 200, 503, 200}, got); diff != "" {
		t.Errorf("Gmail (-want +got):\n%s", diff)
	}
	third := strings.Replace(mailTo(to), "msg_1", "msg_3", 1)
	wantReply(t, "SMTP, first attempt", submit(relay, ada, third, to), 451, smtp.EnhancedCode{4, 3, 0})
	if err := submit(relay, ada, third, to); err != nil {
		t.Error("SMTP, second attempt:", err)
	}
}
