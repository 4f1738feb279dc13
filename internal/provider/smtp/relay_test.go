package smtp_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// relay is a plain SMTP server on loopback that answers by rules: it speaks the
// protocol, and a test may have it say anything at any point.
type relay struct {
	listener net.Listener
	offers   []string // extensions in EHLO
	careless bool     // takes commands in any order
	forget   bool     // keeps nothing of what it was told
	// answer, when set, is asked first for the reply to a command; "" means the
	// usual one, "cut" and "hang" what they say. n counts commands of this verb.
	answer func(verb, line string, n int) string

	mu       sync.Mutex
	commands []string // as they came, over all connections
	bodies   []string // as they came, with dot stuffing
	conns    int
	seen     map[string]int
	open     []net.Conn
}

func startRelay(t testing.TB, offers ...string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l, offers: offers, seen: map[string]int{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.conns++
			r.open = append(r.open, c)
			r.mu.Unlock()
			wg.Go(func() { r.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		r.cutAll()
		wg.Wait()
	})
	return r
}

// says sets answer.
func (r *relay) says(answer func(verb, line string, n int) string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// cutAll closes all connections from the server's side.
func (r *relay) cutAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.open {
		c.Close()
	}
	r.open = nil
}

func (r *relay) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	if code, ok := r.reply(c, "GREETING", "", "220 relay ready\r\n"); !ok || code != "220" {
		return
	}
	var sender, recipient bool
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		code, ok := r.reply(c, verb, line, r.usual(verb, sender, recipient))
		if !ok || verb == "QUIT" {
			return
		}
		switch {
		case verb == "MAIL":
			sender, recipient = sender || code == "250", recipient && sender
		case verb == "RSET":
			sender, recipient = false, false
		case verb == "RCPT":
			recipient = recipient || code == "250"
		case code == "354":
			sender, recipient = false, false
			if !r.body(c, in) {
				return
			}
		}
	}
}

// usual is what a relay says that minds the order of commands.
func (r *relay) usual(verb string, sender, recipient bool) string {
	switch {
	case verb == "EHLO":
		lines := append([]string{"relay at your service"}, r.offers...)
		last := len(lines) - 1
		return "250-" + strings.Join(lines[:last], "\r\n250-") + "\r\n250 " + lines[last] + "\r\n"
	case verb == "MAIL" && sender:
		return "503 5.5.1 one transaction at a time\r\n"
	case verb == "RCPT" && !sender && !r.careless:
		return "503 5.5.1 MAIL first\r\n"
	case verb == "DATA" && !recipient && !r.careless:
		return "554 5.5.1 no valid recipients\r\n"
	case verb == "DATA":
		return "354 go on\r\n"
	case verb == "AUTH":
		return "235 2.7.0 welcome\r\n"
	case verb == "QUIT":
		return "221 bye\r\n"
	}
	return "250 2.0.0 OK\r\n"
}

// reply answers one command; ok tells whether the connection goes on.
func (r *relay) reply(c net.Conn, verb, line, usual string) (code string, ok bool) {
	r.mu.Lock()
	r.seen[verb]++
	n, answer := r.seen[verb], r.answer
	if line != "" && !r.forget {
		r.commands = append(r.commands, line)
	}
	r.mu.Unlock()
	text := usual
	if answer != nil {
		if special := answer(verb, line, n); special != "" {
			text = special
		}
	}
	switch text {
	case "cut":
		return "", false
	case "hang":
		_, _ = bufio.NewReader(c).ReadString(0) // until the peer goes
		return "", false
	}
	_, err := c.Write([]byte(text))
	return text[:3], err == nil
}

// body reads up to the final dot.
func (r *relay) body(c net.Conn, in *bufio.Reader) bool {
	var all strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		if !r.forget {
			all.WriteString(line)
		}
	}
	r.mu.Lock()
	if !r.forget {
		r.bodies = append(r.bodies, all.String())
	}
	r.mu.Unlock()
	_, ok := r.reply(c, "DOT", "", "250 2.0.0 queued as 1\r\n")
	return ok
}

func (r *relay) list() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.commands)
}

func (r *relay) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.bodies)
}

func (r *relay) connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conns
}

const password = "open sesame"

// account opens an account at the relay, without TLS. changes are settings.
func (r *relay) account(t testing.TB, changes map[string]any) provider.Provider {
	t.Helper()
	a := r.listener.Addr().(*net.TCPAddr)
	settings := map[string]any{"host": "127.0.0.1", "port": a.Port, "tls": "none", "hello": "gatepost.example"}
	for k, v := range changes {
		settings[k] = v
	}
	return openWith(t, settings, provider.Deps{
		Password: func(context.Context) (email.Secret, error) { return email.NewSecret(password), nil },
	})
}

var (
	toAnn    = email.Envelope{From: "ada@acme.example", Recipients: []string{"ann@world.example"}}
	anyMail  = email.Bytes("To: ann@world.example\r\n\r\nhello\r\n.dot\r\n")
	plainKey = "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00ada\x00"+password))
)
