package main

import (
	"bufio"
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/client"
)

// Anything but a yes is a no.
func TestOrderIsAskedFor(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, "yes": true, "\n": false, "no\n": false, "": false, "yess\n": false} {
		var out bytes.Buffer
		r := &remote{printer: &printer{out: &out, err: &out}}
		err := r.answered(bufio.NewReader(strings.NewReader(answer)))
		if (err == nil) != want || !strings.Contains(out.String(), "Go on?") {
			t.Errorf("%q: %v\n%s", answer, err, &out)
		}
	}
}

// A pause is told at the account, with the lanes that are left.
func TestPausedAccountInWords(t *testing.T) {
	until := client.At(time.Date(2026, 11, 22, 10, 0, 0, 0, time.Local))
	for _, c := range []struct {
		a           client.Account
		why, member string
	}{
		{client.Account{Status: "active"}, "", "active"},
		{client.Account{Status: "active", PausedLanes: []string{"bulk"}}, "lane bulk paused", "active, lane bulk paused"},
		{client.Account{Status: "paused", Cause: "paused", PausedLanes: []string{"urgent", "normal", "bulk"}}, "every lane paused", "paused"},
		{
			client.Account{Status: "parked", Cause: "rate", ParkedUntil: until, PausedLanes: []string{"normal", "bulk"}},
			"rate, until " + when(until.Time) + ", lane normal and bulk paused", "parked, lane normal and bulk paused",
		},
	} {
		if why, member := whyNot(c.a), memberStatus(c.a); why != c.why || member != c.member {
			t.Errorf("%s: %q, %q", c.a.Status, why, member)
		}
	}
}

// Who is asked to release mail is told how much of it may arrive twice.
func TestReleaseWarns(t *testing.T) {
	o := &ordering{verb: verbs()[1]}
	for twice, want := range map[int64]string{
		0: "3 messages would be released", 1: "3 messages would be released; 1 of them may arrive twice, as its last attempt ended without an answer",
		2: "3 messages would be released; 2 of them may arrive twice, as their last attempt ended without an answer",
	} {
		if got := o.would(client.QueueOrdered{Messages: 3, Twice: twice}); got != want {
			t.Errorf("%d: %s", twice, got)
		}
	}
}

// A program that reads the queue gets whole sentences.
func TestQueueIsNotCutIntoAPipe(t *testing.T) {
	var out bytes.Buffer
	text := strings.Repeat("while the account is parked, ", 5)
	(&remote{printer: printing(&out).printer}).waiting([]client.Waiting{{Messages: 1, Text: text}}, "")
	if !strings.Contains(out.String(), strings.TrimSpace(text)) || strings.Contains(out.String(), "…") {
		t.Error(out.String())
	}
}

// A time in a sentence is said as those in the columns beside it.
func TestTimesInSentencesAreLocal(t *testing.T) {
	at := time.Date(2026, 11, 22, 3, 31, 21, 0, time.UTC)
	var out bytes.Buffer
	w := client.Waiting{Messages: 1, Until: client.At(at), Text: "while the account is parked; it expires before, at " + at.Format(time.RFC3339)}
	printing(&out).waiting([]client.Waiting{w}, "")
	printing(&out).explanation(client.Explanation{Summary: "Next: it expires at 2026-11-22T03:31:21.5Z.", Next: w.Text})
	if strings.Contains(out.String(), "T03:31") || strings.Count(out.String(), when(at)) != 4 {
		t.Error(out.String())
	}
}

// Tab offers what the flags of queue take.
func TestCompletionOfQueue(t *testing.T) {
	_, f := sandboxed(t)
	vars := map[string]string{"GATEPOST_URL": f.APIURL, "GATEPOST_KEY": f.APIKey}
	for line, want := range map[string]string{
		"queue --lane": "bulk", "queue pause --account": f.Accounts[0].Address, "queue move --to": f.Accounts[0].Address,
		"queue hold --type": "otp", "queue cancel --state": "held", "queue --state": "unknown",
		"queue retry --cause": "gave_up",
	} {
		code, out, errs := command(vars, append([]string{"__complete"}, append(strings.Fields(line), "")...)...)
		if !slices.Contains(strings.Split(out, "\n"), want) || code != exitOK {
			t.Errorf("%s: code %d: %s%s", line, code, out, errs)
		}
	}
}

