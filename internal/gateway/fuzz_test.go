package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/queue"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
	"gatepost/internal/vault"
)

// What MAIL and RCPT name is found within what was said, and parameters are keywords
// that come once.
func FuzzPath(f *testing.F) {
	for _, s := range []string{
		"<a@b.example>", " <a@b.example> SIZE=1 BODY=8BITMIME", "a@b.example", "<>", "<", "<\"a> ORCPT=x\"@b.example>", "<@r.example,@s.example:a@b.example> X",
		"<\"\\\">\"@b>", "<a@b>x", "<a@b> =", "<a@b> A=1 a=2", "<a@b> ſ=1", "<a@b>\tX=1", "", "   ", "<@:>",
	} {
		f.Add("FROM:" + s)
		f.Add("from:" + s)
	}
	f.Fuzz(func(t *testing.T, said string) {
		address, params, err := path(said, "FROM:")
		if err != nil {
			if address != "" && len(params) != 0 {
				t.Errorf("an error, and %q %v", address, params)
			}
			return
		}
		if !strings.Contains(said, address) {
			t.Errorf("%q is not in %q", address, said)
		}
		seen := map[string]bool{}
		for _, p := range params {
			if p.name == "" || seen[p.name] || strings.ToUpper(p.name) != p.name || strings.ContainsFunc(p.name, notKeyword) || len(strings.Fields(p.value)) > 1 {
				t.Errorf("%q has the parameter %q", said, p)
			}
			seen[p.name] = true
		}
		again, more, err := path("FROM:"+angled(address), "FROM:")
		if strings.HasPrefix(said[5:], "<") && !strings.HasPrefix(address, "@") && (err != nil || again != address || len(more) != 0) {
			t.Errorf("%q is read as %q, and that as %q %v %v", said, address, again, more, err)
		}
	})
}

func angled(address string) string { return "<" + address + ">" }

// xtext is printable ASCII, and written again is read as the same.
func FuzzXtext(f *testing.F) {
	for _, s := range []string{"", "a", "+2B", "+2b", "a+3Db", "+", "+4", "+0A", "+0D+0A", "+7F", "=", " ", "é", "++", "+-1", "+_1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, said string) {
		got, err := xtext(said)
		if err != nil {
			return
		}
		if strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q is read as %q", said, got)
		}
		var again strings.Builder
		for i := range len(got) {
			again.WriteString("+" + strings.ToUpper(string("0123456789abcdef"[got[i]>>4])+string("0123456789abcdef"[got[i]&15])))
		}
		if same, err := xtext(again.String()); err != nil || same != got {
			t.Errorf("%q is %q, and that as %q is %q (%v)", said, got, again.String(), same, err)
		}
	})
}

// What proves who somebody is has a form; whoever logs in acts as nobody else.
func FuzzSASL(f *testing.F) {
	for _, s := range []string{
		"", "\x00u\x00p", "u\x00u\x00p", "e\x00u\x00p", "\x00\x00", "\x00u\x00p\x00", "user=u\x01auth=Bearer s\x01\x01", "user=\x01auth=bearer s\x01\x01",
		"n,a=u,\x01host=h\x01auth=Bearer s\x01\x01", "n,,\x01auth=Bearer s\x01\x01", "n,a=a=2Cb=3D,\x01auth=Bearer s", "y,,\x01auth=Bearer s", "n,", "\x01\x01\x01",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, said string) {
		if l, err := plain(said); err == nil {
			if want := "\x00" + l.user + "\x00" + l.secret; said != want && said != l.user+want || strings.ContainsRune(l.user+l.secret, 0) {
				t.Errorf("%q is %+v", said, l)
			}
		}
		for _, m := range []string{"XOAUTH2", "OAUTHBEARER"} {
			l, err := bearer(m, said)
			if err == nil && (l.secret == "" || !l.bearer || !strings.Contains(said, " "+l.secret) || strings.Contains(l.secret, "\x01")) {
				t.Errorf("%s: %q is %+v", m, said, l)
			}
		}
	})
}

// A key is masked whatever stands around it, and what is none stays as it is.
func FuzzMasked(f *testing.F) {
	const key = access.LivePrefix + "4fQ8nB2xZ7kL0mVtR5sWc9yHj3dPaE6uGi1T"
	for _, s := range []string{"", " ", "HELP ", "<", "a@", "x", "0", "_", "é", "gp_live_", strings.Repeat("A", 40), strings.Repeat("- ", 40)} {
		f.Add(s, s)
	}
	for _, s := range []string{
		"250 2.0.0 kept as msg_01m80p4zb0f2wbmx5t30e9cvrm", "MAIL FROM:<bounce+5d41402abc4b2a76b9719d911017c592@acme.example>", "an API key begins with gp_live_ or gp_test_",
		"EHLO DESKTOP-4F8GH2K.corp.example", "at most 36700160 bytes", "SMTP-LISTEN_GP",
	} {
		if got := masked(s); got != s {
			f.Errorf("%q is shown as %q", s, got)
		}
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		for _, k := range []string{key, "q" + key[1:], base64.StdEncoding.EncodeToString([]byte(key)), key[:20]} {
			if got := masked(before + k + after); strings.Contains(got, k) {
				t.Errorf("%q is shown as %q", before+k+after, got)
			}
		}
	})
}

