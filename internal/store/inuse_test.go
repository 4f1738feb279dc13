package store_test

import (
	"testing"

	"gatepost/internal/store"
)

func TestInUseReads(t *testing.T) {
	for n, want := range map[int]string{1: "1 message waits for this account", 2: "2 messages wait for this account"} {
		if got := (&store.InUse{Messages: n}).Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
