package store_test

import (
	"crypto/rand"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

func idAt(t testing.TB, at time.Time) email.ID {
	t.Helper()
	id, err := email.NewID(email.PrefixMessage, at, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestMessagesAreFound(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		one, two := addAccount(t, s), addAccount(t, s)
		add := func(n int, route email.ID, change func(m *store.NewMessage)) {
			m := newMessage(t, route, "bob@example.com", fmt.Sprintf("R%d@example.com", n))
			m.CreatedAt = start.Add(time.Duration(n) * time.Minute)
			m.ID, m.Subject = idAt(t, m.CreatedAt), fmt.Sprint(n)
			change(m)
			must(t, s.AddMessage(t.Context(), m))
		}
		plain := func(*store.NewMessage) {}
		add(0, one, func(m *store.NewMessage) { m.Tags = []string{"red", `a"b`} })
		add(1, two, func(m *store.NewMessage) { m.Type = "invoice" })
		add(2, one, func(m *store.NewMessage) { m.SendAt = start.Add(day) })
		add(3, two, plain)
		add(4, two, func(m *store.NewMessage) { m.Tags = []string{"Red"} })
		claims := claimRequest(two, 2)
		claims.Now = start.Add(day - time.Hour)
		es, err := s.Claim(t.Context(), claims)
		must(t, err)
		slices.SortFunc(es, func(a, b *store.Entry) int { return strings.Compare(a.Message, b.Message) })
		for i, e := range es {
			finish(t, s, e, []email.State{email.Failed, email.Accepted}[i], email.Accepted)
		}
		for name, c := range map[string]struct {
			q    store.MessageQuery
			want string
		}{
			"all":                  {store.MessageQuery{}, "4 3 2 1 0"},
			"an account":           {store.MessageQuery{Account: one}, "2 0"},
			"a type":               {store.MessageQuery{Type: "invoice"}, "1"},
			"a tag":                {store.MessageQuery{Tag: "red"}, "0"},
			"a tag with a quote":   {store.MessageQuery{Tag: `a"b`}, "0"},
			"no tag":               {store.MessageQuery{Tag: ","}, ""},
			"everybody":            {store.MessageQuery{Recipient: "bob@example.com"}, "4 3 2 1 0"},
			"a recipient":          {store.MessageQuery{Recipient: "r3@EXAMPLE.com"}, "3"},
			"nobody":               {store.MessageQuery{Recipient: "x@example.com"}, ""},
			"scheduled":            {store.MessageQuery{Status: email.Scheduled}, "2"},
			"queued":               {store.MessageQuery{Status: email.Queued}, "4 0"},
			"failed":               {store.MessageQuery{Status: email.Failed}, "1"},
			"accepted":             {store.MessageQuery{Status: email.Accepted}, "3 1"},
			"held":                 {store.MessageQuery{Status: email.Held}, ""},
			"since":                {store.MessageQuery{Since: start.Add(3 * time.Minute)}, "4 3"},
			"until":                {store.MessageQuery{Until: start.Add(3 * time.Minute)}, "2 1 0"},
			"a recipient's failed": {store.MessageQuery{Recipient: "bob@example.com", Status: email.Failed, Account: two}, "1"},
			"all at once": {store.MessageQuery{
				Recipient: "r0@example.com", Status: email.Queued, Account: one, Tag: "red", Type: "general", Since: start, Until: start.Add(day),
			}, "0"},
		} {
			c.q.Limit = 10
			page, err := s.Messages(t.Context(), team, c.q)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			var got []string
			for _, m := range page.Messages {
				got = append(got, m.Subject)
			}
			if strings.Join(got, " ") != c.want || page.Next != "" {
				t.Errorf("%s: found %v, want %s; next %q", name, got, c.want, page.Next)
			}
		}
	})
}

const day = 24 * time.Hour

// A page looks at so many messages and no more; whoever goes on finds the rest.
func TestPagesOfAFilterAreBounded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		var ms []*store.NewMessage
		const n = 6000
		for i := range n {
			m := newMessage(t, route, "a@b.example")
			m.ID = idAt(t, start.Add(time.Duration(i)*time.Second))
			if i%2500 == 0 {
				m.Type = "invoice"
			}
			ms = append(ms, m)
		}
		for part := range slices.Chunk(ms, 500) {
			must(t, s.AddAll(t.Context(), part))
		}
		var got []email.ID
		pages := 0
		for before := ""; ; pages++ {
			page, err := s.Messages(t.Context(), team, store.MessageQuery{Before: before, Type: "invoice", Limit: 10})
			must(t, err)
			for _, m := range page.Messages {
				got = append(got, m.ID)
			}
			if before = page.Next; before == "" {
				break
			}
		}
		if want := []email.ID{ms[5000].ID, ms[2500].ID, ms[0].ID}; !cmp.Equal(got, want) || pages != 1 {
			t.Errorf("found %v on %d pages", got, pages+1)
		}
	})
}