// A message has one end and one content, whatever pieces it comes in: as it is read from
// all its bytes at once.
func FuzzContent(f *testing.F) {
	for _, end := range ends {
		f.Add([]byte("a\r\n.b\r\n..\r\n"+end.bytes+"MAIL"), 0)
		f.Add([]byte(strings.Repeat("x", 13)+end.bytes+"x"), 3)
	}
	for _, s := range []string{"", ".", "\r\n", ".\r\n", ".\n", "\r", "\n", "\r\n\r", "..", ".\r", strings.Repeat("x", 15) + "\r\n.", strings.Repeat("x", 14) + "\r\n.\r\nMAIL", strings.Repeat("\r", 40)} {
		f.Add([]byte(s), 1)
	}
	f.Fuzz(func(t *testing.T, said []byte, size int) {
		said = append(said, "\r\n.\r\n"...)
		for _, repair := range []bool{false, true} {
			in := bufio.NewReaderSize(bytes.NewReader(said), 16+(size&63))
			content, proper, err := read(in, repair)
			left, _ := io.ReadAll(in)
			wantContent, wantLeft, wantProper, wantErr := whole(string(said), repair)
			if errors.Is(err, errSmuggled) != wantErr || err != nil && !wantErr {
				t.Fatalf("repair %t: %q: %v, want a refusal: %t", repair, said, err, wantErr)
			}
			if err == nil && (string(content) != wantContent || string(left) != wantLeft || proper != wantProper) {
				t.Errorf("repair %t: %q is %q, %q (proper %t), want %q, %q (%t)", repair, said, content, left, proper, wantContent, wantLeft, wantProper)
			}
			if err == nil && !properLines(content) {
				t.Errorf("repair %t: %q has become %q", repair, said, content)
			}
		}
	})
}

// read is what the door does with a message.
func read(in *bufio.Reader, repair bool) (content []byte, proper bool, err error) {
	r := reader{repair: repair, begin: true, proper: true}
	for {
		part, err := in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return content, false, err
		}
		part, ended, err := r.take(part)
		if ended || err != nil {
			return content, r.proper, err
		}
		content = append(content, part...)
	}
}

// whole reads a message from all its bytes, line by line.
func whole(said string, repair bool) (content, left string, proper, refused bool) {
	for proper = true; ; {
		line, rest, _ := strings.Cut(said, "\n")
		said = rest
		if line == ".\r" || repair && line == "." {
			return content, rest, proper && line == ".\r", false
		}
		text, ok := strings.CutSuffix(line, "\r")
		if proper = ok && !strings.Contains(text, "\r"); !proper && !repair {
			return "", "", false, true
		}
		content += strings.ReplaceAll(strings.TrimPrefix(text, "."), "\r", "\r\n") + "\r\n"
	}
}

// script is a client that says all it has to say, part by part, and hears everything.
type script struct {
	net.Conn // nil: what is not here is not called
	from     netip.Addr
	parts    [][]byte
	heard    bytes.Buffer
}

func (s *script) Read(b []byte) (n int, err error) {
	for len(s.parts) > 0 && len(s.parts[0]) == 0 {
		s.parts = s.parts[1:]
	}
	if len(s.parts) == 0 {
		return 0, io.EOF
	}
	n = copy(b, s.parts[0])
	s.parts[0] = s.parts[0][n:]
	return n, nil
}

func (s *script) Write(b []byte) (int, error)      { return s.heard.Write(b) }
func (s *script) Close() error                     { return nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *script) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(s.from, 1))
}

// nowhere takes all mail.
type nowhere struct{}

func (nowhere) Check(context.Context) error { return nil }

func (nowhere) Send(_ context.Context, env email.Envelope, _ email.Content) (provider.Receipt, error) {
	return provider.AcceptedBy(env, "", "250 OK"), nil
}

