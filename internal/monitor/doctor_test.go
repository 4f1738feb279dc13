package monitor

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// What is wrong with gatepost itself is named, each by its own word.
func TestMachineIsLookedAt(t *testing.T) {
	for cause, c := range map[string]Condition{
		"database_down": {Database: "postgres", Unready: errors.New("connection refused")},
		"database_slow": {Database: "sqlite", Took: 3 * time.Second},
		"disk_full":     {Database: "sqlite", Disk: 100 << 30, Free: 10 << 20, Folder: "/var/lib/gatepost"},
		"master_key":    {Database: "sqlite", Sealed: errors.New("message authentication failed")},
		"node_silent":   {Database: "postgres", Alone: true, Nodes: []string{"node_2"}},
		"door_closed":   {Database: "sqlite", Doors: []Door{{Name: "HTTP", Address: "127.0.0.1:1", Err: errors.New("refused")}}},
	} {
		r := Diagnose(Exam{Machine: c})
		if len(r.Findings) != 1 || r.Findings[0].Cause != cause || r.Findings[0].Fix == "" || r.Findings[0].Who != Machine {
			t.Errorf("%s: %+v", cause, r.Findings)
		}
	}
	if r := Diagnose(Exam{Machine: Condition{Database: "sqlite"}}); r.Worst() != "" {
		t.Errorf("a well machine: %+v", r.Findings)
	}
}

// A clock that one provider agrees with is right, whatever another one says.
func TestOneRightClockIsEnough(t *testing.T) {
	sights := []Sight{{Dated: true, Offset: 2 * time.Hour}, {Dated: true, Offset: -time.Second}}
	if r := Diagnose(Exam{Sights: sights}); len(r.Findings) > 0 {
		t.Errorf("%+v", r.Findings)
	}
	for offset, want := range map[time.Duration]Severity{time.Minute: Warning, -time.Minute: Warning, 6 * time.Minute: Broken, -time.Hour: Broken, 20 * time.Second: ""} {
		if r := Diagnose(Exam{Sights: []Sight{{Dated: true, Offset: offset, Place: provider.Place{Host: "h"}}}}); r.Worst() != want {
			t.Errorf("%s: %s, want %s", offset, r.Worst(), want)
		}
	}
}

// Only what a fault can have caused stands beneath it.
func TestWhatFollowsStandsBeneath(t *testing.T) {
	broken := func(c Check) Finding { return Finding{Check: c, Severity: Broken, Cause: string(c)} }
	held := Finding{Check: CheckState, Severity: Broken, Cause: "held", outcome: true}
	waits := Finding{Check: CheckMail, Severity: Warning, Cause: "waits", outcome: true}
	extra := Finding{Check: CheckTooMany, Severity: Warning, Cause: "extra"}
	for _, c := range []struct {
		list []Finding
		want string // roots, each with what follows in brackets
	}{
		{[]Finding{waits, held, broken(CheckMailbox), broken(CheckCredential), broken(CheckDNS)}, "DNS(credential mailbox account mail)"},
		{[]Finding{broken(CheckSignIn), broken(CheckScopes), waits}, "scopes(sign-in mail)"},
		{[]Finding{extra, held}, "account() least privilege()"},
		{[]Finding{broken(CheckSender), broken(CheckLimits)}, "sender() limits()"},
		{[]Finding{broken(CheckCredential), broken(CheckLimits), extra}, "credential() limits() least privilege()"},
		{[]Finding{waits}, "mail()"},
	} {
		var got []string
		for _, f := range folded(c.list) {
			var under []string
			for _, x := range f.Follows {
				under = append(under, string(x.Check))
			}
			got = append(got, string(f.Check)+"("+strings.Join(under, " ")+")")
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("got  %s\nwant %s", s, c.want)
		}
	}
}

// Whatever stands in a token, it is read or called unreadable.
func FuzzReadToken(f *testing.F) {
	f.Add("eyJhbGciOiJub25lIn0.eyJhdWQiOlsiYSIsImIiXSwicm9sZXMiOlsiTWFpbC5TZW5kIl19.")
	f.Add("EwBopaque")
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		got := ReadToken(email.NewSecret(text))
		if got.Opaque && (got.Audience != "" || len(got.Roles) > 0) {
			t.Errorf("%+v", got)
		}
	})
}
