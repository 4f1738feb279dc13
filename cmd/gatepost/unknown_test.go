package main

import (
	"net/http"
	"strings"
	"testing"
)

// status is the state of a message's only recipient.
func status(m map[string]any) string {
	rs, ok := m["recipients"].([]any)
	if !ok || len(rs) != 1 {
		return ""
	}
	return rs[0].(map[string]any)["status"].(string)
}

func has(m map[string]any, kind string) bool {
	for _, e := range m["events"].([]any) {
		if e.(map[string]any)["type"] == kind {
			return true
		}
	}
	return false
}

// copies counts the lines of the world's ledger about a message.
func copies(t *testing.T, f sandboxFacts, id string) int {
	t.Helper()
	return strings.Count(string(fetch(t, f.LedgerURL)), `"`+id+`"`)
}

// The provider took the message and its answer never came: what then happens is
// what the account may see and what the message says.
func TestUnknownOutcomes(t *testing.T) {
	_, f := sandboxed(t, "--send-timeout", "1s", "--looks", "200ms,400ms,1s", "--sent-delay", "300ms")
	gmail, relay := f.Accounts[0].Address, f.Accounts[1].Address
	send := func(from, to, policy string) string {
		code, answer := post(t, f, map[string]any{"from": from, "to": to, "subject": "s", "text": "t", "on_unknown": policy})
		if code != http.StatusAccepted {
			t.Fatalf("%d %v", code, answer)
		}
		return answer["id"].(string)
	}
	found := send(gmail, "fault.timeout_after@example.com", "reconcile")
	gone := send(gmail, "fault.timeout_before-once@example.com", "reconcile")
	held := send(relay, "fault.timeout_after-once@example.com", "reconcile")
	again := send(relay, "x+fault.timeout_after-once@example.com", "retry")

	t.Run("found in Sent", func(t *testing.T) {
		m := waitFor(t, f, found, func(m map[string]any) bool { return status(m) == "accepted" })
		if !has(m, "message.unknown") || copies(t, f, found) != 1 {
			t.Errorf("%d copies; %v", copies(t, f, found), m)
		}
	})
	t.Run("not in Sent: it has not left, and is sent", func(t *testing.T) {
		m := waitFor(t, f, gone, func(m map[string]any) bool { return status(m) == "accepted" })
		if !has(m, "message.not_sent") || copies(t, f, gone) != 1 {
			t.Errorf("%d copies; %v", copies(t, f, gone), m)
		}
	})
	t.Run("held until a person decides", func(t *testing.T) {
		waitFor(t, f, held, func(m map[string]any) bool { return status(m) == "held" })
		if n := copies(t, f, held); n != 1 {
			t.Errorf("%d copies while it is held", n)
		}
		if code, answer := call(t, f, http.MethodPost, "/v1/messages/"+held+"/release", nil); code != http.StatusOK {
			t.Fatalf("release: %d %v", code, answer)
		}
		m := waitFor(t, f, held, func(m map[string]any) bool { return status(m) == "accepted" })
		if m["possible_duplicate"] != true {
			t.Errorf("a second copy is not marked: %v", m)
		}
	})
	t.Run("sent again and marked", func(t *testing.T) {
		m := waitFor(t, f, again, func(m map[string]any) bool { return status(m) == "accepted" })
		if m["possible_duplicate"] != true || !has(m, "message.unknown") {
			t.Errorf("not marked: %v", m)
		}
	})
}
