package queue

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// teamAccounts is what was read of a team. Nothing in it is changed: others hold it.
type teamAccounts struct {
	list    []*account        // by id: oldest first
	own     func() addressees // by their own address, and
	senders func() addressees // by what else may stand in From
	pools   []*store.Pool     // those that are paused too, and
	still   map[email.ID]bool // which are: all of their mail, by a person
	learned []store.Learned
	at      time.Time
	trusted time.Duration // from then
}

// addressees are accounts by keys of addresses, the oldest of several. They are put
// together when somebody first asks: not every change is followed by such a question.
type addressees map[string]*account

func teamOf(list []*account, pools []*store.Pool, pauses []store.Pause, learned []store.Learned) teamAccounts {
	t := teamAccounts{list: list, pools: pools, still: map[email.ID]bool{}, learned: learned}
	t.own = sync.OnceValue(func() addressees { return ownAddresses(list) })
	t.senders = sync.OnceValue(func() addressees { return furtherSenders(list) })
	for _, p := range pools {
		t.still[p.ID] = paused(pauses, p.ID)
	}
	return t
}

func ownAddresses(list []*account) addressees {
	out := make(addressees, len(list))
	for _, a := range list {
		out.add(a.address.Key(), a)
	}
	return out
}

func furtherSenders(list []*account) addressees {
	out := addressees{}
	for _, a := range list {
		for _, s := range a.row.Senders {
			out.add(senderKey(s), a)
		}
	}
	return out
}

func (x addressees) add(key string, a *account) {
	if x[key] == nil {
		x[key] = a
	}
}

// paused tells whether people have paused all mail of an account, at once or lane by
// lane.
func paused(pauses []store.Pause, account email.ID) bool {
	return !slices.ContainsFunc([]email.Lane{email.Urgent, email.Normal, email.Bulk}, func(l email.Lane) bool {
		return pausedBy(pauses, account, l) == nil
	})
}

// place is where an account stands in a list that is ordered by id, or would stand: then
// end is i.
func place(list []*account, id email.ID) (i, end int) {
	i, found := slices.BinarySearchFunc(list, id, func(a *account, id email.ID) int { return cmp.Compare(a.row.ID, id) })
	if found {
		return i, i + 1
	}
	return i, i
}

// withID finds an account by its id, or nil.
func withID(list []*account, id email.ID) *account {
	if i, end := place(list, id); i < end {
		return list[i]
	}
	return nil
}

// named finds an account by its id or address, or nil.
func (t *teamAccounts) named(name string) *account {
	if a := withID(t.list, name); a != nil || !strings.Contains(name, "@") {
		return a
	}
	address, err := email.ParseAddress(name)
	if err != nil || address.Name != "" {
		return nil
	}
	return t.own()[address.Key()]
}

// sending finds the account whose own address it is, or the oldest that may send as it;
// nil: there is none.
func (t *teamAccounts) sending(from email.Address) *account {
	if a := t.own()[from.Key()]; a != nil {
		return a
	}
	one, domain := t.senders()[from.Key()], t.senders()["@"+from.Domain]
	if one == nil || domain != nil && domain.row.ID < one.row.ID {
		return domain
	}
	return one
}
