package queue

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/test/mutant"
)

// Each of these builds breaks one rule, and the simulation must notice. That some
// history notices is what counts, and make simulate goes through them from the first
// one on. A quick run begins with one that was seen to notice.
func TestSimulationFindsBrokenBuilds(t *testing.T) {
	builds := brokenBuilds()
	p := compileBroken(t, builds)
	t.Run("none of them", func(t *testing.T) {
		t.Parallel()
		p.mustPass(t, builds)
	})
	for name, b := range builds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p.mustNotice(t, name, b)
		})
	}
}

// brokenBuild breaks one rule.
type brokenBuild struct {
	mutant.Mutation
	seed    int    // of a history that was seen to notice it: tried first
	promise string // what that history says then
	rare    bool   // few histories meet it
}

// brokenBuilds are one program: GATEPOST_BROKEN_BUILD says which of them it is.
func brokenBuilds() map[string]brokenBuild {
	return map[string]brokenBuild{
		"fence off": {seed: 12, promise: "UNIQUE constraint failed", Mutation: mutant.Mutation{
			File: "internal/store/sqlite.go", Old: "WHERE message_id = $1 AND fence = $2 AND state = $3`", Count: 2,
			New: "WHERE message_id = $1 AND `+map[bool]string{false: `fence = $2 AND state = $3`, true: `$2 = $2 AND $3 = $3`}[CHOSEN]",
		}},
		"unknown is retried blindly": {seed: 2, promise: "G3", Mutation: mutant.Mutation{
			File: "internal/queue/settle.go", Old: "\tcase provider.Unknown:\n", New: "\tcase map[bool]provider.Class{false: provider.Unknown, true: -1}[CHOSEN]:\n",
		}},
		"guard off": {seed: 54, promise: "G3", Mutation: mutant.Mutation{
			File: "internal/queue/attempt.go", Old: "if !e.shared() {", New: "if CHOSEN || !e.shared() {",
		}},
		"any copy in Sent will do": {seed: 395, promise: "G1", rare: true, Mutation: mutant.Mutation{
			File: "internal/queue/doubt.go", Old: "\treturn 1 + strangers(events, en.Attempt), err\n",
			New: "\tif CHOSEN {\n\t\treturn 1, err\n\t}\n\treturn 1 + strangers(events, en.Attempt), err\n",
		}},
		"a copy in Sent is everybody's": {seed: 39, promise: "G1", Mutation: mutant.Mutation{
			File: "internal/queue/doubt.go", Old: "if en.Unsettled > 1 {", New: "if en.Unsettled > 1 && !CHOSEN {",
		}},
		"each attempt has a draft of its own": {seed: 4, promise: "G3", Mutation: mutant.Mutation{
			File: "internal/queue/draft.go", Old: `if old.ID != "" && !old.Gone {`, New: `if old.ID != "" && !old.Gone && !CHOSEN {`,
		}},
		"drafts are not kept": {seed: 93, promise: "G3", Mutation: mutant.Mutation{
			File: "internal/queue/draft.go", Old: "if err := e.cfg.Store.KeepDraft(", New: "if CHOSEN {\n\t} else if err := e.cfg.Store.KeepDraft(",
		}},
		"drafts are not noted": {seed: 27, promise: "was left in the mailbox", Mutation: mutant.Mutation{
			File: "internal/queue/draft.go", Old: "if err := e.cfg.Store.NoteDrafts(", New: "if CHOSEN {\n\t} else if err := e.cfg.Store.NoteDrafts(", Count: 2,
		}},
		"a draft that is gone was not sent": {seed: 55, promise: "G3", Mutation: mutant.Mutation{
			File: "internal/queue/look.go", Old: "\t\ts.draftGone(r.began, open)\n",
			New: "\t\tif CHOSEN {\n\t\t\ts.stillDraft(open)\n\t\t} else {\n\t\t\ts.draftGone(r.began, open)\n\t\t}\n",
		}},
		"looks go back a quarter of an hour": {seed: 8, promise: "G3", Mutation: mutant.Mutation{
			File: "internal/queue/look.go", Old: "\treturn lookMarginOdd\n", New: "\tif CHOSEN {\n\t\treturn lookMargin\n\t}\n\treturn lookMarginOdd\n",
		}},
		"what a clock ahead put off waits for it": {seed: 13838, promise: "still wait", rare: true, Mutation: mutant.Mutation{
			File: "internal/queue/ahead.go", Old: "if !last.ever || backs != last.backs {", New: "if CHOSEN {\n\t\treturn nil\n\t} else if !last.ever || backs != last.backs {",
		}},
		"the clock is believed": {seed: 152, promise: "G3", rare: true, Mutation: mutant.Mutation{
			File: "internal/queue/settle.go", Old: "if rest > 0 {", New: "if rest > 0 && !CHOSEN {",
		}},
		"scheduled leaves at once": {seed: 3, promise: "G6", Mutation: mutant.Mutation{
			File: "internal/store/message.go", Old: "\tif send.After(created) {\n", New: "\tif send.After(created) && !CHOSEN {\n",
		}},
		"scheduled goes by a clock that was set": {seed: 41, promise: "G6", rare: true, Mutation: mutant.Mutation{
			File: "internal/queue/clock.go", Old: "\treturn c.wall.Add(-max(0, c.setBy))\n", New: "\tif CHOSEN {\n\t\treturn c.wall\n\t}\n\treturn c.wall.Add(-max(0, c.setBy))\n",
		}},
		"cancel after the claim": {seed: 465, promise: "G6", rare: true, Mutation: mutant.Mutation{
			File: "internal/store/operate.go", Old: "AND state IN ('scheduled', 'queued', 'held') RETURNING `+queueColumns, team, message))",
			New: "AND state IN ('scheduled', 'queued', 'held'`+map[bool]string{true: `, 'sending'`}[CHOSEN]+`) RETURNING `+queueColumns, team, message))",
		}},
		"expired is sent": {seed: 14, promise: "G6", Mutation: mutant.Mutation{
			File: "internal/queue/settle.go", Old: "return !en.ExpiresAt.IsZero() && !at.Before(en.ExpiresAt)", New: "return !CHOSEN && !en.ExpiresAt.IsZero() && !at.Before(en.ExpiresAt)",
		}},
		"codes are kept": {seed: 10, promise: "its content is there", Mutation: mutant.Mutation{
			File: "internal/store/ending.go", Old: "if f.Shred && f.Next == nil {", New: "if f.Shred && f.Next == nil && !CHOSEN {",
		}},
		"what left is not counted": {seed: 6, promise: "limit", Mutation: mutant.Mutation{
			File: "internal/store/limit.go", Old: "if f.mayHaveLeft() {", New: "if f.mayHaveLeft() && !CHOSEN {",
		}},
		"what is under way is not counted": {seed: 7, promise: "limit", Mutation: mutant.Mutation{
			File: "internal/store/claim.go", Old: "\t\t\tt.use(y.limit.Key, underWay, cost)\n", New: "\t\t\tif !CHOSEN {\n\t\t\t\tt.use(y.limit.Key, underWay, cost)\n\t\t\t}\n",
		}},
	}
}

