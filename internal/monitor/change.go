package monitor

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/store"
)

// changesFile is the table of what providers change, kept in one place: each row with
// the page that says so and when it was read.
//
//go:embed changes.json
var changesFile []byte

// Change is something that a provider has changed or is going to change.
type Change struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
	Title    string `json:"title"`
	Date     string `json:"date"` // 2026-12-31; empty: the provider has named none
	When     string `json:"when"` // the same in words
	What     string `json:"what"`
	Who      string `json:"who"` // whom it concerns
	Fix      string `json:"fix"` // {address} stands for the account's
	Source   string `json:"source"`
	Read     string `json:"read"` // when the source was read
	// Affects says which accounts it concerns; nil: gatepost cannot tell, or none.
	Affects *Affects `json:"affects"`
}

// Affects selects accounts. All that is given has to fit.
type Affects struct {
	Transports  []string `json:"transports"`
	Credentials []string `json:"credentials"` // kinds
	Hosts       []string `json:"hosts"`       // of the SMTP server
	UnitsAbove  int      `json:"units_above"` // what is set as units_per_minute
	UnitsUpTo   int      `json:"units_up_to"` // the same
}

// Changes is the table, in the order of the file.
func Changes() ([]Change, error) {
	d := json.NewDecoder(bytes.NewReader(changesFile))
	d.DisallowUnknownFields()
	var all []Change
	if err := d.Decode(&all); err != nil {
		return nil, fmt.Errorf("read the table of providers' changes: %w", err)
	}
	return all, nil
}

// At is the day of a change, zero where none is named.
func (c Change) At() time.Time {
	at, err := time.Parse(time.DateOnly, c.Date)
	if err != nil {
		return time.Time{}
	}
	return at
}

// settings are those of an account's transport that a change can be about.
type settings struct {
	Host   string `json:"host"`
	Limits struct {
		UnitsPerMinute int `json:"units_per_minute"`
	} `json:"limits"`
}

// concerns tells whether a change is about an account, whose credential is of a kind.
func (c Change) concerns(a *store.Account, kind string) bool {
	if c.Affects == nil {
		return false
	}
	var s settings
	_ = json.Unmarshal(a.Config, &s) // the transport's own, which may have more
	host := strings.TrimSuffix(strings.ToLower(s.Host), ".")
	return among(c.Affects.Transports, a.Transport) && among(c.Affects.Credentials, kind) && among(c.Affects.Hosts, host) &&
		c.Affects.units(s.Limits.UnitsPerMinute)
}

// units tells whether a limit that is set lies within the bounds.
func (a *Affects) units(set int) bool {
	return (a.UnitsAbove == 0 || set > a.UnitsAbove) && (a.UnitsUpTo == 0 || set <= a.UnitsUpTo)
}

// among tells whether a list names a value; an empty list names all.
func among(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
