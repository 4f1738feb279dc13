package kill

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// What may become of handing a message over, besides an id and a refusal.
var (
	errLater      = errors.New("nobody was there, or nothing was kept, as the answer says")
	errUnanswered = errors.New("no answer to the whole message")
	errCut        = errors.New("the connection ended before the message did")
)

// hand hands a message over once, at the door of its class, and returns the id of the answer.
func (s *station) hand(m *submission) (id string, err error) {
	if m.class == gmailSMTP {
		return s.handSMTP(m)
	}
	return s.handHTTP(m)
}

func (s *station) handHTTP(m *submission) (id string, err error) {
	var header []string
	if m.keyed {
		header = []string{"Idempotency-Key", m.key()}
	}
	status, answer, err := s.call(http.MethodPost, "/v1/messages", m.body(), header...)
	switch {
	case err != nil && neverBegan(err), err == nil && status == http.StatusServiceUnavailable:
		return "", errLater
	case err != nil:
		return "", errUnanswered
	case status != http.StatusAccepted:
		return "", fmt.Errorf("refused: %d: %s", status, answer)
	}
	var made struct{ ID string }
	if err := json.Unmarshal(answer, &made); err != nil || made.ID == "" {
		return "", fmt.Errorf("202 without an id: %s", answer)
	}
	return made.ID, nil
}

// neverBegan says that there was nobody to talk to.
func neverBegan(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