// fuzzed is a door with an engine behind it, and a key.
func fuzzed(f *testing.F, log *slog.Logger) (*Server, string) {
	need := func(err error) {
		if err != nil {
			f.Fatal(err)
		}
	}
	opt := store.Options{Dir: storetest.Folder(f)}
	s := storetest.Open(f, opt)
	m, _, err := vault.LoadMaster(vault.Source{Dir: opt.Dir, Random: rand.Reader})
	need(err)
	kind := provider.Kind{
		Name: "nowhere", Limits: func(json.RawMessage) provider.Limits { return provider.Limits{MaxParallel: 1} },
		Open: func(provider.Account, provider.Deps) (provider.Provider, error) { return nowhere{}, nil },
	}
	engine := queue.New(queue.Config{Store: s, Vault: vault.New(s, m, rand.Reader, time.Now), Kinds: []provider.Kind{kind}, Node: "node_a"})
	keys := access.NewKeys(s, time.Now)
	c := control.New(control.Config{Store: s, Engine: engine, Keys: keys, Kinds: []provider.Kind{kind}})
	ctx, stop := context.WithCancel(context.Background())
	team, err := c.FirstTeam(ctx)
	need(err)
	key, _, err := c.CreateKey(ctx, access.Grant{Team: team, Scopes: []string{access.ScopeAll}}, control.NewKey{Name: "shop", Scopes: []string{access.ScopeAll}})
	need(err)
	need(s.AddAccount(ctx, &store.Account{
		Team: team, ID: "acc_office", Address: "office@acme.example", Transport: "nowhere", Config: []byte("{}"), CreatedAt: time.Now(),
	}))
	need(engine.Enter(ctx))
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()
	f.Cleanup(func() { stop(); <-ended })
	https := httptest.NewUnstartedServer(nil)
	https.StartTLS()
	f.Cleanup(https.Close)
	every := netip.MustParsePrefix("2001:db8::/32")
	return New(Config{
		Engine: engine, Keys: keys, Log: log, Hostname: "mail.acme.example", Team: team, Recognise: true, Plain: []netip.Prefix{every},
		Trusted: []Trusted{{every, "office@acme.example"}}, Repair: []netip.Prefix{netip.MustParsePrefix("2001:db8:8000::/33")},
		TLS:    &tls.Config{Certificates: https.TLS.Certificates},
		Limits: Limits{Size: 1 << 16, TrustedRate: 1 << 30},
	}), key.Reveal()
}

// Whatever a client says, in whatever pieces: nothing panics, each line has one answer at
// most (and the one that ends it all), each answer is lines of ASCII, and nothing of the
// client is held afterwards.
func FuzzDialogue(f *testing.F) {
	var log bytes.Buffer
	s, key := fuzzed(f, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError})))
	for _, d := range []string{
		before + "|DATA\r\n|" + first + "\r\n.\r\n|QUIT\r\n", before + "BDAT 3\r\nabcBDAT 5 LAST\r\nhello", before + "BDAT 9223372036854775807\r\nx", before + "BDAT 3\r\nabc",
		"EHLO\r\nAUTH PLAIN KEY\r\n|" + before + "|DATA\r\n|" + first + "\r\n..\r\n.\r\nNOOP\r\n", "EHLO x\r\nAUTH LOGIN\r\nQQ==\r\n*\r\n", "EHLO x\r\nAUTH XOAUTH2 =\r\n",
		"EHLO x\r\nSTARTTLS\r\n|NOOP\r\n", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01", "MAIL FROM:<>\r\n\r\n\r\n", "RCPT TO:<\"x> A=1\"@b.example> NOTIFY=NEVER ORCPT=rfc822;a+2Bb\r\n",
		strings.Repeat("NOOP\r\n", 300), strings.Repeat("x", 5000), "NOOP\nNOOP\r\n", before + "|DATA\r\n|" + first + "\n.\n|" + smuggled,
	} {
		for mode := range 3 {
			f.Add([]byte(d), byte(mode))
		}
	}
	var clients atomic.Uint32
	f.Fuzz(func(t *testing.T, said []byte, how byte) {
		n := clients.Add(1)
		from := netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, how & 0x80, byte(n >> 16), byte(n >> 8), byte(n), 15: 1})
		said = bytes.ReplaceAll(said, []byte("KEY"), []byte(plainOf("shop", key)))
		c := &script{from: from, parts: bytes.Split(said, []byte("|"))}
		s.serve(c, []Mode{StartTLS, Open, StartTLS, Implicit}[how&3])
		if log.Len() > 0 && strings.Contains(log.String(), "panicked") {
			t.Fatalf("%q: %s", said, log.String())
		}
		if s.bodies.held() != 0 || len(s.crowd.conns) != 0 || s.crowd.last != 0 {
			t.Errorf("%q: %d bytes and %d connections are held", said, s.bodies.held(), len(s.crowd.conns))
		}
		if how&3 != 3 {
			wellSaid(t, said, c.heard.String())
		}
	})
}

func wellSaid(t *testing.T, said []byte, heard string) {
	t.Helper()
	answers := 0
	for l := range strings.SplitAfterSeq(heard, "\r\n") {
		switch {
		case l == "":
		case len(l) < 6 || len(l) > 512 || l[0] < '2' || l[0] > '5' || l[3] != ' ' && l[3] != '-' || !strings.HasSuffix(l, "\r\n") || strings.ContainsFunc(l[:len(l)-2], func(r rune) bool { return r < ' ' || r > '~' }):
			if l[0] != 0x15 { // a TLS alert, where TLS had begun
				t.Errorf("%q is answered with %q", said, l)
			}
		case l[3] == ' ':
			answers++
		}
	}
	if most := bytes.Count(said, []byte("\n")) + 3; answers > most { // and the greeting, what ends all, and a line without its end
		t.Errorf("%q has %d answers: %q", said, answers, heard)
	}
}
