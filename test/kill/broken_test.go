package kill

import (
	"cmp"
	"testing"
	"time"

	"gatepost/test/mutant"
)

// brokenBuild breaks one promise, and what the verdict must then say.
type brokenBuild struct {
	mutation mutant.Mutation
	like     string // instead: it is broken as another one, and meets other kills
	phases   []phase
	breaches []string // any of these
}

// tries bounds how often the kills may just have missed.
const tries = 4

// A verdict that finds nothing wrong with these builds would show nothing about the whole one.
func TestBrokenBuildsAreSeen(t *testing.T) {
	t.Parallel()
	builds := brokenBuilds()
	mutations := map[string]mutant.Mutation{}
	for name, b := range builds {
		if b.like == "" {
			mutations[name] = b.mutation
		}
	}
	path := build(t, mutant.Choices(t, "../..", mutationVariable, mutations))
	for name, b := range builds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b.mustBeSeen(t, newRun(t, program{path, cmp.Or(b.like, name)}, "", 1, 90*time.Second))
		})
	}
}

// brokenBuilds are one program, which is told by a variable how to be broken.
func brokenBuilds() map[string]brokenBuild {
	return map[string]brokenBuild{
		"answer before commit": {
			mutation: mutant.Mutation{
				File: "internal/store/group.go", Old: "\tfor _, r := range reqs {\n\t\t<-r.done\n\t}\n",
				New: "\tfor _, r := range reqs {\n\t\tif r.add == nil || !CHOSEN {\n\t\t\t<-r.done\n\t\t}\n\t}\n",
			},
			phases: []phase{{mix: classes(), each: 60, kills: []kill{
				{label: "K2", point: "commit.before", nth: 5},
				{label: "K2", point: "commit.before", nth: 9},
				{label: "random", after: 30},
			}}},
			breaches: []string{lost},
		},
		"250 before commit": {
			like: "answer before commit",
			phases: []phase{{mix: []class{gmailSMTP}, each: 40, kills: []kill{
				{label: "K6", point: "commit.before", nth: 5}, {label: "K6", point: "commit.before", nth: 9},
			}}},
			breaches: []string{lost},
		},
		"half a message is kept": {
			mutation: mutant.Mutation{
				File: "internal/gateway/data.go", Old: "\t\t\tc.s.Fault(\"smtp.body.half\")\n",
				New: "\t\t\tif CHOSEN {\n\t\t\t\t_, _ = c.submit(c.mail)\n\t\t\t}\n\t\t\tc.s.Fault(\"smtp.body.half\")\n",
			},
			phases:   []phase{{mix: []class{gmailSMTP}, each: 20, kills: []kill{{label: "K5", point: "smtp.body.half", nth: 9}}}},
			breaches: []string{keyTwice, stranger},
		},
		"what comes again over SMTP is not recognised": {
			mutation: mutant.Mutation{
				File: "internal/gateway/submit.go", Old: "Recognise: c.s.Recognise}", New: "Recognise: c.s.Recognise && !CHOSEN}",
			},
			phases:   []phase{{mix: []class{gmailSMTP}, each: 20, kills: []kill{{label: "K7", point: "smtp.answer.before", nth: 9}}}},
			breaches: []string{keyTwice},
		},
		"what an older epoch was sending is queued": {
			mutation: mutant.Mutation{
				File: "internal/queue/recover.go", Old: "Class: provider.Unknown",
				New: "Class: map[bool]provider.Class{false: provider.Unknown, true: provider.Retry}[CHOSEN]",
			},
			phases: []phase{
				{mix: []class{gmail}, each: 40, kills: []kill{
					{label: "K13", point: "body.done", nth: 12}, {label: "K14", point: "answer.read", nth: 9},
				}},
				{mix: []class{relayRetry, relayHold}, each: 40, kills: []kill{{label: "K14", point: "answer.read", nth: 9}}},
			},
			breaches: []string{secondCopy, unmarked, tooMany},
		},
	}
}

func (b brokenBuild) mustBeSeen(t *testing.T, r *run) {
	t.Helper()
	for try := range tries {
		for _, p := range b.phases {
			r.phase(p)
		}
		res := r.judge("broken build")
		for _, promise := range b.breaches {
			if about := res.Breaches[promise]; len(about) > 0 {
				t.Logf("seen at try %d, after %d kills: %d times: %s", try+1, len(r.kills), len(about), promise)
				return
			}
		}
	}
	t.Errorf("%d tries, and the verdict found nothing wrong with a broken build", tries)
}
