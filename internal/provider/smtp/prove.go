package smtp

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gatepost/internal/provider"
)

// The steps of a proof, in the order in which they come with STARTTLS.
const (
	stepConnect = "connect"
	stepHello   = "hello"
	stepTLS     = "tls"
	stepSignIn  = "sign_in"
	stepSenders = "senders"
	stepMailbox = "mailbox"
)

// witness notes the steps of setting up a connection; a nil one notes nothing.
type witness struct {
	steps []provider.Step
	at    string // the step under way
}

func (w *witness) begin(name string) {
	if w != nil {
		w.at = name
	}
}

func (w *witness) passed(format string, values ...any) {
	if w != nil {
		w.steps = append(w.steps, provider.Step{Name: w.at, Detail: fmt.Sprintf(format, values...)})
	}
}

// failed notes the step that ended it.
func (w *witness) failed(problem *provider.Error) {
	if w != nil {
		w.steps = append(w.steps, provider.Step{Name: w.at, Err: problem})
	}
}

// Prove implements provider.Prover: a new connection, TLS, the sign-in, and
// whether the server takes the account's own address as sender and as recipient.
// The transaction ends before any content.
func (a *account) Prove(ctx context.Context) []provider.Step {
	w := &witness{}
	s, problem := a.connect(ctx, w)
	if problem != nil {
		w.failed(problem)
		return w.steps
	}
	s.bind(ctx)
	s.within(commandPatience)
	a.proveSender(s, w)
	s.release()
	s.quit()
	return w.steps
}

// proveSender goes as far as RCPT. That a relay takes its own user's mail but not
// mail to that user does not keep it from sending.
func (a *account) proveSender(s *session, w *witness) {
	if a.mailbox == "" {
		return
	}
	w.begin(stepSenders)
	env, problem := onWire(ownEnvelope(a.mailbox))
	if problem == nil {
		problem = a.try(s, "MAIL FROM:<"+env.From+">", provider.StageMail)
	}
	if problem != nil {
		w.failed(problem)
		return
	}
	w.passed("%s may send", a.mailbox)
	if a.bearer != nil { // the mailbox is proved through its API
		return
	}
	w.begin(stepMailbox)
	if problem = a.try(s, "RCPT TO:<"+env.From+">", provider.StageRcpt); problem != nil {
		w.failed(problem)
	} else {
		w.passed("mail to %s is taken", a.mailbox)
	}
	w.steps[len(w.steps)-1].Optional = true
	_, _ = s.say("RSET") // nothing depends on the answer: the connection ends here
}

func (a *account) try(s *session, line string, stage provider.Stage) *provider.Error {
	r, err := s.say(line)
	if err != nil {
		return a.noReply(stage, err)
	}
	if !r.ok() {
		return a.problem(stage, r)
	}
	return nil
}

// offered lists what the server told in EHLO.
func (s *session) offered() string {
	return provider.CleanReply(strings.Join(slices.Sorted(maps.Keys(s.offers)), " "))
}

// tlsWords say what protects the connection.
func tlsWords(host string, cs tls.ConnectionState) string {
	words := tls.VersionName(cs.Version)
	if len(cs.PeerCertificates) > 0 {
		c := cs.PeerCertificates[0]
		words += ", certificate for " + host + " valid until " + c.NotAfter.UTC().Format("2006-01-02")
	}
	return words
}
