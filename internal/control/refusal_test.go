package control_test

import (
	"testing"

	"gatepost/internal/control"
)

// A refusal reads as sentences.
func TestRefusalReads(t *testing.T) {
	r := &control.Refusal{Text: "Consent was not given: nothing was connected.", Fix: "Start again."}
	if got, want := r.Error(), "Consent was not given: nothing was connected. Start again."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
