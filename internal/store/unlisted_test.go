package store_test

import (
	"fmt"
	"testing"
	"time"

	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

func TestUnlistedAreCountedAndBounded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		st, ctx := storetest.Open(t, opt), t.Context()
		at := time.UnixMilli(1_800_000_000_000).UTC()
		note := func(words string, team string, seconds int) {
			t.Helper()
			u := store.Unlisted{Team: team, Provider: "smtp", Stage: "body", Code: 554, Words: words, Sample: "554 " + words, LastAt: at.Add(time.Duration(seconds) * time.Second)}
			if err := st.NoteUnlisted(ctx, u); err != nil {
				t.Fatal(err)
			}
		}
		note("first", "team_1", 0)
		note("first", "team_1", 5)
		note("first", "team_2", 0)
		got, err := st.Unlisted(ctx, "team_1")
		if err != nil || len(got) != 1 || got[0].Times != 2 || !got[0].FirstAt.Equal(at) || !got[0].LastAt.Equal(at.Add(5*time.Second)) || got[0].Sample != "554 first" {
			t.Fatalf("%+v, %v", got, err)
		}
		for i := range store.MaxUnlisted {
			note(fmt.Sprint("kind ", i), "team_1", 10+i)
		}
		got, err = st.Unlisted(ctx, "team_1")
		if err != nil || len(got) != store.MaxUnlisted || got[0].Words != fmt.Sprint("kind ", store.MaxUnlisted-1) || got[len(got)-1].Words != "kind 0" {
			t.Errorf("%d are kept, from %q, %v", len(got), got[0].Words, err)
		}
		if other, err := st.Unlisted(ctx, "team_2"); err != nil || len(other) != 1 {
			t.Errorf("another team has %d, %v", len(other), err)
		}
	})
}
