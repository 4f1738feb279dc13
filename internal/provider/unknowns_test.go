package provider

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Answers that no row knows are collected, alike ones once, without addresses; those that
// a row knows are not.
func TestUnknownAnswersAreCollected(t *testing.T) {
	var u Unknowns
	if len(u.List()) != 0 {
		t.Error("the zero value is not empty")
	}
	u.Note(nil, noon)
	for i, text := range []string{"No room for ada@acme.example (id 0a1b2c3d4e5f)", "No room for bob@other.example (id 9f8e7d6c5b4a)", "Not today"} {
		u.Note(Classify(Answer{Stage: StageRcpt, Code: 550, Text: text}, noon), noon.Add(time.Duration(i)*time.Minute))
	}
	u.Note(Classify(Answer{Stage: StageRcpt, Code: 550, Reason: "5.1.1", Text: "User unknown"}, noon), noon)
	all := u.List()
	if len(all) != 2 || all[0].Count != 2 || all[0].Cause != "recipient_refused" || !all[0].Last.Equal(noon.Add(time.Minute)) || !all[0].First.Equal(noon) {
		t.Fatalf("%+v", all)
	}
	if r := all[0].Reply; strings.Contains(r, "acme") || strings.Contains(r, "0a1b") || !strings.Contains(r, "No room for") {
		t.Errorf("reply %q", r)
	}
}

// However many come, what is kept is bounded.
func TestUnknownAnswersAreBounded(t *testing.T) {
	var u Unknowns
	for i := range 3 * maxUnknowns {
		words := strings.NewReplacer("0", "a", "1", "b", "2", "c", "3", "d", "4", "e", "5", "f", "6", "g", "7", "h", "8", "i", "9", "j").Replace(fmt.Sprint(i))
		u.Note(Classify(Answer{Stage: StageBody, Code: 554, Text: words}, noon), noon)
	}
	if n := len(u.List()); n != maxUnknowns {
		t.Errorf("%d are kept", n)
	}
}
