package queue

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
)

// line is one row of the catalogue: how the world is made to say it, what it is, and what
// the queue must do.
type line struct {
	by         way
	fault, arg string
	no, cause  string
	then       then
	road       func(*town) road // how the provider is reached; nil: as usual
	mailbox    string           // in place of one that is like any other
	// unexplained says why the words alone do not lead back to the row.
	unexplained string
	unlisted    bool   // no row knows the words
	nameless    string // why the words lack a name of the account's own
	auth        bool   // it comes at the relay's AUTH, where the login alone is known
	size        int    // of an attachment
}

// then is what the queue must do about an answer.
type then struct {
	class provider.Class
	scope provider.Scope
	wait  time.Duration // least, before anything is tried again; for a parked account exactly
	split bool
	taken bool // the message was taken although no yes came
	// once says that the provider is asked once more with another token before the answer
	// counts.
	once    bool
	action  provider.Action
	forGood bool // a release does not mend it
}

// wanted is the action that goes with it.
func (t then) wanted() provider.Action {
	switch {
	case t.split:
		return provider.ActionSplit
	case t.once:
		return provider.ActionRefresh
	}
	return t.action
}

func retries() then { return then{class: provider.Retry, scope: provider.ScopeAccount} }

func retriesMessage() then { return then{class: provider.Retry, scope: provider.ScopeMessage} }

func parks(wait time.Duration) then {
	return then{class: provider.Park, scope: provider.ScopeAccount, wait: wait}
}

func holds() then { return then{class: provider.Hold, scope: provider.ScopeAccount} }

func holdsRefreshed() then {
	return then{class: provider.Hold, scope: provider.ScopeAccount, once: true}
}

func fails() then { return then{class: provider.Fail, scope: provider.ScopeMessage} }

func failsOne() then { return then{class: provider.Fail, scope: provider.ScopeRecipient} }

func retriesOne(wait time.Duration) then {
	return then{class: provider.Retry, scope: provider.ScopeRecipient, wait: wait}
}

func splits() then { return then{class: provider.Retry, scope: provider.ScopeRecipient, split: true} }

func doubts(taken bool) then {
	return then{class: provider.Unknown, scope: provider.ScopeMessage, taken: taken}
}

// Waits of parked accounts that go by the clock.
const nextMinute = time.Duration(-1)

const (
	townBob = "bob@world.example"
	townEve = "eve@world.example"

	townSubject = "a subject that nobody else must see"
	townText    = "a text that nobody else must see"
)

// play has the world say the line and follows the mail to its end.
func (w *town) play(l line) *provider.Error {
	w.t.Helper()
	s := w.open(l.by, l.mailbox)
	if l.road != nil {
		w.take(l.road(w))
	}
	if l.fault != "" {
		w.ask(w.rule(l, s))
	}
	id := w.write(s, l.size)
	c := w.claimOne(s)
	o := w.attempt(w.t.Context(), c)
	problem := problemIn(o)
	if problem == nil {
		w.t.Fatalf("nothing went wrong: %+v", o.receipt)
	}
	w.wantAnswer(l, s, problem)
	w.settleWith(c, o)
	switch l.then.class {
	case provider.Retry:
		w.wantRetry(l, s, id, problem)
	case provider.Park:
		w.wantParked(l, s, id, problem)
	case provider.Hold:
		w.wantHeld(l, s, id, problem)
	case provider.Fail:
		w.wantFailed(l, s, id, problem)
	case provider.Unknown:
		w.wantDoubt(l, s, id)
	}
	return problem
}

func (w *town) rule(l line, s seat) sandbox.Rule {
	r := sandbox.Rule{Fault: l.fault, Arg: l.arg, Account: s.address}
	if l.then.scope == provider.ScopeRecipient {
		r.Recipient = townBob
	}
	if e := l.fault + "." + l.arg; atEHLO(e) {
		r.Account = s.hello
	}
	if s.client != "" && (l.fault == "aadsts" || l.fault == "token_proxy") {
		r.Account = s.client
	}
	switch l.fault {
	case "sts":
		r.Account = s.outside
	case "sign_jwt":
		r.Account = s.account
	}
	if l.by == byRelay && l.auth {
		r.Account, _ = w.SMTPLogin()
	}
	return r
}

