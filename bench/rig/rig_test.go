package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// startSink runs a sink on loopback and returns its SMTP and HTTP addresses.
func startSink(t *testing.T) (*sink, string, string) {
	t.Helper()
	cert, err := selfSigned("")
	if err != nil {
		t.Fatal(err)
	}
	f := &sinkFlags{smtp: freeAddr(t), http: freeAddr(t)}
	s := &sink{needAuth: true}
	if err := s.listen(f, &tls.Config{Certificates: []tls.Certificate{cert}}, make(chan error, 4)); err != nil {
		t.Fatal(err)
	}
	return s, f.smtp, f.http
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// runLoad submits as the command line would, and returns the result.
func runLoad(t *testing.T, kind string, flags ...string) *result {
	t.Helper()
	c, err := parseConfig(kind, flags)
	if err != nil {
		t.Fatal(err)
	}
	mk := c.httpSenders
	if kind == "smtp" {
		mk = c.smtpSenders
	}
	l := &load{
		config: c, newSender: mk(bodyText(c.size)), runID: fmt.Sprintf("r%x", time.Now().UnixNano()),
		bulk: newTally(c.n), urgent: newTally(c.urgentN), result: &result{},
	}
	if err := l.run(); err != nil {
		t.Fatal(err)
	}
	return l.result
}

func wantAll(t *testing.T, r *result, n int) {
	t.Helper()
	if r.Accepted != n || r.Received != n || r.Lost != 0 || r.Duplicates != 0 || r.Note != "" {
		t.Errorf("accepted %d, received %d, lost %d, duplicates %d, note %q; want %d, %d, 0, 0, none",
			r.Accepted, r.Received, r.Lost, r.Duplicates, r.Note, n, n)
	}
	if r.E2EPerS <= 0 || r.AcceptP50Ms <= 0 {
		t.Errorf("end to end %v/s, accept p50 %v ms: want figures", r.E2EPerS, r.AcceptP50Ms)
	}
}

func TestEachWayToSubmitArrives(t *testing.T) {
	_, smtp, http := startSink(t)
	common := []string{"-sink", "http://" + http, "-n", "60", "-c", "4"}
	gmail := "http://" + http + "/gmail/v1/users/me/messages/send"
	graph := "http://" + http + "/v1.0/me/sendMail"
	for name, flags := range map[string][]string{
		"smtp with STARTTLS and PLAIN":   {"-addr", smtp, "-starttls", "-user", "u", "-pass", "p"},
		"smtp with XOAUTH2, pipelined":   {"-addr", smtp, "-starttls", "-user", "u", "-pass", "p", "-auth", "XOAUTH2", "-pipelining"},
		"smtp, new connection each time": {"-addr", smtp, "-starttls", "-user", "u", "-pass", "p", "-per-conn", "1"},
		"http as Gmail":                  {"-url", gmail, "-H", "Authorization: Bearer t", "-body", `{"raw":"{{raw_b64url}}"}`},
		"http as Graph": {
			"-url", graph, "-H", "Authorization: Bearer t", "-body",
			`{"message":{"internetMessageHeaders":[{"name":"X-Bench-Id","value":"{{id}}"},{"name":"X-Bench-Sent-Ns","value":"{{sent_ns}}"}]}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			kind, _, _ := strings.Cut(name, " ")
			wantAll(t, runLoad(t, strings.TrimSuffix(kind, ","), append(flags, common...)...), 60)
		})
	}
}

func TestUrgentMessagesAreCountedApart(t *testing.T) {
	_, smtp, http := startSink(t)
	r := runLoad(t, "smtp", "-sink", "http://"+http, "-addr", smtp, "-starttls", "-user", "u", "-pass", "p",
		"-n", "20", "-c", "2", "-urgent-n", "5", "-urgent-every", "1ms")
	wantAll(t, r, 20)
	if r.UrgentArrived != 5 || r.UrgentP50Ms <= 0 {
		t.Errorf("urgent: %d arrived, p50 %v ms; want 5 with a figure", r.UrgentArrived, r.UrgentP50Ms)
	}
}

func TestRefusedMailIsNotCountedAsLost(t *testing.T) {
	_, smtp, http := startSink(t)
	r := runLoad(t, "smtp", "-sink", "http://"+http, "-addr", smtp, "-n", "5", "-c", "1") // no AUTH
	if r.Refused != 5 || r.Lost != 0 || !strings.Contains(r.Note, "Authentication required") {
		t.Errorf("refused %d, lost %d, note %q; want 5, 0 and the server's words", r.Refused, r.Lost, r.Note)
	}
}

func TestLossAndDuplicatesAreSeen(t *testing.T) {
	bulk := newTally(0)
	bulk.state = map[string]outcome{"arrived": accepted, "lost": accepted, "twice": accepted, "unsure": ambiguous, "no": refused}
	l := &load{config: &config{}, bulk: bulk, urgent: newTally(0), result: &result{}}
	l.judge(&arrived{copies: map[string]int{"arrived": 1, "twice": 3, "unsure": 1}})
	r := l.result
	if r.Lost != 1 || r.Duplicates != 2 || r.DuplicateIDs != 1 || r.AmbiguousArrived != 1 {
		t.Errorf("lost %d, duplicates %d of %d ids, ambiguous arrived %d; want 1, 2 of 1, 1",
			r.Lost, r.Duplicates, r.DuplicateIDs, r.AmbiguousArrived)
	}
}

func TestTheSinkKeepsToItsRate(t *testing.T) {
	var p pace
	p.rate.Store(1)
	if !p.take() || p.take() {
		t.Error("want one message admitted and the next refused")
	}
	p.rate.Store(0)
	if !p.take() {
		t.Error("without a limit every message is admitted")
	}
}

func TestBodyTextHasTheSizeAskedFor(t *testing.T) {
	for _, size := range []int{100, 2048, 102400} {
		text := bodyText(size)
		if len(text) < size || len(text) > size+3 {
			t.Errorf("body of %d bytes for %d", len(text), size)
		}
		for line := range strings.Lines(text) {
			if line[0] == '.' || len(line) > 78 {
				t.Fatalf("line %q needs stuffing or folding", line)
			}
		}
	}
}
