package nodes

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/store/storetest"
	"gatepost/test/running"
)

// The lease of a node is 10 s: what a node owned goes on elsewhere within 15 s of its death, and at once
// when it stops in order.
const (
	takeover = 15 * time.Second
	handOver = 6 * time.Second
)

// What one node is told the others know, and mail goes on wherever a node is missing.
func TestNodesDoEachOthersWork(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	w.takes("5")
	s := newSite(t, w, place{database: storetest.Postgres(t), looks: "1s,2s,3s"})
	for range 3 {
		s.add().start()
	}
	s.connect(w)
	s.mustRepeat(w)
	s.mustAttach(w)
	s.mustConsent(w)
	s.mustWake(w)

	s.round(w, "with all nodes", s.nodes, takeover)
	took := s.nodes[2].stop()
	s.round(w, fmt.Sprintf("after a node stopped in order (%s)", took), s.nodes[:2], handOver)
	s.nodes[2].start()
	s.round(w, "after it has come back", s.nodes, takeover)
	s.nodes[1].kill()
	s.round(w, "after a node was killed", []*node{s.nodes[0], s.nodes[2]}, takeover)
}

// mustRepeat repeats a request under its key at the other nodes.
func (s *site) mustRepeat(w *world) {
	s.t.Helper()
	m := &submission{n: 90000, sender: relays[0], policy: "hold"}
	id := s.nodes[0].create("/v1/messages", m.body(), "Idempotency-Key", "order-7")
	for _, n := range s.nodes {
		if again := n.create("/v1/messages", m.body(), "Idempotency-Key", "order-7"); again != id {
			s.t.Errorf("%s: the same key made %s, and %s before", n.name, again, id)
		}
	}
	other := *m
	other.n++
	if status, _, err := s.nodes[1].call(http.MethodPost, "/v1/messages", other.body(), "Idempotency-Key", "order-7"); err != nil || status != http.StatusUnprocessableEntity {
		s.t.Errorf("another request under the key: %d, %v", status, err)
	}
	s.arrive(w, "a repeated message", takeover, m)
	if ids := w.ledger().markers[other.marker()]; len(ids) > 0 {
		s.t.Errorf("another request under the key was sent: %v", ids)
	}
}

// mustAttach attaches at one node a large file that another one was given, and reads the message at a third.
func (s *site) mustAttach(w *world) {
	s.t.Helper()
	file := bytes.Repeat([]byte("0123456789abcdef"), 50_000)
	for i := range file {
		file[i] ^= byte(i * i >> 7) // or it would be packed into a row
	}
	upload := s.nodes[0].create("/v1/uploads?filename=a.bin", file, "Content-Type", "application/octet-stream")
	m := &submission{n: 90002, sender: users[0], policy: "reconcile"}
	body := m.body()
	body["attachments"] = []map[string]any{{"upload": upload, "filename": "a.bin"}}
	id := s.nodes[1].create("/v1/messages", body)
	s.arrive(w, "a message with a file", takeover, m)
	status, content, err := s.nodes[2].call(http.MethodGet, "/v1/messages/"+id+"/content", nil)
	encoded := base64.StdEncoding.EncodeToString(file)
	if err != nil || status != http.StatusOK || !strings.Contains(strings.ReplaceAll(string(content), "\r\n", ""), encoded) {
		s.t.Errorf("the content at another node: %d, %v, %d bytes", status, err, len(content))
	}
}

// mustConsent begins a consent at one node, finishes it at another and sends at a third with the token.
func (s *site) mustConsent(w *world) {
	s.t.Helper()
	const user = "grace@acme.example"
	key, err := os.ReadFile(w.OAuthClient)
	s.must(err)
	app := s.nodes[0].create("/v1/credentials", map[string]any{"kind": "google_oauth_client", "name": "app", "key": json.RawMessage(key)})
	var begun struct{ ID, URL string }
	status, answer, err := s.nodes[1].call(http.MethodPost, "/v1/consents", map[string]any{
		"credential": app, "redirect_uri": "http://127.0.0.1:53682/", "address": user,
	})
	if err != nil || status/100 != 2 || json.Unmarshal(answer, &begun) != nil {
		s.t.Fatalf("POST /v1/consents: %d: %v: %s", status, err, answer)
	}
	back := running.Consent(s.t, running.HTTP(s.t, w.CAFile), begun.URL, user).Query()
	status, answer, err = s.nodes[2].call(http.MethodPost, "/v1/consents/"+begun.ID+"/finish", map[string]string{
		"code": back.Get("code"), "state": back.Get("state"), "iss": back.Get("iss"),
	})
	if err != nil || status/100 != 2 {
		s.t.Fatalf("finish the consent at another node: %d: %v: %s", status, err, answer)
	}
	m := &submission{n: 90003, sender: user, policy: "hold"}
	s.nodes[0].create("/v1/messages", m.body())
	s.arrive(w, "a message of the user who has consented", takeover, m)
}

// mustWake hands mail for each account to each node: the one that sends it hears of it at once. By its
// poll, once a second, two of three messages would take half a second in the middle. A machine that is busy
// for a moment has another try.
func (s *site) mustWake(w *world) {
	s.t.Helper()
	const limit = 400 * time.Millisecond
	var took []time.Duration
	for try := range 3 {
		if took = s.wake(w, 91000+100*try); took[24] <= limit {
			return
		}
	}
	s.t.Errorf("one of five messages took longer than %s: %v", limit, took)
}

// wake tells how long 30 messages took from the request to their arrival, in order.
func (s *site) wake(w *world, first int) (took []time.Duration) {
	s.t.Helper()
	for i := range 30 {
		m := &submission{n: first + i, sender: relays[i%len(relays)], policy: "hold"}
		began := time.Now()
		s.nodes[i%len(s.nodes)].create("/v1/messages", m.body())
		s.arrive(w, "a message for another node", takeover, m)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	s.t.Logf("from request to arrival: middle %s, four of five %s, longest %s", took[15], took[24], took[29])
	return took
}

// round sends from each account, by each of these nodes in turn.
func (s *site) round(w *world, when string, at []*node, limit time.Duration) {
	s.t.Helper()
	began := time.Now()
	var all []*submission
	for i, sender := range slices.Concat(relays, users) {
		m := &submission{n: 92000 + s.sent, sender: sender, policy: "hold"}
		if s.sent++; m.looks() {
			m.policy = "reconcile"
		}
		at[i%len(at)].create("/v1/messages", m.body())
		all = append(all, m)
	}
	s.arrive(w, "mail of every account "+when, limit, all...)
	s.t.Logf("%s: mail of every account arrived within %s", when, time.Since(began))
}

// arrive waits until messages are in the world, once each.
func (s *site) arrive(w *world, what string, limit time.Duration, ms ...*submission) {
	s.t.Helper()
	s.until(what, limit, func() bool {
		ledger := w.ledger()
		return !slices.ContainsFunc(ms, func(m *submission) bool { return len(ledger.markers[m.marker()]) == 0 })
	})
}
