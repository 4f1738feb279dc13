package kill

import (
	"math/rand/v2"
	"time"
)

// class is how a message goes out and what is to become of it when nobody knows whether it did.
type class string

const (
	gmail      class = "Gmail"
	gmailDraft class = "Gmail, by drafts"
	relayRetry class = "relay, on_unknown retry"
	relayHold  class = "relay, on_unknown hold"
	gmailSMTP  class = "Gmail, SMTP in" // handed over at the SMTP door, all others over HTTP
)

func classes() []class { return []class{gmail, gmailDraft, relayRetry, relayHold, gmailSMTP} }

// told tells whether the copies in Sent, or a draft, say what became of an unknown outcome: nothing is
// held then.
func (c class) told() bool { return c == gmail || c == gmailDraft || c == gmailSMTP }

// kill is the end of one life of serve: at a named point, or at a random moment.
type kill struct {
	label string
	point string        // "": at a random moment
	nth   int           // passing of the point
	after int           // random: so many acknowledgements after the start
	then  time.Duration // and so long after them
	quiet bool          // nobody hands over mail: all that is committed are claims and outcomes
}

// phase is a row of kills under one mix of mail. Between phases everything comes to rest, so what is
// on its way when a point is passed is of the phase's own classes.
type phase struct {
	mix   []class // in turn
	each  int     // messages for each life of serve
	kills []kill
}

// wholePlan spreads the messages over the lives of serve: about six of ten go by Gmail, a fifth by the
// relay with each policy. One in ten is a draft first, one in ten is handed over by SMTP. The drafts come
// early: those that kills leave behind are swept while the other phases go on.
func wholePlan(f form, r *rand.Rand) []phase {
	door := doorKills(r, 20)
	ownPhase := f.messages / 5
	mixed := phase{mix: []class{gmail, relayRetry, gmail, relayHold}, each: (f.messages - 3*ownPhase) / (f.random + len(door))}
	for i := range f.random {
		mixed.kills = append(mixed.kills, randomKill(r, mixed.each, i%3 == 0))
	}
	mixed.kills = append(mixed.kills, door...)
	r.Shuffle(len(mixed.kills), func(i, j int) { mixed.kills[i], mixed.kills[j] = mixed.kills[j], mixed.kills[i] })
	return []phase{
		mixed, exitPhase([]class{gmail}, ownPhase, r), draftPhase(ownPhase/2, r),
		exitPhase([]class{relayRetry, relayHold}, ownPhase, r), smtpPhase(ownPhase/2, r),
	}
}

// randomKill hits while mail comes in, or, late, when gatepost looks for what earlier lives left behind
// and sends it again.
func randomKill(r *rand.Rand, each int, late bool) kill {
	k := kill{label: "random", after: 1 + r.IntN(each*3/4), then: time.Duration(r.IntN(50_000)) * time.Microsecond}
	if late {
		k.then = time.Duration(r.IntN(2_500_000)) * time.Microsecond
	}
	return k
}

// doorKills are the points around taking a message. spread is how often a message passes them at least.
func doorKills(r *rand.Rand, spread int) []kill {
	return []kill{
		{label: "K1", point: "api.body.half", nth: 1 + r.IntN(spread)},
		{label: "K2", point: "commit.before", nth: 4 + r.IntN(8)},
		{label: "K3", point: "commit.after", nth: 4 + r.IntN(8)},
		{label: "K3", point: "api.answer.before", nth: 1 + r.IntN(spread)},
		{label: "K4", point: "api.answer.after", nth: 1 + r.IntN(spread)},
	}
}

// smtpPhase has the points around taking a message over SMTP, and a random moment there. Among the commits
// are claims and outcomes; those of the door's own points are messages each time.
func smtpPhase(messages int, r *rand.Rand) phase {
	kills := []kill{
		{label: "K5", point: "smtp.body.half", nth: 1 + r.IntN(10)},
		{label: "K6", point: "commit.before", nth: 4 + r.IntN(8)},
		{label: "K7", point: "commit.after", nth: 4 + r.IntN(8)},
		{label: "K7", point: "smtp.answer.before", nth: 1 + r.IntN(10)},
		{label: "K4", point: "smtp.answer.after", nth: 1 + r.IntN(10)},
	}
	each := messages / (1 + len(kills))
	return phase{mix: []class{gmailSMTP}, each: each, kills: append(kills, randomKill(r, each, false))}
}

// draftPhase has the points of an account that makes each message a draft first.
func draftPhase(messages int, r *rand.Rand) phase {
	kills := []kill{
		{label: "K10", point: "draft.made"},
		{label: "K11", point: "draft.kept"},
		{label: "K12", point: "body.half"},
		{label: "K13", point: "body.done"},
		{label: "K14", point: "answer.read"},
	}
	for i := range kills {
		kills[i].nth = 1 + r.IntN(10)
	}
	return phase{mix: []class{gmailDraft}, each: messages / len(kills), kills: kills}
}

// exitPhase has the points on the way out. The quiet ones come first, while nothing is left from other
// lives, and count commits from the start of serve: 1 is its new epoch, 2 the first claim. After a kill,
// 2 is what the last life left behind, 3 the first claim, and then come the first outcomes.
func exitPhase(mix []class, messages int, r *rand.Rand) phase {
	loud := []kill{
		{label: "K9", point: "connected"},
		{label: "K12", point: "body.half"},
		{label: "K13", point: "body.done"},
		{label: "K14", point: "answer.read"},
	}
	for i := range loud {
		loud[i].nth = 1 + r.IntN(20)
	}
	quiet := []kill{
		{label: "K8, K9", point: "commit.after", nth: 2, quiet: true},
		{label: "K15", point: "commit.after", nth: 4, quiet: true},
		{label: "K15", point: "commit.after", nth: 5, quiet: true},
	}
	// The quiet kills live on one filling.
	return phase{mix: mix, each: messages / (1 + len(loud)), kills: append(quiet, loud...)}
}
