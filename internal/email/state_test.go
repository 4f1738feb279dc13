package email

import "testing"

func TestFinalStates(t *testing.T) {
	for _, s := range []State{Scheduled, Queued, Sending, Unknown, Held} {
		if s.Final() {
			t.Errorf("%s is final", s)
		}
	}
	for _, s := range []State{Accepted, Failed, Canceled, Expired, Suppressed, Bounced, Complained} {
		if !s.Final() {
			t.Errorf("%s is not final", s)
		}
	}
}
