package monitor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/oauth"
	"gatepost/internal/provider"
)

func patient(address string) Patient {
	return Patient{Subject: Subject{ID: "acc_" + address, Address: address}, Transport: "gmail"}
}

// A pause is told once, with the command that ends just it, however many accounts it stops.
func TestPausesAreToldByTheirOwnCommand(t *testing.T) {
	all := []string{"urgent", "normal", "bulk"}
	for name, c := range map[string]struct {
		pauses  []Pause
		says    string
		command string
		worst   Severity
	}{
		"of everything":          {[]Pause{{Covers: all, Reason: "stop"}}, "All mail is paused", "gatepost queue resume", Broken},
		"of a lane of all":       {[]Pause{{Lane: "bulk", Covers: []string{"bulk"}}}, "All mail is paused in the lane bulk", "gatepost queue resume --lane bulk", Warning},
		"of an account":          {[]Pause{{Of: "ada@acme.example", Covers: all}}, "ada@acme.example is paused: somebody", "gatepost queue resume --account ada@acme.example", Broken},
		"of a lane of it":        {[]Pause{{Of: "ada@acme.example", Lane: "bulk", Covers: []string{"bulk"}}}, "paused in the lane bulk", "gatepost queue resume --account ada@acme.example --lane bulk", Warning},
		"of its lanes, each":     {[]Pause{{Lane: "bulk", Covers: all[2:]}, {Of: "a", Lane: "urgent", Covers: all[:1]}, {Of: "a", Lane: "normal", Covers: all[1:2]}}, "lane", "gatepost queue resume --lane bulk", Broken},
		"twice of the same lane": {[]Pause{{Of: "a", Lane: "bulk", Covers: all[2:]}, {Lane: "bulk", Covers: all[2:]}}, "lane bulk", "gatepost queue resume --account a --lane bulk", Warning},
	} {
		x := Exam{Patients: []Patient{patient("ada@acme.example"), patient("eve@acme.example")}}
		for i := range x.Patients {
			x.Patients[i].Pauses = c.pauses
			x.Patients[i].Waiting = []Waiting{{Messages: 2, Lane: "bulk", Why: "paused", Text: "until it is resumed"}, {Messages: 1, Lane: "bulk", Why: "held", Text: "until it is released"}}
		}
		r := Diagnose(x)
		f := r.Findings[0]
		if !strings.Contains(f.What, c.says) || !slices.Equal(f.Commands, []string{c.command}) || r.Worst() != c.worst || len(f.Accounts) != 2 {
			t.Errorf("%s: %s\n%+v", name, r.Worst(), f)
		}
		if n := len(r.Findings); n != len(c.pauses)+2 || len(f.Follows) != 2 && name != "of its lanes, each" {
			t.Errorf("%s: %d findings, %d follow: mail that is paused follows, a held message waits for a person\n%+v", name, n, len(f.Follows), r.Findings)
		}
	}
}

// Who is paused and held has to be resumed and released.
func TestAPauseDoesNotExplainAHold(t *testing.T) {
	p := patient("ada@acme.example")
	p.Pauses, p.Held, p.Cause = []Pause{{Covers: []string{"urgent", "normal", "bulk"}}}, true, "gmail_off"
	p.Waiting = []Waiting{{Messages: 1, Lane: "normal", Why: "account_held", Text: "until it is released"}}
	r := Diagnose(Exam{Patients: []Patient{p}})
	if len(r.Findings) != 2 || r.Findings[0].Cause != "paused" || r.Findings[1].Cause != "gmail_off" || len(r.Findings[1].Follows) != 1 {
		t.Errorf("%+v", r.Findings)
	}
}

// What a person stopped does not go on because a sender is mended.
func TestOnlyAPauseExplainsWhatIsPaused(t *testing.T) {
	waits := Finding{Check: CheckMail, Severity: Warning, Cause: "paused", outcome: true}
	for _, check := range []Check{CheckDNS, CheckCredential, CheckSender, CheckLimits} {
		if list := folded([]Finding{waits, {Check: check, Severity: Broken}}); len(list) != 2 {
			t.Errorf("%s explains it: %+v", check, list)
		}
	}
}

