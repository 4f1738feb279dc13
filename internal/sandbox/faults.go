package sandbox

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
)

// Rule is a fault asked for through the control endpoint.
type Rule struct {
	Fault     string  `json:"fault"`
	Arg       string  `json:"arg"`
	Via       string  `json:"via"`       // "gmail", "gmail_smtp", "microsoft", "microsoft_smtp", "smtp" or "" for all
	Account   string  `json:"account"`   // the sending mailbox, login or MAIL FROM; "" for all
	Recipient string  `json:"recipient"` // "" for all
	Count     int     `json:"count"`     // how often; 0 until deleted
	Rate      float64 `json:"rate"`      // above 0: only this share, at random
}

// stage is a point at which faults are asked for. A message that comes by SMTP
// passes several.
type stage int

const (
	atToken  stage = iota + 1 // Google's token endpoint
	atUpload                  // the Gmail API, a part of a resumable upload
	atDraft                   // the Gmail API, a draft is made
	atSend                    // the Gmail API, message read
	atAuth                    // SMTP
	atMail
	atRcpt
	atData // SMTP, message read

	atExchange  // Google's Security Token Service
	atSign      // IAM Credentials
	atHello     // SMTP, before anybody signs in
	atConsent   // Entra's consent page
	atDataBegin // Exchange, before the message is read
)

// question is what is known about a message at a stage.
type question struct {
	stage      stage
	via        string
	accounts   []string
	recipients []string
	key        string // names the message over its attempts; "" where not known yet
}

// plan is what shall go wrong with a message: at most one answer other than the
// right one, and changes to how it is taken.
type plan struct {
	outcome   fault
	modifiers []fault
}

// is tells whether the outcome is one of these faults.
func (p plan) is(names ...string) bool { return slices.Contains(names, p.outcome.name) }

// modifier returns a change to how the message is taken.
func (p plan) modifier(name string) (fault, bool) {
	for _, f := range p.modifiers {
		if f.name == name {
			return f, true
		}
	}
	return fault{}, false
}

// add takes a fault in and tells whether it is to be used.
func (p *plan) add(f fault) bool {
	if f.modifies() {
		if _, have := p.modifier(f.name); have {
			return false
		}
		p.modifiers = append(p.modifiers, f)
		return true
	}
	if p.outcome.name != "" {
		return false
	}
	p.outcome = f
	return true
}

// faults are the rules in force, and which one-time address faults are used up.
type faults struct {
	mu    sync.Mutex
	rules []*Rule
	once  map[string]bool
}

func newFaults() *faults { return &faults{once: map[string]bool{}} }

// maxRules bounds what a runaway script can ask for.
const maxRules = 1000

func (f *faults) add(r Rule) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.rules) >= maxRules {
		return false
	}
	f.rules = append(f.rules, &r)
	return true
}

func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
}

func (f *faults) list() []Rule {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]Rule, 0, len(f.rules))
	for _, r := range f.rules {
		out = append(out, *r)
	}
	return out
}

// plan decides what shall go wrong: first what the addresses ask for, then the
// rules in their order. A rule is used up only by what it really causes.
func (f *faults) plan(q question) plan {
	var p plan
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, to := range q.recipients {
		f.addAddress(&p, q, to)
	}
	for _, r := range f.rules {
		if r.applies(q) && p.add(fault{r.Fault, r.Arg}) && r.Count > 0 {
			r.Count--
			if r.Count == 0 {
				r.Count = usedUp
			}
		}
	}
	f.rules = slices.DeleteFunc(f.rules, func(r *Rule) bool { return r.Count == usedUp })
	return p
}

// usedUp marks a rule whose count is spent; 0 means without end.
const usedUp = -1

func (f *faults) addAddress(p *plan, q question, to string) {
	if !strings.Contains(to, "fault.") && !strings.Contains(strings.ToLower(to), "fault.") {
		return
	}
	one, once, ok := addressFault(to)
	if !ok || !one.actsForAddress(q, once) {
		return
	}
	key := q.key + "\x00" + strings.ToLower(to)
	if once && f.once[key] {
		return
	}
	if p.add(one) && once {
		f.once[key] = true
	}
}

func (r *Rule) applies(q question) bool {
	if r.Via != "" && r.Via != q.via {
		return false
	}
	if r.Account != "" && !containsFold(q.accounts, r.Account) {
		return false
	}
	if r.Recipient != "" && !containsFold(q.recipients, r.Recipient) {
		return false
	}
	if !(fault{r.Fault, r.Arg}).actsForRule(q, r.Recipient != "") {
		return false
	}
	return r.Rate <= 0 || rand.Float64() < r.Rate
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(x string) bool { return strings.EqualFold(x, s) })
}

// check says what is wrong with a rule that was asked for.
func (r Rule) check() error {
	switch {
	case !slices.Contains([]string{"", viaGmail, viaGmailSMTP, viaMicrosoft, viaMicrosoftSMTP, viaSMTP}, r.Via):
		return errors.New("via must be gmail, gmail_smtp, microsoft, microsoft_smtp, smtp or empty")
	case r.Count < 0:
		return errors.New("count must not be negative; 0 means until deleted")
	case r.Rate < 0 || r.Rate > 1:
		return errors.New("rate must be a share from 0 to 1")
	}
	return fault{r.Fault, r.Arg}.check()
}
