package queue

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/test/mutant"
)

// Each of these builds breaks one rule, and the simulation must notice. make simulate
// makes all of them.
func TestSimulationFindsBrokenBuilds(t *testing.T) {
	if os.Getenv("GATEPOST_BROKEN_BUILD") != "" {
		t.Skip("this is one of the broken builds itself")
	}
	rare := []string{ // are met by few histories: not in a quick run
		"any copy in Sent will do", "cancel after the claim", "scheduled goes by a clock that was set", "the clock is believed",
	}
	for name, m := range map[string]mutant.Mutation{
		"fence off": {
			File: "internal/store/sqlite.go", Old: "WHERE message_id = $1 AND fence = $2 AND state = $3", Count: 2,
			New: "WHERE message_id = $1 AND $2 = $2 AND $3 = $3",
		},
		"unknown is retried blindly": {
			File: "internal/queue/settle.go", Old: "\tcase provider.Unknown:\n", New: "\tcase -1:\n",
		},
		"guard off": {
			File: "internal/queue/attempt.go", Old: "if !e.shared() {", New: "if true {",
		},
		"any copy in Sent will do": {
			File: "internal/queue/doubt.go", Old: "return 1 + strangers(events, en.Attempt), err", New: "return 1 + 0*strangers(events, en.Attempt), err",
		},
		"a copy in Sent is everybody's": {
			File: "internal/queue/doubt.go", Old: "if en.Unsettled > 1 {", New: "if false {",
		},
		"each attempt has a draft of its own": {
			File: "internal/queue/draft.go", Old: `if id == "" || old.Gone {`, New: "if true {",
		},
		"drafts are not kept": {
			File: "internal/queue/draft.go", Old: "err := e.cfg.Store.KeepDraft(ctx, en, id); err != nil", New: "err := error(nil); err != nil",
		},
		"a draft that is gone was not sent": {
			File: "internal/queue/look.go", Old: "s.draftGone(r.began, open)", New: "s.stillDraft(open)",
		},
		"the clock is believed": {
			File: "internal/queue/settle.go", Old: "rest > 0 {", New: "rest > 1<<62 {",
		},
		"scheduled leaves at once": {
			File: "internal/store/message.go", Old: "\tif send.After(created) {\n", New: "\tif false {\n",
		},
		"scheduled goes by a clock that was set": {
			File: "internal/queue/clock.go", Old: "c.wall.Add(-max(0, c.setBy))", New: "c.wall",
		},
		"cancel after the claim": {
			File: "internal/store/operate.go", New: "AND state IN ('scheduled', 'queued', 'held', 'sending') RETURNING `+queueColumns, team, message))",
			Old: "AND state IN ('scheduled', 'queued', 'held') RETURNING `+queueColumns, team, message))",
		},
		"expired is sent": {
			File: "internal/queue/settle.go", Old: "return !en.ExpiresAt.IsZero() && !at.Before(en.ExpiresAt)", New: "return false",
		},
		"codes are kept": {
			File: "internal/store/ending.go", Old: "if f.Shred && f.Next == nil {", New: "if false {",
		},
		"what left is not counted": {
			File: "internal/store/limit.go", Old: "if f.mayHaveLeft() {", New: "if false {",
		},
		"what is under way is not counted": {
			File: "internal/store/claim.go", Old: "\t\t\tt.use(y.limit.Key, underWay, cost)\n", New: "",
		},
	} {
		if slices.Contains(rare, name) && os.Getenv("GATEPOST_SIMULATE_HISTORIES") == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-run", "^TestSimulation$", "-overlay", mutant.Overlay(t, "../..", m), ".")
			cmd.Env = append(os.Environ(), "GATEPOST_BROKEN_BUILD=1", "GATEPOST_SIMULATE_HISTORIES=2000", "GATEPOST_SIMULATE_STOP=1")
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "breaks a promise") {
				t.Errorf("the simulation did not notice: %v\n%s", err, out)
			} else {
				t.Logf("%.300s", out)
			}
		})
	}
}
