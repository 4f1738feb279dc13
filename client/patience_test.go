package client

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// silent accepts connections and says nothing, nor does it read.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
		}
	}()
	return "http://" + l.Addr().String()
}

const short = 150 * time.Millisecond

// A gatepost that does not answer is given up, once and not again and again:
// waiting for its answer, and handing over what it does not read.
func TestSilence(t *testing.T) {
	address := silent(t)
	for name, hc := range map[string][]Option{"default": nil, "of one's own": {WithHTTPClient(&http.Client{})}} {
		c, err := New(address, testKey, append(hc, WithTimeout(short))...)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, reading := c.Me(t.Context())
		_, small := c.Send(t.Context(), NewMessage{Text: "x"}, "k1")
		_, large := c.SendRaw(t.Context(), io.LimitReader(endless{}, 64<<20), RawOptions{})
		if took := time.Since(began); took > 20*short {
			t.Errorf("%s: it took %s", name, took)
		}
		for _, err := range []error{reading, small, large} {
			if err == nil || !strings.Contains(err.Error(), "no answer within 150ms") {
				t.Errorf("%s: %v", name, err)
			}
		}
		var n *NoVerdict
		if !errors.As(small, &n) || errors.As(reading, &n) {
			t.Errorf("%s: %v, %v", name, small, reading)
		}
	}
}

// endless is a message without end.
type endless struct{}

// Read implements io.Reader.
func (endless) Read(b []byte) (int, error) { return len(b), nil }

// What goes on slowly is waited for: a message that its reader gives bit by bit,
// an answer that comes bit by bit, and a caller who reads late.
func TestSlownessIsNoSilence(t *testing.T) {
	s := serve(t, says(202, `{"id": "msg_1"}`), func(w http.ResponseWriter, r *http.Request) {
		for range 4 {
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(short)
		}
	})
	c, err := New(s.URL, testKey, WithTimeout(2*short))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SendRaw(t.Context(), &bits{left: 3, pause: 3 * short}, RawOptions{}); err != nil {
		t.Error(err)
	}
	body, err := c.Content(t.Context(), "msg_1")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	time.Sleep(3 * short)
	if b, err := io.ReadAll(body); err != nil || string(b) != "xxxx" {
		t.Errorf("%q, %v", b, err)
	}
}

// bits gives a byte after each pause.
type bits struct {
	left  int
	pause time.Duration
}

// Read implements io.Reader.
func (s *bits) Read(b []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(s.pause)
	s.left--
	b[0] = 'x'
	return 1, nil
}

// An answer that stops in its middle is given up.
func TestAnswerThatStops(t *testing.T) {
	stop := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"key": `)
		_ = http.NewResponseController(w).Flush()
		<-stop
	})
	t.Cleanup(func() { close(stop) })
	c, err := New(s.URL, testKey, WithTimeout(short))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Me(t.Context()); err == nil || !strings.Contains(err.Error(), "no answer within") || len(s.requests()) != 1 {
		t.Errorf("%v after %d requests", err, len(s.requests()))
	}
}

func TestLimits(t *testing.T) {
	plain, patient := get("/v1/me", nil), post("/v1/accounts/acc_1/check").asking()
	c := &Client{}
	if c.limit(plain) != time.Minute || c.limit(patient) != 3*time.Minute {
		t.Errorf("%s, %s", c.limit(plain), c.limit(patient))
	}
	WithTimeout(time.Second)(c)
	if c.limit(plain) != time.Second || c.limit(patient) != time.Second {
		t.Errorf("%s, %s", c.limit(plain), c.limit(patient))
	}
}

// A server whose certificate is not trusted, or who speaks no TLS, is asked once.
func TestMistakesAreNotRepeated(t *testing.T) {
	asked := 0
	s := httptest.NewUnstartedServer(nil)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	plain := serve(t, says(200, "{}"))
	for _, address := range []string{s.URL, strings.Replace(plain.URL, "http:", "https:", 1)} {
		c, err := New(address, testKey)
		if err != nil {
			t.Fatal(err)
		}
		c.wait = func(context.Context, time.Duration) error { asked++; return nil }
		if _, err := c.Send(t.Context(), NewMessage{}, "k1"); err == nil || asked != 0 {
			t.Errorf("%d further tries: %v", asked, err)
		}
	}
}