// Mail of a pool, and of an account that is gone, waits too.
func TestMailOfPoolsIsToldOf(t *testing.T) {
	r := Diagnose(Exam{Routes: []Route{
		{Name: "our shop", Pauses: []Pause{{Of: "our shop"}}, Waiting: []Waiting{{Messages: 3, Lane: "normal", Why: "paused", Text: "until it is resumed"}}},
		{Waiting: []Waiting{{Messages: 1, Lane: "normal", Why: "no_account", Text: "its account has been removed"}}},
		{Name: "news", Waiting: []Waiting{{Messages: 9, Lane: "bulk", Why: "turn"}}},
	}})
	if len(r.Findings) != 2 || r.Worst() != Broken {
		t.Fatalf("%+v", r.Findings)
	}
	for i, want := range []string{`our shop is paused: somebody stopped its mail. [gatepost queue resume --account "our shop"]`, "1 message waits of an account or a pool that was removed"} {
		if got := fmt.Sprint(r.Findings[i].What, " ", r.Findings[i].Commands); !strings.HasPrefix(got, want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if len(r.Findings[0].Follows) != 1 {
		t.Errorf("what waits for the pause: %+v", r.Findings[0])
	}
}

// What gatepost refuses by itself has nothing to do with the way to the provider.
func TestAWayDoesNotExplainASetting(t *testing.T) {
	for cause, want := range map[string]int{"credential_unusable": 2, oauth.CauseNotAllowed: 2, "token_refused": 1} {
		if list := folded([]Finding{{Check: CheckCredential, Severity: Broken, Cause: cause}, {Check: CheckTLS, Severity: Broken}}); len(list) != want {
			t.Errorf("%s: %+v", cause, list)
		}
	}
}

// Mail of a pool follows from what keeps its accounts from sending, and from nothing else.
func TestMailOfAPoolFollowsFromItsMembers(t *testing.T) {
	held := patient("ada@acme.example")
	held.Held, held.Cause = true, "gmail_off"
	for text, want := range map[string]int{"for an account that can send: ada@acme.example (held)": 1, "for an account that can send: it has none": 2} {
		r := Diagnose(Exam{Patients: []Patient{held}, Routes: []Route{{Name: "shop", Waiting: []Waiting{{Messages: 1, Lane: "normal", Why: "no_member", Text: text}}}}})
		if len(r.Findings) != want || r.Findings[0].Cause != "gmail_off" && want == 1 {
			t.Errorf("%s: %+v", text, r.Findings)
		}
	}
	if r := Diagnose(Exam{Routes: []Route{{Name: "shop", Waiting: []Waiting{{Messages: 1, Why: "limit", Text: "for a limit"}}}}}); r.Worst() != Warning {
		t.Errorf("mail that waits for a limit is %s", r.Worst())
	}
}

// What passes is told so, and a command in an advice is one line to paste.
func TestAdviceIsToBePasted(t *testing.T) {
	p := patient("ada@acme.example")
	for fix, want := range map[string]string{
		"Run: gcloud iam service-accounts add-iam-policy-binding a@b.example --member='principal://x/y' (the role is needed).":                        "gcloud iam service-accounts add-iam-policy-binding a@b.example --member='principal://x/y'",
		"Enable it: gcloud services enable iamcredentials.googleapis.com, in the project":                                                             "gcloud services enable iamcredentials.googleapis.com",
		"Compare it with: gcloud iam workload-identity-pools providers describe PROVIDER --workload-identity-pool=POOL --location=global. The number": "gcloud iam workload-identity-pools providers describe PROVIDER --workload-identity-pool=POOL --location=global",
		"Look.": "",
	} {
		f := p.failed("token", &provider.Error{Class: provider.Hold, Cause: "other", Fix: fix})
		if got := strings.Join(f.Commands, "; "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	for class, want := range map[provider.Class]Who{provider.Retry: Provider, provider.Park: Provider, provider.Hold: You} {
		if f := p.failed("token", &provider.Error{Class: class, Cause: "other"}); f.Who != want || (f.Fix == "") != (class == provider.Hold) {
			t.Errorf("%v: %+v", class, f)
		}
	}
	if f := p.failed("token", &provider.Error{Class: provider.Retry, Cause: "token_unavailable", Fix: "Look in the log."}); f.Who != Machine {
		t.Errorf("%+v", f)
	}
}

// An account whose turn did not come is no broken one.
func TestATurnThatDidNotCome(t *testing.T) {
	late, broken := patient("ada@acme.example"), patient("eve@acme.example")
	late.Unable, broken.Unable = fmt.Errorf("prove: %w", context.DeadlineExceeded), errors.New("no settings")
	r := Diagnose(Exam{Patients: []Patient{late, broken}})
	if len(r.Findings) != 1 || !strings.HasPrefix(r.Findings[0].What, "eve@") || len(r.Checked) != 1 || r.Checked[0].Not != "ada@acme.example: the time was over" {
		t.Errorf("%+v\n%+v", r.Findings, r.Checked)
	}
}

// A full disk is the cause where the database is on it, and what that breaks follows.
func TestAFullDiskComesFirst(t *testing.T) {
	full := errors.New("write: database or disk is full (13)")
	noToken := Finding{Check: CheckCredential, Severity: Broken, Cause: "token_unavailable"}
	for name, c := range map[string]struct {
		at    Condition
		first string
	}{
		"SQLite on it":        {Condition{Database: "sqlite", Unready: full, Disk: 1 << 40, Free: 0, Folder: "/var"}, "disk_full"},
		"room, and no writes": {Condition{Database: "sqlite", Unready: full, Disk: 1 << 40, Free: 1 << 39}, "database_down"},
		"PostgreSQL":          {Condition{Database: "postgres", Unready: full, Disk: 1 << 40, Free: 0}, "database_down"},
	} {
		x := Exam{Machine: c.at}
		list := x.beneath(x.machine(), []Finding{noToken})
		slices.SortStableFunc(list, byDepth)
		if f := list[0]; f.Cause != c.first || f.Severity != Broken || f.Follows[len(f.Follows)-1].Cause != "token_unavailable" {
			t.Errorf("%s: %+v", name, list)
		}
	}
}

// What ends within three days is told, unless the provider refuses it already.
func TestEndsAreToldOf(t *testing.T) {
	now := time.Now()
	ada := patient("ada@acme.example")
	end := func(kind, severity string, at time.Time) Expiry {
		return Expiry{Kind: kind, Credential: "cred_1", Accounts: []Owner{{ada.ID, ada.Address}, {"acc_2", "eve@acme.example"}}, At: at, Severity: severity, What: "It ends.", Fix: "Renew it.", Summary: "it ends soon"}
	}
	for name, c := range map[string]struct {
		end  Expiry
		want string
		who  Who
	}{
		"in two days":        {end(KindSecret, SeverityCritical, now.Add(2*day)), "ends_soon", You},
		"over":               {end(KindCertificate, SeverityOver, now), "over", You},
		"a consent":          {end(KindConsent, SeverityCritical, now.Add(day)), "ends_soon", MailboxUser},
		"in two weeks":       {end(KindSecret, SeverityWarning, now.Add(13*day)), "", ""},
		"a provider changed": {end(KindChange, SeverityNotice, now), "", ""},
	} {
		eve := patient("eve@acme.example")
		eve.ID = "acc_2"
		r := Diagnose(Exam{Patients: []Patient{ada, eve}, Ends: []Expiry{c.end}})
		switch {
		case c.want == "" && len(r.Findings) == 0:
		case len(r.Findings) != 1 || r.Findings[0].Cause != c.want || r.Findings[0].Who != c.who || r.Worst() != Warning || len(r.Findings[0].Accounts) != 2:
			t.Errorf("%s: %+v", name, r.Findings)
		}
	}
	at := func(kind string) Finding { return Finding{Check: CheckEnd, Severity: Warning, on: kind + " cred_1"} }
	for _, c := range []struct {
		f, end Finding
		roots  int
	}{
		{Finding{Check: CheckCredential, Severity: Broken, Cause: "client_secret_expired"}, at(KindSecret), 1},
		{Finding{Check: CheckCredential, Severity: Broken, Cause: "token_revoked"}, at(KindConsent), 1},
		{Finding{Check: CheckCredential, Severity: Broken, Cause: "token_revoked"}, at(KindSecret), 2},
		{Finding{Check: CheckDNS, Severity: Broken}, at(KindCertificate), 2},
	} {
		if list := folded([]Finding{c.end, c.f}); len(list) != c.roots {
			t.Errorf("%+v", list)
		}
	}
}

// What several accounts lack in the same words is told once, with what mends each.
func TestTheSameIsToldOnce(t *testing.T) {
	list := merged([]Finding{
		{Check: CheckSignIn, Severity: Broken, Cause: "credential_refused", What: "It refused the password.", Fix: "Store the right one.", Commands: []string{"a"}, Accounts: []Subject{{"1", "a"}}},
		{Check: CheckSignIn, Severity: Broken, Cause: "credential_refused", What: "It refused the password.", Fix: "Store the right one.", Commands: []string{"b"}, Accounts: []Subject{{"2", "b"}}},
		{Check: CheckSignIn, Severity: Broken, Cause: "credential_refused", What: "Another refused it.", Fix: "Store the right one.", Accounts: []Subject{{"3", "c"}}},
	})
	if len(list) != 2 || !slices.Equal(list[0].Commands, []string{"a", "b"}) || len(list[0].Accounts) != 2 {
		t.Errorf("%+v", list)
	}
}