// atEHLO tells of the replies that come before anybody has said who he is.
func atEHLO(fault string) bool {
	return slices.Contains([]string{"smtp.hello", "smtp.later", "smtp.closing", "smtp.connect_busy", "smtp.blocked"}, fault)
}

// write submits a message to two recipients.
func (w *town) write(s seat, size int) email.ID {
	w.t.Helper()
	sub := Submission{Account: s.id, Subject: townSubject, Text: townText}
	for _, a := range []string{townBob, townEve} {
		to, err := email.ParseAddress(a)
		w.must(err)
		sub.To = append(sub.To, to)
	}
	if size > 0 {
		sub.Attachments = []Attachment{{Filename: "a.txt", Content: []byte(strings.Repeat("0123456789abcde\n", size/16))}}
	}
	got, err := w.Submit(w.t.Context(), w.grant, sub)
	w.must(err)
	return got.ID
}

func (w *town) claimSome(s seat) []claimed {
	w.t.Helper()
	got, err := w.claim(w.t.Context(), simTeam, s.id, room{limit: 5})
	w.must(err)
	return got.claims
}

func (w *town) claimOne(s seat) claimed {
	w.t.Helper()
	got := w.claimSome(s)
	if len(got) != 1 {
		w.t.Fatalf("claimed %d messages, want 1", len(got))
	}
	return got[0]
}

func (w *town) settleWith(c claimed, o outcome) {
	w.t.Helper()
	f, err := w.settle(c.Entry, o)
	w.must(err, w.finish(w.t.Context(), f))
}