// What the API advises as requests the command line advises as commands, with what
// they need.
func TestAdviceIsInCommands(t *testing.T) {
	for advice, want := range map[string]string{
		"when it may go on, POST /v1/messages/msg_1/release":                                        "when it may go on, gatepost messages release msg_1; if it is not wanted any more: gatepost messages cancel msg_1",
		"ask a recipient; if it did not leave, POST /v1/messages/msg_1/release":                     "ask a recipient; if it did not leave: gatepost messages release msg_1; if it did, or is not wanted any more: gatepost messages cancel msg_1",
		"it is being sent: wait for its outcome; what became of it: GET /v1/messages/msg_1/explain": "it is being sent: wait for its outcome; what became of it: gatepost messages explain msg_1",
		"when it may go on, POST /v1/queue/resume":                                                  "when it may go on, gatepost queue resume",
		`when it may go on, POST /v1/queue/resume with {"account":"acc_1","lane":"bulk"}`:           "when it may go on, gatepost queue resume --account acc_1 --lane bulk",
		"there is no such account: GET /v1/accounts lists them":                                     "there is no such account: gatepost accounts list shows them",
		"no account, and no pool: GET /v1/accounts and GET /v1/pools list them":                     "no account, and no pool: gatepost accounts list and gatepost pools list show them",
		"there is no account yet: connect one by POST /v1/accounts":                                 "there is no account yet: connect one by gatepost connect",
		"there is no such credential: make one by POST /v1/credentials":                             "there is no such credential: gatepost credentials list shows those that there are",
		"a consent comes from a user's consent: gatepost connect gmail, or POST /v1/consents":       "a consent comes from a user's consent: gatepost connect gmail",
	} {
		if got := inCommands(advice); got != want {
			t.Errorf("%s:\n got %s\nwant %s", advice, got, want)
		}
	}
	if got := resumeCommand("my shop", ""); got != `gatepost queue resume --account "my shop"` {
		t.Error(got)
	}
}

// How long ago has a sign, a unit and an end.
func TestAges(t *testing.T) {
	for given, want := range map[string]time.Duration{"90s": 90 * time.Second, "2h": 2 * time.Hour, "3d": 72 * time.Hour, "36500d": 36500 * day} {
		var a age
		if err := a.Set(given); err != nil || time.Duration(a) != want {
			t.Errorf("%s: %s, %v", given, time.Duration(a), err)
		}
	}
	for _, given := range []string{"", "0", "0s", "0d", "-2h", "-2d", "d", "2", "1.5d", "36501d", "9999999999999d", "2000000h", "99999999999999h", "2w"} {
		var a age
		if err := a.Set(given); err == nil || !strings.Contains(err.Error(), "3d") {
			t.Errorf("%s: %s, %v", given, time.Duration(a), err)
		}
	}
}

