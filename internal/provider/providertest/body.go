package providertest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// stages records what Send passes.
type stages struct {
	mu   sync.Mutex
	seen []string
}

func (s *stages) add(stage string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, stage)
}

func (s *stages) list() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// testGuard: when the node is not sure any more that the attempt is its own, the
// message stays untaken although nearly all of it has left.
func testGuard(t *testing.T, h Harness) {
	for name, size := range map[string]int{"small": 10, "large": 3 << 20} {
		t.Run(name, func(t *testing.T) {
			var s stages
			p := h.Open(t, Options{Trace: s.add})
			l := newLetter(t, h, "ann@world.example")
			l.body = strings.Repeat("line\r\n", h.within(size)/6+1)
			env, lost := l.envelope("ann@world.example"), errors.New("the claim has lasted too long")
			asked := 0
			ctx := provider.WithGuard(within(t, patience), func() error { asked++; s.add("guard"); return lost })
			receipt, err := p.Send(ctx, env, l.bytes())
			e, _ := classOf(receipt, err)
			if e == nil || e.Class != provider.Retry || !errors.Is(err, lost) {
				t.Errorf("Send: %v, want retry that wraps the guard's error", err)
			}
			if d := cmp.Diff([]string{"connected", "body.half", "guard"}, s.list()); d != "" {
				t.Errorf("stages (-want +got):\n%s", d)
			}
			if asked != 1 {
				t.Errorf("the guard was asked %d times, want once", asked)
			}
			wantTaken(t, h.World, l.id, 0)

			receipt, err = p.Send(within(t, patience), env, l.bytes())
			wantAccepted(t, env, receipt, err)
			wantTaken(t, h.World, l.id, 1)
		})
	}
}

// testDeadlineGuard: a frozen process comes back after its deadline, and its
// timers have not fired yet.
func testDeadlineGuard(t *testing.T, h Harness) {
	p := h.Open(t, Options{})
	l := newLetter(t, h, "ann@world.example")
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	receipt, err := p.Send(ctx, l.envelope("ann@world.example"), l.bytes())
	if e, _ := classOf(receipt, err); e == nil || e.Class != provider.Retry {
		t.Errorf("Send: %v, want retry", err)
	}
	wantTaken(t, h.World, l.id, 0)
}

// testStages: the stages come in their order, also on a kept connection, and
// they are true: at body.half nothing was taken, at body.done all has left.
func testStages(t *testing.T, h Harness) {
	for _, size := range []int{10, 200 << 10, 3 << 20} {
		var s stages
		l := newLetter(t, h, "ann@world.example")
		l.body = strings.Repeat("line\r\n", h.within(size)/6+1)
		p := h.Open(t, Options{Trace: func(stage string) {
			s.add(stage)
			if stage == "body.half" && len(taken(t, h.World, l.id)) > 0 {
				t.Error("taken at body.half")
			}
			if stage == "body.done" { // the write is over: the world takes it without our help
				for end := time.Now().Add(patience); len(taken(t, h.World, l.id)) == 0; time.Sleep(time.Millisecond) {
					if time.Now().After(end) {
						t.Error("not taken, although body.done was told")
						return
					}
				}
			}
		}})
		for range 2 {
			s.seen = nil
			l.id = newLetter(t, h).id
			env := l.envelope("ann@world.example")
			receipt, err := p.Send(within(t, patience), env, l.bytes())
			wantAccepted(t, env, receipt, err)
			if d := cmp.Diff([]string{"connected", "body.half", "body.done", "answer.read"}, s.list()); d != "" {
				t.Errorf("size %d: stages (-want +got):\n%s", size, d)
			}
		}
	}
}

// pattern is content of any size that is not held in memory: a header, and lines
// of which some start with a dot.
type pattern struct {
	head string
	size int64
}

const patternLine = ".This line starts with a dot, as RFC 5321 section 4.5.2 has it.\r\n"

func (p pattern) Size() int64 { return p.size }

func (p pattern) Open() (io.ReadCloser, error) {
	rest := p.size - int64(len(p.head))
	lines := rest/int64(len(patternLine)) - 1
	last := strings.Repeat("x", int(rest-lines*int64(len(patternLine)))-2) + "\r\n"
	return io.NopCloser(io.MultiReader(strings.NewReader(p.head), &repeated{left: lines * int64(len(patternLine))}, strings.NewReader(last))), nil
}

// repeated yields the line over and over.
type repeated struct {
	at   int
	left int64
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), r.left)], patternLine[r.at:])
	r.at = (r.at + n) % len(patternLine)
	r.left -= int64(n)
	return n, nil
}

func sha(t *testing.T, c email.Content) string {
	t.Helper()
	r, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sum := sha256.New()
	if n, err := io.Copy(sum, r); err != nil || n != c.Size() {
		t.Fatalf("read the content: %d bytes, %v", n, err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// testLarge: sizes around where the way of sending changes, up to the limit byte
// for byte, and one byte more.
func testLarge(t *testing.T, h Harness) {
	var dials atomic.Int64
	var d net.Dialer
	p := h.Open(t, Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return d.DialContext(ctx, network, address)
	}})
	largest := h.MaxSize
	if h.Envelope {
		largest-- // the world's SMTP server refuses a message of exactly the size that it announces
	}
	for _, size := range []int64{64 << 10, 128<<10 + 1, 2 << 20, 2<<20 + 1, 5<<20 + 1, 10 << 20, largest} {
		l := newLetter(t, h, "ann@world.example")
		if l.body = ""; size > largest {
			continue
		}
		content := pattern{head: string(l.bytes()), size: size}
		env := l.envelope("ann@world.example")
		receipt, err := p.Send(within(t, time.Minute), env, content)
		wantAccepted(t, env, receipt, err)
		entries := taken(t, h.World, l.id)
		if len(entries) != 1 || int64(entries[0].Size) != size || entries[0].SHA256 != sha(t, content) {
			t.Errorf("%d bytes: the world has %+v, want the same bytes once", size, entries)
		}
	}
	l := newLetter(t, h, "ann@world.example")
	before := dials.Load()
	content := pattern{head: string(l.bytes()), size: h.MaxSize + 1}
	receipt, err := p.Send(within(t, patience), l.envelope("ann@world.example"), content)
	if e, _ := classOf(receipt, err); e == nil || e.Class != provider.Fail || e.Cause != "message_too_large" {
		t.Errorf("above the limit: %v, want fail with cause message_too_large", err)
	}
	wantTaken(t, h.World, l.id, 0)
	if dials.Load() != before {
		t.Error("a message above the limit made a connection")
	}
}

// liar is content that is not as long as it says.
type liar struct {
	email.Bytes
	more int64
}

func (l liar) Size() int64 { return l.Bytes.Size() + l.more }

// testShort: content that does not keep its word is not sent cut or padded.
func testShort(t *testing.T, h Harness) {
	p := h.Open(t, Options{})
	for _, more := range []int64{5, -5} {
		for _, size := range []int{10, 3 << 20} {
			l := newLetter(t, h, "ann@world.example")
			l.body = string(bytes.Repeat([]byte("line\r\n"), h.within(size)/6+1))
			receipt, err := p.Send(within(t, patience), l.envelope("ann@world.example"), liar{l.bytes(), more})
			if e, _ := classOf(receipt, err); e == nil || e.Class != provider.Retry || e.Cause != "content_unreadable" {
				t.Errorf("%+d bytes of %d: %v, want retry with cause content_unreadable", more, size, err)
			}
			wantTaken(t, h.World, l.id, 0)
		}
	}
}