// problemIn is the answer that an attempt brought back.
func problemIn(o outcome) *provider.Error {
	if o.err != nil {
		return o.err
	}
	for _, r := range o.receipt.Recipients {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}

func (w *town) message(id email.ID) *store.Message {
	w.t.Helper()
	m, err := w.cfg.Store.Message(w.t.Context(), simTeam, id)
	w.must(err)
	return m
}

func (w *town) row(s seat) *store.Account {
	w.t.Helper()
	a, err := w.cfg.Store.Account(w.t.Context(), simTeam, s.id)
	w.must(err)
	return a
}

// wantQuiet holds that no attempt is begun now, and so nobody is asked.
func (w *town) wantQuiet(s seat, why string) {
	w.t.Helper()
	if got := w.claimSome(s); len(got) != 0 {
		w.t.Errorf("%s: an attempt was begun", why)
		w.must(w.giveBack(w.t.Context(), got...))
	}
}

// forgetTokens stands for the seconds until a refused token is asked for again: these go
// by the database's clock, which the test does not move.
func (w *town) forgetTokens(s seat) { w.cfg.Vault.Forget(w.row(s).Credential) }

// wantSent lets time go by until the messages have left, each once to each recipient.
func (w *town) wantSent(s seat, ids ...email.ID) {
	w.t.Helper()
	for range 60 {
		for _, c := range w.claimSome(s) {
			w.settleWith(c, w.attempt(w.t.Context(), c))
		}
		left := slices.DeleteFunc(slices.Clone(ids), func(id email.ID) bool { return w.message(id).Entry == nil })
		if len(left) == 0 {
			break
		}
		w.pass(time.Minute)
	}
	for _, id := range ids {
		for _, r := range w.message(id).Recipients {
			if r.State != email.Accepted {
				w.t.Errorf("when all is well again, %s is %s (%s)", r.Address, r.State, r.Cause)
			}
		}
		for to, n := range w.taken(id) {
			if n != 1 {
				w.t.Errorf("%s got the message %d times", to, n)
			}
		}
	}
}

// wantWaiting holds that the message is kept with the reason.
func (w *town) wantWaiting(id email.ID, problem *provider.Error) *store.Entry {
	w.t.Helper()
	en := w.message(id).Entry
	if en == nil || en.State != email.Queued || en.Cause != problem.Cause {
		w.t.Fatalf("the message is %+v, want it queued for %s", en, problem.Cause)
	}
	return en
}

func (w *town) wantRetry(l line, s seat, id email.ID, problem *provider.Error) {
	w.t.Helper()
	en := w.wantWaiting(id, problem)
	if a := w.row(s); a.Held || !a.ParkedUntil.IsZero() {
		w.t.Errorf("the account is held %v, parked until %v: want neither", a.Held, a.ParkedUntil)
	}
	if wait := en.DueAt.Sub(w.clock()); wait <= 0 || wait < l.then.wait {
		w.t.Errorf("the next try is in %v, want later than %v", wait, l.then.wait)
	}
	w.wantQuiet(s, "before the next try")
	if l.then.scope == provider.ScopeRecipient && w.taken(id)[townEve] != 1 {
		w.t.Errorf("the other recipient got the message %d times", w.taken(id)[townEve])
	}
	w.mend()
	w.until(en.DueAt)
	w.forgetTokens(s)
	w.wantSent(s, id)
}

func (w *town) wantParked(l line, s seat, id email.ID, problem *provider.Error) {
	w.t.Helper()
	w.wantWaiting(id, problem)
	a, wait := w.row(s), l.then.wait
	if wait == nextMinute {
		wait = w.clock().Truncate(time.Minute).Add(time.Minute).Sub(w.clock())
	}
	if got := a.ParkedUntil.Sub(w.clock()); got != wait || a.Held || a.Cause != problem.Cause {
		w.t.Errorf("the account is parked for %v (held %v, %s), want %v for %s", got, a.Held, a.Cause, wait, problem.Cause)
	}
	second := w.write(s, 0)
	w.wantQuiet(s, "while the account is parked")
	w.mend()
	w.until(a.ParkedUntil.Add(-time.Second))
	w.wantQuiet(s, "a second before the provider's time")
	w.pass(time.Second)
	w.forgetTokens(s)
	w.wantSent(s, id, second)
}

func (w *town) wantHeld(l line, s seat, id email.ID, problem *provider.Error) {
	w.t.Helper()
	w.wantWaiting(id, problem)
	a := w.row(s)
	if !a.Held || a.Cause != problem.Cause || !strings.Contains(a.Reason, provider.CleanReply(problem.Fix)) {
		w.t.Errorf("the account is held %v for %s: %q; want it held for %s, with what to do: %q", a.Held, a.Cause, a.Reason, problem.Cause, problem.Fix)
	}
	second := w.write(s, 0)
	w.mend()
	w.pass(30 * time.Minute)
	w.wantQuiet(s, "while the account is held")
	ev, err := w.event(email.EventAccountReleased, store.EventData{})
	w.must(err, w.cfg.Store.ReleaseAccount(w.t.Context(), simTeam, s.id, ev))
	w.cfg.Vault.Forget(a.Credential)
	w.AccountChanged(simTeam, s.id)
	if l.then.forGood {
		c := w.claimSome(s)[0]
		w.settleWith(c, w.attempt(w.t.Context(), c))
		if !w.row(s).Held || w.message(id).Entry == nil {
			w.t.Error("after the release the account is not held again, or its mail is gone")
		}
		return
	}
	w.wantSent(s, id, second)
}

func (w *town) wantFailed(l line, s seat, id email.ID, problem *provider.Error) {
	w.t.Helper()
	m := w.message(id)
	if m.Entry != nil {
		w.t.Fatalf("the message still waits: %+v", m.Entry)
	}
	for _, r := range m.Recipients {
		failed := r.Address == townBob || l.then.scope == provider.ScopeMessage
		if failed && (r.State != email.Failed || r.Cause != problem.Cause) || !failed && r.State != email.Accepted {
			w.t.Errorf("%s is %s (%s)", r.Address, r.State, r.Cause)
		}
	}
	if a := w.row(s); a.Held || !a.ParkedUntil.IsZero() {
		w.t.Errorf("the account is held %v, parked until %v: want neither", a.Held, a.ParkedUntil)
	}
	w.mend()
	w.wantSent(s, w.write(s, 0))
}

func (w *town) wantDoubt(l line, s seat, id email.ID) {
	w.t.Helper()
	if l.by == byRelay { // nobody can look there
		if en := w.message(id).Entry; en == nil || en.State != email.Held || en.Cause != "outcome_unknown" {
			w.t.Fatalf("the message is %+v, want it held", en)
		}
		return
	}
	if en := w.message(id).Entry; en == nil || en.State != email.Unknown {
		w.t.Fatalf("the message is %+v, want it unknown", en)
	}
	w.wantQuiet(s, "while it is unknown whether it was sent")
	w.mend()
	for range 6 {
		w.pass(10 * time.Minute)
		_, err := w.look(w.t.Context(), simTeam, s.id)
		w.must(err)
	}
	if got := w.message(id).Entry == nil; got != l.then.taken {
		w.t.Errorf("after the looks the message is settled: %v, want %v", got, l.then.taken)
	}
	w.wantSent(s, id)
}

// wantAnswer holds the answer to its row, its words to the account's own names, and the
// row to what gatepost explain says of the same words.
func (w *town) wantAnswer(l line, s seat, e *provider.Error) {
	w.t.Helper()
	if !slices.Contains(strings.Split(e.No, "|"), l.no) || e.Cause != l.cause || e.Class != l.then.class || e.Scope != l.then.scope || e.Unlisted != l.unlisted {
		w.t.Errorf("no. %q %s %s of the %s, unlisted %v: %s; want no. %q %s %s of the %s, unlisted %v",
			e.No, e.Class, e.Cause, e.Scope, e.Unlisted, e.Reply, l.no, l.then.class, l.cause, l.then.scope, l.unlisted)
	}
	if want := l.then.wanted(); e.Action != want {
		w.t.Errorf("the action is %q, want %q", e.Action, want)
	}
	for _, blank := range []string{"{", "the key in use", "the scopes that gatepost asks for", "the user to", "MAILBOX", "FROM-ADDRESS", "CLIENT-ID", "TENANT/", "tenant TENANT", "OBJECT-ID-OF"} {
		if strings.Contains(e.Text+" "+e.Fix, blank) && l.nameless == "" {
			w.t.Errorf("%q stands where a name should: %s %s", blank, e.Text, e.Fix)
		}
	}
	if e.Reply == "" && e.Class != provider.Unknown {
		w.t.Error("the provider's words are not kept")
	}
	w.wantExplained(l, e)
	w.wantKept(l, s, e)
}

// wantKept holds that the words of an answer that nobody knows are kept for a report, and
// name nobody.
func (w *town) wantKept(l line, s seat, e *provider.Error) {
	w.t.Helper()
	all, err := w.cfg.Store.Unlisted(w.t.Context(), simTeam)
	w.must(err)
	transport, _, _ := strings.Cut(string(l.by), ",")
	kept := slices.ContainsFunc(all, func(u store.Unlisted) bool {
		return u.LastAt.Equal(w.clock().Truncate(time.Millisecond)) && u.Provider == transport && u.Stage == string(e.Stage) && u.Code == e.Code
	})
	if kept != l.unlisted {
		w.t.Errorf("the words are kept as unknown: %v, want %v: %+v", kept, l.unlisted, all)
	}
	for _, u := range all {
		if said := u.Sample + u.Words; strings.Contains(said, "@") || strings.Contains(said, ".example") || s.client != "" && strings.Contains(said, s.client) {
			w.t.Errorf("what is kept names somebody: %+v", u)
		}
	}
}

func (w *town) wantExplained(l line, e *provider.Error) {
	w.t.Helper()
	if l.unlisted {
		return // there is nothing to know the words by
	}
	rows := provider.Catalogue()
	explained := provider.Explain(e.Reply, w.clock())
	same := slices.ContainsFunc(explained, func(x provider.Explanation) bool {
		return x.Error.Row > 0 && sayTheSame(rows[x.Error.Row-1], rows[max(e.Row, 1)-1])
	})
	if same == (l.unexplained == "") {
		return
	}
	var got []string
	for _, x := range explained {
		got = append(got, x.Error.Cause)
	}
	w.t.Errorf("explain %q: %v; want row %d (%s)%s", e.Reply, got, e.Row, e.Cause, map[bool]string{true: ": it is explained after all"}[same])
}

// sayTheSame tells of rows that say the same, by whatever they are found: the words alone do
// not always tell the stage, or whose they are.
func sayTheSame(a, b provider.Entry) bool {
	return a.Cause == b.Cause && a.Class == b.Class
}

// TestCatalogue holds every row of the catalogue that is about sending to the world: the
// simulated provider says it, the provider's code finds the row, the words are explained
// sayTheSame, and the queue does what the class says.
func TestCatalogue(t *testing.T) {
	rows := provider.Catalogue()
	seen := map[int]bool{}
	w := newTown(t)
	for _, l := range lines() {
		t.Run(name(l), func(t *testing.T) {
			outer := w.t
			w.t = t
			defer func() { w.t = outer }()
			defer w.mend()
			e := w.play(l)
			seen[e.Row] = true
			if e.Row == 0 {
				t.Error("no row decided")
			}
		})
	}
	if testing.Verbose() {
		t.Logf("%d of %d rows are met", len(seen), len(rows))
	}
	wantAll(t, rows, seen)
	wantNumbers(t)
}

// wantNumbers holds that each case that is about sending has a line. Left out are those
// of reading mail (31, 47 to 50, 73, 74j), those that no code of ours can cause (32, 74g,
// 74n), and the one that is no error (74k).
func wantNumbers(t *testing.T) {
	t.Helper()
	has := map[string]bool{}
	for _, l := range lines() {
		has[l.no] = true
	}
	var cases []string
	for n := 1; n <= 72; n++ {
		if n != 31 && n != 32 && (n < 47 || n > 50) {
			cases = append(cases, strconv.Itoa(n))
		}
	}
	for _, letter := range "abcdefhilm" {
		cases = append(cases, "74"+string(letter))
	}
	for _, no := range cases {
		if !has[no] {
			t.Errorf("no line is of the case %s", no)
		}
	}
}

func name(l line) string {
	return strings.TrimSuffix(strings.Join([]string{string(l.by), l.no, l.cause, l.fault, l.arg}, "/"), "/")
}

// wantAll holds that each row is met or left out for a reason, and not both.
func wantAll(t *testing.T, rows []provider.Entry, seen map[int]bool) {
	t.Helper()
	left := leftOut()
	for i, e := range rows {
		reason, out := left[key(e)]
		delete(left, key(e))
		switch {
		case !seen[i+1] && !out:
			t.Errorf("no line of the test meets the row %q: %s. Add one to lines, or to leftOut with the reason", key(e), e.Meaning)
		case seen[i+1] && out:
			t.Errorf("the row %q is met, and left out (%s): take it off leftOut", key(e), reason)
		}
	}
	for k := range left {
		t.Errorf("leftOut has %q, which is no row of the catalogue", k)
	}
}

// key names a row by what it is found by.
func key(e provider.Entry) string {
	var stages []string
	for _, s := range e.Stages {
		stages = append(stages, string(s))
	}
	parts := []string{string(e.Vendor), strings.Join(stages, ","), strings.Join(e.Codes, ","), strings.Join(e.Reasons, ","), strings.Join(e.Texts, ","), e.Cause}
	return strings.Join(parts, " / ")
}

// What a person is to do stands whole with the message and with the account: neither cut
// nor taken for a secret.
func TestAdviceIsWhole(t *testing.T) {
	for _, e := range provider.Catalogue() {
		if got := about(&provider.Error{Text: e.Meaning, Fix: e.Fix}); got.Text != e.Meaning || got.Fix != e.Fix {
			t.Errorf("%s: %q %q, want %q %q", e.Cause, got.Text, got.Fix, e.Meaning, e.Fix)
		}
	}
}