// A team with little that waits sees it among much that waits for others, and one
// with much sees it in pages.
func TestWhatWaitsIsListedByTeam(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		const n = 5100
		var ms []*store.NewMessage
		route, other := addAccount(t, s), addAccountOf(t, s, "team_2")
		for i := range n {
			m := newMessage(t, other, "a@b.example")
			m.Team, m.ID = "team_2", idAt(t, start.Add(time.Duration(i)*time.Second))
			ms = append(ms, m)
		}
		for part := range slices.Chunk(ms, 500) {
			must(t, s.AddAll(t.Context(), part))
		}
		ours := newMessage(t, route, "a@b.example")
		ours.ID = idAt(t, start.Add(time.Minute))
		must(t, s.AddMessage(t.Context(), ours))
		page, err := s.Messages(t.Context(), team, store.MessageQuery{Status: email.Queued, Limit: 10})
		must(t, err)
		if len(page.Messages) != 1 || page.Messages[0].ID != ours.ID || page.Next != "" {
			t.Errorf("ours: %d, next %q", len(page.Messages), page.Next)
		}
		seen := 0
		for before, more := "", true; more; more = before != "" {
			page, err := s.Messages(t.Context(), "team_2", store.MessageQuery{Status: email.Queued, Limit: 2000, Before: before})
			must(t, err)
			seen, before = seen+len(page.Messages), page.Next
		}
		if seen != n {
			t.Errorf("of the other team %d were listed, want %d", seen, n)
		}
	})
}

func addAccountOf(t *testing.T, s *store.Store, team email.ID) email.ID {
	t.Helper()
	a := &store.Account{Team: team, ID: newID(t, email.PrefixAccount), Address: "app@acme.example", Transport: "smtp", Config: []byte("{}"), CreatedAt: start}
	must(t, s.AddAccount(t.Context(), a))
	return a.ID
}

// Whatever is asked, an index answers it in the order of the list: no sorting of
// all there is, no reading of whole tables.
func TestPostgresListsByIndexes(t *testing.T) {
	url := storetest.Postgres(t)
	s := storetest.Open(t, store.Options{Dir: t.TempDir(), Database: url})
	route := addAccount(t, s)
	var ms []*store.NewMessage
	for i := range 3000 {
		m := newMessage(t, route, "a@b.example", fmt.Sprintf("r%d@b.example", i))
		if i%100 == 0 {
			m.SendAt = start.Add(time.Hour)
		}
		ms = append(ms, m)
	}
	must(t, s.AddAll(t.Context(), ms))
	db, err := sql.Open("pgx", url)
	must(t, err)
	defer db.Close()
	for _, q := range []store.MessageQuery{
		{Recipient: "r7@b.example"},
		{Status: email.Scheduled},
		{Status: email.Failed},
		{Account: route},
		{Status: email.Queued, Tag: "a"},
	} {
		q.Limit = 20
		for range 8 {
			_, err := s.Messages(t.Context(), team, q)
			must(t, err)
		}
	}
	must(t, s.Close()) // its connections hand in their statistics
	for _, table := range []string{"queue", "recipients", "messages", "endings"} {
		var whole int
		must(t, db.QueryRow(`SELECT seq_scan FROM pg_stat_user_tables WHERE relname = $1`, table).Scan(&whole))
		if whole > 6 { // creating an index reads the table once, and so does a migration
			t.Errorf("%s was read whole %d times", table, whole)
		}
	}
}
