package control

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/queue"
	"gatepost/internal/store"
)

// Events of an account become stretches of trouble that do not overlap.
func TestTroublesOfEvents(t *testing.T) {
	began := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	at := func(hours float64) time.Time { return began.Add(time.Duration(hours * float64(time.Hour))) }
	event := func(hours float64, kind email.EventKind, cause string, next float64) store.Event {
		e := store.Event{Kind: kind, At: at(hours), Data: store.EventData{Cause: cause}}
		if next > 0 {
			e.Data.NextAt = at(next).UnixMilli()
		}
		return e
	}
	now := at(24)
	all := troubles([]store.Event{
		event(0, email.EventAccountConnected, "", 0),
		event(1, email.EventAccountParked, "rate", 2),      // over by itself
		event(2.01, email.EventAccountParked, "rate", 3),   // and back at the first try
		event(5, email.EventAccountResting, "down", 6),     // cut short
		event(5.5, email.EventAccountWell, "", 0),          //
		event(8, email.EventAccountParked, "quota", 20),    // a worse thing ends it
		event(9, email.EventAccountHeld, "auth_failed", 0), //
		event(11, email.EventAccountReleased, "", 0),       //
		event(12, email.EventAccountReleased, "", 0),       // nothing to end
		event(22, email.EventAccountParked, "quota", 30),   // goes on
	}, now)
	want := []Trouble{
		{State: TroubleParked, From: at(1), Until: at(3), Cause: "rate", Times: 2},
		{State: TroubleResting, From: at(5), Until: at(5.5), Cause: "down", Times: 1},
		{State: TroubleParked, From: at(8), Until: at(9), Cause: "quota", Times: 1},
		{State: TroubleHeld, From: at(9), Until: at(11), Cause: "auth_failed", Times: 1},
		{State: TroubleParked, From: at(22), Until: at(30), Cause: "quota", Times: 1, Goes: true},
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
	for since, bad := range map[float64]float64{0: 7.5, 10: 3, 23: 1} {
		if got, want := wellShare(all, at(since), now), 1-bad/(24-since); math.Abs(got-want) > 1e-9 {
			t.Errorf("since hour %v: well for %v, want %v", since, got, want)
		}
	}
}

// Pauses become stretches, too; those of a lane leave the account able to send unless
// they are of all lanes.
func TestPausesOfEvents(t *testing.T) {
	began := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	at := func(hours int) time.Time { return began.Add(time.Duration(hours) * time.Hour) }
	event := func(hours int, kind email.EventKind, lane string) store.Event {
		return store.Event{Kind: kind, At: at(hours), Data: store.EventData{Lane: lane, Text: "a price"}}
	}
	now := at(24)
	all := pauses([]store.Event{
		event(1, email.EventAccountParked, ""),
		event(2, email.EventAccountPaused, ""), event(5, email.EventAccountResumed, ""),
		event(6, email.EventAccountResumed, ""), // nothing to end
		event(7, email.EventAccountPaused, "bulk"), event(8, email.EventAccountPaused, "normal"), event(9, email.EventAccountPaused, "urgent"),
		event(10, email.EventAccountResumed, "normal"),
	}, []queue.Pause{{Lane: email.Bulk, Reason: "another price", At: at(7)}, {Lane: email.Urgent, At: at(9)}, {Lane: queue.EveryLane, At: at(22)}}, now)
	for i := range all {
		all[i].Fix = ""
	}
	one := func(lane string, from, until int, text string) Trouble {
		p := Trouble{State: TroublePaused, Lane: lane, From: at(from), Cause: CausePaused, Text: text, Times: 1, Goes: until == 0}
		if until > 0 {
			p.Until = at(until)
		}
		return p
	}
	want := []Trouble{
		one("", 2, 5, "a price"), one("bulk", 7, 0, "another price"), one("normal", 8, 10, "a price"), one("urgent", 9, 0, ""), one("", 22, 0, ""),
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
	parked := Trouble{State: TroubleParked, From: at(4), Until: at(6), Times: 1} // for an hour it is paused, too
	if got, want := wellShare(append(all, parked), at(0), now), 1-float64(3+1+1+2)/24; math.Abs(got-want) > 1e-9 {
		t.Errorf("well for %v, want %v", got, want)
	}
}

// An account that nobody has mended is held until now.
func TestTroubleThatGoesOn(t *testing.T) {
	now := time.Now()
	all := troubles([]store.Event{{Kind: email.EventAccountHeld, At: now.Add(-time.Hour)}}, now)
	if len(all) != 1 || !all[0].Goes || !all[0].Until.IsZero() || wellShare(all, now.Add(-2*time.Hour), now) != 0.5 {
		t.Errorf("%+v", all)
	}
}