// brokenProgram is the simulation with all mutations, which follows one or none.
type brokenProgram string

const brokenVariable = "GATEPOST_BROKEN_BUILD"

func compileBroken(t *testing.T, builds map[string]brokenBuild) brokenProgram {
	t.Helper()
	mutations := map[string]mutant.Mutation{}
	for name, b := range builds {
		mutations[name] = b.Mutation
	}
	name := filepath.Join(t.TempDir(), "simulation")
	overlay := mutant.Choices(t, "../..", brokenVariable, mutations)
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", name, "-overlay", overlay, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the simulation: %v\n%s", err, out)
	}
	return brokenProgram(name)
}

// run goes through histories, and tells what the first that notices says, or "".
func (p brokenProgram) run(t *testing.T, build string, variables ...string) (seed, says string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, string(p), "-test.run", "^TestSimulation$", "-test.timeout", "10m")
	cmd.Env = append(append(os.Environ(), brokenVariable+"="+build, "GATEPOST_SIMULATE_STOP=1"), variables...)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return "", ""
	}
	found := breach.FindSubmatch(out)
	if found == nil {
		t.Fatalf("the simulation ended otherwise than by a broken promise: %v\n%s", err, out)
	}
	return string(found[1]), string(found[2])
}

// breach is how the simulation tells which history breaks which promise.
var breach = regexp.MustCompile(`history (\d+) breaks a promise.*\n\s*(.*)`)

// mustNotice tries the build's own history first, and where that does not notice the
// build any more, as a change of the engine makes another one of it, all others.
func (p brokenProgram) mustNotice(t *testing.T, name string, b brokenBuild) {
	t.Helper()
	long := os.Getenv("GATEPOST_SIMULATE_HISTORIES") != ""
	if !long {
		if _, says := p.run(t, name, "GATEPOST_SIMULATE_HISTORIES=1", fmt.Sprint("GATEPOST_SIMULATE_SEED=", b.seed)); strings.Contains(says, b.promise) {
			t.Logf("history %d: %s", b.seed, says)
			return
		}
		if b.rare {
			t.Logf("history %d does not notice it any more, and few do: make simulate finds another one", b.seed)
			return
		}
	}
	seed, says := p.run(t, name, "GATEPOST_SIMULATE_HISTORIES=2000", "GATEPOST_SIMULATE_SEED=")
	switch {
	case says == "":
		t.Error("the simulation did not notice")
	case !long:
		t.Logf("history %d does not notice it any more: the seed should be renewed", b.seed)
	}
	t.Logf("history %s: %s", seed, says)
}

// mustPass holds that it is the mutation which the histories notice.
func (p brokenProgram) mustPass(t *testing.T, builds map[string]brokenBuild) {
	t.Helper()
	var seeds []string
	for b := range maps.Values(builds) {
		seeds = append(seeds, fmt.Sprint(b.seed))
	}
	slices.Sort(seeds)
	if seed, says := p.run(t, "", "GATEPOST_SIMULATE_SEED="+strings.Join(slices.Compact(seeds), ",")); says != "" {
		t.Errorf("history %s: %s", seed, says)
	}
}
