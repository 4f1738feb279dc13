// Package kill ends gatepost by SIGKILL, again and again, while clients hand it mail, and asks whether
// an acknowledged message was ever lost or sent twice. The judges are the clients' own ledger of 202
// and 250 answers, the ledger of the world that takes the mail, and what the API says once everything has come
// to rest; never gatepost's tables. It is a test alone: nothing is to be imported from here.
//
// Only serve is killed, at random moments and at each of these points; the world lives on:
//
//	K1   the body of a request is half read                  api.body.half
//	K2   inside the transaction, before COMMIT               commit.before
//	K3   after COMMIT, before the answer                     commit.after, api.answer.before
//	K4   after the answer                                    api.answer.after, smtp.answer.after
//	K5   over SMTP, the content is half read                 smtp.body.half
//	K6   over SMTP, after the final dot, before COMMIT       commit.before
//	K7   over SMTP, after COMMIT, before the 250             commit.after, smtp.answer.before
//	K8   claimed: here the claim is the attempt's record, so K8 is K9
//	K9   the claim is committed, nothing is dialled          commit.after; connected: nothing was said yet
//	K10  the draft is made, its id is not stored             draft.made
//	K11  the draft's id is stored, it is not sent            draft.kept
//	K12  the message is half handed over                     body.half
//	K13  it is handed over, no answer yet                    body.done
//	K14  the answer is read, the outcome is not committed    answer.read
//	K15  the outcome is committed                            commit.after
//
// K16 (webhooks) is a point of a part that gatepost does not have yet.
//
// GATEPOST_KILL=full runs the long form (make kill). GATEPOST_KILL_SEED repeats a plan of kills, and
// GATEPOST_KILL_REPORT names a file for the tables (.json: as JSON, else Markdown).
package kill

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"gatepost/internal/store/storetest"
)

// form is how much is done on each database.
type form struct {
	messages int
	random   int // kills at random moments
	rest     time.Duration
}

func chosen() form {
	if os.Getenv("GATEPOST_KILL") == "full" {
		return form{messages: 10_000, random: 20, rest: 5 * time.Minute}
	}
	return form{messages: 1_000, random: 5, rest: 90 * time.Second}
}

func TestKilledGatepostLosesNothing(t *testing.T) {
	t.Parallel()
	whole, f, seed := program{path: build(t, "")}, chosen(), seed(t)
	t.Logf("GATEPOST_KILL_SEED=%d", seed)
	databases := []string{"sqlite", "postgres"}
	results := make([]*result, len(databases))
	t.Run("on", func(t *testing.T) {
		for i, name := range databases {
			t.Run(name, func(t *testing.T) {
				url := ""
				if name == "postgres" {
					url = storetest.Postgres(t)
				}
				t.Parallel()
				r := newRun(t, whole, url, seed, f.rest)
				for _, p := range wholePlan(f, r.random) {
					r.phase(p)
				}
				results[i] = r.judge(name)
				results[i].mustBeVisited(t)
				t.Log("\n" + results[i].table())
				results[i].mustHold(t)
			})
		}
	})
	report(t, seed, results)
}

// seed is that of the plan: which message meets which kill still depends on the machine.
func seed(t *testing.T) uint64 {
	text := os.Getenv("GATEPOST_KILL_SEED")
	if text == "" {
		return uint64(time.Now().UnixNano()) % 1_000_000
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("GATEPOST_KILL_SEED: %v", err)
	}
	return n
}

// program is a build of gatepost, and which of its mutations it follows.
type program struct{ path, mutation string }

// mutationVariable names the mutation to a broken build.
const mutationVariable = "GATEPOST_KILL_MUTATION"

// build makes the program with the points to die at; overlay, when not empty, breaks it.
func build(t *testing.T, overlay string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "gatepost")
	args := []string{"build", "-tags", "faults", "-buildvcs=false", "-o", bin}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	if out, err := exec.CommandContext(t.Context(), "go", append(args, "gatepost/cmd/gatepost")...).CombinedOutput(); err != nil {
		t.Fatalf("build gatepost: %v\n%s", err, out)
	}
	return bin
}