// An operator who slips is told what was typed and what to do next, in commands.
func TestQueueByHand(t *testing.T) {
	_, f := sandboxed(t)
	vars := map[string]string{"GATEPOST_URL": f.APIURL, "GATEPOST_KEY": f.APIKey}
	ada := f.Accounts[0].Address
	for _, c := range []struct {
		line, want string
		code       int
	}{
		{"queue pause --account nobody@example.com", "--account: not the id or address of an account, nor the id or name of a pool: gatepost accounts list and gatepost pools list show them", exitUsage},
		{"pools create two --members a@example.com,b@example.com", "names several; give --members once for each", exitUsage},
		{"queue move --yes", "--to: is missing: the account that sends from now on", exitUsage},
		{"queue --older-than -2h", `--older-than "-2h": write how long ago`, exitUsage},
		{"queue cancel --yes --account=", "--account: is empty: write a value, or leave the flag out, which stands for all", exitUsage},
		{"queue pause --lane=", "--lane: is empty", exitUsage},
		{"queue --state=", "--state: is empty", exitUsage},
		{"pools create shop --members nobody@example.com", `--members "nobody@example.com": there is no such account: gatepost accounts list shows them`, exitUsage},
		{"pools create shop --members " + ada, "shop  headroom", exitOK},
		{"pools create shop --members " + ada, "NAME: is the name of another pool", exitUsage},
		{"pools change shop --strategy=", "--strategy: is empty: give a value, or leave it out", exitUsage},
		{"pools change shop --members=", `--members "": begin with the account's address or id`, exitUsage},
		{"accounts remove " + ada, "a member of the pool shop: take it out there first", exitUsage},
		{"accounts show " + f.Accounts[1].Address, "none is known, and none is set", exitOK},
		{"queue pause --account shop --lane bulk", "shop, lane bulk would be paused: 0 messages that wait now, and what comes later: give --yes", exitUsage},
		{"queue pause --account shop --lane bulk --dry-run", "would be paused", exitOK},
		{"queue", "Nothing waits.", exitOK},
		{"queue pause", "everything would be paused: 0 messages", exitUsage},
		{"queue pause --account shop --lane bulk --yes", "shop, lane bulk, since", exitOK},
		{"queue pause --account shop --lane bulk --reason why --yes", "shop, lane bulk: why, since", exitOK},
		{"queue pause --account shop --lane bulk --yes", "shop, lane bulk: why, since", exitOK},
		{"queue resume --account shop --yes", "There is no such pause: shop.", exitFailed},
		{"queue resume --dry-run", "To end it: gatepost queue resume --account shop --lane bulk", exitFailed},
		{"queue resume --account shop --lane bulk", "shop, lane bulk would be resumed: 0 messages that wait now: give --yes", exitUsage},
		{"queue", "To end it: gatepost queue resume --account shop --lane bulk", exitOK},
		{"queue --account " + f.Accounts[1].Address, "Nothing waits.\n", exitOK},
		{"queue --account shop", "To end it: gatepost queue resume --account shop --lane bulk", exitOK},
		{"queue --lane normal", "Nothing waits.\n", exitOK},
		{"queue resume --account shop --lane bulk --yes", "resumed shop, lane bulk: why, since ", exitOK},
		{"queue resume --account shop --lane bulk --yes", "Nothing is paused.", exitFailed},
		{"capacity --pool shop", "shop ", exitOK},
		{"capacity --account " + f.Accounts[1].Address, f.Accounts[1].Address, exitOK},
		{"capacity --account shop", "--account: not the id or address of an account: gatepost accounts list shows them", exitUsage},
		{"capacity --pool=", "--pool: is empty", exitUsage},
		{"explain msg_1", "gatepost messages explain msg_1", exitUsage},
		{"accounts change " + f.Accounts[1].Address + " --limit per_minute=30,per_day=2000", "limits set   per_minute=30 per_day=2000", exitOK},
		{"accounts change " + f.Accounts[1].Address + " --limit per_minute= --limit per_hour=100", "limits set   per_hour=100 per_day=2000", exitOK},
		{"accounts change " + f.Accounts[1].Address + " --limit per_year=1", "the names are per_second, per_minute, ", exitUsage},
		{"accounts change " + f.Accounts[1].Address + " --limit per_day=0", "per_day: write a whole number from 1", exitUsage},
		{"accounts show " + f.Accounts[1].Address, "2000 messages per day of the relay: 0 used", exitOK},
		{"queue --cause gaveup", "--cause: there is no such cause: near it is gave_up", exitUsage},
		{"queue retry --cause gaveup --dry-run", "--cause: there is no such cause: near it is gave_up", exitUsage},
		{"queue retry --cause gave_up --dry-run", "No message fits.", exitOK},
		{"queue retry --cause gave_up --yes", "No message fits.", exitFailed},
		{"queue cancel", "No message fits.", exitFailed},
		{"queue --state failed", "gatepost queue retry --dry-run", exitUsage},
		{"messages list --account shop", "No message fits", exitOK},
		{"messages list --since -1h", `--since "-1h": write how long ago`, exitUsage},
		{"messages list --since 3d", "No message fits", exitOK},
		{"send --to a@example.com --text t --account shops", "; pools: shop", exitUsage},
		{"messages list --account shops", "--account: not the id or address of an account, nor the id or name of a pool", exitUsage},
		{"accounts show " + ada, "messages per day of the mailbox: 0 used, ", exitOK},
	} {
		code, out, errs := command(vars, strings.Fields(c.line)...)
		if code != c.code || !strings.Contains(out+errs, c.want) || strings.Contains(out+errs, "/v1/") {
			t.Errorf("%s: code %d, want %d and %q:\n%s%s", c.line, code, c.code, c.want, out, errs)
		}
	}
}

// An explanation says of each limit what the message takes and what is allowed, and
// of no account that none takes it.
func TestExplanationInWords(t *testing.T) {
	var out bytes.Buffer
	printing(&out).explanation(client.Explanation{
		ID: "msg_1", Account: client.ExplainedAccount{Why: "the pool shop: no member may send as a@example.com"},
		Limits: []client.ExplainedLimit{{Name: "units per minute", Limit: 6000, Used: 100}},
	})
	for _, want := range []string{"account   none takes it\n          the pool shop", "units per minute: it takes 100, 6000 allowed\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
}

// An account is shown with what was set for it.
func TestAccountShowsItsSettings(t *testing.T) {
	var out bytes.Buffer
	fence, four := true, 4
	r := printing(&out)
	r.accountFacts(client.Account{Address: "a@example.com", Gmail: &client.GmailSettings{DraftFence: &fence, MaxParallel: &four}})
	r.accountLimits([]client.CapacityLimit{{Name: "messages per day of the mailbox", Max: 2000, Used: 12, Left: 1988, Reserved: 100}})
	for _, want := range []string{"draft fence  yes", "at a time    4\n", "limit        2000 messages per day of the mailbox: 12 used, 1988 left, 100 of that for urgent mail alone\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
}
